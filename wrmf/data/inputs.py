"""Turn whatever callers hold interactions in into :class:`Interactions`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import as_ids, object_array
from wrmf.data.checks import check_indices, is_number
from wrmf.data.choices import shown
from wrmf.data.id_lists import as_id_list
from wrmf.data.ids import encode_ids
from wrmf.data.interactions import Interactions
from wrmf.data.pandas_types import is_pandas_frame, is_pandas_na, is_pandas_series
from wrmf.data.rows import Rows
from wrmf.data.unicode_texts import check_unicode

__all__ = ["Histories", "as_data", "as_interactions", "as_matrix", "is_matrix"]

# Columns of a table that are read if the table has them, by the parameter that names them.
OPTIONAL_COLUMNS = ("value", "time", "item_name")


def _is_frame(data: object) -> bool:
    # Imported here, since the readers of files take a while to load.
    from wrmf.data.formats.frames import is_frame

    return is_frame(data)


def is_matrix(data: object) -> bool:
    """Return whether data is a users × items matrix, which has positions in place of ids.

    That is a matrix of SciPy or NumPy, and any other array that NumPy can convert.
    """
    if sparse.issparse(data) or isinstance(data, np.ndarray):
        return True
    return hasattr(data, "__array__") and not _is_frame(data) and not isinstance(data, Interactions)


def as_interactions(data: Any, *, allow_empty: bool = False) -> Interactions:
    """Return interactions from any form that users pass them in.

    Parameters
    ----------
    data : Interactions, matrix, table or histories
        Interactions are returned as they are. A users × items matrix gets the ids 0, 1, 2, ….
        A table, eager or lazy, of any library that :func:`wrmf.read_interactions` reads, has the
        columns ``user`` and ``item``; columns ``value``, ``time`` and ``item_name`` are read if it
        has them. Histories are a mapping from user id to the ids of items, in anything that
        ``as_id_list`` takes, or to a mapping from item id to count. Items repeated in a list are
        added up; a user may have no items.
    allow_empty : bool, default False
        Whether histories without any item are accepted.

    Raises
    ------
    TypeError, ValueError
        For other types, and for data that is broken or empty.

    Examples
    --------
    >>> as_interactions({"ann": ["x", "y"], "bob": {"y": 3}}).matrix.toarray()
    array([[1., 1.],
           [0., 3.]], dtype=float32)
    """
    if isinstance(data, Interactions):
        # Its arrays may have been changed in place, and the kernels rely on the indices.
        check_indices(data.matrix, "interactions")
        return data
    if is_matrix(data):
        return Interactions.from_matrix(as_matrix(data))
    if isinstance(data, Mapping):
        histories = _of_histories(data)
        if not histories.n_interactions and not allow_empty:
            raise ValueError(f"the histories of {len(data)} users hold no item")
        return histories
    if _is_frame(data):
        return _of_table(data)
    raise TypeError(
        "interactions must be Interactions, a users × items matrix of scipy.sparse or NumPy, a "
        "table with columns user and item, or histories such as {user: [items]}, got "
        f"{_described(data)}; read files with wrmf.read_interactions"
    )


def as_matrix(data: Any) -> Any:
    """Return a matrix of SciPy or NumPy, for which :func:`is_matrix` is true."""
    return data if sparse.issparse(data) else np.asanyarray(data)


def as_data(data: Any) -> Any:
    """Return Interactions, which may be empty, of data with ids, and a matrix as it is."""
    return as_matrix(data) if is_matrix(data) else as_interactions(data, allow_empty=True)


def _described(data: object) -> str:
    """Return the type of data, and its value if that is short."""
    text = shown(data)
    return type(data).__name__ + (f" {text}" if len(text) <= 60 else "")


def _of_table(table: Any) -> Interactions:
    # Imported here, since reading files needs modules that training does not.
    from wrmf.data.reading import read_interactions

    names = _column_names(table)
    missing = [name for name in ("user", "item") if name not in names]
    if missing:
        raise ValueError(
            f"the table has no column {missing[0]!r}; it has {', '.join(map(str, names[:10]))}: "
            "name its columns with wrmf.read_interactions(table, user=, item=), or pass a users × "
            "items matrix as an array"
        )
    present: dict[str, Any] = {name: name for name in OPTIONAL_COLUMNS if name in names}
    return read_interactions(table, **present)


def _column_names(table: Any) -> list[Any]:
    """Return the names of the columns, and of the levels of an index that count as columns."""
    if is_pandas_series(table):
        table = table.to_frame(table.name if table.name is not None else "value")
    if is_pandas_frame(table):
        return [*table.columns, *(name for name in table.index.names if name is not None)]
    if hasattr(table, "collect_schema"):
        return list(table.collect_schema().names())
    if hasattr(table, "column_names"):
        return list(table.column_names)
    if hasattr(table, "columns"):
        return list(table.columns)
    import pyarrow as pa

    from wrmf.data.formats.frames import not_a_table

    # The schema of a stream is read without its rows.
    try:
        return list(pa.RecordBatchReader.from_stream(table).schema.names)
    except (TypeError, ValueError) as error:
        raise not_a_table(table) from error


@dataclass(frozen=True)
class Histories:
    """Histories of users, one after the other.

    Attributes
    ----------
    users : int64 or object (n,)
    lengths : list of n ints
        The number of entries of each user.
    items, counts : lists
        The items of all users, which may be repeated, and their counts.
    """

    users: np.ndarray
    lengths: list[int]
    items: list[Any]
    counts: list[float]

    @classmethod
    def of(
        cls, histories: Mapping[Any, Any], axis: Any = None, negative: str = "error"
    ) -> Histories:
        """Return the histories of a mapping from user id to items, or to their counts.

        ``axis``, a container of ids, tells a tuple that is an id from a tuple of ids. Counts may be
        negative if ``negative`` is "dislike".
        """
        if "user" in histories and "item" in histories:
            raise ValueError(
                "the mapping has the keys 'user' and 'item', so it may hold columns or histories: "
                "pass columns as a frame, and histories as wrmf.Interactions"
            )
        items: list[Any] = []
        counts: list[float] = []
        lengths = []
        for user, history in histories.items():
            if isinstance(history, Mapping):
                listed, values = list(history), list(history.values())
                _check_counts(values, user, negative)
                counts.extend(values)
            else:
                listed = as_id_list(history, f"the history of {shown(user)}", axis)
                counts.extend([1.0] * len(listed))
            if any(map(_is_null, listed)):
                raise ValueError(f"the history of {shown(user)} holds a null id")
            items.extend(listed)
            lengths.append(len(listed))
        return cls(_as_users(list(histories)), lengths, items, counts)

    @property
    def entry_users(self) -> np.ndarray:
        """The position of the user of each entry."""
        return np.repeat(np.arange(len(self.users)), self.lengths)


def _as_users(keys: list[Any]) -> np.ndarray:
    """Return the keys of a mapping as ids; those of one plain type need no further checks."""
    kinds = set(map(type, keys))
    if kinds == {str}:
        check_unicode(keys, "the mapping of users")
        return object_array(keys)
    if kinds == {int}:
        with contextlib.suppress(OverflowError):
            return np.array(keys, dtype=np.int64)
    return as_ids(keys, None, "users")


def _is_null(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or NA."""
    if type(value) in (str, int):
        return False
    return value is None or is_pandas_na(value) or bool(value != value)


def _of_histories(histories: Mapping[Any, Any]) -> Interactions:
    """Return the interactions of a mapping from user id to items; they may be empty."""
    import pandas as pd

    read = Histories.of(histories)
    column = pd.Series(object_array(read.items), dtype=object)
    codes, distinct = encode_ids(column, "item", null_texts=())
    rows = Rows(
        read.users,
        distinct,
        read.entry_users,
        codes.astype(np.int64),
        np.array(read.counts, dtype=np.float64),
    )
    return Interactions.of_merged(rows, "sum")


def _check_counts(counts: list[Any], user: Any, negative: str) -> None:
    """Raise an error that names the user for a count that is not finite, or below 0 by mistake."""
    least, allowed = (-math.inf, "finite") if negative == "dislike" else (0, "finite and ≥ 0")
    for count in counts:
        expected = f"the history of {shown(user)} must map items to counts, {allowed}"
        if not is_number(count):
            raise TypeError(f"{expected}, got {shown(count)} ({type(count).__name__})")
        if not (-math.inf < count < math.inf and count >= least):
            raise ValueError(f"{expected}, got {shown(count)}")
