"""Choose how the fields of text are separated and quoted, such that every line is a row."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.data.choices import shown
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.text_stream import SPACES, UNIT, TextStream

__all__ = [
    "MARKS",
    "NO_QUOTE",
    "SAMPLE",
    "Dialect",
    "LineError",
    "choose_dialect",
    "choose_separator",
    "dialects_of",
    "explicit_dialect",
    "first_misfit",
    "plain_separator",
]

# The value of ``quote`` by which quotes are ordinary characters.
NO_QUOTE = "none"
# The separators to try, in this order, if the ending of a file names none or a wrong one.
SEPARATORS = (",", "\t", ";", "|", "::", " ", SPACES)
BLANKS = (" ", SPACES)
# Python's csv takes no separator with one of these, depending on its version.
NO_SEPARATORS = {"\n", "\r", "\0", '"'}
# A line without these characters has the same fields in all dialects.
MARKS = (b'"', b"\\")
# The number of first lines by which the separator is chosen.
SAMPLE = 100


class LineError(Exception):
    """A line that is no row in a dialect: its number, and what is wrong with it."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Dialect:
    r"""How fields are separated, and how a field that holds the separator is written.

    Attributes
    ----------
    sep : str
        The separator: a character, a longer text or ``SPACES``.
    quote : str, optional
        The character that encloses fields; within a field, it is doubled.
    escape : str, optional
        The character that makes the next character literal.
    line_breaks : bool
        Whether fields in quotes may hold line breaks.
    """

    sep: str
    quote: str | None = None
    escape: str | None = None
    line_breaks: bool = False

    @property
    def delimiter(self) -> str:
        """The single character that separates fields after :meth:`plain` or :meth:`plain_bytes`."""
        if self.sep == SPACES:
            return " "
        return self.sep if self._is_short else UNIT

    @property
    def _is_short(self) -> bool:
        """Whether the separator is a single byte, as parsers require."""
        return len(self.sep.encode()) == 1

    def plain(self, line: str) -> str:
        """Return a line in which ``delimiter`` separates the fields."""
        if self.sep == SPACES:
            return " ".join(line.split())
        return line if self._is_short else line.replace(self.sep, UNIT)

    def plain_bytes(self, block: bytes) -> bytes:
        """Return a block of lines in which ``delimiter`` separates the fields."""
        if self.sep != SPACES:
            return block if self._is_short else block.replace(self.sep.encode(), UNIT.encode())
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\t", b" ")
        while b"  " in block:
            block = block.replace(b"  ", b" ")
        return block.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "delimiter": self.delimiter,
            "quoting": csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "strict": True,
        }

    def rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        """Yield the fields of each row of numbered lines, with the number of its first line.

        Where fields may hold line breaks, a row goes on to the line that closes its quotes.

        Raises
        ------
        LineError
            Where a quote is left open, or text follows a closing quote.
        """
        numbers: list[int] = []

        def texts() -> Iterator[str]:
            for number, line in lines:
                numbers.append(number)
                yield self.plain(line) + "\n"

        try:
            for row in csv.reader(texts(), **self._options):
                yield numbers[0], row
                numbers.clear()
        except csv.Error as error:
            raise LineError(numbers[0], f"does not parse: {reason_of(error)}") from None

    def fields(self, line: str) -> list[str] | None:
        """Return the fields of a single line, or None if it is not well-formed in this dialect."""
        try:
            (row,) = csv.reader([self.plain(line)], **self._options)
        except csv.Error:
            return None
        return row if self._escapes_are_needed(line) else None

    def has_width(self, lines: Sequence[str], width: int) -> bool:
        """Return whether all lines are well-formed rows of ``width`` fields."""
        rows = csv.reader(map(self.plain, lines), **self._options)
        try:
            widths = [len(row) for row in rows]
        except csv.Error:
            return False
        if len(widths) != len(lines) or set(widths) - {width}:
            return False
        return self.escape is None or all(map(self._escapes_are_needed, lines))

    def misfit(self, lines: Iterable[tuple[int, str]]) -> LineError | None:
        """Return an error about the first line that is no row as wide as the first, or None."""
        width, first = None, 0
        try:
            for number, row in self.rows(lines) if self.line_breaks else self._single_rows(lines):
                if width is None:
                    width, first = len(row), number
                if len(row) != width:
                    return LineError(
                        number, f"has {len(row)} fields, but line {first} has {width}: {row}"
                    )
        except LineError as error:
            return error
        return None

    def _single_rows(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        for number, line in lines:
            row = self.fields(line)
            if row is None:
                raise LineError(number, f"has a quote or a backslash that has no partner: {line!r}")
            yield number, row

    def is_used(self, lines: Iterable[str]) -> bool:
        """Return whether any line would have other fields without quotes and escapes."""
        literal = Dialect(self.sep)
        return any(self.fields(line) != literal.fields(line) for line in lines)

    def _escapes_are_needed(self, line: str) -> bool:
        """Return whether every escape precedes a character that needs it."""
        if self.escape is None or self.escape not in line:
            return True
        line = self.plain(line).replace(self.escape * 2, "")
        special = re.escape(self.delimiter + (self.quote or '"'))
        return re.search(re.escape(self.escape) + f"(?![{special}])", line) is None


def plain_separator(sep: str | None) -> str | None:
    """Return a separator as typed in a shell, where a tab is written as two characters.

    Raises
    ------
    ValueError
        For one that separates no fields: an empty text, or one with a line break, a quote or a NUL.
    """
    if sep is None:
        return None
    sep = sep.replace(r"\t", "\t")
    if not sep or NO_SEPARATORS & set(sep):
        raise ValueError(f"sep must be the text between two fields, got {shown(sep)}")
    return sep


def dialects_of(sep: str) -> list[Dialect]:
    """Return the dialects to try on a file, the likely ones first."""
    doubled = Dialect(sep, '"')
    # Spark escapes quotes within quoted fields by backslashes.
    escaped = Dialect(sep, '"', "\\")
    literal = Dialect(sep)
    # Texts separated by pipes often escape by backslashes, and those of Rosenthal 2016 ("Intro to
    # Implicit Matrix Factorization: Classic ALS with Sketchfab Models") quote by them.
    by_backslash = [Dialect(sep, "\\"), Dialect(sep, None, "\\")]
    if sep == "|":
        return [*by_backslash, doubled, escaped, literal]
    return [doubled, escaped, literal, *reversed(by_backslash)]


def explicit_dialect(sep: str, quote: str) -> Dialect:
    """Return the dialect that ``quote`` names.

    Raises
    ------
    ValueError
        If it is neither a single character nor ``NO_QUOTE``.
    """
    if quote == NO_QUOTE:
        return Dialect(sep)
    if len(quote) != 1 or quote.isspace():
        raise ValueError(f'quote must be a single character or "{NO_QUOTE}", got {shown(quote)}')
    return Dialect(sep, quote, line_breaks=True)


def choose_separator(lines: Sequence[str], preferred: str | None, decimal: str = ".") -> str:
    """Return the separator by which all lines have the same number of fields, at least two.

    If there is none, it is the one by which most lines have as many fields as the first.

    Parameters
    ----------
    lines : sequence of str
    preferred : str, optional
        The separator by the ending of the file. It is chosen if it fits, or if no other one fits
        most lines.
    decimal : str
        The decimal mark, which is not considered as separator.
    """
    if preferred == decimal:
        preferred = None
    candidates = [sep for sep in SEPARATORS if sep not in (decimal, preferred)]
    if preferred is not None:
        candidates = [preferred, *(sep for sep in candidates if sep not in BLANKS)]
    rows_by_sep = {sep: rows for sep in candidates if (rows := _sample_rows(lines, sep))}
    for sep, rows in rows_by_sep.items():
        # Decimal commas may also give all lines the same number of fields. The first field of each
        # line then holds the true separator, which is chosen instead.
        longer = (
            other
            for other in rows_by_sep
            if other not in (sep, *BLANKS) and all(other in row[0] for row in rows)
        )
        return next(longer, sep)
    return max(candidates, key=lambda sep: _n_alike(lines, sep))


def _n_alike(lines: Sequence[str], sep: str) -> int:
    """Return how many lines have as many fields as the first, or 0 if they are not most lines."""
    rows = [Dialect(sep, '"').fields(line) or Dialect(sep).fields(line) or [] for line in lines]
    n_alike = sum(len(row) == len(rows[0]) for row in rows)
    return n_alike if len(rows[0]) > 1 and 2 * n_alike > len(rows) else 0


def _sample_rows(lines: Sequence[str], sep: str) -> list[list[str]]:
    """Return lines as rows with the same number of fields, at least two, or [] if they differ."""
    for dialect in dialects_of(sep):
        rows = [row for line in lines if (row := dialect.fields(line)) is not None]
        widths = {len(row) for row in rows}
        if len(rows) == len(lines) and len(widths) == 1 and min(widths) > 1:
            return rows
    return []


def first_misfit(stream: TextStream, dialect: Dialect, is_chosen: bool) -> LineError | None:
    """Return an error about the first line that is no row of a dialect, or None.

    If the dialect was chosen by the reader, the error is that of the dialect that fits longest.
    """
    misfits = [
        candidate.misfit(stream.lines())
        for candidate in (dialects_of(dialect.sep) if is_chosen else [dialect])
    ]
    return max(filter(None, misfits), key=lambda misfit: misfit.line, default=None)


def choose_dialect(stream: TextStream, sep: str) -> Dialect:
    """Return the first dialect in which each line of a file is a row, all of the same width.

    Only lines with a quote or a backslash depend on the dialect, so only these are checked here.
    The parser counts the fields of all other lines.

    If no dialect fits, the one without quotes is returned, and the parser reports the line.
    """
    literal = Dialect(sep)
    if not stream.holds_any(MARKS):
        return literal
    head = list(itertools.islice((line for _, line in stream.lines()), SAMPLE))
    for dialect in dialects_of(sep):
        if _fits(dialect, head, stream):
            return dialect
    return literal


def _fits(dialect: Dialect, head: Sequence[str], stream: TextStream) -> bool:
    """Return whether all lines are rows of the dialect.

    A dialect with backslashes fits only if some line has other fields without it.
    """
    width = len(dialect.fields(head[0]) or ())
    if not dialect.has_width(head, width):
        return False
    is_needed = "\\" not in (dialect.quote, dialect.escape)
    is_doubled = dialect == Dialect(dialect.sep, '"')
    for block in stream.blocks():
        if is_doubled and _is_cleanly_quoted(dialect.plain_bytes(block), dialect.delimiter):
            continue
        lines = _marked_lines(block)
        if not dialect.has_width(lines, width):
            return False
        is_needed = is_needed or dialect.is_used(lines)
    return is_needed


def _is_cleanly_quoted(block: bytes, delimiter: str) -> bool:
    """Return whether quotes are only at both ends of fields, by a fast check of the bytes."""
    data = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    ends = np.zeros(256, dtype=bool)
    ends[[ord(delimiter), *b"\r\n"]] = True
    # The first quote may begin the block, and the last quote may end it.
    before = ends[data[np.maximum(opening - 1, 0)]] | (opening == 0)
    after = ends[data[np.minimum(closing + 1, len(data) - 1)]] | (closing == len(data) - 1)
    line_ends = np.flatnonzero((data == ord("\n")) | (data == ord("\r")))
    same_line = np.searchsorted(line_ends, opening) == np.searchsorted(line_ends, closing)
    return bool(before.all() and after.all() and same_line.all())


def _marked_lines(block: bytes) -> list[str]:
    """Return the lines that hold quotes or backslashes."""
    if not any(mark in block for mark in MARKS):
        return []
    lines = [line for line in block.splitlines() if any(mark in line for mark in MARKS)]
    return [line.decode("utf-8", "replace") for line in lines]
