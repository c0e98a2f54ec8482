"""Read interactions from files, frames and databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wrmf.data.formats import SourceOptions
from wrmf.data.interactions import Interactions
from wrmf.data.row_filters import Axes, RowFilters
from wrmf.data.row_table import Column, RowTable, WantedColumns
from wrmf.data.rows import DUPLICATES

__all__ = ["read_interactions"]


def read_interactions(
    source: Any,
    user: Column = "user",
    item: Column = "item",
    value: Column | Mapping[Any, float] | None = None,
    sep: str | None = None,
    duplicates: str = "sum",
    item_name: Column | None = None,
    time: Column | None = None,
    time_format: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    decimal: str = ".",
    comment: str | None = None,
    quote: str | None = None,
    nulls: str = "error",
    negative: str = "error",
    min_value: float | None = None,
    users: Iterable[Any] | None = None,
    items: Iterable[Any] | None = None,
    like: Any = None,
    unknown: str = "error",
    layout: str = "pairs",
    event: Column = "event",
) -> Interactions:
    r"""Read interactions from a table with one row for each.

    What is read is exact: ids are never rounded, merged or lost, and no row is dropped without
    being counted in ``summary()``.

    Parameters
    ----------
    source : path, data frame, connection, or a sequence of them
        A text file (csv, tsv, psv or any other; packed by gzip, bzip2, xz, zstd or zip), a parquet
        file or another format of ``wrmf.data.formats``; or a frame of pandas, polars or arrow.
    user, item : str or int, default "user", "item"
        Columns of the ids. In text, ids become ints if each is the text of its int ("7", not "07"),
        else all stay text. In frames, floats must be whole and below 2**53. The axes of the result
        are in the order of first appearance.
    value : str or int, or mapping, optional
        Column of counts or weights, finite and ≥ 0; rows of value 0 are no interactions. By
        default each row counts 1. A mapping is the weight of each event of the column ``event``:
        ``value={"view": 1, "cart": 3}``.
    sep : str, optional
        Separator of the fields of text, of one or more characters; ``r"\s+"`` is any run of
        spaces and tabs. By default the one of the file's ending, or what its lines show.
    duplicates : {"sum", "drop", "last", "max", "mean", "count", "error"}, default "sum"
        What becomes of rows that repeat a (user, item) pair: "drop" keeps the first.
    item_name : str or int, optional
        Column of readable item names; the first of an item is taken.
    time : str or int, optional
        Column of times: dates, datetimes (with a time zone, they become UTC), ISO 8601 text, or
        numbers, which stay numbers unless ``time_format`` says more.
    time_format : str, optional
        Unit of epochs, "s", "ms", "us" or "ns", or a pattern of ``strptime``.
    header : bool, default True
        Whether the first line of text names the columns. Where it does not, columns are positions
        from 0, and those of users and items are 0 and 1 by default.
    encoding : str, optional
        Of text; by default UTF-8, or UTF-16 where the file begins with a byte order mark.
    decimal : str, default "."
        Decimal mark of text.
    comment : str, optional
        Lines of text that begin with it are skipped.
    quote : str, optional
        The character around fields of text, which then may hold line breaks; or "none". By default
        quotes and escapes are what gives every line its row: quotes doubled in quotes, backslashes,
        or none.
    nulls : {"error", "drop", "keep"}, default "error"
        What becomes of rows without an id, value or time. Empty texts are null, also the texts
        NULL, None, nan and ``\N``, which "keep" takes for ids.
    negative : {"error", "drop"}, default "error"
        What becomes of rows of a negative value.
    min_value : float, optional
        Rows of a smaller value are dropped.
    users, items : sequence of ids, optional
        The axes of the result.
    like : WRMF model or Interactions, optional
        Whose axes the result gets: for a test file those of the train file.
    unknown : {"error", "drop", "extend"}, default "error"
        What becomes of rows with ids that are on neither axis of ``users``, ``items`` or ``like``.
    layout : {"pairs", "user-items", "baskets", "wide"}, default "pairs"
        A row for each pair; for each user, with all items behind; for each basket of items, whose
        number is the user; or for each user, with a column for each item.
    event : str or int, default "event"
        Column of events, if ``value`` is a mapping.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        For a source that cannot be read or has no rows, for missing columns, and for ids, values
        and times that are none. Lines of files are counted as editors count them.

    Examples
    --------
    >>> import pandas as pd
    >>> plays = pd.DataFrame({"user": [7, 7], "item": ["a", "a"], "plays": [2, 3]})
    >>> read_interactions(plays, value="plays").matrix.toarray()
    array([[5.]], dtype=float32)
    """
    if duplicates not in DUPLICATES:
        raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
    weights = value if isinstance(value, Mapping) else None
    column = event if isinstance(value, Mapping) else value
    wanted = WantedColumns(user, item, column, weights, item_name, time)
    if not header:
        wanted = wanted.without_header()
    options = SourceOptions(
        wanted.columns, sep, header, encoding, decimal, comment, quote, wanted.typed(time_format)
    )
    filters = RowFilters(nulls, negative, min_value)
    axes = Axes.of(users, items, like, unknown)
    table = RowTable.load(source, options, layout)
    rows = filters.rows(table, wanted.unfolded() if table.is_unfolded else wanted, time_format)
    rows = axes.place(rows, table.is_untyped)
    # Its memory is needed to merge the rows.
    del table
    return Interactions.from_rows(rows, duplicates)
