"""Write tables: to files, in what their endings say, and to standard output, in any format."""

from __future__ import annotations

import argparse
import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from wrmf.cli.streams import STREAM, standard_output
from wrmf.files import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PRINTED",
    "TABLE_ENDINGS",
    "add_table_option",
    "is_printed_text",
    "table_file",
    "write_table",
]


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


Writer: TypeAlias = "Callable[[pd.DataFrame, Any], None]"
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
# What may be printed: a table to read, and all formats of files without compression.
PRINTED = ("table", *(ending[1:] for ending in WRITERS))
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
    if path == STREAM:
        return path
    ending, packed = _endings(path)
    if ending not in (TEXT_WRITERS if packed else WRITERS):
        raise argparse.ArgumentTypeError(
            f"the ending of {text!r} says no format: expected {TABLE_ENDINGS}"
        )
    return path


def add_table_option(
    add: Callable[..., argparse.Action],
    table: str = "the table",
    default: str = "by default it is printed, as with -",
) -> None:
    """Add the file of a table, and the format in which it is printed; see :func:`write_table`.

    Parameters
    ----------
    add : callable
        The ``add_argument`` of a parser or of a group of its options.
    table, default : str
        What is written, and where to if no file is named, for the help.
    """
    add(
        "--out",
        type=table_file,
        metavar="FILE",
        help=f"file for {table}, {default}; endings: {TABLE_ENDINGS}",
    )
    add(
        "--format",
        choices=PRINTED,
        metavar="FORMAT",
        help=f"format in which {table} is printed: {', '.join(PRINTED)} (default: table)",
    )


def is_printed_text(name: str) -> bool:
    """Return whether a format of ``PRINTED`` is text."""
    return name == "table" or f".{name}" in TEXT_WRITERS


def write_table(frame: pd.DataFrame, out: Path | None, name: str | None = None) -> None:
    """Write a table to a file, completely or not at all, or print it.

    Parameters
    ----------
    frame : DataFrame
    out : Path or None
        As :func:`table_file` returns it. The table is printed if it is None or ``-``.
    name : str, optional
        Of ``PRINTED``, the format in which a table is printed.
    """
    if out is None or out == STREAM:
        _print_table(frame, name or "table")
        return
    ending, packed = _endings(out)
    with replacing(out) as file:
        if not packed:
            WRITERS[ending](frame, file)
            return
        with PACKERS[packed](file, out.stem) as unpacked:
            WRITERS[ending](frame, unpacked)


def _print_table(frame: pd.DataFrame, name: str) -> None:
    if name == "table":
        print(_readable(frame))
        return
    content = io.BytesIO()
    with standard_output(is_printed_text(name)) as output:
        WRITERS[f".{name}"](frame, content)
        written = content.getvalue()
        # A line that does not end would be continued by the prompt of the shell.
        ends = not is_printed_text(name) or written.endswith(b"\n")
        output.write(written if ends else written + b"\n")


def _readable(frame: pd.DataFrame) -> str:
    """Return a table for people; scores near 0 would turn the others into powers of ten."""
    if frame.empty:
        return "  ".join(map(str, frame.columns))
    fixed = {"score": _decimals} if "score" in frame and _is_ordinary(frame["score"]) else {}
    return str(frame.to_string(index=False, formatters=fixed))


def _decimals(score: float) -> str:
    # Without 0, what is rounded to zero from below would be -0.0000.
    return f"{round(float(score), 4) + 0:.4f}"


def _is_ordinary(scores: pd.Series) -> bool:
    """Return whether four decimals tell the scores of a list apart from 0."""
    return scores.dtype.kind == "f" and 0.01 <= float(scores.abs().max()) < 1e6
