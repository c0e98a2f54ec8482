"""Data sets by name, as users × items CSR matrices of counts.

- ``synthetic``: generated likes, as many as Sketchfab's. ``synthetic-4x`` has four times as many
  users, items and entries, ``synthetic-4e`` four times as many entries with the same users and
  items. Other numbers in place of 4 are possible.
- ``gowalla``, ``mtg_players``, ``lastfm_hetrec2k``, ``citeulike_a``, ``mtg_decks``: tables
  ``NAME.parquet`` (columns user, item, and optionally value and test) in the folder that
  ``WRMF_BENCH_DATA`` names, by default ``../shared/data``.
- The other names of ``wrmf.datasets.DATASETS``, such as ``movielens-20m`` and ``lastfm``, which are
  downloaded when they are used for the first time.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import wrmf
from benchmarks.missing import Missing
from wrmf.files import replacing

ROOT = Path(__file__).parents[1]
TABLES = ROOT.parent / "shared" / "data"
CACHE = ROOT / ".cache" / "benchmarks"
SYNTHETIC = re.compile(r"synthetic(?:-([\d.]+)([xe]))?")
# Data sets whose counts span five orders of magnitude. The timings replace these counts by
# log(1 + count), as is usual.
LOGARITHMIC = ("mtg_players", "lastfm_hetrec2k", "lastfm")
PARTS = ("train", "test")
CSR_FIELDS = ("data", "indices", "indptr")


def data_folder() -> Path:
    """Return the folder of the tables: ``WRMF_BENCH_DATA`` if set, else ``../shared/data``."""
    return Path(os.environ.get("WRMF_BENCH_DATA", TABLES))


def read_pairs(name: str) -> pd.DataFrame:
    """Return the table of (user, item) pairs of a data set.

    Raises
    ------
    Missing
        If there is no table of this name.
    """
    path = data_folder() / f"{name}.parquet"
    if not path.exists():
        raise Missing(
            f"no data set {name!r}: {path} does not exist; set WRMF_BENCH_DATA to the folder of "
            "the tables"
        )
    return pd.read_parquet(path)


def matrix_of(frame: pd.DataFrame, shape: tuple[int, int] | None = None) -> sparse.csr_matrix:
    """Return the float32 matrix, users × items, of a table of pairs.

    Parameters
    ----------
    frame : DataFrame
        Columns ``user`` and ``item``, numbered from 0, and optionally ``value``. Without that
        column, every value is 1.
    shape : (int, int), optional
        By default the largest user and the largest item in the table, plus 1.
    """
    rows, columns = frame["user"].to_numpy(), frame["item"].to_numpy()
    values = frame["value"].to_numpy(np.float32) if "value" in frame else np.ones(len(frame), "f4")
    shape = shape or (rows.max() + 1, columns.max() + 1)
    return sparse.csr_matrix((values, (rows, columns)), shape=shape)


def read_split(name: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    """Return the matrices (train, test) of a data set.

    The column ``test`` of its table tells which pairs are in test. Without it, test is None.
    """
    frame = read_pairs(name)
    if "test" not in frame:
        return matrix_of(frame), None
    shape = frame["user"].max() + 1, frame["item"].max() + 1
    in_test = frame["test"].to_numpy().astype(bool)
    return matrix_of(frame[~in_test], shape), matrix_of(frame[in_test], shape)


def gowalla() -> wrmf.Split:
    """Return gowalla with the division into train and test that published results use."""
    return wrmf.Split(*read_split("gowalla"))


def synthetic(scale: float, kind: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the matrices (train, test) of synthetic likes, ``scale`` times as many as Sketchfab's.

    The kind ``"x"`` scales the numbers of users and items, too; ``"e"`` only that of likes.
    """
    rows = scale if kind == "x" else 1
    likes = wrmf.datasets.synthetic_likes(
        round(15274 * rows), round(25655 * rows), round(547_000 * scale), random_state=0
    )
    split = wrmf.split_interactions(likes, 0.1, random_state=0)
    return split.train.matrix, split.test.matrix


def read_matrices(name: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    """Return the matrices (train, test) of a data set as the timings use them; test may be None.

    Raises
    ------
    Missing
        If the data set is not on this machine and cannot be downloaded.
    """
    if match := SYNTHETIC.fullmatch(name):
        return synthetic(float(match[1] or 1), match[2] or "x")
    if name in wrmf.datasets.DATASETS:
        try:
            train = wrmf.datasets.DATASETS[name].load().matrix
        except (OSError, ImportError) as error:
            raise Missing(f"{name} cannot be loaded: {error}") from None
        test = None
    else:
        train, test = read_split(name)
    if name in LOGARITHMIC:
        for matrix in (train, test):
            if matrix is not None:
                matrix.data = np.log1p(matrix.data)
    return train, test


def prepare(name: str, folder: Path) -> Path:
    """Write the matrices of a data set to a file that loads fast, and return its path.

    Synthetic data is cached in ``.cache/benchmarks``; other data is written to ``folder``.

    Raises
    ------
    Missing
        If the data set is not on this machine and cannot be downloaded.
    """
    folder = CACHE if SYNTHETIC.fullmatch(name) else folder
    path = folder / f"{name}.npz"
    return path if path.exists() else save(path, *read_matrices(name))


def save(path: Path, train: sparse.csr_matrix, test: sparse.csr_matrix | None) -> Path:
    """Write matrices to a file that ``load`` reads, and return its path."""
    arrays = {
        f"{part}_{field}": getattr(matrix, field)
        for part, matrix in zip(PARTS, (train, test), strict=True)
        if matrix is not None
        for field in CSR_FIELDS
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez(file, shape=np.array(train.shape), **arrays)
    return path


def load(path: str | Path) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    """Return the matrices (train, test) that ``save`` wrote; test may be None."""
    with np.load(path) as arrays:
        shape = tuple(arrays["shape"])
        train, test = (
            sparse.csr_matrix(tuple(arrays[f"{part}_{field}"] for field in CSR_FIELDS), shape=shape)
            if f"{part}_data" in arrays
            else None
            for part in PARTS
        )
    return train, test
