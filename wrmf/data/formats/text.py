"""Read text files with one line for each row and a header, also gzipped."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wrmf.data.formats.compression import format_ending, open_unpacked

__all__ = ["SEPARATORS", "read_text"]

# By the file name's ending. Other text files are read with DEFAULT_SEPARATOR.
SEPARATORS = {".csv": ",", ".tsv": "\t", ".psv": "|"}
DEFAULT_SEPARATOR = ","


@dataclass(frozen=True)
class Dialect:
    """How a field is written that holds the separator: quoted, or with the separator escaped."""

    quote: str | None
    escape: str | None = None


STANDARD = Dialect(quote='"')
# The likes of Rosenthal 2016 ("Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab
# Models") are separated by pipes and quoted by backslashes; other such files escape by backslashes.
DIALECTS_OF_PIPES = (Dialect(quote="\\"), Dialect(quote=None, escape="\\"))


def read_text(path: Path, sep: str | None = None) -> pd.DataFrame:
    """Return all columns of a text file.

    An empty field is a null; the words NA or null are values like others. Which of the dialects of
    pipe-separated files is meant is found out by trying them.

    Parameters
    ----------
    path : Path
        Unpacked on the way if it ends in ``.gz``.
    sep : str, optional
        Separator of the fields, of one or more characters; by default the one of the ending.

    Raises
    ------
    ValueError
        If the file is empty or no text, or if a line has more fields than the header.
    """
    sep = sep or SEPARATORS.get(format_ending(path), DEFAULT_SEPARATOR)
    try:
        return _parse_pipes(path) if sep == "|" else _parse(path, sep, STANDARD)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text separated by {sep!r}: {error}") from None


def _parse_pipes(path: Path) -> pd.DataFrame:
    """Parse a pipe-separated file in the dialect that yields one row for each line.

    The wrong dialect merges or splits lines. Where none fits, because fields contain line breaks,
    the first that can be parsed is taken.
    """
    n_rows = _count_lines(path) - 1
    parsed: list[pd.DataFrame] = []
    errors: list[pd.errors.ParserError] = []
    for dialect in DIALECTS_OF_PIPES:
        try:
            frame = _parse(path, "|", dialect)
        except pd.errors.ParserError as error:
            errors.append(error)
            continue
        if len(frame) == n_rows:
            return frame
        parsed.append(frame)
    if not parsed:
        raise errors[0]
    return parsed[0]


def _count_lines(path: Path) -> int:
    """Return the number of lines that are not blank."""
    with open_unpacked(path) as file:
        return sum(1 for line in file if line.strip())


def _parse(path: Path, sep: str, dialect: Dialect) -> pd.DataFrame:
    # Read all columns: where only some are read, pandas accepts lines with too many fields, in
    # which ids stand in the wrong columns.
    frame = pd.read_csv(
        path,
        sep=sep,
        # The fast parser, which is the default, knows separators of one character only.
        engine="python" if len(sep) > 1 else None,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        quotechar=dialect.quote or '"',
        escapechar=dialect.escape,
        keep_default_na=False,
        na_values=[""],
    )
    # pandas takes surplus fields for an index.
    if not isinstance(frame.index, pd.RangeIndex):
        raise pd.errors.ParserError("lines hold more fields than the header has names")
    return frame
