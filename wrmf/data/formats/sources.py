"""Load the table of any source: files, folders, patterns, frames, matrices, databases, input."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from scipy import sparse

from wrmf.data.choices import as_choice
from wrmf.data.formats.arrow_files import read_arrow
from wrmf.data.formats.columns import Table
from wrmf.data.formats.compression import is_packed, open_unpacked, unpacking
from wrmf.data.formats.content import sniff_format
from wrmf.data.formats.databases import is_database, read_database, read_sqlite
from wrmf.data.formats.frames import is_frame, read_frame
from wrmf.data.formats.joining import join_tables
from wrmf.data.formats.json_lines import read_json
from wrmf.data.formats.layouts import LAYOUTS, unfold
from wrmf.data.formats.lines import read_lines
from wrmf.data.formats.matrix_files import read_matrix, read_matrix_market, read_npz
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.parquet import (
    partition_keys,
    read_parquet,
)
from wrmf.data.formats.paths import expand_path, is_remote
from wrmf.data.formats.text import read_text
from wrmf.data.formats.unfolded import is_unfolded

__all__ = ["FORMATS", "STANDARD_INPUT", "Format", "load_source"]

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    read : function of (Path, SourceOptions)
        Returns the wanted columns of a file, as a pandas frame or an arrow table.
    unpacks : bool
        Whether ``read`` accepts compressed files.
    read_many : function of (sequence of Path, SourceOptions), optional
        Reads several files at a time.
    """

    read: Callable[[Path, SourceOptions], Table]
    unpacks: bool = False
    read_many: Callable[[Sequence[Path], SourceOptions], Table] | None = None


# The file formats, by the names that ``sniff_format`` returns.
FORMATS: dict[str, Format] = {
    "text": Format(read_text, unpacks=True),
    "json": Format(read_json, unpacks=True),
    "parquet": Format(read_parquet, read_many=read_parquet),
    "arrow": Format(read_arrow),
    "npz": Format(read_npz),
    "matrix-market": Format(read_matrix_market, unpacks=True),
    "sqlite": Format(read_sqlite),
}
LINES = Format(read_lines, unpacks=True)


def load_source(source: Any, options: SourceOptions, layout: str = "pairs") -> Table:
    """Return the wanted columns of any source, in their order.

    Parameters
    ----------
    source : path, frame, matrix, database, or sequence of these
        A path or pattern of files, or a folder, whose formats are detected by content; ``"-"``, the
        standard input; a frame (:func:`read_frame`); a scipy.sparse matrix; an address or an open
        connection of a database (:func:`read_database`); several of these, whose rows are
        concatenated; or a list of tuples or dicts.
    options : SourceOptions
        The tables of matrices and of layouts other than "pairs" have the columns user, item and
        value, whatever ``options.columns`` says.
    layout : {"pairs", "user-items", "baskets", "wide"}, default "pairs"
        One row for each interaction, or as :func:`unfold` describes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If a package that a format or a database needs is missing.
    TypeError, ValueError
        For a source that cannot be read, and a column that is missing or occurs twice.
    """
    as_choice(layout, "layout", LAYOUTS)
    if layout == "pairs":
        return _Loader(options).load(source)
    wide = replace(options, columns=()) if layout == "wide" else options
    # A list of items is a cell of a column in typed tables, but a line in text files.
    text = FORMATS["text"] if layout == "wide" else LINES
    return unfold(_Loader(wide, text).load(source), layout, options)


