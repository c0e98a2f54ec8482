"""Read parquet files, one or many, and only their wanted columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from wrmf.data.formats.columns import ColumnPath, column_paths, tidy_arrow
from wrmf.data.formats.joining import common_type, is_text
from wrmf.data.formats.memory import reading_pool
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow import parquet

__all__ = ["partition_keys", "read_parquet"]

# The text that stands for a null key in the names of the folders of a hive table.
NULL_KEY = "__HIVE_DEFAULT_PARTITION__"
# The number of bytes of the length that precedes each text that is not dictionary-encoded.
LENGTH_BYTES = 4
# The number of rows whose texts are looked at before a column is read.
SAMPLE_ROWS = 1000


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
    fields = _with_dictionaries(paths[0], schemas[0], _wanted_fields(paths, schemas, wanted))
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
    paths: Sequence[Path], schemas: Sequence[pa.Schema], wanted: Sequence[str | int]
) -> list[_WantedField]:
    """Return the path of each wanted column, with a type that can hold it in all files."""
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
        fields.append(
            _WantedField(where, pa.field(where.parts[0], common_type(str(column), types)))
        )
    return fields


def _with_dictionaries(
    path: Path, schema: pa.Schema, fields: Sequence[_WantedField]
) -> list[_WantedField]:
    """Return fields of which some texts are dictionaries: those that the file has much smaller so.

    Reading them as dictionaries avoids hashing the text of each row. In a column of many different
    texts, writers stop using the dictionary after some pages, and then hashing the rows at once is
    faster than matching a dictionary of each part. The sizes in the metadata tell these apart.
    """
    import pyarrow as pa

    texts = [wanted.field.name for wanted in fields if is_text(wanted.field.type)]
    encoded = _encoded_columns(path, [name for name in texts if name in schema.names])
    return [
        _WantedField(wanted.path, wanted.field.with_type(pa.dictionary(pa.int32(), kind)))
        if wanted.field.name in encoded
        else wanted
        for wanted in fields
        for kind in [wanted.field.type]
    ]


def _encoded_columns(path: Path, names: Sequence[str]) -> set[str]:
    """Return those of the text columns whose dictionaries make them much smaller."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        if not names or not file.metadata.num_row_groups:
            return set()
        # Damaged metadata of a column ends the process, unless its rows are read before.
        try:
            head = next(file.iter_batches(SAMPLE_ROWS, [0], list(names)), None)
        except _errors_of_files() as error:
            raise _damaged(path, error) from None
        if head is None:
            return set()
        group = file.metadata.row_group(0)
        places = {file.schema.column(place).path: place for place in range(group.num_columns)}
        return {
            name
            for name in names
            if name in places and _is_much_smaller(group.column(places[name]), head[name])
        }


def _is_much_smaller(column: parquet.ColumnChunkMetaData, head: pa.Array) -> bool:
    """Return whether a column takes less than half the bytes of its texts without a dictionary.

    The lengths of its first texts stand for the lengths of all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not column.has_dictionary_page:
        return False
    if pa.types.is_dictionary(head.type):
        head = head.dictionary_decode()
    lengths = pc.binary_length(head.cast(pa.large_string()))
    plain_bytes = (LENGTH_BYTES + (pc.mean(lengths).as_py() or 0)) / 2
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
    reason = reason_of(error)
    return ValueError(f"{path} is no parquet file, or damaged: {reason}")
