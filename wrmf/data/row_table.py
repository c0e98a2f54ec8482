"""The wanted columns of a source, and the file and line of each of its rows."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from wrmf.data.formats import SourceOptions, load_source
from wrmf.data.formats.layouts import LAYOUTS
from wrmf.data.formats.notes import IDLE, MALFORMED, count_of
from wrmf.data.formats.paths import expand_path
from wrmf.data.formats.sources import STANDARD_INPUT
from wrmf.data.formats.text import is_untyped, lines_of_rows
from wrmf.data.formats.text_dialect import LineError
from wrmf.data.formats.unfolded import UNFOLDED, is_unfolded

__all__ = ["Column", "RowTable", "WantedColumns"]

# The name of a column, or its position from 0.
Column: TypeAlias = "str | int"
ROW = re.compile(r"\brow (\d+)\b")
# The columns of users and items if the caller names none, with a header and without.
DEFAULTS = ("user", "item", 0, 1)


@dataclass(frozen=True)
class WantedColumns:
    """Which columns hold what.

    Attributes
    ----------
    user, item : str or int
    value : str or int, optional
        Counts, or events if there are ``weights``.
    weights : mapping, optional
        The weight of each event.
    item_name, time : str or int, optional
    """

    user: Column
    item: Column
    value: Column | None = None
    weights: Mapping[Any, float] | None = None
    item_name: Column | None = None
    time: Column | None = None

    def columns(self, layout: str = "pairs") -> tuple[Column, ...]:
        """Return the columns that a table of a layout is read for, each of them once."""
        wanted: tuple[Column | None, ...]
        match layout:
            case "user-items":
                wanted = (self.user, self.item)
            case "baskets":
                # The users are the numbers of the rows.
                wanted = (self.item,)
            case "wide":
                wanted = (self.user,)
            case _:
                wanted = (self.user, self.item, self.value, self.item_name, self.time)
        return tuple(dict.fromkeys(column for column in wanted if column is not None))

    def typed(self, time_format: str | None) -> tuple[Column, ...]:
        """Return the columns that the reader of text parses: values, and times without pattern."""
        value = self.value if self.weights is None else None
        # A pattern of ``strptime`` is applied to text, so such times must not be parsed before.
        time = self.time if time_format is None or "%" not in time_format else None
        texts = (self.user, self.item, self.item_name)
        return tuple(
            column for column in (value, time) if column is not None and column not in texts
        )

    def without_header(self) -> WantedColumns:
        """Replace the default names of the columns of users and items by the positions 0 and 1."""
        return replace(
            self,
            user=0 if self.user == "user" else self.user,
            item=1 if self.item == "item" else self.item,
        )

    def check_layout(self, layout: str) -> None:
        """Raise an error for a column that a layout does not have, instead of ignoring it.

        Raises
        ------
        ValueError
            Before anything is read.
        """
        if layout == "pairs" or layout not in LAYOUTS:
            return
        self.unfolded()
        unused, reason = {
            "baskets": (self.user, "user= has no meaning: the number of a basket is its user"),
            "wide": (self.item, "item= has no meaning: every column but that of users is an item"),
        }.get(layout, (None, ""))
        if unused is not None and unused not in DEFAULTS:
            raise ValueError(f"with layout={layout!r}, {reason}")

    def unfolded(self) -> WantedColumns:
        """Return the columns of a table made from a matrix or a layout other than "pairs".

        Raises
        ------
        ValueError
            For columns that only a table with a row for each interaction has.
        """
        if self.item_name is not None or self.time is not None or self.weights is not None:
            raise ValueError(
                "item_name=, time= and weights of events need a table with a row for each "
                "interaction: matrices and other layouts have users, items and values only"
            )
        if self.value is not None:
            raise ValueError(
                f"value= names the column {self.value!r} of a table with a row for each "
                "interaction. The values of matrices and wide tables are their cells, and items in "
                "lists and baskets count 1 each: leave value= out"
            )
        return WantedColumns(*UNFOLDED)


@dataclass(frozen=True)
class RowTable:
    """A table that was loaded from a source.

    Attributes
    ----------
    table : pandas.DataFrame or pyarrow.Table
    source : object
        What the table was loaded from.
    options : SourceOptions
        How the source was read.
    is_unfolded : bool
        Whether the table was made from a matrix or from a layout other than "pairs". Its columns
        are then ``UNFOLDED``.
    """

    table: Any
    source: Any
    options: SourceOptions
    is_unfolded: bool = False

    @classmethod
    def load(cls, source: Any, options: SourceOptions, layout: str) -> RowTable:
        """Load a source.

        Raises
        ------
        FileNotFoundError, ImportError, TypeError, ValueError
            For a source that cannot be read or has no rows.
        """
        loaded = load_source(source, options, layout)
        table = cls(loaded, source, options, is_unfolded(loaded))
        if not len(loaded):
            dropped = f": {table.n_malformed} malformed lines were dropped"
            raise ValueError(f"there are no rows to read{dropped if table.n_malformed else ''}")
        if len(table) == table.n_idle:
            raise ValueError("there are no interactions to read: all values are 0")
        return table

    def __len__(self) -> int:
        return len(self.table)

    @property
    def n_malformed(self) -> int:
        """The number of lines that were dropped as they are no rows."""
        return count_of(self.table, MALFORMED)

    @property
    def n_idle(self) -> int:
        """The number of rows at the end that only keep a user or an item on its axis."""
        return count_of(self.table, IDLE)

    @property
    def is_untyped(self) -> bool:
        """Whether the source stores no types, so that its texts may stand for numbers."""
        return is_untyped(self.table)

    @property
    def has_header(self) -> bool:
        """Whether the source is text whose first line names the columns."""
        return self.is_untyped and self.options.header and not self.is_unfolded

    def column(self, column: Column) -> Any:
        """Return a column, a pandas Series or an arrow array."""
        import pandas as pd

        if isinstance(self.table, pd.DataFrame):
            # A column may be wanted twice, and then occurs twice.
            names: list[Any] = self.table.columns.tolist()
            position = names.index(column) if column in names else self._position(column)
            return self.table.iloc[:, position]
        if str(column) in self.table.column_names:
            return self.table.column(self.table.column_names.index(str(column)))
        return self.table.column(self._position(column))

    def with_nulls(self, rows: np.ndarray) -> RowTable:
        """Return a table whose cells are null in the rows that a bool mask chooses."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.table
        for position, field in enumerate(table.schema):
            column = table.column(position)
            if pa.types.is_dictionary(field.type):
                column = column.cast(field.type.value_type)
            cells = pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)
            table = table.set_column(position, field.name, cells)
        return replace(self, table=table)

    def _position(self, column: Column) -> int:
        return self.options.columns.index(column)

    def place(self, row: int) -> str:
        """Return what error messages call a row: the line of a text file, or its number from 0."""
        # Arrow reads some quotes that the reader of lines refuses.
        with contextlib.suppress(LineError):
            for path, line in itertools.islice(self._lines(), row, None):
                return f"line {line} of {path}"
        return f"row {row}"

    def _lines(self) -> Iterator[tuple[Path, int]]:
        """Yield the file and the line of each row; nothing if the source is not text files."""
        if not self.is_untyped or self.is_unfolded:
            return
        sources = self.source if isinstance(self.source, (list, tuple)) else [self.source]
        for source in sources:
            if not isinstance(source, (str, os.PathLike)) or source == STANDARD_INPUT:
                return
            for path in expand_path(Path(source) if not isinstance(source, str) else source):
                for line in lines_of_rows(path, self.options):
                    yield path, line

    def placed(self, error: ValueError, kept: np.ndarray | None = None) -> ValueError:
        """Replace the row number in an error message, from 0, by the file and line of the row.

        If the error counts only some of the rows, ``kept`` holds their numbers in the table.
        """
        message = str(error)
        match = ROW.search(message)
        if match is None:
            return error
        row = int(match[1]) if kept is None else int(kept[int(match[1])])
        return ValueError(message[: match.start()] + self.place(row) + message[match.end() :])
