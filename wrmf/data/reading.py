"""Reading interactions from text, parquet and data frames, the article's own file among them."""

from __future__ import annotations

import csv
import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.data.interactions import Interactions, object_array

__all__ = ["read_interactions"]

DUPLICATES = ("sum", "drop", "error")


def read_interactions(
    source: Any,
    user: str = "user",
    item: str = "item",
    value: str | None = None,
    sep: str | None = None,
    duplicates: str = "sum",
    item_name: str | None = None,
    time: str | None = None,
) -> Interactions:
    r"""Read interactions from a file or a data frame.

    Parameters
    ----------
    source : path or data frame
        csv, tsv, psv (pipes; the backslash quotes or escapes), each also as .gz; parquet (extra
        ``parquet``); or a pandas, polars or arrow frame.
    user, item : str, columns of the ids, which may be of any hashable type
    value : str, optional, column of counts or weights; without it each row counts 1
    sep : str, optional, the separator; by default from the file's ending
    duplicates : {"sum", "drop", "error"}, default "sum"
        What becomes of rows that repeat a (user, item) pair: values added up, all but the first
        dropped, or an error. Their number is in ``n_duplicates``.
    item_name : str, optional, column of readable item names
    time : str, optional, column of times, for :func:`wrmf.split_by_time`

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        For a missing file or column, null ids, values that are not finite numbers ≥ 0, no rows.
        Rows of value 0 are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> plays = pd.DataFrame({"user": [7, 7], "item": ["a", "a"], "plays": [2, 3]})
    >>> read_interactions(plays, value="plays").matrix.toarray()
    array([[5.]], dtype=float32)
    """
    if duplicates not in DUPLICATES:
        raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
    columns = {"user": user, "item": item, "value": value, "item_name": item_name, "time": time}
    wanted = [column for column in columns.values() if column is not None]
    frame = _as_frame(source, sep)
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise ValueError(
            f"no column {missing[0]!r}; the columns are {list(frame.columns)}: "
            "name them by user=, item=, value="
        )
    for column in wanted:
        if (frame.columns == column).sum() > 1:
            raise ValueError(f"two columns are called {column!r}: rename one")
    if not len(frame):
        raise ValueError("there are no rows to read")

    row_codes, users = _factorize(frame[user], user)
    column_codes, items = _factorize(frame[item], item)
    values = _values(frame[value], value) if value is not None else np.ones(len(frame))
    # Built by scipy in one pass over the rows, which also adds up repeated pairs.
    matrix = sparse.coo_matrix(
        (values, (row_codes, column_codes)), shape=(len(users), len(items))
    ).tocsr()
    n_duplicates = len(frame) - matrix.nnz
    if n_duplicates and duplicates == "error":
        again = int(pd.Series(row_codes * len(items) + column_codes).duplicated().argmax())
        raise ValueError(
            f"{n_duplicates} rows repeat a (user, item) pair, such as "
            f"({frame[user].iloc[again]!r}, {frame[item].iloc[again]!r}); "
            'pass duplicates="sum" or "drop"'
        )
    times = None
    if time is not None or (n_duplicates and duplicates == "drop"):
        # A stable sort brings repeated pairs together, the first met in front.
        keys = row_codes * len(items) + column_codes
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        if duplicates == "drop":
            matrix.data = values[order][starts]
        if time is not None:
            stamps = frame[time].to_numpy()[order]
            times = stamps[starts] if not n_duplicates else _latest(stamps, starts)
            times = times[matrix.data > 0]
    names = None
    if item_name is not None:
        firsts = np.unique(column_codes, return_index=True)[1]
        names = object_array([str(name) for name in frame[item_name].iloc[firsts]])
    return Interactions(
        as_csr(matrix),
        users,
        items,
        names,
        times,
        n_duplicates,
    )


def _latest(stamps: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if stamps.dtype.kind in "Mm":
        return np.maximum.reduceat(stamps.astype(np.int64), starts).astype(stamps.dtype)
    return np.maximum.reduceat(stamps, starts)


def _factorize(column: pd.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return codes in order of first appearance, and the distinct ids."""
    try:
        codes, ids = pd.factorize(column)
    except TypeError as error:
        raise TypeError(f"column {name!r} holds ids that cannot be hashed: {error}") from None
    if (codes < 0).any():
        raise ValueError(
            f"column {name!r} has a null id in row {int((codes < 0).argmax())}: drop these rows"
        )
    if column.dtype.kind in "iu" and getattr(ids, "dtype", None) != np.uint64:
        return codes.astype(np.int64), np.asarray(ids, dtype=np.int64)
    return codes.astype(np.int64), object_array(list(ids))


def _values(column: pd.Series, name: str) -> np.ndarray:
    try:
        values = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {name!r} must hold numbers: {error}") from None
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"column {name!r} must hold finite numbers ≥ 0, row {row} holds {values[row]}"
        )
    return values


def _as_frame(source: Any, sep: str | None) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    if hasattr(source, "to_pandas"):
        return source.to_pandas()
    if not isinstance(source, (str, Path)):
        raise TypeError(f"source must be a path or a data frame, got {type(source).__name__}")
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is a folder: name a file in it" if path.is_dir() else f"no such file: {path}"
        )
    if path.suffix == ".parquet":
        try:
            return pd.read_parquet(path)
        except ImportError:
            raise ImportError('parquet files need pyarrow: pip install "wrmf[parquet]"') from None
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    sep = sep or {".tsv": "\t", ".psv": "|"}.get(ending, ",")
    try:
        return _read_text(path, sep)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as text separated by {sep!r}: {error}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}") from None


def _read_text(path: Path, sep: str) -> pd.DataFrame:
    if sep != "|":
        return _parse(path, sep)
    # In pipe-separated files the backslash stands for quotes, or escapes: a wrong guess swallows
    # or splits lines, so the reading that yields a row a line is right.
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        lines = sum(1 for line in file if line.strip()) - 1
    readings: list[dict[str, Any]] = [
        {"quoting": csv.QUOTE_MINIMAL, "quotechar": "\\"},
        {"quoting": csv.QUOTE_NONE, "escapechar": "\\"},
    ]
    parsed, error = [], None
    for dialect in readings:
        try:
            frame = _parse(path, sep, **dialect)
        except pd.errors.ParserError as problem:
            error = error or problem
            continue
        if len(frame) == lines:
            return frame
        parsed.append(frame)
    if not parsed:
        assert error is not None
        raise error
    return parsed[0]


def _parse(path: Path, sep: str, **dialect: Any) -> pd.DataFrame:
    # An empty field is a null; the words NA or null are ids like others. All columns are read:
    # pandas overlooks a line with too many fields, whose ids would be wrong, where it reads some.
    if len(sep) > 1:
        dialect["engine"] = "python"
    frame = pd.read_csv(path, sep=sep, keep_default_na=False, na_values=[""], **dialect)
    if not isinstance(frame.index, pd.RangeIndex):
        raise pd.errors.ParserError("lines hold more fields than the header has names")
    return frame
