"""Take ids from whatever holds them: lists, sets, arrays, and columns of any library."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["as_id_list"]

# Types that are iterable, but one id.
TEXTS = (str, bytes)


def as_id_list(ids: Any, name: str = "ids", axis: Container[Any] = ()) -> list[Any]:
    """Return ids, or a single id, as a list of Python objects.

    Parameters
    ----------
    ids : an id, or any collection of ids
        A list, tuple, set, range or other iterable; a 1-d array; a Series, Index or Categorical of
        pandas; a Series of polars or another library; an Array, ChunkedArray or Scalar of arrow.
        A str or bytes is one id, and so is a tuple that is on the axis.
    name : str, default "ids"
        What error messages call the argument.
    axis : container of ids, optional
        The ids of the axis, to tell a tuple that is an id from a tuple of ids.

    Raises
    ------
    TypeError
        For tables, mappings, and arrays that are not 1-d.

    Examples
    --------
    >>> import pandas as pd, pyarrow as pa
    >>> as_id_list("ann"), as_id_list(range(2)), as_id_list(pa.array(["x", "y"]))
    (['ann'], [0, 1], ['x', 'y'])
    >>> as_id_list(("a", 1)), as_id_list(("a", 1), axis={("a", 1)})
    (['a', 1], [('a', 1)])
    """
    if isinstance(ids, list):
        return ids
    if isinstance(ids, TEXTS):
        return [ids]
    if isinstance(ids, tuple):
        return [ids] if _holds(axis, ids) else list(ids)
    if isinstance(ids, np.ndarray):
        return _of_array(ids, name)
    if hasattr(ids, "as_py"):
        return [ids.as_py()]
    # A lazy frame would warn if its columns were asked for.
    if isinstance(ids, Mapping) or hasattr(ids, "collect") or hasattr(ids, "columns"):
        raise TypeError(
            f"{name} must be ids, got a {type(ids).__name__}: pass one column of a table, or the "
            "keys of a mapping as a list"
        )
    if not isinstance(ids, Iterable):
        return [ids]
    if (dimensions := getattr(ids, "ndim", 1)) != 1:
        raise TypeError(
            f"{name} must be ids in one dimension, got a {type(ids).__name__} of {dimensions}"
        )
    for convert in ("to_list", "tolist", "to_pylist"):
        if hasattr(ids, convert):
            return list(getattr(ids, convert)())
    return list(ids)


def _of_array(ids: np.ndarray, name: str) -> list[Any]:
    if ids.ndim == 0:
        return [ids.item()]
    if ids.ndim != 1:
        raise TypeError(f"{name} must be ids in one dimension, got an array of shape {ids.shape}")
    # NumPy would turn times of nanoseconds into ints, pandas keeps them.
    if ids.dtype.kind in "mM":
        import pandas as pd

        return list(pd.Index(ids).tolist())
    return list(ids.tolist())


def _holds(axis: Container[Any], ids: tuple[Any, ...]) -> bool:
    """Return whether a tuple is itself an id of the axis."""
    try:
        return ids in axis
    except TypeError:
        # It holds something that cannot be hashed, so it is no id.
        return False
