"""Write tables: in the format and the compression that the ending of the file says."""

from __future__ import annotations

import argparse
import bz2
import contextlib
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import pandas as pd

from wrmf.files import replacing

__all__ = ["TABLE_ENDINGS", "add_table_option", "table_file", "write_table"]


def _write_text(frame: pd.DataFrame, file: Any, sep: str) -> None:
    frame.to_csv(file, sep=sep, index=False, lineterminator="\n", mode="wb", encoding="utf-8")


def _write_json(frame: pd.DataFrame, file: Any, lines: bool) -> None:
    frame.to_json(
        file,
        orient="records",
        lines=lines,
        force_ascii=False,
        double_precision=15,
        date_format="iso",
        default_handler=str,
    )


def _write_parquet(frame: pd.DataFrame, file: Any) -> None:
    frame.to_parquet(file, index=False)


def _write_feather(frame: pd.DataFrame, file: Any) -> None:
    frame.reset_index(drop=True).to_feather(file)


Writer = Callable[[pd.DataFrame, Any], None]
# Formats of text, which may be compressed, and other formats, by the ending of the file.
TEXT_WRITERS: dict[str, Writer] = {
    ".csv": partial(_write_text, sep=","),
    ".tsv": partial(_write_text, sep="\t"),
    ".psv": partial(_write_text, sep="|"),
    ".jsonl": partial(_write_json, lines=True),
    ".ndjson": partial(_write_json, lines=True),
    ".json": partial(_write_json, lines=False),
}
WRITERS: dict[str, Writer] = {
    **TEXT_WRITERS,
    ".parquet": _write_parquet,
    ".feather": _write_feather,
    ".arrow": _write_feather,
}


@contextlib.contextmanager
def _zstd(file: IO[bytes], name: str) -> Iterator[Any]:
    import pyarrow as pa

    # Arrow would close the file together with the stream, so the stream is written to a buffer.
    buffer = pa.BufferOutputStream()
    with pa.CompressedOutputStream(buffer, "zstd") as stream:
        yield stream
    file.write(buffer.getvalue())


@contextlib.contextmanager
def _zip(file: IO[bytes], name: str) -> Iterator[Any]:
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        yield member


# Functions that open a compressed file within a file, given the name without this ending.
PACKERS: dict[str, Callable[[Any, str], Any]] = {
    # Without the time, so that the same table gives the same bytes.
    ".gz": lambda file, name: gzip.GzipFile("", "wb", fileobj=file, mtime=0),
    ".bz2": lambda file, name: bz2.BZ2File(file, "wb"),
    ".xz": lambda file, name: lzma.LZMAFile(file, "wb"),  # noqa: SIM115 - the caller closes it
    ".zst": _zstd,
    ".zip": _zip,
}
TABLE_ENDINGS = f"{', '.join(WRITERS)}; those of text also with {', '.join(PACKERS)}, as in .csv.gz"


def _endings(path: Path) -> tuple[str, str]:
    """Return the endings of the format and of the compression, in lower case."""
    ending = path.suffix.lower()
    if ending in PACKERS:
        return Path(path.stem).suffix.lower(), ending
    return ending, ""


def table_file(text: str) -> Path:
    """Return the path of a table to write; argparse reports an ending that says no format."""
    path = Path(text)
    ending, packed = _endings(path)
    if ending not in (TEXT_WRITERS if packed else WRITERS):
        raise argparse.ArgumentTypeError(
            f"the ending of {text!r} says no format: expected {TABLE_ENDINGS}"
        )
    return path


def add_table_option(add: Callable[..., argparse.Action], table: str = "the table") -> None:
    """Add the file of a table, by the ``add_argument`` of a parser; see :func:`write_table`."""
    add(
        "--out",
        type=table_file,
        metavar="FILE",
        help=f"file for {table}, by default it is printed; endings: {TABLE_ENDINGS}",
    )


def write_table(frame: pd.DataFrame, out: Path | None) -> None:
    """Write a table, completely or not at all, as :func:`table_file` reads its name.

    It is printed where ``out`` is None.
    """
    if out is None:
        print(frame.to_string(index=False))
        return
    ending, packed = _endings(out)
    with replacing(out) as file:
        if not packed:
            WRITERS[ending](frame, file)
            return
        with PACKERS[packed](file, out.stem) as unpacked:
            WRITERS[ending](frame, unpacked)
