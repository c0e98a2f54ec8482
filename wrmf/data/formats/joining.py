"""Join tables with the same columns, such as those of several files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.formats.columns import Table, tidy_arrow
from wrmf.data.formats.notes import sum_counts, without_counts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["common_type", "is_text", "join_tables"]


def join_tables(tables: Sequence[Table], names: Sequence[str]) -> Table:
    """Return the rows of several tables with the same columns, in order.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame or pyarrow.Table
    names : sequence of str
        What error messages call the tables.

    Raises
    ------
    ValueError
        Where the tables differ in the number, the names or the kinds of their columns.
    """
    if len(tables) == 1:
        return tables[0]
    return sum_counts(_joined(tables, names), tables)


def _joined(tables: Sequence[Table], names: Sequence[str]) -> Table:
    import pandas as pd
    import pyarrow as pa

    if any(isinstance(table, pd.DataFrame) and _holds_objects(table) for table in tables):
        frames = [
            (table if isinstance(table, pd.DataFrame) else table.to_pandas()).astype(object)
            for table in tables
        ]
        _check_same_names([list(frame.columns) for frame in frames], names)
        return pd.concat(frames, ignore_index=True)
    arrow = [
        pa.Table.from_pandas(table, preserve_index=False)
        if isinstance(table, pd.DataFrame)
        else table
        for table in tables
    ]
    _check_same_names([table.schema.names for table in arrow], names)
    fields = []
    for position, column in enumerate(arrow[0].schema.names):
        kinds = [
            (name, table.schema.field(position).type)
            for name, table in zip(names, arrow, strict=True)
        ]
        fields.append(pa.field(column, common_type(column, kinds)))
    metadata = [without_counts(table.schema.metadata) for table in arrow]
    same = all(other == metadata[0] for other in metadata)
    schema = pa.schema(fields, metadata[0] if same else None)
    return tidy_arrow(pa.concat_tables([table.cast(schema) for table in arrow]))


def _holds_objects(frame: pd.DataFrame) -> bool:
    """Return whether a frame holds Python objects that arrow cannot hold or would change."""
    import pandas as pd

    exact = ("string", "integer", "bytes", "boolean", "decimal", "datetime", "date", "empty")
    return any(
        pd.api.types.infer_dtype(frame.iloc[:, position], skipna=True) not in exact
        for position, dtype in enumerate(frame.dtypes)
        if dtype == np.dtype(object)
    )


def _check_same_names(columns: Sequence[list[Any]], names: Sequence[str]) -> None:
    for name, own in zip(names, columns, strict=True):
        if own != columns[0]:
            raise ValueError(
                f"{name} has the columns {own}, {names[0]} has {columns[0]}: all must have the same"
            )


def common_type(column: str, types: Sequence[tuple[str, pa.DataType]]) -> pa.DataType:
    """Return a type that can hold the values of a column from several sources exactly.

    Parameters
    ----------
    column : str
        The name of the column, for error messages.
    types : sequence of (str, DataType)
        The name and the type of the column for each source.

    Raises
    ------
    ValueError
        If no type can hold all values unchanged, as for numbers and texts.
    """
    import pyarrow as pa

    common = None
    of = types[0][0]
    for name, kind in types:
        if common is None or pa.types.is_null(common):
            common, of = kind, name
            continue
        if pa.types.is_null(kind) or kind == common:
            continue
        widened = _widened(common, kind)
        if widened is None:
            raise ValueError(
                f"column {column!r} is {kind} in {name}, but {common} in {of}: "
                "write both with the same type, or read them one by one"
            )
        common = widened
    assert common is not None
    return common


def is_text(kind: pa.DataType) -> bool:
    """Return whether an arrow type is that of text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _widened(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return a type that can hold the values of two different types unchanged, or None."""
    import pyarrow as pa

    a, b = _plain(a), _plain(b)
    if a == b:
        return a

    def is_any_text(kind: pa.DataType) -> bool:
        return is_text(kind) or bool(pa.types.is_string_view(kind))

    same_kind: list[tuple[Callable[[pa.DataType], bool], pa.DataType]] = [
        (pa.types.is_signed_integer, pa.int64()),
        (pa.types.is_unsigned_integer, pa.uint64()),
        (is_any_text, pa.large_string()),
        (pa.types.is_floating, pa.float64()),
    ]
    for is_kind, widest in same_kind:
        if is_kind(a) and is_kind(b):
            return widest
    if pa.types.is_integer(a) and pa.types.is_integer(b):
        unsigned = b if pa.types.is_signed_integer(a) else a
        return pa.int64() if unsigned.bit_width < 64 else None
    if pa.types.is_timestamp(a) and pa.types.is_timestamp(b) and a.tz == b.tz:
        units = ["s", "ms", "us", "ns"]
        return pa.timestamp(max(a.unit, b.unit, key=units.index), a.tz)
    return None


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a dictionary type; other types are returned unchanged."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
