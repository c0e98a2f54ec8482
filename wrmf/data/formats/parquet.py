"""Read parquet files, one or many, and only their wanted columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from wrmf.data.formats.columns import ColumnPath, column_paths, tidy_arrow
from wrmf.data.formats.joining import common_type
from wrmf.data.formats.memory import reading_pool
from wrmf.data.formats.options import SourceOptions

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow import parquet

__all__ = ["partition_keys", "read_parquet"]

# The text that stands for a null key in the names of the folders of a hive table.
NULL_KEY = "__HIVE_DEFAULT_PARTITION__"
# The number of bytes of the length that precedes each text that is not dictionary-encoded.
LENGTH_BYTES = 4


def read_parquet(source: Path | Sequence[Path], options: SourceOptions) -> pa.Table:
    """Return the wanted columns of parquet files.

    A column that the files lack may be a key in the names of their folders, as in
    ``day=2026-11-26/part-0.parquet``; keys are text.

    Raises
    ------
    ValueError
        For a damaged file, a missing column, and a column of another type in one of the files.
    """
    paths = [source] if isinstance(source, Path) else list(source)
    schemas = [_schema_of(path) for path in paths]
    wanted = options.columns or tuple(schemas[0].names)
    encoded = _encoded_columns(paths[0])
    fields = _wanted_fields(paths, schemas, wanted, encoded)
    # A column of the file takes precedence over a key of its folder.
    keys = {path: _lacking(path, schema) for path, schema in zip(paths, schemas, strict=True)}
    scan = _Scan(fields, keys)
    try:
        table = scan.read(paths)
    except _errors_of_files() as error:
        raise _damaged(scan.first_damaged(paths), error) from None
    # A column may be wanted twice.
    return tidy_arrow(table.select([field.path.name for field in fields]))


def partition_keys(path: Path) -> dict[str, str | None]:
    """Return the keys in the names of a file's folders, such as ``day`` in ``day=1/x.parquet``."""
    keys: dict[str, str | None] = {}
    for folder in path.parts[:-1]:
        name, equals, value = folder.partition("=")
        if equals and name:
            keys[name] = None if value == NULL_KEY else unquote(value)
    return keys


@dataclass(frozen=True)
class _WantedField:
    """A wanted column: its path in the files, and a field whose type fits all files."""

    path: ColumnPath
    field: pa.Field


@dataclass(frozen=True)
class _Scan:
    """Reads wanted columns; ``keys`` holds the keys of each file's folders."""

    fields: Sequence[_WantedField]
    keys: Mapping[Path, dict[str, str | None]]

    def read(self, paths: Sequence[Path]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.dataset as ds
        from pyarrow import fs

        # Several wanted columns may lie in the same nested column, whose field is listed once.
        schema = pa.schema(
            list({wanted.field.name: wanted.field for wanted in self.fields}.values())
        )
        dataset = ds.FileSystemDataset.from_paths(
            [str(path.absolute()) for path in paths],
            schema=schema,
            format=_format_of(schema),
            filesystem=fs.LocalFileSystem(),
            partitions=[_partition(self.keys[path], schema) for path in paths],
        )
        table = dataset.to_table(
            columns={wanted.path.name: ds.field(*wanted.path.parts) for wanted in self.fields},
            memory_pool=reading_pool(),
        )
        # While reading, arrow does not check that texts are UTF-8.
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda column: column.validate(full=True), table.columns))
        return table

    def first_damaged(self, paths: Sequence[Path]) -> Path:
        """Return the first file that cannot be read, after reading all of them failed."""
        for path in paths[:-1]:
            try:
                self.read([path])
            except _errors_of_files():
                return path
        return paths[-1]


def _wanted_fields(
    paths: Sequence[Path],
    schemas: Sequence[pa.Schema],
    wanted: Sequence[str | int],
    encoded: set[str],
) -> list[_WantedField]:
    """Return the path of each wanted column, with a type that can hold it in all files.

    Texts of the columns in ``encoded`` are read as dictionaries.
    """
    import pyarrow as pa

    fields = []
    for column in wanted:
        where: ColumnPath | None = None
        types = []
        for path, schema in zip(paths, schemas, strict=True):
            if column in _lacking(path, schema):
                types.append((str(path), pa.string()))
                continue
            try:
                place = column_paths(schema, [column if where is None else where.name])[0]
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
            where = where or place
            types.append((str(path), schema.field(place.position).type))
        where = where or ColumnPath(0, (str(column),))
        kind = common_type(str(column), types)
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if is_text and where.name in encoded:
            kind = pa.dictionary(pa.int32(), kind)
        fields.append(_WantedField(where, pa.field(where.parts[0], kind)))
    return fields


def _encoded_columns(path: Path) -> set[str]:
    """Return the columns of a parquet file whose dictionaries make them much smaller.

    Reading them as dictionaries avoids hashing the text of each row. In a column of many different
    texts, writers stop using the dictionary after some pages, and then hashing the rows at once is
    faster than matching a dictionary of each part. The sizes in the metadata tell these apart.
    """
    from pyarrow import parquet

    metadata = parquet.read_metadata(path)
    if not metadata.num_row_groups:
        return set()
    group = metadata.row_group(0)
    columns = [group.column(position) for position in range(group.num_columns)]
    return {
        column.path_in_schema
        for column in columns
        if column.has_dictionary_page and _is_much_smaller(column)
    }


def _is_much_smaller(column: parquet.ColumnChunkMetaData) -> bool:
    """Return whether a column takes less than half the bytes of its texts without a dictionary."""
    bounds = column.statistics
    # The lengths of two of the texts stand for the lengths of all.
    length = (
        min(len(bounds.min_raw), len(bounds.max_raw))
        if column.physical_type == "BYTE_ARRAY" and bounds is not None and bounds.has_min_max
        else 0
    )
    plain_bytes = (LENGTH_BYTES + length) / 2
    limit = int(column.num_values) * max(LENGTH_BYTES, plain_bytes)
    return int(column.total_uncompressed_size) < limit


def _lacking(path: Path, schema: pa.Schema) -> dict[str, str | None]:
    """Return the keys of a file's folders that are not columns of the file."""
    return {name: key for name, key in partition_keys(path).items() if name not in schema.names}


def _format_of(schema: pa.Schema) -> ds.FileFormat:
    """Return arrow's reader of parquet, for columns of a schema."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    # The pages of these columns hold dictionaries already, so the text of each row is not hashed.
    encoded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    return ds.ParquetFileFormat(
        read_options=ds.ParquetReadOptions(dictionary_columns=encoded),
        # Reading whole columns ahead helps with remote files only.
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
    )


def _partition(keys: dict[str, str | None], schema: pa.Schema) -> ds.Expression:
    """Return an expression by which all rows of a file get the wanted keys of its folders."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    holds = pc.scalar(True)
    for name, key in keys.items():
        if name in schema.names:
            field = ds.field(name)
            holds = holds & (field.is_null() if key is None else field == key)
    return holds


def _schema_of(path: Path) -> pa.Schema:
    """Return the columns of a file and their types."""
    import pyarrow as pa
    from pyarrow import fs

    try:
        return _format_of(pa.schema([])).inspect(str(path.absolute()), fs.LocalFileSystem())
    except _errors_of_files() as error:
        raise _damaged(path, error) from None


def _errors_of_files() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    # pyarrow raises UnicodeDecodeError and SystemError for damaged names of columns.
    return pa.ArrowException, OSError, UnicodeDecodeError, SystemError


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = str(error).strip().partition("\n")[0]
    return ValueError(f"{path} is no parquet file, or damaged: {reason}")
