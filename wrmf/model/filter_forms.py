"""Turns one filter of a call, in whatever form it is given, into positions on an axis."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from scipy import sparse

from wrmf._ids import are_plain
from wrmf.data.checks import as_csr
from wrmf.data.choices import as_choice
from wrmf.data.id_index import describe_unknown
from wrmf.data.pandas_types import labels_of
from wrmf.distinct import sorted_distinct
from wrmf.model.axis_ids import AxisIds
from wrmf.numerics.item_lists import ItemLists

__all__ = ["Lookup", "OwnLists", "as_bool_column", "is_plain", "select", "split_filters"]

# What to do with ids that the model does not have.
UNKNOWN = ("raise", "skip")


@dataclass(frozen=True)
class OwnLists:
    """Items of some of the users of a call.

    Attributes
    ----------
    lists : ItemLists of m users
    applies : bool (m,), whether a user has a list; an empty list differs from none
    """

    lists: ItemLists
    applies: np.ndarray


@dataclass
class Lookup:
    """Finds the positions of the ids of filters, and counts those that are skipped.

    Parameters
    ----------
    axis : AxisIds
        What is filtered: usually the items.
    unknown : {"raise", "skip"}
        What to do with an id that is not on the axis.
    """

    axis: AxisIds
    unknown: str = "raise"
    skipped: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        as_choice(self.unknown, "unknown_items", UNKNOWN)

    def positions(self, ids: Any) -> np.ndarray:
        """Return the position of each id; −1 for an unknown one, if that is skipped."""
        wanted, positions = self.axis.positions(ids)
        if self.unknown == "raise":
            try:
                self.axis.index.refuse_unknown(wanted, positions)
            except ValueError as error:
                if self.axis.axis != "items":
                    raise
                raise ValueError(
                    f'{error}. To ignore such ids, pass unknown_items="skip"'
                ) from None
            return positions
        self.skipped.extend(wanted[place] for place in np.flatnonzero(positions < 0).tolist())
        return positions

    def warn(self, stacklevel: int = 3) -> None:
        """Warn of the ids that were skipped; ``stacklevel`` counts from this method."""
        if self.skipped:
            ids = describe_unknown(self.skipped, self.axis.axis)
            warnings.warn(f"filters are applied without unknown {ids}", stacklevel=stacklevel)


def as_bool_column(value: Any) -> np.ndarray | None:
    """Return an array or a column of booleans as an array; None for anything else.

    Raises
    ------
    ValueError
        For a column with nulls.
    """
    kind = getattr(value, "dtype", None)
    # Columns of arrow have a type, not a dtype.
    kind = getattr(value, "type", None) if kind is None else kind
    if kind is None or not str(kind).lower().startswith("bool"):
        return None
    column = np.asarray(value)
    if column.dtype == object and all(isinstance(entry, (bool, np.bool_)) for entry in column):
        # pandas before 2.2 returns nullable booleans as objects.
        column = column.astype(bool)
    if column.dtype != bool:
        raise ValueError("a mask must have no nulls: fill them with True or False")
    return column


def split_filters(value: Any) -> list[Any]:
    """Return the filters of one argument: a list of filters, or a filter.

    A list of ids is a filter. A list that holds a mapping, a list, an array, a matrix or a column
    is a list of filters, since none of these is an id.

    Examples
    --------
    >>> split_filters(["x", "y"]), split_filters([["x", "y"], {"ann": ["z"]}])
    ([['x', 'y']], [['x', 'y'], {'ann': ['z']}])
    """
    if value is None:
        return []
    if type(value) is list and are_plain(value):
        return [value]
    # The types are few, however many ids there are.
    if isinstance(value, list) and any(_is_filter(kind) for kind in set(map(type, value))):
        return value
    return [value]


def _is_filter(kind: type) -> bool:
    known = (Mapping, list, set, np.ndarray, sparse.spmatrix, sparse.sparray)
    return issubclass(kind, known) or hasattr(kind, "to_list") or hasattr(kind, "to_pylist")


def select(value: Any, name: str, lookup: Lookup, users: np.ndarray) -> np.ndarray | OwnLists:
    """Return what a filter selects.

    Parameters
    ----------
    value : a filter that ``split_filters`` has returned
    name : str, what error messages call the argument
    lookup : Lookup
    users : ndarray (m,), the ids of the users of the call

    Returns
    -------
    int64, sorted and distinct; bool (n,); or OwnLists
        Positions for all users, a mask for all users, or what each user has.
    """
    if is_plain(value):
        return _of_ids(value, lookup)
    n = len(lookup.axis.ids)
    if isinstance(value, Mapping):
        return _of_mapping(value, name, lookup, users)
    if sparse.issparse(value) or (isinstance(value, np.ndarray) and value.ndim == 2):
        return _of_rows(value, name, (len(users), n), lookup.axis.axis)
    mask = as_bool_column(value)
    if mask is None:
        return _of_ids(value, lookup)
    if (labels := labels_of(value, n)) is not None:
        return select(labels[mask].tolist(), name, lookup, users)
    return _checked_mask(mask, name, lookup.axis)


def is_plain(value: Any) -> bool:
    """Return whether a filter is a list or an array of ids, as most are.

    Other checks of its type would take a request longer than looking up the ids.
    """
    if type(value) is np.ndarray:
        return value.ndim == 1 and value.dtype.kind != "b"
    return type(value) is list


def _of_ids(ids: Any, lookup: Lookup) -> np.ndarray:
    """Return the positions of ids, sorted and distinct."""
    positions = sorted_distinct(lookup.positions(ids))
    # Unknown ids have the position −1.
    return positions[1:] if len(positions) and positions[0] < 0 else positions


def _checked_mask(mask: np.ndarray, name: str, axis: AxisIds) -> np.ndarray:
    n = len(axis.ids)
    if mask.shape != (n,):
        raise ValueError(
            f"a mask in {name} must have one value for each of the {n} model.{axis.axis}, got "
            f"{len(mask) if mask.ndim == 1 else mask.shape}"
        )
    # Compiled code reads the mask, which may be a column of a table.
    return np.ascontiguousarray(mask)


def _of_rows(value: Any, name: str, shape: tuple[int, int], axis: str) -> OwnLists:
    if value.shape != shape or (isinstance(value, np.ndarray) and value.dtype != bool):
        kind = "" if sparse.issparse(value) else f" of {value.dtype}"
        raise ValueError(
            f"a matrix in {name} must be sparse or of booleans and have a row for each of the "
            f"{shape[0]} users of the call and a column for each of the {shape[1]} model.{axis}, "
            f"got {value.shape}{kind}"
        )
    lists = ItemLists.of(as_csr(value, allow_empty=True))
    return OwnLists(lists, np.ones(shape[0], dtype=bool))


def _of_mapping(lists: Mapping[Any, Any], name: str, lookup: Lookup, users: np.ndarray) -> OwnLists:
    """Return the items that a mapping names for each user; all ids are looked up at once."""
    user_ids = users.tolist()
    applies = np.array([user in lists for user in user_ids], dtype=bool)
    owners = np.flatnonzero(applies)
    named = [lists[user_ids[row]] for row in owners.tolist()]
    if all(_is_flat(ids, "O") for ids in named):
        positions = lookup.positions(list(chain.from_iterable(named)))
        lengths = list(map(len, named))
    elif all(isinstance(ids, np.ndarray) and _is_flat(ids, "i") for ids in named):
        positions = lookup.positions(np.concatenate(named))
        lengths = list(map(len, named))
    else:
        parts = [_of_one(ids, name, lookup) for ids in named]
        positions = np.concatenate([np.empty(0, np.int64), *parts])
        lengths = list(map(len, parts))
    rows = np.repeat(owners, lengths)
    if len(positions) and positions.min() < 0:
        rows, positions = rows[positions >= 0], positions[positions >= 0]
    return OwnLists(ItemLists.of_pairs(rows, positions, len(users)), applies)


def _is_flat(ids: Any, kind: str) -> bool:
    """Return whether ids are a list, or a 1-d array of a kind."""
    return type(ids) is list or (
        isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind == kind
    )


def _of_one(ids: Any, name: str, lookup: Lookup) -> np.ndarray:
    """Return the positions of what a mapping has for one user: ids or a mask."""
    selected = select(ids, name, lookup, np.empty(0))
    if isinstance(selected, OwnLists):
        raise TypeError(
            f"a mapping in {name} must have ids or a mask for each user, got a {type(ids).__name__}"
        )
    return np.flatnonzero(selected) if selected.dtype == bool else selected
