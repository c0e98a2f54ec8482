"""Choose the wanted columns of a table by name, position or path."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "ColumnPath",
    "Table",
    "choose_columns",
    "column_paths",
    "describe_missing",
    "positions_of",
    "shorten_names",
    "tidy_arrow",
]

Table: TypeAlias = "pd.DataFrame | pa.Table"


def positions_of(names: Sequence[Any], wanted: Sequence[str | int]) -> list[int]:
    """Return the positions of the wanted columns, or all positions if ``wanted`` is empty.

    Parameters
    ----------
    names : sequence
        Names of the columns of a table, in order.
    wanted : sequence of str or int
        Names; an int that is no name is a position from 0.

    Raises
    ------
    ValueError
        For a name that is missing or occurs twice, and a position outside the table.
    """
    if not wanted:
        return list(range(len(names)))
    places: dict[Any, list[int]] = {}
    for position, name in enumerate(names):
        places.setdefault(name, []).append(position)
    return [_position_of(column, places, names) for column in wanted]


def _position_of(column: str | int, places: dict[Any, list[int]], names: Sequence[Any]) -> int:
    at = places.get(column, [])
    if len(at) > 1:
        raise ValueError(f"two columns are called {column!r}: rename one")
    if at:
        return at[0]
    if isinstance(column, int) and 0 <= column < len(names):
        return column
    raise ValueError(describe_missing(column, names))


def describe_missing(column: str | int, names: Sequence[Any]) -> str:
    """Return the message of an error about a column that is not among ``names``.

    A name that is alike, in other capitals, with spaces at its ends or misspelt, is named.
    """
    kind = f"column {column!r}"
    if f'"{column}"' in names:
        return (
            f"no {kind}; the columns are {shorten_names(names)}, as the quotes do not enclose "
            "fields in every line: pass quote='\"' if fields in quotes hold line breaks"
        )
    if isinstance(column, int):
        kind += f" (columns are counted from 0, there are {len(names)})"
    elif (near := _near(column, names)) is not None:
        kind += f" (did you mean {near!r}?)"
    return f"no {kind}; the columns are {shorten_names(names)}: name them by user=, item=, value="


def _near(column: str, names: Sequence[Any]) -> str | None:
    """Return the name that is most like a column, None if none is."""
    plain = {name.strip().casefold(): name for name in names if isinstance(name, str)}
    alike = difflib.get_close_matches(column.strip().casefold(), plain, 1, cutoff=0.7)
    return plain[alike[0]] if alike else None


def shorten_names(names: Sequence[Any]) -> str:
    """Return a list of names for an error message, which long lists and names must not fill."""
    shown = reprlib.Repr()
    shown.maxlist, shown.maxstring, shown.maxother = 12, 40, 40
    return shown.repr(list(names))


@dataclass(frozen=True)
class ColumnPath:
    """Where a wanted column of an arrow table is.

    Attributes
    ----------
    position : int
        The position of the column.
    parts : tuple of str
        The name of the column, followed by the names of the nested fields within it.
    """

    position: int
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.parts)


def column_paths(schema: pa.Schema, wanted: Sequence[str | int]) -> list[ColumnPath]:
    """Return where the wanted columns of an arrow schema are.

    A dotted name such as ``"user.id"`` is a field of a nested column, unless a column has this
    name itself.

    Raises
    ------
    ValueError
        For a column that is missing or occurs twice.
    """
    paths = []
    for column in wanted:
        parts = tuple(column.split(".")) if isinstance(column, str) else ()
        if len(parts) > 1 and column not in schema.names and parts[0] in schema.names:
            position = positions_of(schema.names, parts[:1])[0]
            _check_fields(schema.field(position).type, parts)
        else:
            try:
                position = positions_of(schema.names, [column])[0]
            except ValueError:
                if column in schema.names or isinstance(column, int):
                    raise
                names = [name for field in schema for name in _dotted(field)]
                raise ValueError(f"{describe_missing(column, names)}{_hint_of(schema)}") from None
            parts = (schema.names[position],)
        paths.append(ColumnPath(position, parts))
    return paths


# What to do with JSON whose rows are within lists, such as playlists with their tracks.
IN_LISTS = (
    ": it holds lists of objects, and each interaction needs a row of its own; pass "
    "pandas.json_normalize(objects, record_path=…, meta=…), or write such a table"
)


def _dotted(field: pa.Field) -> list[str]:
    """Return the names by which a column is wanted: its own, or those of its nested fields."""
    import pyarrow as pa

    if not pa.types.is_struct(field.type):
        return [field.name]
    return [f"{field.name}.{name}" for inner in field.type for name in _dotted(inner)]


def _holds_objects(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and pa.types.is_struct(kind.value_type))


def _hint_of(schema: pa.Schema) -> str:
    """Return what is said of the first column of lists of objects, "" if there is none."""
    names = [field.name for field in schema if _holds_objects(field.type)]
    return f". As for column {names[0]!r}{IN_LISTS}" if names else ""


def _check_fields(kind: pa.DataType, parts: tuple[str, ...]) -> None:
    """Raise an error if a column of type ``kind`` lacks the nested fields named in ``parts``."""
    import pyarrow as pa

    for depth, part in enumerate(parts[1:], 1):
        inner = [field.name for field in kind] if pa.types.is_struct(kind) else []
        if _holds_objects(kind):
            raise ValueError(f"column {'.'.join(parts[:depth])!r} has no fields{IN_LISTS}")
        if part not in inner:
            raise ValueError(
                f"no field {part!r} in column {'.'.join(parts[:depth])!r}, which holds "
                f"{inner or str(kind)}: name the columns by user=, item=, value="
            )
        kind = kind.field(part).type


def choose_columns(table: Table, wanted: Sequence[str | int]) -> Table:
    """Return a table of the wanted columns in that order, or of all if ``wanted`` is empty.

    Nested fields of an arrow table are requested by dotted names, which become column names.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table.iloc[:, positions_of(list(table.columns), wanted)] if wanted else table
    import pyarrow as pa
    import pyarrow.compute as pc

    if wanted:
        paths = column_paths(table.schema, wanted)
        columns = [
            pc.struct_field(table.column(path.position), list(path.parts[1:]))
            if len(path.parts) > 1
            else table.column(path.position)
            for path in paths
        ]
        table = pa.table(columns, names=[path.name for path in paths])
    return tidy_arrow(table)


def tidy_arrow(table: pa.Table) -> pa.Table:
    """Convert the columns of an arrow table to the few types that the package reads.

    Texts become string or large_string, also where recent arrow libraries pass string views.
    Run-end encoded columns are decoded. A dictionary-encoded column may have several dictionaries,
    none of which holds a null.
    """
    for position, field in enumerate(table.schema):
        column = table.column(position)
        tidied = _tidied(column)
        if tidied is not column:
            table = table.set_column(position, field.name, tidied)
    return table


def _tidied(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, kind.value_type)
    if pa.types.is_dictionary(kind):
        if pa.types.is_string_view(kind.value_type):
            return column.cast(pa.large_string())
        # Arrow does not count rows as null whose value in the dictionary is null.
        if any(chunk.dictionary.null_count for chunk in column.chunks):
            return column.cast(kind.value_type)
    return column
