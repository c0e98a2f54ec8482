"""Read text with a line for each row, such as csv: in any dialect and encoding, or compressed."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrmf.data.choices import shown
from wrmf.data.formats.bad_lines import FittingLines, closest_dialect
from wrmf.data.formats.compression import format_ending
from wrmf.data.formats.memory import reading_pool
from wrmf.data.formats.notes import MALFORMED, with_count
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.text_dialect import (
    SAMPLE,
    Dialect,
    LineError,
    choose_dialect,
    choose_separator,
    explicit_dialect,
    first_misfit,
    plain_separator,
)
from wrmf.data.formats.text_header import Header
from wrmf.data.formats.text_stream import UNIT, TextStream
from wrmf.data.ids import NULL_NUMBERS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SEPARATORS", "UNTYPED", "is_untyped", "lines_of_rows", "read_text"]

# The separator by the ending of the file's name. For other files, it is chosen by their lines.
SEPARATORS = {".csv": ",", ".tsv": "\t", ".psv": "|", ".inter": "\t"}
# Matches a first line such as ``sep=;``, by which Excel names the separator.
SEPARATOR_LINE = re.compile(r'"?sep=(.+?)"?')
# PARSED_BLOCK is the number of bytes that arrow parses at a time. LARGEST_BLOCK is used instead if
# a line is longer than that.
PARSED_BLOCK, LARGEST_BLOCK = 1 << 22, 1 << 29
# The types of columns are guessed from the lines in this number of bytes.
GUESSED_BYTES = 1 << 16
# Metadata of a table from a file without types, whose texts may therefore stand for numbers.
UNTYPED = {b"wrmf.untyped": b"yes"}


def read_text(source: Path | bytes, options: SourceOptions) -> pa.Table:
    """Return the wanted columns of a text file, or all of them, named as they were asked for.

    Columns are dictionary-encoded text, in which nulls stay as they are written; the columns in
    ``options.typed`` are parsed. Unless the options name them, separator, quotes and escapes are
    chosen such that every line is a row with the same number of fields.

    Parameters
    ----------
    source : Path or bytes
    options : SourceOptions

    Raises
    ------
    ValueError
        If the text is empty, damaged, or in another encoding, if a column is missing, or if a line
        has more or fewer fields than the first, or leaves a quote open. The error names the line.
    """
    try:
        return _TextFile.open(source, options).table(options)
    except UnicodeError:
        raise _wrong_encoding(TextStream.of(source, options)) from None


def lines_of_rows(source: Path | bytes, options: SourceOptions) -> Iterator[int]:
    """Yield the number of the line at which each row of :func:`read_text` begins, from 1."""
    text = _TextFile.open(source, options)
    if options.bad_lines == "drop":
        yield from text.fitting_lines(options).numbers()
        return
    lines = text.stream.lines()
    rows = text.dialect.rows(lines) if text.dialect.line_breaks else lines
    for number, _ in itertools.islice(rows, int(text.header.is_present), None):
        yield number


def is_untyped(table: object) -> bool:
    """Return whether a table comes from a file without types."""
    metadata = getattr(getattr(table, "schema", None), "metadata", None) or {}
    return bool(UNTYPED.items() <= metadata.items())


@dataclass(frozen=True)
class _TextFile:
    """Text whose dialect and columns are known.

    Attributes
    ----------
    stream : TextStream
    dialect : Dialect
    header : Header
    """

    stream: TextStream
    dialect: Dialect
    header: Header

    @classmethod
    def open(cls, source: Path | bytes, options: SourceOptions) -> _TextFile:
        """Decide how a source is read."""
        stream = TextStream.of(source, options)
        sample = list(itertools.islice(stream.lines(), SAMPLE))
        sep = plain_separator(options.sep)
        if sample and (named := SEPARATOR_LINE.fullmatch(sample[0][1].strip("\r\n"))):
            sep = sep or named[1]
            stream = replace(stream, n_skipped=sample.pop(0)[0])
        if not sample:
            raise ValueError(f"{stream.name} is empty")
        if sep is None:
            ending = format_ending(source) if isinstance(source, Path) else ""
            texts = [line for _, line in sample]
            sep = choose_separator(texts, SEPARATORS.get(ending), options.decimal)
        if options.quote is None:
            dialect = choose_dialect(stream, sep)
            if options.bad_lines == "drop" and dialect.misfit(stream.lines()):
                dialect = closest_dialect(stream, sep)
        else:
            dialect = explicit_dialect(sep, options.quote)
        try:
            number, first = next(dialect.rows(stream.lines()))
        except LineError as error:
            raise _no_dialect(stream, sep, error) from None
        header = Header(tuple(first), number, options.header, stream.name)
        if options.columns and options.header:
            header.check()
        return cls(stream, dialect, header)

    def table(self, options: SourceOptions) -> pa.Table:
        """Return the wanted columns."""
        import pyarrow as pa

        wanted = options.columns or tuple(self.header.columns)
        positions = list(range(len(wanted)))
        if options.columns:
            positions = [self.header.position_of(column) for column in wanted]
        typed = {self.header.position_of(column) for column in options.typed}
        text = pa.dictionary(pa.int32(), pa.string())
        types = dict.fromkeys(typed, None) | dict.fromkeys(set(positions) - typed, text)
        n_malformed = 0
        try:
            table = self._parse_quickly(types, options.decimal)
        except pa.ArrowInvalid as error:
            self._explain(error, options)
            # A handler of invalid rows would do the same, but the parser prints errors for lines in
            # another encoding before it calls the handler.
            lines = self.fitting_lines(options)
            try:
                table = self._parse(types, options.decimal, lines=lines)
            except pa.ArrowInvalid as other:
                self._explain(other, options)
                reason = reason_of(other)
                raise ValueError(f"{self.stream.name} cannot be read: {reason}") from None
            n_malformed = lines.n_dropped
        columns = [self._restored(table.column(f"c{position}")) for position in positions]
        table = pa.table(columns, names=[str(column) for column in wanted], metadata=UNTYPED)
        return with_count(table, MALFORMED, n_malformed) if n_malformed else table

    def fitting_lines(self, options: SourceOptions) -> FittingLines:
        """Return the lines that are neither malformed nor only spaces."""
        drops = options.bad_lines == "drop"
        return FittingLines(
            self.stream, self.dialect, len(self.header.cells), self._n_lines_above, drops
        )

    def _explain(self, error: ValueError, options: SourceOptions) -> None:
        """Raise an error that names the line, if a line is the reason for the parser's error."""
        if "UTF8" in str(error):
            raise _wrong_encoding(self.stream) from None
        if options.bad_lines == "drop":
            return
        misfit = first_misfit(self.stream, self.dialect, options.quote is None)
        if misfit is not None:
            raise _no_dialect(self.stream, self.dialect.sep, misfit) from None

    def _restored(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Put the separators within quoted fields back, where ``UNIT`` replaced them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        is_text = pa.types.is_dictionary(column.type) or pa.types.is_string(column.type)
        if self.dialect.delimiter != UNIT or self.dialect.quote is None or not is_text:
            return column
        restored = pc.replace_substring(column.cast(pa.string()), UNIT, self.dialect.sep)
        return restored.dictionary_encode() if pa.types.is_dictionary(column.type) else restored

    def _parse_quickly(self, types: Mapping[int, pa.DataType | None], decimal: str) -> pa.Table:
        """Parse columns like :meth:`_parse`, but with types guessed from the first lines.

        To find the type of a column, arrow holds all of the text in memory. A guess changes no
        value: arrow tries types in a fixed order, and those before the guess did not fit.
        """
        import pyarrow as pa

        guessed = self._guessed(types, decimal)
        try:
            return self._parse(guessed, decimal)
        except pa.ArrowInvalid:
            if guessed == types:
                raise
        return self._parse(types, decimal)

    def _guessed(
        self, types: Mapping[int, pa.DataType | None], decimal: str
    ) -> dict[int, pa.DataType | None]:
        """Return types of columns, with those that are None guessed from the first lines."""
        import pyarrow as pa

        if None not in types.values():
            return dict(types)
        try:
            head = self._parse(types, decimal, n_bytes=GUESSED_BYTES).schema.types
        except pa.ArrowInvalid:
            return dict(types)
        by_position = dict(zip(sorted(types), head, strict=True))
        return {
            position: None if pa.types.is_null(kind) else kind
            for position, kind in by_position.items()
        }

    def _parse(
        self,
        types: Mapping[int, pa.DataType | None],
        decimal: str,
        block_size: int = PARSED_BLOCK,
        lines: FittingLines | None = None,
        n_bytes: int | None = None,
    ) -> pa.Table:
        """Parse columns, by position, as the given types; arrow finds those that are None.

        If ``lines`` are given, only these are parsed. If ``n_bytes`` is given, only the whole lines
        in the first bytes are parsed.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        dialect = self.dialect
        try:
            with self._parser_input(lines) as file:
                if n_bytes is not None:
                    head = file.read(n_bytes)
                    file = pa.BufferReader(head[: 1 + head.rfind(b"\n")])
                table: pa.Table = arrow_csv.read_csv(
                    file,
                    read_options=arrow_csv.ReadOptions(
                        block_size=block_size,
                        column_names=[f"c{i}" for i in range(len(self.header.cells))],
                        skip_rows=self._n_lines_above,
                    ),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=dialect.delimiter,
                        quote_char=dialect.quote or False,
                        escape_char=dialect.escape or False,
                        newlines_in_values=dialect.line_breaks,
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        include_columns=[f"c{i}" for i in sorted(types)],
                        column_types={f"c{i}": kind for i, kind in types.items() if kind},
                        null_values=list(NULL_NUMBERS),
                        decimal_point=decimal,
                    ),
                    memory_pool=reading_pool(),
                )
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error) or block_size == LARGEST_BLOCK:
                raise
            return self._parse(types, decimal, LARGEST_BLOCK, lines, n_bytes)
        return table

    @property
    def _n_lines_above(self) -> int:
        """The number of lines above the first row."""
        return self.header.last_line if self.header.is_present else self.stream.n_skipped

    @contextlib.contextmanager
    def _parser_input(self, lines: FittingLines | None) -> Iterator[Any]:
        """Open the text for the parser: the file itself if its bytes need no conversion."""
        import pyarrow as pa

        is_unchanged = self.dialect.delimiter == self.dialect.sep and lines is None
        if self.stream.is_plain and is_unchanged:
            with pa.OSFile(str(self.stream.source)) as file:
                yield file
            return
        blocks = map(self.dialect.plain_bytes, (lines or self.stream).blocks())
        with contextlib.closing(_BlockFile(blocks)) as raw:
            yield pa.PythonFile(io.BufferedReader(raw, PARSED_BLOCK), mode="r")


class _BlockFile(io.RawIOBase):
    """A readable file whose content is blocks of bytes."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


def _no_dialect(stream: TextStream, sep: str, misfit: LineError) -> ValueError:
    hint = (
        'pass sep= if another text separates the fields, bad_lines="drop" to leave such lines out'
    )
    if '"' in misfit.reason:
        hint = (
            'pass quote=\'"\' if quoted fields hold line breaks, quote="none" if quotes are '
            "characters like others"
        )
    return ValueError(
        f"{stream.name} cannot be read as text separated by {shown(sep)}: line {misfit.line} "
        f"{misfit.reason[:200]}; {hint}"
    )


def _wrong_encoding(stream: TextStream) -> ValueError:
    line = stream.line_of_bad_bytes()
    where = "" if line is None else f"line {line} of "
    others = 'encoding="cp1252" (Windows) or encoding="latin-1"'
    return ValueError(
        f"{where}{stream.name} is not in the encoding {stream.encoding}; pass its own, "
        f"such as {others}"
    )
