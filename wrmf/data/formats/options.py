"""The options of the caller that are passed to the reader of each format."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass

from wrmf.data.choices import as_choice, shown

__all__ = ["SourceOptions", "check_encoding"]

BAD_LINES = ("error", "drop")


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source; a reader ignores options that do not apply to its format.

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
    bad_lines : {"error", "drop"}
        How to treat lines of text that have more or fewer fields than the first, and lines of JSON
        that hold no object.
    typed : tuple of str or int
        The subset of ``columns`` whose numbers and dates are parsed while text is read. All other
        columns stay text, so that ids are not changed.
    """

    columns: tuple[str | int, ...] = ()
    sep: str | None = None
    header: bool = True
    encoding: str | None = None
    decimal: str = "."
    comment: str | None = None
    quote: str | None = None
    typed: tuple[str | int, ...] = ()
    bad_lines: str = "error"

    def __post_init__(self) -> None:
        as_choice(self.bad_lines, "bad_lines", BAD_LINES)
        if self.encoding:
            check_encoding(self.encoding)


def check_encoding(encoding: str) -> None:
    """Raise a ValueError for a name that is no encoding of text."""
    try:
        codecs.lookup(encoding)
        # Codecs between bytes, such as base64, are refused here.
        io.TextIOWrapper(io.BytesIO(), encoding)
    except (LookupError, ValueError):
        # A name with a null character is a ValueError.
        raise ValueError(
            f'unknown encoding {shown(encoding)}; pass encoding="latin-1", "cp1252" or "utf-16"'
        ) from None
