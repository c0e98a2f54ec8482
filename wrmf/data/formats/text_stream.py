"""Read text as lines with their numbers in the file, or as blocks of UTF-8 for a parser."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wrmf.data.formats.compression import is_packed, open_unpacked, unpacking
from wrmf.data.formats.options import SourceOptions

__all__ = ["SPACES", "UNIT", "TextStream"]

# The number of bytes that are read at a time; CACHED_BLOCK bytes stay in the cache of the CPU.
BLOCK, CACHED_BLOCK = 1 << 23, 1 << 18
UTF8 = "utf-8"
# The encoding by the byte order mark at the beginning of a file. UTF-32 precedes UTF-16, as one of
# its marks begins with a mark of UTF-16.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# The separator that stands for any run of spaces and tabs, as in pandas.
SPACES = r"\s+"
# Parsers accept only separators of one character, so this control character replaces longer ones.
UNIT = "\x1f"


@dataclass(frozen=True)
class TextStream:
    """The lines of a text file or of bytes.

    Attributes
    ----------
    source : Path or bytes
    encoding : str
        ``"utf-8"``, or a codec of Python.
    comment : str, optional
        Lines that begin with it count as blank.
    n_skipped : int
        The number of lines at the beginning that count as blank.
    """

    source: Path | bytes
    encoding: str = UTF8
    comment: str | None = None
    n_skipped: int = 0

    @classmethod
    def of(cls, source: Path | bytes, options: SourceOptions) -> TextStream:
        """Return the lines of a source; UTF-16 and UTF-32 are recognised by a byte order mark.

        Raises
        ------
        ValueError
            For bytes that are no text.
        """
        stream = cls(source, comment=options.comment or None)
        with stream.open() as file:
            start = file.read(1024)
        marked = next(
            (name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None
        )
        encoding = codecs.lookup(options.encoding or marked or UTF8).name
        if b"\0" in start and not encoding.startswith(("utf-16", "utf-32")):
            # A damaged archive may begin with zero bytes; reading all of it raises its own error.
            with stream.open() as file:
                while file.read(BLOCK):
                    pass
            raise ValueError(
                f"{stream.name} holds zero bytes and is no text; if it is UTF-16 without a byte "
                'order mark, pass encoding="utf-16-le"'
            )
        return cls(source, encoding, options.comment or None)

    @property
    def name(self) -> str:
        """What error messages call the source."""
        return "the text" if isinstance(self.source, bytes) else str(self.source)

    @property
    def is_plain(self) -> bool:
        """Whether a parser can read the file itself: uncompressed UTF-8 without comments."""
        is_utf8 = self.encoding == UTF8 and self.comment is None
        return is_utf8 and isinstance(self.source, Path) and not is_packed(self.source)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the decompressed bytes; a damaged archive raises a ValueError."""
        if isinstance(self.source, bytes):
            yield io.BytesIO(self.source)
            return
        with unpacking(self.source), open_unpacked(self.source) as file:
            yield file

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are neither blank nor comments, with their numbers from 1.

        Lines are counted as editors count them: they end in ``\\n``, ``\\r\\n`` or ``\\r``.
        """
        with self.open() as file:
            text = io.TextIOWrapper(file, self.encoding, errors="replace", newline=None)
            for number, line in enumerate(text, 1):
                if number == 1:
                    line = line.lstrip("\ufeff")
                is_comment = self.comment is not None and line.startswith(self.comment)
                if number > self.n_skipped and not is_comment and line.strip():
                    yield number, line.removesuffix("\n")

    def blocks(self) -> Iterator[bytes]:
        """Yield the text as UTF-8 in blocks of whole lines.

        Comments and skipped lines become blank, so that the number of lines stays the same.

        Raises
        ------
        UnicodeError
            If the text is not in the encoding; undecodable UTF-8 is yielded as it is.
        """
        n_skipped = self.n_skipped
        for block in self._whole_lines(self._utf8()):
            if n_skipped:
                lines = block.splitlines(keepends=True)
                block = b"\n" * n_skipped + b"".join(lines[n_skipped:])
                n_skipped = 0
            if self.comment is not None:
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                block = re.sub(b"(?m)^" + re.escape(self.comment.encode()) + b".*", b"", block)
            yield block

    def holds_any(self, marks: Sequence[bytes]) -> bool:
        """Return whether one of several characters of ASCII occurs in the text."""
        return any(mark in chunk for chunk in self._utf8(CACHED_BLOCK) for mark in marks)

    def _utf8(self, size: int = BLOCK) -> Iterator[bytes]:
        """Yield the bytes of the text, without a byte order mark, ``size`` bytes at a time."""
        decoder = None if self.encoding == UTF8 else codecs.getincrementaldecoder(self.encoding)()
        is_first = True
        with self.open() as file:
            while True:
                chunk = file.read(size)
                data = decoder.decode(chunk, not chunk).encode() if decoder else chunk
                if is_first and data:
                    data = data.removeprefix(codecs.BOM_UTF8)
                    is_first = False
                yield data
                if not chunk:
                    return

    @staticmethod
    def _whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            data = rest + chunk
            # The next chunk may begin with the line feed of a final carriage return.
            end = 1 + max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1))
            if end:
                yield data[:end]
            rest = data[end:]
        if rest:
            yield rest

    def line_of_bad_bytes(self) -> int | None:
        """Return the number of the first line that cannot be decoded."""
        # This error handler decodes invalid bytes to surrogates.
        with self.open() as file:
            text = io.TextIOWrapper(file, self.encoding, errors="surrogateescape", newline=None)
            try:
                for number, line in enumerate(text, 1):
                    if any("\udc80" <= character <= "\udcff" for character in line):
                        return number
            except UnicodeError:
                pass
        return None
