"""The axis of items: ids by falling number of rows, and the place of an id on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from wrmf.data.rows import Rows
from wrmf.distributed.folder import FileRecord, Folder, read_arrays, write_arrays
from wrmf.distributed.source import ids_as_column
from wrmf.model.saved_ids import ids_from_arrays, ids_to_arrays

__all__ = ["ITEMS", "count_items", "item_codes", "item_order", "merge_counts", "read_items"]

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
