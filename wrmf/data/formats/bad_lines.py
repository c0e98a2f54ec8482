"""Leave lines out of text that have another number of fields than the first, and count them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from wrmf.data.formats.text_dialect import MARKS, Dialect, LineError, dialects_of
from wrmf.data.formats.text_stream import TextStream

__all__ = ["FittingLines", "closest_dialect"]

# The number of bytes of lines that are passed to the parser at a time.
BLOCK = 1 << 20


@dataclass
class FittingLines:
    """The lines of a text that are rows of ``width`` fields, and the lines above the rows.

    Lines of spaces become blank, so that parsers skip them.

    Attributes
    ----------
    stream : TextStream
    dialect : Dialect
    width : int
    n_above : int
        The number of lines above the rows, which are kept.
    drops : bool
        Whether lines with another number of fields are left out.
    n_dropped : int
        The number of rows that the last iteration over :meth:`blocks` has left out.
    """

    stream: TextStream
    dialect: Dialect
    width: int
    n_above: int
    drops: bool
    n_dropped: int = field(default=0, init=False)

    def blocks(self) -> Iterator[bytes]:
        """Yield the lines that are not left out, in blocks of UTF-8."""
        self.n_dropped = 0
        kept: list[bytes] = []
        size = 0
        for _, text, fits in self._rows():
            if not fits:
                self.n_dropped += 1
                continue
            kept.append(text)
            size += len(text)
            if size > BLOCK:
                yield b"".join(kept)
                kept, size = [], 0
        yield b"".join(kept)

    def numbers(self) -> Iterator[int]:
        """Yield the line at which each row begins that is not left out, counted from 1."""
        for number, text, fits in self._rows():
            if fits and number > self.n_above and text.strip():
                yield number

    def _rows(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yield the first line and the text of each row, and whether it has the right width."""
        lines = enumerate(
            itertools.chain.from_iterable(
                block.splitlines(keepends=True) for block in self.stream.blocks()
            ),
            1,
        )
        for number, line in itertools.islice(lines, self.n_above):
            # The parser skips these lines only if they end.
            yield number, line if line.endswith((b"\n", b"\r")) else line + b"\n", True
        if self.dialect.line_breaks:
            yield from self._rows_of_several_lines(lines)
            return
        for number, line in lines:
            if not line.strip():
                yield number, b"\n", True
                continue
            fields = self.dialect.fields(_decoded(line)) if self.drops else None
            yield number, line, not self.drops or len(fields or ()) == self.width

    def _rows_of_several_lines(
        self, lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[tuple[int, bytes, bool]]:
        """Yield rows whose fields in quotes may hold line breaks."""
        taken: list[bytes] = []

        def texts() -> Iterator[tuple[int, str]]:
            for number, line in lines:
                # A line of spaces may be a part of a field in quotes.
                if line.strip() or taken:
                    taken.append(line)
                    yield number, _decoded(line)

        while True:
            try:
                for number, row in self.dialect.rows(texts()):
                    yield number, b"".join(taken), not self.drops or len(row) == self.width
                    taken.clear()
                return
            except LineError as error:
                if not self.drops:
                    raise
                # The next line begins a row.
                yield error.line, b"".join(taken), False
                taken.clear()


def _decoded(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "replace")


def closest_dialect(stream: TextStream, sep: str) -> Dialect:
    """Return the dialect in which the fewest lines have another number of fields than the first."""
    if not stream.holds_any(MARKS):
        return Dialect(sep)

    def n_misfits(dialect: Dialect) -> int:
        rows = (dialect.fields(line) for _, line in stream.lines())
        widths = (None if row is None else len(row) for row in rows)
        first = next(widths, None)
        return sum(width is None or width != first for width in widths)

    return min(dialects_of(sep), key=n_misfits)
