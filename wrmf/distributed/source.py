"""The rows of a partitioned source: what its parts are, and what a part holds.

Rows are read and checked by the rules of :func:`wrmf.read_interactions`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wrmf.data.choices import shown
from wrmf.data.formats import SourceOptions
from wrmf.data.formats.columns import column_paths
from wrmf.data.formats.content import sniff_format
from wrmf.data.formats.joining import common_type
from wrmf.data.formats.parquet import partition_keys
from wrmf.data.formats.paths import expand_path, scheme_of
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.sources import STANDARD_INPUT
from wrmf.data.row_filters import RowFilters
from wrmf.data.row_table import RowTable, WantedColumns
from wrmf.data.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

__all__ = [
    "Columns",
    "Part",
    "Source",
    "id_kind",
    "ids_as_column",
    "parquet_source",
    "read_part",
    "rows_of",
]

# Row groups are read together up to this number of rows, so that a part takes some 100 MB.
PART_ROWS = 2**21
# Footers are read by this many threads: on a network, each of them is a wait.
READERS = 16
# Parquet ends in the length of the footer and four letters.
LENGTH_AND_MAGIC = 8


@dataclass(frozen=True)
class Columns:
    """The names of the columns of users, items and, if there are any, values.

    Attributes
    ----------
    user, item : str
    value : str, optional
    filters : RowFilters
        Which rows are dropped.

    Raises
    ------
    TypeError, ValueError
        For what is no name, and weights of events.
    """

    user: str
    item: str
    value: str | None = None
    filters: RowFilters = field(default_factory=RowFilters)

    def __post_init__(self) -> None:
        if self.filters.negative == "dislike":
            raise ValueError(
                'negative="dislike" is not distributed yet: pass negative="drop", or use WRMF.fit'
            )
        if self.filters.min_value is not None and self.value is None:
            raise ValueError("min_value needs the column of values: pass value=")
        if isinstance(self.value, Mapping):
            raise ValueError(
                "value= holds weights of events, which are not distributed yet: pass the name of a "
                "column of weights"
            )
        for role in ("user", "item", "value"):
            name = getattr(self, role)
            # Dask frames may have whole numbers as names.
            is_name = isinstance(name, (str, int)) and not isinstance(name, bool)
            if not is_name and (role, name) != ("value", None):
                raise TypeError(f"{role} must be the name of a column, got {shown(name)}")

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once, without the value if there is none."""
        names = (self.user, self.item, self.value)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest says of the columns, and of the rows that are dropped."""
        columns = {"user": self.user, "item": self.item, "value": self.value}
        return {**columns, **asdict(self.filters)}


@dataclass(frozen=True)
class Part:
    """Some row groups of a parquet file.

    Attributes
    ----------
    path : str
    first, last : int
        The first row group, and the one after the last.
    """

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.path}, row groups {self.first} to {self.last - 1}"


@dataclass(frozen=True)
class Source:
    """What is known of a source before its rows are read.

    Attributes
    ----------
    parts : sequence of Part; empty for a frame of Dask, whose partitions they are
    user_kind, item_kind : {"int", "text"}
    n_rows : int, or None if it is not known
    fingerprint : str
        What tells it from other data: of files, what their footers say; of a frame, its tasks.
    stamp : str
        The times of files, without which their rows might have changed and their footers not.
    frame : frame of Dask, or None for parquet files
    paths : sequence of Path
        Where parquet files are: files, folders and patterns, as they were given.
    """

    parts: Sequence[Part]
    user_kind: str
    item_kind: str
    n_rows: int | None
    fingerprint: str
    stamp: str = ""
    frame: Any = None
    paths: Sequence[Path] = ()


def parquet_source(source: Any, columns: Columns) -> Source:
    """Return what the footers of parquet files say.

    Parameters
    ----------
    source : path, pattern or folder, or a sequence of them
    columns : Columns

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        For a source that is no path, and columns given by position.
    ValueError
        For a file that is no parquet file or damaged, that lacks a column, or has it of another
        type than another file; for ids that are neither whole numbers nor texts; and if there are
        no rows. The message names the file.
    """
    for name in columns.names:
        if not isinstance(name, str):
            raise TypeError(
                f"column {name!r} is a position, and files may have their columns in different "
                "orders: pass its name"
            )
    paths = _paths(source)
    files = [file.absolute() for path in paths for file in expand_path(path)]
    with ThreadPoolExecutor(READERS) as readers:
        footers = list(readers.map(_Footer.read, files))
    kinds = {}
    for column in columns.names:
        types = [(str(footer.path), footer.type_of(column)) for footer in footers]
        kinds[column] = common_type(column, types)
    n_rows = sum(footer.n_rows for footer in footers)
    if not n_rows:
        others = f", nor in {len(files) - 1} others" if len(files) > 1 else ""
        raise ValueError(f"there are no rows in {files[0]}{others}")
    user_kind, item_kind = (
        id_kind(kinds[column], column, str(files[0])) for column in (columns.user, columns.item)
    )
    digest = hashlib.sha256(json.dumps([columns.names, len(files)]).encode())
    for footer in footers:
        digest.update(footer.digest)
    parts = [part for footer in footers for part in footer.parts()]
    times = json.dumps([footer.time for footer in footers]).encode()
    return Source(
        parts,
        user_kind,
        item_kind,
        n_rows,
        digest.hexdigest(),
        hashlib.sha256(times).hexdigest(),
        paths=[Path(path) for path in paths],
    )


def _paths(source: Any) -> list[str | Path]:
    """Return the paths of a source, of which there may be one or several.

    Raises
    ------
    TypeError
        For what is no path.
    ValueError
        For what workers cannot open: standard input, and files on other machines.
    """
    listed = list(source) if isinstance(source, (list, tuple)) and source else [source]
    for path in listed:
        if not isinstance(path, (str, os.PathLike)):
            within = "" if path is source else f" in a {type(source).__name__}"
            raise TypeError(
                "source must be a folder, a pattern or a list of parquet files, or a Dask frame, "
                f"got {type(path).__name__}{within}: data in memory is fitted by WRMF.fit"
            )
        if path == STANDARD_INPUT:
            raise ValueError("workers cannot read standard input: write it to a parquet file")
        if isinstance(path, str) and scheme_of(path) not in (None, "file"):
            raise ValueError(
                f"{path} is on another machine: pass dask.dataframe.read_parquet({path!r}), or a "
                "folder that all workers have mounted"
            )
    return [path if isinstance(path, str) else Path(path) for path in listed]


def id_kind(kind: pa.DataType, column: str, where: str) -> str:
    """Return "int" or "text"; a ValueError for other types of ids."""
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(plain) or pa.types.is_floating(plain):
        return "int"
    if any(
        check(plain)
        for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    ):
        return "text"
    raise ValueError(
        f"column {column!r} of {where} holds {kind}: ids must be whole numbers or texts here, so "
        "convert it"
    )


@dataclass(frozen=True)
class _Footer:
    """The footer of a parquet file."""

    path: Path
    schema: pa.Schema
    group_rows: tuple[int, ...]
    digest: bytes
    time: int

    @classmethod
    def read(cls, path: Path) -> _Footer:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(path) as file:
                metadata, schema = file.metadata, file.schema_arrow
                rows = tuple(
                    metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)
                )
            time = path.stat().st_mtime_ns
            return cls(path, schema, rows, _footer_digest(path, metadata), time)
        except (pa.ArrowException, OSError, UnicodeDecodeError, SystemError) as error:
            raise _no_parquet(path, error) from None

    @property
    def n_rows(self) -> int:
        return sum(self.group_rows)

    def type_of(self, column: str) -> pa.DataType:
        """Return the type of a column, which may be a nested field or a key of a folder."""
        import pyarrow as pa

        if column in _keys_of(self.path, self.schema, [column]):
            return pa.string()
        try:
            (place,) = column_paths(self.schema, [column])
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        kind = self.schema.field(place.position).type
        for name in place.parts[1:]:
            kind = kind.field(name).type
        return kind

    def parts(self) -> list[Part]:
        """Return the row groups in parts of about ``PART_ROWS``; none if there are no rows."""
        parts, first, n_rows = [], 0, 0
        for group, size in enumerate(self.group_rows):
            if n_rows and n_rows + size > PART_ROWS:
                parts.append(Part(str(self.path), first, group))
                first, n_rows = group, 0
            n_rows += size
        if n_rows:
            parts.append(Part(str(self.path), first, len(self.group_rows)))
        return parts


def _keys_of(path: str | Path, schema: pa.Schema, columns: Sequence[str]) -> dict[str, str | None]:
    """Return the columns that a file lacks and the names of its folders have, as ``day=1``."""
    keys = partition_keys(Path(path))
    return {name: keys[name] for name in columns if name in keys and name not in schema.names}


def _no_parquet(path: Path, error: Exception) -> ValueError:
    """Return the error about a file that cannot be read as parquet, which says what to do."""
    try:
        kind = sniff_format(path)
    except (OSError, ValueError):
        kind = "parquet"
    if kind in ("text", "json") and path.stat().st_size:
        reader = "read_csv" if kind == "text" else "read_json"
        return ValueError(
            f"{path} is {kind}, no parquet file: pass dask.dataframe.{reader}(…) of such files, or "
            "write them as parquet"
        )
    return ValueError(f"{path} is no parquet file, or damaged: {reason_of(error)}")


def _footer_digest(path: Path, metadata: parquet.FileMetaData) -> bytes:
    """Return a digest of a file's name, size and footer, which has the bounds of its columns."""
    size = path.stat().st_size
    length = min(size, metadata.serialized_size + LENGTH_AND_MAGIC)
    with path.open("rb") as file:
        file.seek(size - length)
        return hashlib.sha256(f"{path.name} {size}".encode() + file.read(length)).digest()


