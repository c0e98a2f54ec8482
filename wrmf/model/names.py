"""Reads ids from arguments, and replaces names of items by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["as_id_list", "ids_of_names"]


def ids_of_names(ids: Any, index: pd.Index, names: np.ndarray) -> list[Any]:
    """Return ids in which names of items are replaced by the ids of these items.

    Parameters
    ----------
    ids : an id or a name, or an iterable of them
        Ids are returned unchanged, and so is text that is neither an id nor a name.
    index : pandas.Index (n_items,)
        The ids.
    names : object (n_items,)

    Raises
    ------
    ValueError
        For a name that several items have.
    """
    listed = as_id_list(ids)
    texts = {text for text in listed if isinstance(text, str) and text not in index}
    if not texts:
        return listed
    places = np.flatnonzero(pd.Index(names).isin(list(texts)))
    id_of: dict[str, Any] = {}
    for name, item in zip(names[places], index[places].tolist(), strict=True):
        if name in id_of:
            raise ValueError(
                f"{name!r} is the name of several items, such as {id_of[name]!r} and {item!r}: "
                "pass the id"
            )
        id_of[name] = item
    return [id_of.get(entry, entry) if isinstance(entry, str) else entry for entry in listed]


def as_id_list(ids: Any) -> list[Any]:
    """Return an argument as a list of ids. A str, bytes or tuple is one id."""
    if isinstance(ids, (str, bytes, tuple)) or not isinstance(ids, Iterable):
        return [ids]
    return ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
