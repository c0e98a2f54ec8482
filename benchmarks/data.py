"""Data sets by name, as users × items CSR matrices, kept as files that a worker reads fast.

synthetic, synthetic-4x, synthetic-16x …   rows and entries grow together
synthetic-4e                               the same rows, four times the entries
gowalla, mtg_players, lastfm_hetrec2k, citeulike_a   where WRMF_BENCH_DATA or ../shared/data is
movielens-1m …, lastfm-360k                once fetched by wrmf.datasets
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import wrmf
from benchmarks.peers import Missing

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
SYNTHETIC = re.compile(r"synthetic(?:-([\d.]+)([xe]))?")
# Play counts and decks span five orders of magnitude; log1p is what practice gives them.
VALUES = {"mtg_players": np.log1p, "lastfm_hetrec2k": np.log1p}


def data_folder() -> Path:
    return Path(os.environ.get("WRMF_BENCH_DATA", ROOT.parent / "shared" / "data"))


def prepare(name: str, folder: Path) -> Path:
    """Write one data set's training and test matrices into ``folder``; return the file.

    Raises
    ------
    Missing
        Where the data is not here.
    """
    folder = CACHE if SYNTHETIC.fullmatch(name) else folder
    path = folder / f"{name}.npz"
    if not path.exists():
        train, test = _read(name)
        arrays = {}
        for part, matrix in (("train", train), ("test", test)):
            if matrix is not None:
                arrays |= {
                    f"{part}_{field}": getattr(matrix, field)
                    for field in ("data", "indices", "indptr")
                }
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}.{os.getpid()}.npz"
        np.savez(temporary, shape=train.shape, **arrays)
        temporary.replace(path)
    return path


def load(path: str | Path) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    """Return (train, test or None) as ``prepare`` wrote them: CSR float32 of counts d."""
    with np.load(path) as arrays:
        found = {
            part: sparse.csr_matrix(
                tuple(arrays[f"{part}_{field}"] for field in ("data", "indices", "indptr")),
                shape=tuple(arrays["shape"]),
            )
            for part in ("train", "test")
            if f"{part}_data" in arrays
        }
    return found["train"], found.get("test")


def _read(name: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix | None]:
    if match := SYNTHETIC.fullmatch(name):
        scale, kind = float(match[1] or 1), match[2] or "x"
        rows = scale if kind == "x" else 1
        data = wrmf.datasets.synthetic_likes(
            round(15274 * rows), round(25655 * rows), round(547_000 * scale), random_state=0
        )
        split = wrmf.split_interactions(data, 0.1, random_state=0)
        return split.train.matrix, split.test.matrix
    if name.startswith("movielens-"):
        size = name.removeprefix("movielens-")
        files = wrmf.datasets.MOVIELENS_FILES
        if size not in files:
            raise Missing(f"no such data set: {name}; MovieLens has {', '.join(files)}")
        _cached(files[size][0], name)
        return wrmf.datasets.fetch_movielens(size).matrix, None
    if name == "lastfm-360k":
        _cached("lastfm-dataset-360K.tar.gz", name)
        matrix = wrmf.datasets.fetch_lastfm().matrix
        matrix.data = np.log1p(matrix.data)
        return matrix, None
    path = data_folder() / f"{name}.parquet"
    if not path.exists():
        raise Missing(f"no data set {name!r}: {path} is not there (set WRMF_BENCH_DATA)")
    return _of_pairs(pd.read_parquet(path), VALUES.get(name, lambda values: values))


def _cached(file: str, name: str) -> None:
    path = wrmf.datasets.cache_folder() / file
    if not path.exists():
        raise Missing(f"{name} is not fetched yet: wrmf.datasets would keep it as {path}")


def _of_pairs(frame, transform):
    values = (
        transform(frame["value"].to_numpy(np.float32))
        if "value" in frame
        else (np.ones(len(frame), dtype=np.float32))
    )
    rows, columns = frame["user"].to_numpy(), frame["item"].to_numpy()
    shape = rows.max() + 1, columns.max() + 1
    held = frame["test"].to_numpy().astype(bool) if "test" in frame else np.zeros(len(rows), bool)
    train, test = (
        sparse.coo_matrix((values[part], (rows[part], columns[part])), shape=shape).tocsr()
        for part in (~held, held)
    )
    return train, test if held.any() else None
