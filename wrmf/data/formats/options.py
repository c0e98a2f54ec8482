"""What a reader of any format gets to know from the caller."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SourceOptions"]


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source; what does not apply to a format is ignored by its reader.

    Attributes
    ----------
    columns : tuple of str or int
        The columns to return, in this order: names, or positions from 0. Empty means all.
    sep : str, optional
        Separator of the fields of text.
    header : bool
        Whether the first line of text holds the names of the columns.
    encoding : str, optional
        Encoding of text; by default UTF-8, or what a byte order mark says.
    decimal : str
        Decimal mark of numbers in text.
    comment : str, optional
        Lines of text that begin with it are skipped.
    quote : str, optional
        The character that encloses fields of text, or "none"; by default what the lines show.
        Only fields enclosed by a character named here may hold line breaks.
    typed : tuple of str or int
        Those of ``columns`` whose numbers and dates are parsed while text is read; all others stay
        the text that they are, as ids must.
    """

    columns: tuple[str | int, ...] = ()
    sep: str | None = None
    header: bool = True
    encoding: str | None = None
    decimal: str = "."
    comment: str | None = None
    quote: str | None = None
    typed: tuple[str | int, ...] = ()