def read_part(part: Part, columns: Columns) -> Rows:
    """Return the rows of a part of a parquet file.

    Raises
    ------
    ValueError
        For null ids and the like, as :func:`wrmf.read_interactions` raises it; it names the file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(part.path) as file:
            groups = list(range(part.first, part.last))
            keys = _keys_of(part.path, file.schema_arrow, columns.names)
            n_rows = sum(file.metadata.row_group(group).num_rows for group in groups)
            own = [name for name in columns.names if name not in keys]
            read = file.read_row_groups(groups, columns=own) if own else pa.table({})
    except FileNotFoundError:
        raise ValueError(
            f"{part.path} is not on this worker: all workers must see the source by the same path"
        ) from None
    except (pa.ArrowException, OSError, IndexError) as error:
        raise ValueError(f"{part} cannot be read: {reason_of(error)}") from None
    arrays = {name: pa.repeat(pa.scalar(key, pa.string()), n_rows) for name, key in keys.items()}
    table = pa.table([*read.columns, *arrays.values()], names=[*read.column_names, *arrays])
    return rows_of(table, columns, str(part))


def rows_of(table: Any, columns: Columns, name: str) -> Rows:
    """Return the rows of a table, by the rules of :func:`wrmf.read_interactions`.

    Parameters
    ----------
    table : pyarrow.Table or pandas.DataFrame
    columns : Columns
    name : str, what error messages call it

    Raises
    ------
    ValueError, TypeError
        For null ids, negative values and the like.
    """
    wanted = WantedColumns(columns.user, columns.item, columns.value)
    if not len(table):
        nothing = np.empty(0, np.int64)
        values = None if columns.value is None else np.empty(0)
        return Rows(nothing, nothing, nothing, nothing, values)
    try:
        loaded = RowTable.load(table, SourceOptions(wanted.columns()), "pairs")
        return columns.filters.rows(loaded, wanted, None, allow_empty=True)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def ids_as_column(ids: np.ndarray, kind: str, called: str) -> Any:
    """Return ids as a column of the kind that all parts have; a ValueError for other ids.

    Parameters
    ----------
    ids : ndarray of int64 or object
    kind : {"int", "text"}
    called : str, what messages call the column
    """
    if kind == "int":
        if ids.dtype != np.int64:
            raise ValueError(f"{called} holds {ids[0]!r}, which is no whole number below 2**63")
        return ids
    # Dask frames may hold other values than the types of their columns say.
    if len(ids) and pd.api.types.infer_dtype(ids, skipna=False) != "string":
        other = next(value for value in ids.tolist() if not isinstance(value, str))
        raise ValueError(
            f"{called} holds {other!r}, which is no text, as ids of other parts are: convert the "
            "column"
        )
    return pd.array(ids, dtype=pd.StringDtype("pyarrow"))
