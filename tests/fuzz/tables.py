"""The target "tables": every format that is read, damaged, with options that may not suit it."""

from __future__ import annotations

import functools
import gzip
import io
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from fuzz.damage import damaged
from fuzz.outcomes import outcome_of, require
from scipy import sparse

import wrmf

__all__ = ["run_table_case"]

TABLE = pa.table(
    {
        "user": ["ann", "bob", "eve", "é"] * 5,
        "item": list(range(20)),
        "n": [1.5, 2.0, None, 4.0] * 5,
        "time": ["2026-11-26T10:00:00", "2026-11-27", "1", ""] * 5,
    }
)
CSV = 'user,item,n,time\nann,1,2,2026-11-26\nbob,2,0.5,2026-11-27\n\'e,ve\',3,,\n\n"é""x",4,-1,1\n'


def _parquet(path: Path) -> None:
    pq.write_table(TABLE, path)


def _feather(path: Path) -> None:
    pyarrow.feather.write_feather(TABLE, path)


def _stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        sparse.save_npz(file, sparse.random(9, 7, density=0.3, format="csr", random_state=0))


def _sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table likes (user, item, n)")
    connection.executemany("insert into likes values (?, ?, 1)", [("a", n) for n in range(9)])
    connection.commit()
    connection.close()


TEXTS = {
    "csv": CSV,
    "tsv": CSV.replace(",", "\t"),
    "columns": "user::item::n::time\n1::2::3::4\n5::6::7::8\n",
    "json": '{"user": "é", "item": {"a": [1]}, "n": 2}\n{"item": 1.5, "user": null}\n' * 2,
    "array": '[{"user": "a", "item": 1, "n": 1}, {"user": "b", "item": 2, "n": 2}]',
    "lines": "1 2 3\n4 5\n\n6 7\n",
    "wide": "user,x,y\nann,1,0\nbob,0,2\n",
    "mtx": "%%MatrixMarket matrix coordinate real general\n% c\n4 5 3\n1 2 1.5\n4 5 2\n2 2 1e3\n",
    "dense": "%%MatrixMarket matrix array integer general\n2 3\n1\n0\n2\n3\n0\n1\n",
    "bytes": "\ufeffuser,item\na,1\nb,2\n",
}
WRITERS: dict[str, Callable[[Path], None]] = {
    "parquet": _parquet,
    "feather": _feather,
    "stream": _stream,
    "npz": _npz,
    "sqlite": _sqlite,
}
# One of the values of each option is drawn, usually the first.
OPTIONS: dict[str, list[Any]] = {
    "user": ["user", 0, "nobody", 99, "n"],
    "item": ["item", 1, "user", "", -1],
    "value": [None, "n", 2, "time", {"a": 1.0}],
    "sep": [None, ",", "\t", "::", "", "\n", '"'],
    "duplicates": ["sum", "drop", "last", "max", "mean", "count", "error"],
    "time": [None, None, "time", 3],
    "time_format": [None, "iso", "%Y-%m-%d", "s", "%Q"],
    "header": [True, False],
    "encoding": [None, "utf-8", "latin-1", "utf-16", "no-such"],
    "decimal": [".", ",", ";"],
    "comment": [None, "#", "%"],
    "quote": [None, "'", '"'],
    "bad_lines": ["error", "drop"],
    "nulls": ["error", "drop"],
    "negative": ["error", "drop"],
    "min_value": [None, 1, -1.5],
    "users": [None, ["ann", "bob"], []],
    "unknown": ["error", "drop"],
    "layout": ["pairs", "user-items", "baskets", "wide"],
}


@functools.cache
def sound(kind: str) -> bytes:
    """Return the content of a sound file."""
    if kind in TEXTS:
        return TEXTS[kind].encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sound")
        WRITERS[kind](path)
        return path.read_bytes()


def run_table_case(generator: np.random.Generator, folder: Path) -> str:
    """Read a damaged file; what is read is canonical, and the file stays as it was."""
    kinds = [*TEXTS, *WRITERS]
    kind = kinds[generator.integers(len(kinds))]
    content = sound(kind)
    if generator.random() < 0.9:
        content = damaged(content, generator)
    if kind in TEXTS and generator.random() < 0.1:
        content = gzip.compress(content, mtime=0)
        content = damaged(content, generator) if generator.random() < 0.5 else content
    options = {"layout": {"lines": "user-items", "wide": "wide"}.get(kind, "pairs")}
    for name, values in OPTIONS.items():
        if generator.random() < 0.12:
            options[name] = values[generator.integers(len(values))]
    path = folder / f"table{generator.choice(['', '.csv', '.json', '.txt'])}"
    path.write_bytes(content)
    outcome = outcome_of(wrmf.read_interactions, path, **options)
    require(path.read_bytes() == content, "the file has changed")
    if outcome.answer is not None:
        check_canonical(outcome.answer)
    return f"{kind}: {outcome.name}"


def check_canonical(data: wrmf.Interactions) -> None:
    """Raise an error unless interactions are as the constructor would make them."""
    matrix = data.matrix
    again = wrmf.Interactions(matrix).matrix
    for name in ("data", "indices", "indptr"):
        require(np.array_equal(getattr(matrix, name), getattr(again, name)), f"other {name}")
    require(len(data.users) == matrix.shape[0], "other users than rows")
    require(len(set(data.items.tolist())) == matrix.shape[1], "other items than columns")
    require(io.StringIO(str(data.summary())).read(), "no summary")