@dataclass(frozen=True)
class _Loader:
    """Loads sources with the same options.

    Attributes
    ----------
    options : SourceOptions
    text : Format
        How text files are read.
    """

    options: SourceOptions
    text: Format = FORMATS["text"]

    def load(self, source: Any) -> Table:
        """Return the wanted columns of a source."""
        if isinstance(source, str) and source == STANDARD_INPUT:
            with _standard_input() as path:
                return self.load_files([path])
        if isinstance(source, str) and is_remote(source):
            raise ValueError(f"{source} is on another machine: download it, and pass the file")
        if is_database(source):
            return read_database(source, self.options)
        if isinstance(source, (str, os.PathLike)):
            return self.load_files(
                expand_path(Path(source) if not isinstance(source, str) else source)
            )
        if sparse.issparse(source):
            return read_matrix(source, self.options)
        if is_frame(source):
            return read_frame(source, self.options)
        if isinstance(source, (list, tuple)) and len(source):
            return self.load_several(source)
        raise TypeError(
            "source must be a path or a data frame, a matrix, an address or connection of a "
            f"database, or several of these, got {type(source).__name__}"
        )

    def load_several(self, sources: Sequence[Any]) -> Table:
        """Return the rows of several sources, or of records."""
        import pandas as pd

        if all(_is_path(source) for source in sources):
            return self.load_files([file for source in sources for file in expand_path(source)])
        if all(isinstance(source, (tuple, dict)) and not is_database(source) for source in sources):
            # As objects, since a column of ints with a null would become one of floats.
            return read_frame(pd.DataFrame(list(sources), dtype=object), self.options)
        tables = [self.load(source) for source in sources]
        return _joined(tables, [f"source {number}" for number in range(len(tables))])

    def load_files(self, paths: Sequence[Path]) -> Table:
        """Return the rows of files, one after another."""
        for place, path in enumerate(paths):
            # Pipes can be read only once, and every format is read more than once.
            if path.is_fifo():
                with path.open("rb") as file, _spooled(file, str(path)) as plain:
                    return self.load_files([*paths[:place], plain, *paths[place + 1 :]])
        kinds = [sniff_format(path) for path in paths]
        if len(set(kinds)) > 1:
            other = next(place for place, kind in enumerate(kinds) if kind != kinds[0])
            raise ValueError(
                f"{paths[0]} is {kinds[0]}, but {paths[other]} is {kinds[other]}: name files "
                'of one format, by a pattern such as "folder/*.parquet"'
            )
        reader = self.text if kinds[0] == "text" else FORMATS[kinds[0]]
        if reader.read_many is not None and not any(map(is_packed, paths)):
            return reader.read_many(paths, self.options)
        tables = [self.load_file(path, reader, len(paths) > 1) for path in paths]
        return _joined(tables, [str(path) for path in paths])

    def load_file(self, path: Path, reader: Format, of_many: bool = False) -> Table:
        """Return the rows of one file; if it is one of many, errors name it."""
        try:
            # The npz files of SciPy are zip archives, which SciPy opens itself.
            if reader.unpacks or reader is FORMATS["npz"] or not is_packed(path):
                return self.load_with_keys(path, reader)
            with unpacking(path), open_unpacked(path) as file, _spooled(file, str(path)) as plain:
                return reader.read(plain, self.options)
        except ValueError as error:
            if not of_many or str(path) in str(error):
                raise
            raise ValueError(f"{path}: {error}") from None

    def load_with_keys(self, path: Path, reader: Format) -> Table:
        """Return the rows of a file; a missing column may be a key in the names of its folders."""
        keys = partition_keys(path)
        own = tuple(column for column in self.options.columns if column not in keys)
        if len(own) == len(self.options.columns) or reader is LINES:
            return reader.read(path, self.options)
        try:
            return reader.read(path, self.options)
        except ValueError:
            typed = tuple(column for column in self.options.typed if column not in keys)
            table = reader.read(path, replace(self.options, columns=own, typed=typed))
        return _with_keys(table, keys, self.options.columns)


def _joined(tables: Sequence[Table], names: Sequence[str]) -> Table:
    """Return the rows of several sources, in order."""
    if len(tables) > 1 and any(map(is_unfolded, tables)):
        raise ValueError(
            f"{len(tables)} sources, of which one is a matrix: it is unknown whether its rows are "
            "the users of the other sources; read them one by one, with users= and items="
        )
    return join_tables(tables, names)


def _is_path(source: object) -> TypeGuard[str | Path]:
    if isinstance(source, str):
        return source != STANDARD_INPUT and not is_database(source) and not is_remote(source)
    return isinstance(source, os.PathLike)


def _with_keys(table: Table, keys: dict[str, str | None], wanted: Sequence[str | int]) -> Table:
    """Return a table with the wanted keys of folders as columns, in the wanted order."""
    import pandas as pd
    import pyarrow as pa

    places = [(place, str(name)) for place, name in enumerate(wanted) if name in keys]
    if isinstance(table, pd.DataFrame):
        table = table.copy(deep=False)
        for place, name in places:
            column = pd.Series([keys[name]] * len(table), index=table.index, dtype=object)
            table.insert(place, name, column, allow_duplicates=True)
        return table
    for place, name in places:
        column = pa.repeat(pa.scalar(keys[name], pa.string()), table.num_rows)
        table = table.add_column(place, name, column)
    return table


@contextlib.contextmanager
def _standard_input() -> Iterator[Path]:
    """Yield a file with the bytes of the standard input."""
    with _spooled(getattr(sys.stdin, "buffer", sys.stdin), "standard input") as path:
        yield path


@contextlib.contextmanager
def _spooled(file: Any, name: str) -> Iterator[Path]:
    """Yield a temporary file with the content of ``file``; errors call it ``name``."""
    with tempfile.TemporaryDirectory(prefix="wrmf-") as folder:
        path = Path(folder) / "input"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None
