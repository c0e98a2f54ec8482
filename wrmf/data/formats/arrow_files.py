"""Read files in arrow's two formats: the file format, also called feather, and the stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrmf.data.formats.columns import choose_columns, column_paths
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_arrow"]

FILE_MAGIC = b"ARROW1"


def read_arrow(source: Path, options: SourceOptions) -> pa.Table:
    """Return the wanted columns of an arrow file or stream; only these are read.

    Raises
    ------
    ValueError
        For a damaged file and a missing column.
    """
    import pyarrow as pa

    wanted = options.columns
    fields: list[int] | None = None
    try:
        with pa.OSFile(str(source)) as file:
            schema = _open(file).schema
            # Only now does arrow decode the names of columns, which may be damaged.
            positions = [path.position for path in column_paths(schema, wanted)]
    except (pa.ArrowException, OSError, UnicodeDecodeError, SystemError) as error:
        raise _damaged(source, error) from None
    if wanted:
        fields = sorted(set(positions))
        # Convert positions in the file to positions among the fields that are read.
        wanted = tuple(
            fields.index(position) if isinstance(column, int) else column
            for column, position in zip(wanted, positions, strict=True)
        )
    try:
        with pa.OSFile(str(source)) as file:
            table = _open(file, fields).read_all()
        # Damaged offsets would crash the process when they are used, so they are checked first.
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from None
    return choose_columns(table, wanted)


def _open(file: Any, fields: list[int] | None = None) -> Any:
    """Open a file or stream, of which only some fields are read."""
    from pyarrow import ipc

    options = ipc.IpcReadOptions(included_fields=fields)
    is_file = file.read(len(FILE_MAGIC)) == FILE_MAGIC
    file.seek(0)
    return (ipc.open_file if is_file else ipc.open_stream)(file, options=options)


def _damaged(source: Path, error: Exception) -> ValueError:
    reason = reason_of(error)
    return ValueError(f"{source} is no arrow file, or damaged: {reason}")
