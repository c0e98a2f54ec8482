"""Find the wanted columns of text in its first line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wrmf.data.formats.columns import describe_missing, shorten_names

__all__ = ["Header"]

NUMBER_OR_DATE = re.compile(r"\s*([-+]?[\d.,]*\d([eE][-+]?\d+)?|\d{4}-\d\d?-\d\d?([T ].*)?)\s*")
# RecBole writes the type of a column after its name, as in ``user_id:token``.
WITH_TYPE = re.compile(r"(.+):(token|float)(_seq)?")


@dataclass(frozen=True)
class Header:
    """The fields of the first line of a text, which may name its columns.

    Attributes
    ----------
    cells : tuple of str
    line : int
        The number of the line.
    is_present : bool
        Whether the fields are names, not data.
    source : str
        What error messages call the text.
    """

    cells: tuple[str, ...]
    line: int
    is_present: bool
    source: str

    @property
    def columns(self) -> list[str | int]:
        """The names of all columns, or their positions."""
        return list(self.cells) if self.is_present else list(range(len(self.cells)))

    @property
    def last_line(self) -> int:
        """The number of the line on which the header ends."""
        return self.line + sum(cell.count("\n") for cell in self.cells)

    def check(self) -> None:
        """Raise an error for names that look like data: then the first row would be lost."""
        positions = [str(position) for position in range(len(self.cells))]
        if list(self.cells) != positions and all(map(NUMBER_OR_DATE.fullmatch, self.cells)):
            raise ValueError(
                f"line {self.line} of {self.source} should name the columns, but looks like data: "
                f"{shorten_names(self.cells)}; {HOW_WITHOUT}"
            )

    def position_of(self, column: str | int) -> int:
        """Return the position of a column.

        Parameters
        ----------
        column : str or int
            The name, with or without the type that RecBole adds, or the position from 0.

        Raises
        ------
        ValueError
            If there is no such column, or if two have this name.
        """
        n_columns = len(self.cells)
        if isinstance(column, str) and not self.is_present and column.isdecimal():
            column = int(column)
        if isinstance(column, int):
            if 0 <= column < n_columns:
                return column
            raise ValueError(
                f"no column {column}; {self.source} has {n_columns} columns, counted from 0, such "
                f"as {shorten_names(self.cells)} in line {self.line}"
            )
        if not self.is_present:
            raise ValueError(
                f"no column {column!r}, as header=False says that columns have no names; "
                f"name them by position: user=0, item=1 (line {self.line}: "
                f"{shorten_names(self.cells)})"
            )
        for names in self._spellings():
            if names.count(column) > 1:
                raise ValueError(
                    f"two columns are called {column!r} in line {self.line} of {self.source}: "
                    "rename one, or name both by position, from 0"
                )
            if column in names:
                return names.index(column)
        mark = self.cells[0][:1]
        hint = f"; if lines that begin with {mark!r} are comments, pass comment={mark!r}"
        raise ValueError(
            f"{describe_missing(column, self.cells)}; "
            f"{HOW_WITHOUT}{hint if mark in ('#', '%') else ''}"
        )

    def _spellings(self) -> list[list[str]]:
        """Return the names of the columns, followed by lists of their accepted shorter names."""
        typed = [WITH_TYPE.fullmatch(cell) for cell in self.cells]
        if not all(typed):
            return [list(self.cells)]
        bare = [match[1] for match in typed if match]
        return [list(self.cells), bare, [name.removesuffix("_id") for name in bare]]


HOW_WITHOUT = "if the text has no header, pass header=False, user=0, item=1"
