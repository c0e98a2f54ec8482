"""Tells objects of pandas from others without loading pandas, which takes as long as all else.

An object of pandas exists only where pandas is loaded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import TypeIs

__all__ = ["is_pandas_frame", "is_pandas_index", "is_pandas_na", "is_pandas_series", "labels_of"]


def is_pandas_frame(value: object) -> TypeIs[pd.DataFrame]:
    """Return whether a value is a DataFrame of pandas."""
    return _is(value, "DataFrame")


def is_pandas_series(value: object) -> TypeIs[pd.Series]:
    """Return whether a value is a Series of pandas."""
    return _is(value, "Series")


def is_pandas_index(value: object) -> TypeIs[pd.Index]:
    """Return whether a value is an Index of pandas."""
    return _is(value, "Index")


def is_pandas_na(value: object) -> bool:
    """Return whether a value is the missing value ``pandas.NA``."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and value is getattr(pandas, "NA", pandas)


def labels_of(value: object, n: int) -> pd.Index | None:
    """Return the index of a Series, or None for other values and for the index 0, 1, 2, …, n − 1.

    Examples
    --------
    >>> import pandas as pd
    >>> labels_of(pd.Series([1.5], index=["x"]), 1).tolist()
    ['x']
    >>> print(labels_of(pd.Series([1.5]), 1), labels_of([1.5], 1))
    None None
    """
    if not is_pandas_series(value):
        return None
    import pandas as pd

    return None if value.index.equals(pd.RangeIndex(n)) else value.index


def _is(value: object, name: str) -> bool:
    # While another thread loads pandas, the module may lack the name.
    kind = getattr(sys.modules.get("pandas"), name, None)
    return kind is not None and isinstance(value, kind)
