"""The axis of items: ids by falling number of rows, and the place of an id on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from wrmf.data.counts import RowCounts
from wrmf.data.rows import Rows
from wrmf.distributed.folder import FileRecord, Folder, read_arrays, write_arrays
from wrmf.distributed.source import ids_as_column
from wrmf.model.saved_ids import ids_from_arrays, ids_to_arrays

__all__ = [
    "ITEMS",
    "PartSummary",
    "count_items",
    "item_codes",
    "item_order",
    "merge_counts",
    "merge_summaries",
    "read_items",
]

ITEMS = "data/items.tensors"


def count_items(rows: Rows, kind: str, called: str) -> pd.DataFrame:
    """Return the number of rows of each item, in the columns item and rows.

    Parameters are those of :func:`ids_as_column`.
    """
    numbers = np.bincount(rows.item_codes, minlength=len(rows.items))
    frame: pd.DataFrame = pd.DataFrame(
        {"item": ids_as_column(rows.items, kind, called), "rows": numbers}
    )
    return frame


@dataclass(frozen=True, eq=False)
class PartSummary:
    """What is known of parts of a source after their rows were read once.

    Attributes
    ----------
    items : DataFrame, the number of rows of each item, in the columns item and rows
    dropped : RowCounts
        The rows that were dropped, all of which are in ``read``.
    digest : int
        What tells the rows from others, modulo 2**128.
    """

    items: pd.DataFrame
    dropped: RowCounts
    digest: int

    @classmethod
    def of(cls, rows: Rows, number: int, kind: str, called: str) -> PartSummary:
        """Return the summary of the rows of a part; parameters as of :func:`count_items`."""
        items = count_items(rows, kind, called)
        dropped = replace(rows.counts, read=max(0, rows.counts.read - len(rows)))
        return cls(items, dropped, _digest(rows, number))


def merge_summaries(parts: Sequence[PartSummary]) -> PartSummary:
    """Return the summary of several parts."""
    return PartSummary(
        merge_counts([part.items for part in parts]),
        sum((part.dropped for part in parts), RowCounts()),
        sum(part.digest for part in parts) % 2**128,
    )


def _digest(rows: Rows, number: int) -> int:
    """Return a number that depends on the rows of a part and on the number of the part."""
    state = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=16)
    for ids, codes in ((rows.users, rows.user_codes), (rows.items, rows.item_codes)):
        hashed: np.ndarray = pd.util.hash_array(ids, categorize=False)
        state.update(hashed.tobytes())
        state.update(codes.astype(np.int32).tobytes())
    if rows.values is not None:
        state.update(rows.values.astype(np.float64).tobytes())
    return int.from_bytes(state.digest(), "little")


def merge_counts(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the numbers of rows of several parts, each item once."""
    joined = pd.concat(parts, ignore_index=True)
    sums = joined.groupby("item", sort=False)["rows"].sum()
    return sums.reset_index()


def item_order(counts: pd.DataFrame) -> np.ndarray:
    """Return the ids by falling number of rows; those of equal numbers by id.

    Examples
    --------
    >>> item_order(pd.DataFrame({"item": [7, 3, 5], "rows": [1, 1, 4]})).tolist()
    [5, 3, 7]
    """
    ordered = counts.sort_values(["rows", "item"], ascending=[False, True], kind="stable")
    ids = ordered["item"]
    array: np.ndarray = ids.to_numpy(np.int64 if ids.dtype.kind in "iu" else object)
    return array


def write_items(folder: Folder, ids: np.ndarray) -> FileRecord:
    """Write the ids of the axis."""
    return write_arrays(folder, ITEMS, ids_to_arrays("items", ids))


def read_items(folder: Folder, record: FileRecord) -> np.ndarray:
    """Return the ids of the axis."""
    arrays = read_arrays(folder, record)
    return np.asarray(ids_from_arrays("items", arrays, lazy=False, verify=False))


@lru_cache(maxsize=1)
def _index(folder: Folder, record: FileRecord) -> Any:
    return pd.Index(read_items(folder, record))


def item_codes(folder: Folder, record: FileRecord, ids: np.ndarray) -> np.ndarray:
    """Return the positions of ids on the axis, as int32; −1 for ids that are not on it.

    The index is made once a process.
    """
    places: np.ndarray = _index(folder, record).get_indexer(ids)
    return places.astype(np.int32)
