"""File formats that interactions are read from: one module and one row of ``FORMATS`` for each."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from wrmf.data.formats.compression import format_ending
from wrmf.data.formats.parquet import read_parquet
from wrmf.data.formats.text import SEPARATORS, read_text

__all__ = ["FORMATS", "read_table"]

# A reader gets the path and the caller's separator, which only text needs; it returns all columns.
# It opens the path by ``open_unpacked``, or leaves that to pandas, to read gzipped files, too.
Reader = Callable[[Path, str | None], pd.DataFrame]

# By the ending of the file name, without that of compression. Other files are read as text.
FORMATS: dict[str, Reader] = {
    **dict.fromkeys(SEPARATORS, read_text),
    ".parquet": read_parquet,
}


def read_table(path: Path, sep: str | None = None) -> pd.DataFrame:
    """Read all columns of a file, in the format that its ending names.

    Parameters
    ----------
    path : Path
    sep : str, optional
        Separator of the fields of a text file; by default the one of the ending.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or it is a folder.
    ValueError
        If the content cannot be read in this format.
    """
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder: name a file in it")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return FORMATS.get(format_ending(path), read_text)(path, sep)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}") from None
