"""Read lines of ids, such as baskets: one list for each line."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.text import UNTYPED
from wrmf.data.formats.text_dialect import plain_separator
from wrmf.data.formats.text_stream import SPACES, UNIT, TextStream

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LINE", "read_lines"]

# The name of the only column that ``read_lines`` returns.
LINE = "line"
# The separators that are looked for if the caller names none.
SEPARATORS = "\t,;|"
# The number of first lines in which separators are looked for.
SAMPLE = 1000


def read_lines(source: Path, options: SourceOptions) -> pa.Table:
    """Return a table with one column of lists: the ids in each line.

    The lists of blank lines and comments are empty.

    Parameters
    ----------
    source : Path
    options : SourceOptions
        Without ``sep``, the separator is the tab, comma, semicolon or pipe, whichever occurs in the
        first lines, or spaces if none does. Ids in double quotes may hold the separator.

    Raises
    ------
    ValueError
        For an empty file, for a file that is not text in the encoding, and for lines that hold
        several of these separators.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = _all_lines(source, options)
    if not len(lines):
        raise ValueError(f"{source} is empty")
    sep = plain_separator(options.sep) or _separator_of(lines, source)
    if sep == SPACES or not sep.strip(" "):
        lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
    elif pc.any(pc.match_substring_regex(lines, f'(^|{re.escape(sep)})"')).as_py():
        lists = _split_quoted(lines, sep, source)
    else:
        lists = pc.split_pattern(lines, sep)
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    return pa.table({LINE: _without_blanks(lists)}, metadata=UNTYPED)


def _all_lines(source: Path, options: SourceOptions) -> pa.ChunkedArray:
    """Return all lines of a text, including blank lines."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    stream = TextStream.of(source, options)
    try:
        text = b"".join(stream.blocks())
        if not text.strip():
            raise ValueError(f"{source} is empty")
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            # One block, so that the longest line fits.
            arrow_csv.ReadOptions(column_names=[LINE], block_size=min(len(text) + 1, 2**31 - 1)),
            arrow_csv.ParseOptions(delimiter=UNIT, quote_char=False, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(column_types={LINE: pa.large_string()}),
        )
    except UnicodeError:
        raise _not_decoded(source, stream.line_of_bad_bytes(), stream.encoding) from None
    except pa.ArrowException as error:
        if "UTF8" in str(error):
            raise _not_decoded(source, stream.line_of_bad_bytes(), "utf-8") from None
        reason = reason_of(error)
        raise ValueError(f"{source} cannot be read as lines of ids: {reason}") from None
    return table.column(LINE)


def _not_decoded(source: Path, line: int | None, encoding: str) -> ValueError:
    return ValueError(
        f'line {line} of {source} is not {encoding}: pass encoding=, such as "latin-1" or "cp1252"'
    )


def _separator_of(lines: pa.ChunkedArray, source: Path) -> str:
    text = "\n".join(lines.slice(0, SAMPLE).to_pylist())
    held = [sep for sep in SEPARATORS if sep in text]
    if len(held) > 1:
        raise ValueError(
            f"the lines of {source} hold {held}: say by sep= which of them separates the ids"
        )
    return held[0] if held else SPACES


def _split_quoted(lines: pa.ChunkedArray, sep: str, source: Path) -> pa.Array:
    import pyarrow as pa

    if len(sep) > 1:
        raise ValueError(f"{source} holds quotes, which need a separator of one character")
    try:
        rows = list(csv.reader(lines.to_pylist(), delimiter=sep, strict=True))
    except csv.Error as error:
        raise ValueError(f"{source} cannot be read as lines of ids: {reason_of(error)}") from None
    if len(rows) != len(lines):
        raise ValueError(f"{source} holds a quote that is not closed in its line")
    return pa.array(rows, pa.list_(pa.large_string()))


def _without_blanks(lists: pa.Array) -> pa.Array:
    """Trim spaces around the texts in lists, and drop blank texts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pc.utf8_trim_whitespace(lists.flatten())
    line_of = np.asarray(pc.list_parent_indices(lists))
    kept = np.asarray(pc.not_equal(ids, ""))
    lengths = np.bincount(line_of[kept], minlength=len(lists))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return pa.LargeListArray.from_arrays(pa.array(offsets), ids.filter(pa.array(kept)))
