"""Convert lists of items and wide tables to tables with a row for each interaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.formats.columns import Table, choose_columns, positions_of
from wrmf.data.formats.lines import LINE
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.unfolded import Entries
from wrmf.data.ids import NULL_NUMBERS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LAYOUTS", "unfold"]

LAYOUTS = ("pairs", "user-items", "baskets", "wide")
# The name of the column of users if the caller names none.
DEFAULT_USER = "user"


def unfold(table: Table, layout: str, options: SourceOptions) -> pa.Table:
    """Return a table with the columns user, item and value.

    Users and items without interactions get a row of value 0, so that they are not lost.

    Parameters
    ----------
    table : Table
        For "user-items" and "baskets", a result of ``read_lines``, or a table with a column of
        lists of items. For "wide", a table with a column for each item.
    layout : {"user-items", "baskets", "wide"}
        "user-items": the first id of each line is the user, or the column of users names it.
        "baskets": the number of the line or row, from 1, is the user. "wide": the first column or
        the named one holds the users, and every other column is an item.
    options : SourceOptions
        ``options.columns`` is the column of users, that of items, or both in this order: what a
        table of the layout has.

    Raises
    ------
    ValueError
        For a table that does not have this layout, or holds no interaction.
    """
    import pandas as pd

    if layout == "wide":
        entries = _unfold_wide(table, options)
    else:
        entries = _unfold_lists(table, layout, options)
    if not len(entries.items):
        raise ValueError(f"layout={layout!r}: there are no items to read")
    # The metadata tell whether texts may stand for numbers, as in files without types.
    metadata = None if isinstance(table, pd.DataFrame) else table.schema.metadata
    return entries.table(metadata)


def _unfold_lists(table: Table, layout: str, options: SourceOptions) -> Entries:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from_lines = not isinstance(table, pd.DataFrame) and table.schema.names == [LINE]
    lists: Any
    users: Any
    lists, users = _lists_and_users(table, layout, options, from_lines)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
    ids = lists.flatten()
    if from_lines and layout == "user-items":
        starts = np.cumsum(lengths) - lengths
        users = ids.take(pa.array(starts[lengths > 0]))
        is_item = np.ones(len(ids), dtype=bool)
        is_item[starts[lengths > 0]] = False
        ids = ids.filter(pa.array(is_item))
        lengths = lengths[lengths > 0] - 1
    if layout == "baskets":
        # Blank lines are no baskets.
        users = users.take(pa.array(np.flatnonzero(lengths)))
        lengths = lengths[lengths > 0]
    user_of = np.repeat(np.arange(len(lengths)), lengths)
    users, items = _encoded(users), _encoded(ids)
    user_codes = np.asarray(users.indices)[user_of]
    return Entries(
        users.dictionary, items.dictionary, user_codes, np.asarray(items.indices), np.ones(len(ids))
    )


def _lists_and_users(
    table: Table, layout: str, options: SourceOptions, from_lines: bool
) -> tuple[Any, Any]:
    """Return an arrow array of lists, and one of the users of each list."""
    import pandas as pd
    import pyarrow as pa

    numbers = pa.array(np.arange(1, len(table) + 1))
    if from_lines:
        lines: Any = table
        return _whole(lines.column(LINE)), numbers
    names = options.columns
    chosen = choose_columns(table, names)
    arrow: Any = chosen
    if isinstance(chosen, pd.DataFrame):
        try:
            arrow = pa.Table.from_pandas(chosen, preserve_index=False)
        except (pa.ArrowException, OverflowError) as error:
            raise ValueError(
                f"layout={layout!r} needs columns of one type each: {error.args[0]}"
            ) from None
    lists = _whole(arrow.column(len(names) - 1))
    if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
        raise ValueError(
            f"layout={layout!r} needs a list of items in each row of column {names[-1]!r}, "
            f'which holds {lists.type}; a table with an item in each row is layout="pairs"'
        )
    return lists, numbers if layout == "baskets" else _whole(arrow.column(0))


def _unfold_wide(table: Table, options: SourceOptions) -> Entries:

    import pandas as pd

    if isinstance(table, pd.DataFrame) and (
        table.index.name is not None or table.index.inferred_type != "integer"
    ):
        # In the frames that crosstab and pivot_table return, the users are the index.
        index = table.index.rename(table.index.name or DEFAULT_USER)
        table = table.set_axis(index, axis="index").reset_index()
    names = list(table.columns if isinstance(table, pd.DataFrame) else table.schema.names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two columns are called {twice!r}: rename one")
    users_at = _position_of_users(names, options)
    users = _encoded(_column_at(table, users_at))
    items_at = [position for position in range(len(names)) if position != users_at]
    rows_of_items = [np.zeros(0, dtype=np.int64)]
    values_of_items = [np.zeros(0)]
    for position in items_at:
        cells = _numbers(_column_at(table, position), names[position], options.decimal)
        rows_of_items.append(np.flatnonzero(cells))
        values_of_items.append(cells[rows_of_items[-1]])
    rows, values = np.concatenate(rows_of_items), np.concatenate(values_of_items)
    order = np.argsort(rows, kind="stable")
    item_codes = np.repeat(np.arange(len(items_at)), [len(part) for part in rows_of_items[1:]])
    return Entries(
        users.dictionary,
        _array_of([names[position] for position in items_at]),
        np.asarray(users.indices)[rows[order]],
        item_codes[order],
        values[order],
    )


def _position_of_users(names: Sequence[Any], options: SourceOptions) -> int:
    user = options.columns[0] if options.columns else DEFAULT_USER
    return 0 if user == DEFAULT_USER and user not in names else positions_of(names, [user])[0]


def _column_at(table: Table, position: int) -> Any:
    """Return a column as an arrow array."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pd.DataFrame):
        try:
            return pa.array(table.iloc[:, position], from_pandas=True)
        except (pa.ArrowException, OverflowError) as error:
            name = table.columns[position]
            raise ValueError(
                f"column {name!r} holds values of several types: {reason_of(error)}"
            ) from None
    return _whole(table.column(position))


def _numbers(column: pa.Array, name: object, decimal: str) -> np.ndarray:
    """Return the cells of a column of a wide table as float64; empty cells are 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        is_null = pc.is_in(column, value_set=pa.array(NULL_NUMBERS, column.type))
        column = pc.if_else(is_null, None, column)
        if decimal != ".":
            column = pc.replace_substring(column, decimal, ".")
    try:
        cells = column.cast(pa.float64())
    except pa.ArrowException as error:
        reason = reason_of(error)
        raise ValueError(
            f'layout="wide" needs numbers in every column except that of users, but column '
            f"{name!r} holds other values: {reason}"
        ) from None
    return np.asarray(pc.fill_null(cells, 0.0))


def _array_of(names: Sequence[Any]) -> pa.Array:
    """Return the names of columns as an arrow array; names of several types become texts."""
    import pyarrow as pa

    try:
        return pa.array(list(names))
    except pa.ArrowException:
        return pa.array([str(name) for name in names])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as an array that is not divided into chunks."""
    import pyarrow as pa

    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _encoded(ids: pa.Array) -> pa.DictionaryArray:
    """Dictionary-encode ids; null becomes an entry of the dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    return pc.dictionary_encode(ids, null_encoding="encode")
