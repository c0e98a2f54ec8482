"""Frames of Dask as sources: their columns, the types of these, and what tells their data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dask
import pyarrow as pa
from dask import dataframe

from wrmf.data.formats.columns import describe_missing

__all__ = ["columns_of_frame", "frame_of_parts", "is_dask_frame", "kinds_of_frame", "token_of"]


def is_dask_frame(source: Any) -> bool:
    """Return whether a source is a frame of Dask."""
    return isinstance(source, dataframe.DataFrame)


def columns_of_frame(frame: Any, columns: Sequence[Any]) -> Any:
    """Return a Dask frame of some columns; a named index counts as one.

    Raises
    ------
    ValueError
        For a column that it lacks, or has twice.
    """
    names = list(frame.columns)
    if any(column not in names and column == frame.index.name for column in columns):
        frame = frame.reset_index()
        names = list(frame.columns)
    for column in columns:
        if column not in names:
            raise ValueError(describe_missing(column, names))
        if names.count(column) > 1:
            raise ValueError(f"two columns are called {column!r}: rename one")
    return frame[list(columns)]


def kinds_of_frame(frame: Any) -> dict[Any, pa.DataType]:
    """Return the arrow type of each column of a Dask frame.

    Raises
    ------
    ValueError
        For a column of Python objects, of which Dask does not know whether they are texts.
    """
    meta = frame._meta
    for column in meta.columns:
        if str(meta.dtypes[column]) == "object":
            raise ValueError(
                f"column {column!r} of the Dask frame holds Python objects, which may be texts or "
                f'numbers: pass frame.astype({{{column!r}: "string"}}), or another type'
            )
    schema = pa.Schema.from_pandas(meta, preserve_index=False)
    return {column: schema.types[place] for place, column in enumerate(meta.columns)}


def frame_of_parts(
    function: Callable[..., Any], parts: Sequence[Any], meta: Any, **kwargs: Any
) -> Any:
    """Return a Dask frame with a partition for the result of each part."""
    return dataframe.from_map(function, parts, meta=meta, enforce_metadata=False, **kwargs)


def token_of(frame: Any) -> str:
    """Return what tells the data of a Dask frame from other data."""
    return str(dask.base.tokenize(frame))
