"""qmf's command-line program ``wals``, where it is on the PATH: 1 + α·d and λ, as ours.

It reads whole-number counts from a text file and trains from the beginning; reading is in the time
of a fit, and taken out of the time of a sweep by the difference of two fits.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers import Missing

FLOAT64 = True


def load():
    if shutil.which("wals") is None:
        raise Missing("qmf's program wals is not on the PATH")
    return "found on the PATH"


def start(setting):
    return "uniform, its own, without a seed"


def train(matrix, setting, recorder):
    entries = matrix.tocoo()
    if not np.array_equal(entries.data, np.round(entries.data)):
        raise Missing("qmf's counts are whole numbers, this data's are not")
    with tempfile.TemporaryDirectory() as folder:
        data, users, items = (Path(folder, name) for name in ("data", "users", "items"))
        np.savetxt(data, np.column_stack((entries.row, entries.col, entries.data)), fmt="%d")

        def fit(sweeps):
            subprocess.run(
                [
                    "wals",
                    f"--train_dataset={data}",
                    f"--user_factors={users}",
                    f"--item_factors={items}",
                    f"--nfactors={setting.factors}",
                    f"--regularization_lambda={setting.regularization}",
                    f"--confidence_weight={setting.alpha}",
                    f"--nepochs={sweeps}",
                    f"--nthreads={setting.threads}",
                ],
                check=True,
                capture_output=True,
            )
            return _dense(users, matrix.shape[0]), _dense(items, matrix.shape[1])

        recorder.fits(fit)


def _dense(path, n):
    rows = np.loadtxt(path, ndmin=2)
    out = np.zeros((n, rows.shape[1] - 1))
    out[rows[:, 0].astype(int)] = rows[:, 1:]
    return out
