"""Tables with a row for each id, in the data frames of any library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wrmf.data.pandas_types import is_pandas_frame

if TYPE_CHECKING:
    import narwhals

__all__ = ["KeyedFrame", "read_keyed_frame"]


class KeyedFrame(NamedTuple):
    """A table, and the ids of its rows.

    Attributes
    ----------
    frame : narwhals DataFrame
    native : the data frame that it wraps
    ids : list of distinct ids
    """

    frame: narwhals.DataFrame[Any]
    native: Any
    ids: list[Any]


def read_keyed_frame(table: Any, column: str, name: str) -> KeyedFrame:
    """Return a table whose ids are in a column, or without it in the index of a frame of pandas.

    Parameters
    ----------
    table : data frame of any library that narwhals knows, also lazy, or a dict of columns
    column : {"user", "item"}
    name : str, what error messages call the table

    Raises
    ------
    TypeError
        For what is no table.
    ValueError
        If there are no ids, or an id has several rows.
    """
    import narwhals as nw
    import pandas as pd

    if isinstance(table, dict):
        table = pd.DataFrame(table)
    frame = nw.from_native(table, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        raise TypeError(
            f"{name} must be a data frame or a dict of columns, got a {type(table).__name__}"
        )
    native = frame.to_native()
    if column in frame.columns:
        ids = frame[column].to_list()
    elif is_pandas_frame(native):
        ids = native.index.tolist()
    else:
        raise ValueError(
            f"{name} must have a column {column!r} with the ids of {column}s, it has "
            f"{', '.join(map(repr, frame.columns[:10]))}"
        )
    repeated = pd.Index(ids, dtype=object, tupleize_cols=False).duplicated()
    if repeated.any():
        raise ValueError(
            f"{name} has several rows for {int(repeated.sum())} {column}s, such as "
            f"{ids[int(repeated.argmax())]!r}: keep one row for each {column}"
        )
    return KeyedFrame(frame, native, ids)
