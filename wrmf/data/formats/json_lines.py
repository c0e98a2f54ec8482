"""Read files of JSON: one object a line, or one array of objects."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.formats.columns import Table, choose_columns, positions_of
from wrmf.data.formats.compression import open_unpacked, unpacking
from wrmf.data.formats.notes import MALFORMED, with_count
from wrmf.data.formats.options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["read_json"]

BLOCK_BYTES = 16 * 2**20
# Arrow's parser calls itself for each level of nested lists and objects, without a limit.
LARGEST_DEPTH = 64
# A null in place of an object, at the start of a block and after an object or a line. At the start
# of a block it ends the process within arrow (its issue 47409), and elsewhere it becomes a row.
WHITESPACE = rb"[ \t\r\n\xef\xbb\xbf]*"
FIRST_NULL, LATER_NULL = re.compile(WHITESPACE + b"n"), re.compile(rb"[\n}]" + WHITESPACE + b"n")
# From this number on, doubles cannot hold every whole number.
EXACT_DOUBLES = 2.0**53


def read_json(source: Path, options: SourceOptions) -> Table:
    """Return the wanted fields of the objects in a file of JSON, which may be compressed.

    Texts stay texts, even if they look like dates, and whole numbers stay exact. Fields of nested
    objects are requested by dotted names, such as ``"user.id"``. If an object lacks a field, its
    value is null.

    Raises
    ------
    ValueError
        For a line that is no JSON object, with its number, unless such lines are dropped and
        counted, and for a field that no object has.
    """
    with unpacking(source), open_unpacked(source) as file:
        is_array = file.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    try:
        by_python = is_array or options.encoding or _harms_arrow(source)
        table = None if by_python else _read_by_arrow(source)
        if table is not None and table.num_rows:
            return choose_columns(table, options.columns)
        parse = _parse_array if is_array else _parse_lines
        parsed = list(parse(source, options))
        records = [record for record in parsed if record is not None]
        if not records:
            raise ValueError(f"{source} is empty")
        frame = _frame_of_records(records, options)
        n_malformed = len(parsed) - len(records)
        return with_count(frame, MALFORMED, n_malformed) if n_malformed else frame
    except ValueError as error:
        if str(source) in str(error):
            raise
        raise ValueError(f"{source}: {error}") from None


def _harms_arrow(source: Path) -> bool:
    """Return whether arrow's parser might end the process.

    That is so for a null in place of an object, and for lists and objects in a line that are nested
    deeper than ``LARGEST_DEPTH``. Texts count, too, so that some lines are only thought to be so.
    """
    depth = 0
    with unpacking(source), open_unpacked(source) as file:
        while block := file.read(BLOCK_BYTES):
            if FIRST_NULL.match(block) or LATER_NULL.search(block):
                return True
            data = np.frombuffer(block, np.uint8)
            # This bit is the difference between "[" and "{", and between "]" and "}".
            folded = data | 0x20
            opens, closes, ends = folded == ord("{"), folded == ord("}"), data == ord("\n")
            at = np.flatnonzero(opens | closes | ends)
            depths = depth + np.cumsum(opens[at].astype(np.int64) - closes[at])
            # The depth of a line counts from the end of the line above.
            above = np.zeros(len(at), dtype=np.int64)
            np.maximum.accumulate(np.where(ends[at], np.arange(len(at)) + 1, 0), out=above)
            depths -= np.concatenate(([0], depths))[above]
            if len(depths) and depths.max() > LARGEST_DEPTH:
                return True
            depth = int(depths[-1]) if len(depths) else depth
    return False


def _read_by_arrow(source: Path) -> pa.Table | None:
    """Return all fields, or None where arrow cannot read them or would change a value."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    reading = arrow_json.ReadOptions(block_size=BLOCK_BYTES)

    def read(schema: pa.Schema | None) -> pa.Table:
        parsing = arrow_json.ParseOptions(explicit_schema=schema)
        with unpacking(source), open_unpacked(source) as file:
            return arrow_json.read_json(file, reading, parsing)

    try:
        table = read(None)
        # Arrow converts texts that look like dates to times; then they are read again as texts.
        exact = pa.schema([field.with_type(_with_texts(field.type)) for field in table.schema])
        if exact != table.schema:
            table = read(exact)
        # While reading, arrow does not check that texts are UTF-8.
        table.validate(full=True)
    except pa.ArrowException:
        return None
    return None if any(map(_may_be_rounded, table.columns)) else table


def _with_texts(kind: pa.DataType) -> pa.DataType:
    """Replace the types of times within a type by the type of texts."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_with_texts(field.type)) for field in kind])
    return kind


def _may_be_rounded(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds doubles so large that whole numbers may have been rounded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        return any(
            _may_be_rounded(pc.struct_field(column, [place]))
            for place in range(column.type.num_fields)
        )
    if not pa.types.is_floating(column.type):
        return False
    largest = pc.max(pc.abs(column)).as_py()
    return largest is not None and largest >= EXACT_DOUBLES


def _parse_lines(source: Path, options: SourceOptions) -> Iterator[dict[str, Any] | None]:
    """Yield the object in each line, or None for a line without one, if these are dropped."""
    with unpacking(source), open_unpacked(source) as file:
        lines = io.TextIOWrapper(file, encoding=options.encoding or "utf-8-sig")
        try:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield _as_record(line, f"line {number}")
                except ValueError as error:
                    if options.bad_lines != "drop":
                        hint = 'pass bad_lines="drop" to leave such lines out'
                        raise ValueError(f"{error}; {hint}") from None
                    yield None
        except UnicodeDecodeError as error:
            raise ValueError(
                f"it is not {error.encoding}: {error.reason}; pass encoding="
            ) from None


def _parse_array(source: Path, options: SourceOptions) -> Iterator[dict[str, Any]]:
    with unpacking(source), open_unpacked(source) as file:
        text = file.read()
    try:
        records = json.loads(text.decode(options.encoding or "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not {error.encoding}: {error.reason}; pass encoding=") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno} is not JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError("the array is nested too deeply") from None
    for number, record in enumerate(records):
        yield _checked(record, f"element {number} of the array")


def _as_record(line: str, place: str) -> dict[str, Any]:
    try:
        return _checked(json.loads(line), place)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place} is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError(f"{place} is nested too deeply") from None


def _checked(record: Any, place: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError(
            f"{place} holds {type(record).__name__} {str(record)[:40]!r}, not an object such as "
            '{"user": "ann", "item": "x"}'
        )
    return record


def _frame_of_records(records: list[dict[str, Any]], options: SourceOptions) -> pd.DataFrame:
    """Return the wanted fields as Python objects, which hold every number exactly."""
    import pandas as pd

    names = list(dict.fromkeys(name for record in records for name in record))
    columns = options.columns or tuple(names)
    paths = [_path_of(column, names) for column in columns]
    # A field that is wanted by name and by position occurs twice.
    fields = (pd.Series(list(_values_at(path, records)), dtype=object) for path in paths)
    frame: pd.DataFrame = pd.DataFrame(dict(enumerate(fields)))
    frame.columns = pd.Index([".".join(path) for path in paths])
    return frame


def _path_of(column: str | int, names: list[str]) -> list[str]:
    if isinstance(column, str) and column not in names and column.partition(".")[0] in names:
        return column.split(".")
    return [names[positions_of(names, [column])[0]]]


def _values_at(path: list[str], records: Iterable[dict[str, Any]]) -> Iterator[Any]:
    for record in records:
        value: Any = record
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        yield value
