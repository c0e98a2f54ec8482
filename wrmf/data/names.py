"""Match readable names of items, such as those of a second table, with their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.axes import lookup_table, object_array
from wrmf.data.choices import as_choice, shown
from wrmf.data.pandas_types import is_pandas_frame, is_pandas_series
from wrmf.data.unicode_texts import check_unicode, refusing_surrogates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_names", "match_names"]


def as_names(names: Iterable[str] | None, n: int) -> np.ndarray | None:
    """Return names of n items, in the order of their axis, as an object array of text."""
    if names is None:
        return None
    if isinstance(names, (str, bytes, Mapping)):
        raise TypeError(
            f"item_names must be a sequence of names in the order of items, got a "
            f"{type(names).__name__}; Interactions.with_names takes a dict or a table"
        )
    values = object_array([str(name) for name in names])
    check_unicode(values, "item_names")
    if len(values) != n:
        raise ValueError(f"item_names must hold {n} names, got {len(values)}")
    return values


def match_names(names: Any, items: np.ndarray, missing: str) -> np.ndarray:
    """Return the name of each item from a dict, a Series or a table of ids and names.

    Parameters
    ----------
    names : dict or pandas Series from id to name, or a table
        The first two columns of a table, eager or lazy, of pandas, polars, arrow and others, are
        ids and names.
    items : ndarray of ids
    missing : {"error", "id"}
        Whether items without a name raise an error, or are named by their id as text.
    """
    as_choice(missing, "missing", ("error", "id"))
    with refusing_surrogates("names"):
        table = _as_table(names).dropna()
        table["name"] = table["name"].astype(str)
        table = table.drop_duplicates()
        index = lookup_table(table["id"].to_numpy())
    if not index.is_unique:
        twice = index[index.duplicated()].tolist()[0]
        raise ValueError(f"names holds two names of the item {shown(twice)}: keep one of them")
    positions = index.get_indexer(lookup_table(items))
    is_named = positions >= 0
    if not is_named.all() and missing == "error":
        unnamed = items[~is_named]
        example = f", such as {index[:1].tolist()[0]!r}" if len(index) else ""
        raise ValueError(
            f"{len(unnamed)} of {len(items)} items have no name, such as {unnamed.tolist()[0]!r}; "
            f'names has {len(index)} ids{example}: pass missing="id" to show their ids'
        )
    result = object_array([str(item) for item in items.tolist()])
    result[is_named] = table["name"].to_numpy()[positions[is_named]]
    check_unicode(result, "names")
    return result


def _as_table(names: Any) -> pd.DataFrame:
    """Return a new frame with the columns id and name."""
    import pandas as pd

    if is_pandas_series(names):
        names = names.reset_index()
    elif isinstance(names, Mapping):
        names = pd.DataFrame({"id": object_array(list(names)), "name": list(names.values())})
        names["id"] = names["id"].infer_objects()
    elif not is_pandas_frame(names):
        names = _as_pandas(names)
    if not is_pandas_frame(names):
        raise TypeError(
            f"names must be a dict or a table of ids and names, got {type(names).__name__}"
        )
    if len(names.columns) < 2:
        raise ValueError(f"names must have columns of ids and names, got {list(names.columns)}")
    table: pd.DataFrame = pd.DataFrame({"id": names.iloc[:, 0], "name": names.iloc[:, 1]})
    return table


def _as_pandas(table: Any) -> Any:
    """Return a table of another library as a frame of pandas, and anything else as it is."""
    if hasattr(table, "collect"):
        table = table.collect()
    if hasattr(table, "to_pandas"):
        return table.to_pandas()
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow as pa

        return pa.table(table).to_pandas()
    return table
