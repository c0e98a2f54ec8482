"""Read interactions from files and data frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from wrmf.data.formats import read_table
from wrmf.data.interactions import Interactions, object_array
from wrmf.data.rows import DUPLICATES, RowCounts, Rows

__all__ = ["read_interactions"]


@runtime_checkable
class ConvertsToPandas(Protocol):
    """A table of another library, such as a polars frame or an arrow table."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a pandas frame."""
        ...


def read_interactions(
    source: str | Path | pd.DataFrame | ConvertsToPandas,
    user: str = "user",
    item: str = "item",
    value: str | None = None,
    sep: str | None = None,
    duplicates: str = "sum",
    item_name: str | None = None,
    time: str | None = None,
) -> Interactions:
    r"""Read interactions from a file or a data frame with one row for each.

    Parameters
    ----------
    source : path or data frame
        A file ending in .csv, .tsv or .psv (pipes; the backslash quotes or escapes), also gzipped,
        or in .parquet (needs the extra ``parquet``); or a pandas, polars or arrow frame.
    user, item : str, default "user", "item"
        Columns of the ids, which may be of any hashable type. The axes of the result are in the
        order of first appearance.
    value : str, optional
        Column of counts or weights, finite and ≥ 0; rows of value 0 are no interactions. By
        default each row counts 1.
    sep : str, optional
        Separator of the fields of a text file; by default the one of the file's ending.
    duplicates : {"sum", "drop", "error"}, default "sum"
        What to do with rows that repeat a (user, item) pair: add up their values, keep the first
        row only, or raise an error. Their number is in ``n_duplicates``.
    item_name : str, optional
        Column of readable item names; the name in an item's first row is taken.
    time : str, optional
        Column of times, for :func:`wrmf.split_by_time`; of a repeated pair the latest is kept.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        For a source that cannot be read or has no rows, a missing column, null ids, and values
        that are not finite numbers ≥ 0.

    Examples
    --------
    >>> import pandas as pd
    >>> plays = pd.DataFrame({"user": [7, 7], "item": ["a", "a"], "plays": [2, 3]})
    >>> read_interactions(plays, value="plays").matrix.toarray()
    array([[5.]], dtype=float32)
    """
    if duplicates not in DUPLICATES:
        raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
    frame = _load_frame(source, sep)
    columns = [name for name in (user, item, value, item_name, time) if name is not None]
    _check_columns(frame, columns)
    if not len(frame):
        raise ValueError("there are no rows to read")
    user_codes, users = _encode_ids(frame[user], user)
    item_codes, items = _encode_ids(frame[item], item)
    names = None
    if item_name is not None:
        first_rows = np.unique(item_codes, return_index=True)[1]
        names = object_array([str(name) for name in frame[item_name].iloc[first_rows]])
    rows = Rows(
        users=users,
        items=items,
        user_codes=user_codes,
        item_codes=item_codes,
        values=None if value is None else _parse_values(frame[value], value),
        times=None if time is None else frame[time].to_numpy(),
        item_names=names,
        counts=RowCounts(read=len(frame)),
    )
    return Interactions.from_rows(rows, duplicates)


def _load_frame(source: object, sep: str | None) -> pd.DataFrame:
    """Return the source as a pandas frame."""
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, ConvertsToPandas):
        return source.to_pandas()
    if not isinstance(source, (str, Path)):
        raise TypeError(f"source must be a path or a data frame, got {type(source).__name__}")
    return read_table(Path(source), sep)


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise an error for a named column that is missing or there twice."""
    for name in names:
        if name not in frame.columns:
            raise ValueError(
                f"no column {name!r}; the columns are {list(frame.columns)}: "
                "name them by user=, item=, value="
            )
        if (frame.columns == name).sum() > 1:
            raise ValueError(f"two columns are called {name!r}: rename one")


def _encode_ids(column: pd.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of each row's id, int64, and the distinct ids by code.

    Codes count from 0 in the order of first appearance. Ids are int64 where the column is, else
    objects.
    """
    try:
        codes, ids = pd.factorize(column)
    except TypeError as error:
        raise TypeError(f"column {name!r} holds ids that cannot be hashed: {error}") from None
    if (codes < 0).any():
        raise ValueError(
            f"column {name!r} has a null id in row {int((codes < 0).argmax())}: drop these rows"
        )
    codes = codes.astype(np.int64)
    if column.dtype.kind in "iu" and getattr(ids, "dtype", None) != np.uint64:
        return codes, np.asarray(ids, dtype=np.int64)
    return codes, object_array(list(ids))


def _parse_values(column: pd.Series, name: str) -> np.ndarray:
    """Return a column of counts or weights as finite float64 values ≥ 0."""
    try:
        values = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {name!r} must hold numbers: {error}") from None
    invalid = ~np.isfinite(values) | (values < 0)
    if invalid.any():
        row = int(invalid.argmax())
        raise ValueError(
            f"column {name!r} must hold finite numbers ≥ 0, row {row} holds {values[row]}"
        )
    return values
