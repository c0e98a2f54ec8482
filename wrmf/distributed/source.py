"""The rows of a partitioned source: what its parts are, and what a part holds.

Rows are read and checked by the rules of :func:`wrmf.read_interactions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wrmf.data.formats import SourceOptions
from wrmf.data.formats.columns import column_paths
from wrmf.data.formats.joining import common_type
from wrmf.data.formats.paths import expand_path, is_remote
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
    """The names of the columns of users, items and, if there are any, values."""

    user: str
    item: str
    value: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, without the value if there is none."""
        return tuple(asdict(self).values())[: 2 if self.value is None else 3]


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
        What tells it from other data.
    """

    parts: Sequence[Part]
    user_kind: str
    item_kind: str
    n_rows: int | None
    fingerprint: str


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
    ValueError
        For a file that is no parquet file or damaged, that lacks a column, or has it of another
        type than another file; for ids that are neither whole numbers nor texts; and if there are
        no rows. The message names the file.
    """
    listed = source if isinstance(source, (list, tuple)) else [source]
    for path in listed:
        if isinstance(path, str) and is_remote(path):
            raise ValueError(
                f"{path} is on another machine: pass dask.dataframe.read_parquet({path!r}), or a "
                "folder that all workers have mounted"
            )
    files = [file.absolute() for path in listed for file in expand_path(path)]
    with ThreadPoolExecutor(READERS) as readers:
        footers = list(readers.map(_Footer.read, files))
    kinds = []
    for column in columns.names:
        types = [(str(footer.path), footer.type_of(column)) for footer in footers]
        kinds.append((common_type(column, types), types[0][0]))
    n_rows = sum(footer.n_rows for footer in footers)
    if not n_rows:
        raise ValueError(f"there are no rows in {files[0]} or the {len(files) - 1} other files")
    user_kind, item_kind = (
        id_kind(kind, column, where)
        for (kind, where), column in zip(kinds, columns.names[:2], strict=False)
    )
    digest = hashlib.sha256(json.dumps([columns.names, len(files)]).encode())
    for footer in footers:
        digest.update(footer.digest)
    parts = [part for footer in footers for part in footer.parts()]
    return Source(parts, user_kind, item_kind, n_rows, digest.hexdigest())


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
            return cls(path, schema, rows, _footer_digest(path, metadata))
        except (pa.ArrowException, OSError, UnicodeDecodeError, SystemError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(f"{path} is no parquet file, or damaged: {reason}") from None

    @property
    def n_rows(self) -> int:
        return sum(self.group_rows)

    def type_of(self, column: str) -> pa.DataType:
        """Return the type of a column, which may be a nested field."""
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
            groups = range(part.first, part.last)
            table = file.read_row_groups(list(groups), columns=list(columns.names))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{part} cannot be read: {reason}") from None
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
        return RowFilters().rows(loaded, wanted, None)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def ids_as_column(ids: np.ndarray, kind: str, column: str) -> Any:
    """Return ids as a column of the kind that all parts have; a ValueError for other ids."""
    if kind == "int":
        if ids.dtype != np.int64:
            raise ValueError(
                f"column {column!r} holds {ids[0]!r}, which is no whole number below 2**63"
            )
        return ids
    return pd.array(ids, dtype=pd.StringDtype("pyarrow"))
