"""Shards: the interactions of a part of the users, in a file, by user as well as by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.counts import RowCounts
from wrmf.data.ids import encode_ids
from wrmf.data.rows import Rows
from wrmf.distributed.folder import FileRecord, Folder, read_arrays, write_arrays
from wrmf.model.saved_ids import ids_from_arrays, ids_to_arrays

__all__ = [
    "ShardRecord",
    "build_shard",
    "item_totals",
    "read_block",
    "read_shard",
    "read_users",
    "shard_count",
    "sum_totals",
    "user_order",
    "write_shard",
]

# A shard has at least SHARD_ROWS rows, where the source has that many, and at most MOST_ROWS. In
# between there are SHARDS of them, as each is one task of a pass.
SHARD_ROWS, MOST_ROWS, SHARDS = 2**16, 2**26, 200
# Below this number of rows, more shards than FEW_SHARDS would cost more in tasks than they share.
FEW_SHARDS, FEW_ROWS = 8, 2**21


def shard_count(n_rows: int) -> int:
    """Return the number of shards for a number of rows.

    It depends on the data alone, so that the same data gives the same result on any number of
    workers.

    Examples
    --------
    >>> [shard_count(n) for n in (1000, 10**6, 10**8, 10**9, 10**11)]
    [1, 8, 47, 200, 1491]
    """
    few = min(FEW_SHARDS, max(1, n_rows // SHARD_ROWS))
    return max(few, min(SHARDS, n_rows // FEW_ROWS), -(-n_rows // MOST_ROWS))


@dataclass(frozen=True)
class ShardRecord:
    """What a manifest says of a shard.

    Attributes
    ----------
    file : FileRecord
    n_users, n_filled, n_entries : int
        The numbers of users, of those with entries, and of entries.
    count_bounds : (int, int), the smallest and the largest number of entries of a user
    largest : float, the largest value
    counts : RowCounts
    """

    file: FileRecord
    n_users: int
    n_filled: int
    n_entries: int
    count_bounds: tuple[int, int]
    largest: float
    counts: RowCounts = field(default_factory=RowCounts)

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ShardRecord:
        """Return the record that :meth:`as_json` wrote."""
        return cls(
            FileRecord(**content["file"]),
            content["n_users"],
            content["n_filled"],
            content["n_entries"],
            tuple(content["count_bounds"]),
            content["largest"],
            RowCounts(**content["counts"]),
        )


def build_shard(
    frame: pd.DataFrame, n_items: int
) -> tuple[np.ndarray, sparse.csr_matrix, RowCounts]:
    """Return the users of a shard, sorted by id, their interactions and what was merged.

    Parameters
    ----------
    frame : DataFrame
        All rows of these users, in any order: user, item (its place on the axis) and, if rows have
        values, value and row, the number of the row in the source, by which rows that repeat a pair
        are added up in the order of the source.
    n_items : int

    Returns
    -------
    users : ndarray of int64 or object
    matrix : canonical CSR (n_users, n_items), float32
    counts : RowCounts
    """
    if "row" in frame:
        frame = frame.sort_values("row", kind="stable")
    codes, users = encode_ids(frame["user"], "user")
    order = user_order(users)
    place = np.empty(len(users), dtype=np.int64)
    place[order] = np.arange(len(users))
    rows = Rows(
        users[order],
        np.arange(n_items),
        place[codes],
        frame["item"].to_numpy(),
        frame["value"].to_numpy(np.float64) if "value" in frame else None,
    )
    merged = rows.merge("sum")
    return rows.users, merged.matrix, merged.counts


def user_order(users: np.ndarray) -> np.ndarray:
    """Return the permutation that sorts ids: whole numbers by size, texts by code points."""
    if users.dtype == np.int64:
        return np.argsort(users, kind="stable")
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.sort_indices(pa.array(users, pa.large_string())))


def write_shard(folder: Folder, number: int, frame: pd.DataFrame, n_items: int) -> ShardRecord:
    """Write a shard and return its record; one without users has no file."""
    if not len(frame):
        return ShardRecord(FileRecord("", 0, ""), 0, 0, 0, (0, 0), 0.0)
    users, matrix, counts = build_shard(frame, n_items)
    by_item = matrix.T.tocsr()
    arrays = {
        **ids_to_arrays("users", users),
        "indptr": matrix.indptr.astype(np.int64),
        "indices": matrix.indices,
        "values": matrix.data,
        "item_indptr": by_item.indptr.astype(np.int64),
        "item_users": by_item.indices,
        "item_values": by_item.data,
    }
    file = write_arrays(folder, f"data/shard-{number:05}.tensors", arrays)
    sizes = np.diff(matrix.indptr)
    return ShardRecord(
        file,
        len(users),
        int(np.count_nonzero(sizes)),
        int(matrix.nnz),
        (int(sizes.min()), int(sizes.max())),
        float(matrix.data.max(initial=0)),
        counts,
    )


def read_shard(folder: Folder, record: ShardRecord, n_items: int) -> sparse.csr_matrix:
    """Return the interactions of a shard, CSR (n_users, n_items); checksums are compared."""
    arrays = read_arrays(folder, record.file)
    return _canonical(
        arrays["values"], arrays["indices"], arrays["indptr"], (record.n_users, n_items)
    )


def read_users(folder: Folder, record: ShardRecord) -> np.ndarray:
    """Return the ids of a shard's users."""
    arrays = read_arrays(folder, record.file, mapped=True)
    wanted = {name: np.array(array) for name, array in arrays.items() if name.startswith("users")}
    return np.asarray(ids_from_arrays("users", wanted, lazy=False, verify=False))


def read_block(
    folder: Folder, record: ShardRecord, items: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a range of items has in a shard: CSR values, users of the shard, and indptr."""
    arrays = read_arrays(folder, record.file, mapped=True)
    indptr = np.array(arrays["item_indptr"][items.start : items.stop + 1])
    entries = slice(int(indptr[0]), int(indptr[-1]))
    values, users = (np.array(arrays[name][entries]) for name in ("item_values", "item_users"))
    return values, users, indptr - indptr[0]


def item_totals(folder: Folder, record: ShardRecord) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of entries of each item in a shard, and the sum of their values."""
    arrays = read_arrays(folder, record.file, mapped=True)
    indptr = np.array(arrays["item_indptr"])
    counts = np.diff(indptr)
    items = np.repeat(np.arange(len(counts)), counts)
    return counts, np.bincount(items, arrays["item_values"], minlength=len(counts))


def sum_totals(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the sums of several tuples of numbers or arrays, added in their order."""
    totals = parts[0]
    for part in parts[1:]:
        totals = tuple(total + value for total, value in zip(totals, part, strict=True))
    return totals


def _canonical(
    values: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(shape, dtype=values.dtype)
    # Without the copies and checks of the constructor: the files are ours.
    matrix.data, matrix.indices, matrix.indptr = values, indices, indptr
    matrix.has_canonical_format = True
    return matrix
