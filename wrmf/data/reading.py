"""Read interactions from files, frames and databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wrmf.data.choices import as_choice
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
    bad_lines: str = "error",
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
    r"""Read interactions from a table with a row for each of them.

    What is read is exact: ids are never rounded, merged or lost, and no row is dropped without
    being counted in ``summary()``. docs/reading.md has the call for each kind of file.

    Parameters
    ----------
    source : path, data frame, connection, or a sequence of them
        A file: text (csv, tsv, psv or any other), JSON, parquet, feather, npz or Matrix Market,
        also compressed by gzip, bzip2, xz, zstd or zip; a folder, a pattern such as
        ``"day-*.csv"``, or "-" for standard input. Or a frame of pandas, polars, arrow or another
        library; or a database, as an address such as ``"sqlite:///shop.db#likes"``, or as
        (connection, table or query).
    user, item : str or int, default "user", "item"
        Columns of the ids. In text, ids become ints if each is the text of its int ("7", not "07"),
        else all stay text. In frames, floats must be whole and below 2**53. The axes of the result
        are in the order of first appearance.
    value : str or int, or mapping, optional
        Column of counts or weights, finite and ≥ 0; rows of value 0 are no interactions. By
        default each row counts 1. A mapping gives the weight of each event in the column ``event``,
        as in ``value={"view": 1, "cart": 3}``.
    sep : str, optional
        Separator of the fields of text, of one or more characters; ``r"\s+"`` is any run of
        spaces and tabs. By default, it is chosen by the ending of the file and by its lines.
    duplicates : {"sum", "drop", "last", "max", "mean", "count", "error"}, default "sum"
        How to merge rows that repeat a (user, item) pair; "drop" keeps the first row.
    item_name : str or int, optional
        Column of readable item names; each item gets the first of its names.
    time : str or int, optional
        Column of times: dates, datetimes (with a time zone, they become UTC), ISO 8601 text, or
        numbers, which stay numbers unless ``time_format`` says how to read them.
    time_format : str, optional
        Unit of times counted from 1970, "s", "ms", "us" or "ns", or a pattern of ``strptime``.
    header : bool, default True
        Whether the first line of text names the columns. If not, columns are given by position,
        from 0; by default, users are in column 0 and items in column 1.
    encoding : str, optional
        Encoding of text; by default UTF-8, or UTF-16 or UTF-32 if a byte order mark says so.
    decimal : str, default "."
        Decimal mark of text.
    comment : str, optional
        Lines of text that begin with it are skipped.
    quote : str, optional
        The character that encloses fields of text, or "none". If it is given, enclosed fields may
        hold line breaks. By default, the reader chooses quotes and escapes such that every line is
        a row with the same number of fields: doubled quotes, backslashes, or none of these.
    bad_lines : {"error", "drop"}, default "error"
        How to treat lines of text with more or fewer fields than the first, and lines of JSON that
        hold no object.
    nulls : {"error", "drop", "keep"}, default "error"
        How to treat rows without an id, value or time. Empty texts are null, and so are texts such
        as NULL, None, nan and ``\N``; "keep" treats the latter as ids.
    negative : {"error", "drop", "dislike"}, default "error"
        How to treat rows with a negative value. "dislike" keeps them as dislikes, whose preference
        is 0 and whose weight is the size of the value; weights of events may then be negative, too.
        Values of a pair with both signs are merged as numbers. See docs/weights.md.
    min_value : float, optional
        Rows with a smaller value, or size of a negative value, are dropped.
    users, items : sequence of ids, optional
        The axes of the result.
    like : WRMF model or Interactions, optional
        The result gets its axes; for a test file, pass the interactions of the training file.
    unknown : {"error", "drop", "extend"}, default "error"
        How to treat rows with an id that is not on the axes given by ``users``, ``items`` or
        ``like``.
    layout : {"pairs", "user-items", "baskets", "wide"}, default "pairs"
        "pairs": a row for each interaction. "user-items": a row for each user, followed by all
        items of the user. "baskets": a row for each basket of items, whose number is the user.
        "wide": a row for each user, with a column for each item.
    event : str or int, default "event"
        Column of events, if ``value`` is a mapping.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        For a source that cannot be read or has no rows, for missing columns, and for invalid ids,
        values and times. Errors count the lines of files as editors do.

    Examples
    --------
    >>> import pandas as pd
    >>> plays = pd.DataFrame({"user": [7, 7], "item": ["a", "a"], "plays": [2, 3]})
    >>> read_interactions(plays, value="plays").matrix.toarray()
    array([[5.]], dtype=float32)
    """
    as_choice(duplicates, "duplicates", DUPLICATES)
    weights = value if isinstance(value, Mapping) else None
    column = event if isinstance(value, Mapping) else value
    wanted = WantedColumns(user, item, column, weights, item_name, time)
    if weights is None and event != "event":
        raise ValueError(
            f"event={event!r} is a column of events, which need weights: pass those of yours, as "
            'in value={"view": 1, "cart": 3}'
        )
    if time is None and time_format is not None:
        raise ValueError(f"time_format={time_format!r} needs the column of times: pass time=")
    wanted.check_layout(layout)
    if not header:
        wanted = wanted.without_header()
    if layout == "user-items" and wanted.user == wanted.item:
        raise ValueError(f"user= and item= both name the column {wanted.user!r}")
    options = SourceOptions(
        wanted.columns(layout),
        sep,
        header,
        encoding,
        decimal,
        comment,
        quote,
        wanted.typed(time_format),
        bad_lines,
    )
    filters = RowFilters(nulls, negative, min_value)
    axes = Axes.of(users, items, like, unknown)
    table = RowTable.load(source, options, layout)
    rows = filters.rows(table, wanted.unfolded() if table.is_unfolded else wanted, time_format)
    rows = axes.place(rows, table.is_untyped)
    # The memory of the table is needed for merging the rows.
    del table
    return Interactions.from_rows(rows, duplicates)
