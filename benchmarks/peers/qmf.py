"""qmf's program ``wals``, if it is on the PATH: 1 + α·d and λ, as in our objective.

It reads whole-number counts from a text file and can only train from the beginning. Reading is part
of the time of a fit; the difference of two fits, which gives the time of a sweep, is free of it.
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
    """Return the (n, k) factors of a file of row numbers and factors; rows it lacks are zero."""
    rows = np.loadtxt(path, ndmin=2)
    factors = np.zeros((n, rows.shape[1] - 1))
    factors[rows[:, 0].astype(int)] = rows[:, 1:]
    return factors
