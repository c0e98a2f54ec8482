"""Write frames of recommendations to a file, one after the other."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from wrmf.data.choices import shown
from wrmf.data.unicode_texts import check_unicode, refusing_surrogates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "Axes", "writer_for"]

# Writes one more frame.
Write: TypeAlias = "Callable[[pd.DataFrame], None]"


class Axes(NamedTuple):
    """All ids that may be written, so that the types of columns are known from the start.

    Attributes
    ----------
    users, items : ndarray of ids
    """

    users: np.ndarray
    items: np.ndarray


Writer: TypeAlias = Callable[[IO[bytes], Axes], AbstractContextManager[Write]]


def writer_for(path: str | os.PathLike[str], format: str | None = None) -> Writer:  # noqa: A002
    """Return what opens a file for frames, by the name of a format or by the ending of a path.

    Raises
    ------
    ValueError
        For a format that is not in ``FORMATS``.
    """
    name = Path(path).suffix[1:].lower() if format is None else format
    if not isinstance(name, str) or name not in FORMATS:
        source = f"the ending of {os.fspath(path)!r}" if format is None else shown(format)
        raise ValueError(
            f"{source} is none of {', '.join(FORMATS)}: name the file so, or pass format="
        )
    return FORMATS[name]


@contextmanager
def _naming_surrogates(frame: pd.DataFrame) -> Iterator[None]:
    """Raise a clear ValueError for a text of a frame that UTF-8 cannot hold.

    pandas 3 refuses it in frames, pandas 2 where it is written.
    """
    try:
        yield
    except UnicodeEncodeError:
        for column in frame.columns:
            check_unicode(frame[column].tolist(), "the table of lists")
        raise


@contextmanager
def _text_table(file: IO[bytes], separator: str) -> Iterator[Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    n_written = 0

    def write(frame: pd.DataFrame) -> None:
        nonlocal n_written
        with _naming_surrogates(frame):
            frame.to_csv(
                text, index=False, sep=separator, header=not n_written, lineterminator="\n"
            )
        n_written += 1

    yield write
    text.flush()
    # The file is closed by whoever opened it.
    text.detach()


def _csv(file: IO[bytes], axes: Axes) -> AbstractContextManager[Write]:
    return _text_table(file, ",")


def _tsv(file: IO[bytes], axes: Axes) -> AbstractContextManager[Write]:
    return _text_table(file, "\t")


@contextmanager
def _json_lines(file: IO[bytes], axes: Axes) -> Iterator[Write]:
    def write(frame: pd.DataFrame) -> None:
        if len(frame):
            with _naming_surrogates(frame):
                lines = frame.to_json(
                    orient="records",
                    lines=True,
                    force_ascii=False,
                    date_format="iso",
                    default_handler=str,
                ).encode()
            file.write(lines)

    yield write


@contextmanager
def _parquet(file: IO[bytes], axes: Axes) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {name: _arrow_type(ids, name) for name, ids in axes._asdict().items()}
    writer: Any = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        if writer is None:
            schema = pa.schema(
                {
                    "user": types["users"],
                    "item": types["items"],
                    **({"name": pa.string()} if "name" in frame else {}),
                    "score": pa.from_numpy_dtype(frame["score"].dtype),
                    "rank": pa.int64(),
                }
            )
            writer = pq.ParquetWriter(file, schema)
        writer.write_table(pa.Table.from_pandas(frame, writer.schema, preserve_index=False))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _arrow_type(ids: np.ndarray, axis: str) -> Any:
    """Return the arrow type of all ids of an axis."""
    import pyarrow as pa

    try:
        with refusing_surrogates(f"the column of {axis}"):
            return pa.array(ids).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise TypeError(
            f"{axis} have ids of types that a column of parquet cannot hold ({error}): write csv"
        ) from None


FORMATS: dict[str, Writer] = {
    "parquet": _parquet,
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _json_lines,
}
