"""qmf's program ``wals``, if it is on the PATH. It has the same objective, with the same α and λ.

It reads integer counts from a text file and cannot continue training. The time of a fit includes
the reading, but the time of a sweep does not, because it is the difference of two fits.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import FactorPair, Setting, SweepRecorder

FLOAT64 = True


def load() -> str:
    if shutil.which("wals") is None:
        raise Missing("qmf's program wals is not on the PATH")
    return "the one on the PATH"


def start(setting: Setting) -> str:
    return "qmf's own: uniform, without a seed"


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> None:
    entries = matrix.tocoo()
    if not np.array_equal(entries.data, np.round(entries.data)):
        raise Missing("qmf needs whole-number counts, and this data has others")
    with tempfile.TemporaryDirectory() as folder:
        data, users, items = (Path(folder, name) for name in ("data", "users", "items"))
        np.savetxt(data, np.column_stack((entries.row, entries.col, entries.data)), fmt="%d")
        command = [
            "wals",
            f"--train_dataset={data}",
            f"--user_factors={users}",
            f"--item_factors={items}",
            f"--nfactors={setting.factors}",
            f"--regularization_lambda={setting.regularization}",
            f"--confidence_weight={setting.alpha}",
            f"--nthreads={setting.threads}",
        ]

        def fit(sweeps: int) -> FactorPair:
            subprocess.run([*command, f"--nepochs={sweeps}"], check=True, capture_output=True)
            return read_factors(users, matrix.shape[0]), read_factors(items, matrix.shape[1])

        recorder.fits(fit)


def read_factors(path: Path, n: int) -> np.ndarray:
    """Return the factors of n rows from a file; rows that the file does not have are zero.

    Each line of the file has the number of a row and then its factors.
    """
    rows = np.loadtxt(path, ndmin=2)
    factors = np.zeros((n, rows.shape[1] - 1))
    factors[rows[:, 0].astype(int)] = rows[:, 1:]
    return factors
