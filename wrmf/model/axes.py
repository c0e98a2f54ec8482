"""Reorders data to the users and items of a fitted model.

Interactions are matched by id, matrices without ids by position.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import sparse

from wrmf._fold_in import is_canonical
from wrmf.data.axes import map_axis
from wrmf.data.checks import as_csr, is_number
from wrmf.data.choices import as_choice, shown
from wrmf.data.id_index import IdIndex, object_array
from wrmf.data.inputs import Histories, as_data, is_matrix
from wrmf.data.interactions import Interactions, align, entry_rows, same_ids
from wrmf.distinct import sorted_distinct
from wrmf.model.axis_ids import AxisIds
from wrmf.model.growth import check_id_types
from wrmf.model.state import Factors

__all__ = ["names_on_item_axis", "on_own_axes", "on_user_axis", "rows_on_item_axis"]

Axis: TypeAlias = Literal["users", "items"]
# The values, rows and columns of a matrix.
Entries: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
# The values of the parameter ``unknown`` for ids in a history.
UNKNOWN = ("raise", "skip")


def on_own_axes(data: Any, state: Factors) -> sparse.csr_matrix:
    """Return the matrix of data that has all users and items of the model, and no others.

    Interactions may have their users and items in any order. The rows and columns of a matrix are
    in the order of ``state.users`` and ``state.items``.

    Raises
    ------
    ValueError
        For data of another shape or with other ids.
    """
    data = as_data(data)
    is_matrix = not isinstance(data, Interactions)
    matrix = as_csr(data, negative=state.negative) if is_matrix else data.matrix
    n_users, n_items = state.shape
    if matrix.shape != (n_users, n_items):
        raise ValueError(
            f"the data is {matrix.shape[0]} users × {matrix.shape[1]} items, the model was fitted "
            f"to {n_users} × {n_items}: call fit, or fold_in_users for new users"
        )
    if not isinstance(data, Interactions):
        return matrix
    if same_ids(data.users, state.users) and same_ids(data.items, state.items):
        return matrix
    try:
        _check_known(data, state, "users")
        _check_known(data, state, "items")
    except ValueError as error:
        hint = ", or pass the matrix of the data" if state.numbered else ""
        raise ValueError(
            "the data has other user or item ids than the model was fitted to "
            f"({error}): call fit, or fold_in_users for new users{hint}"
        ) from None
    return align(data, state.users, state.items).matrix


def names_on_item_axis(data: Any, state: Factors) -> np.ndarray | None:
    """Return the names of the model's items in data whose items are those of the model."""
    if not isinstance(data, Interactions) or data.item_names is None:
        return None
    return map_axis(data.items, state.items, "error", "items").rearrange(data.item_names)


def rows_on_item_axis(
    data: Any, state: Factors, unknown: str = "raise"
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Return the users of ``data``, and a matrix of them whose columns are the model's items.

    Items of Interactions and histories are matched by id, those of histories also by a name that a
    single item has; they may be in any order, and some may be missing. A mapping of items to counts
    is the history of user 0. The columns of a matrix are in the order of ``state.items``, and its
    users are 0, 1, 2, …. ``unknown`` is "raise" or "skip": what to do with interactions with items
    that the model does not have. A warning counts those that are skipped.
    """
    as_choice(unknown, "unknown", UNKNOWN)
    # A matrix in a dictionary of keys is a mapping, too.
    if isinstance(data, Mapping) and not is_matrix(data):
        item_ids = state.prepared.item_ids
        index = item_ids.index
        histories = Histories.of(_by_user(data, index), index, state.negative)
        places = np.arange(len(histories.items))
        entries = np.array(histories.counts), histories.entry_users, places
        shape = len(histories.users), len(state.items)
        placed = _placed(entries, histories.items, index, shape, unknown, item_ids)
        return histories.users, placed
    data = as_data(data)
    if isinstance(data, Interactions):
        return data.users, _on_axis(data, state, "items", unknown)
    rows = data
    if not is_canonical(data):
        rows = as_csr(data, allow_empty=True, negative=state.negative)
    if rows.shape[1] != len(state.items):
        raise ValueError(
            f"data must be users × items with {len(state.items)} columns, got {rows.shape}"
        )
    return np.arange(rows.shape[0]), rows


def _by_user(data: Mapping[Any, Any], index: IdIndex) -> Mapping[Any, Any]:
    """Return histories by user; a mapping of items to counts is the history of user 0.

    Raises
    ------
    ValueError
        If it cannot be told from a mapping that has one item for each user.
    """
    values = list(data.values())
    if not values or not all(map(is_number, values)):
        return data
    are_items = index.positions(values) >= 0
    if not are_items.any():
        return {0: data}
    if (index.positions(list(data)) < 0).any():
        return data
    if are_items.all():
        key, value = next(iter(data.items()))
        raise ValueError(
            f"a mapping with {shown(key)}: {shown(value)} may have counts of items, or one item of "
            "each user: pass {user: {item: count}} or {user: [item]}"
        )
    return {0: data}


def on_user_axis(data: Any, state: Factors, unknown: str = "raise") -> sparse.csr_matrix:
    """Return ``data`` as a matrix whose rows are the model's users; see ``rows_on_item_axis``."""
    as_choice(unknown, "unknown", UNKNOWN)
    data = as_data(data)
    if isinstance(data, Interactions):
        return _on_axis(data, state, "users", unknown)
    columns = as_csr(data, allow_empty=True, negative=state.negative)
    if columns.shape[0] != len(state.users):
        raise ValueError(
            f"data must be users × new items with {len(state.users)} rows, got {columns.shape}"
        )
    return columns


def _on_axis(data: Interactions, state: Factors, axis: Axis, unknown: str) -> sparse.csr_matrix:
    """Return the matrix of interactions, with one axis in the order of the model's ids."""
    ids, matrix = getattr(data, axis), data.matrix
    if same_ids(ids, getattr(state, axis)):
        return matrix
    rows, columns = entry_rows(matrix), matrix.indices
    if axis == "items":
        shape = matrix.shape[0], len(state.items)
        return _placed((matrix.data, rows, columns), ids, _index(state, axis), shape, unknown)
    # The transposed matrix has users as columns.
    shape = matrix.shape[1], len(state.users)
    placed = _placed((matrix.data, columns, rows), ids, _index(state, axis), shape, unknown)
    return placed.T.tocsr()


def _placed(
    entries: Entries,
    ids: Any,
    index: IdIndex,
    shape: tuple[int, int],
    unknown: str,
    named: AxisIds | None = None,
) -> sparse.csr_matrix:
    """Return a matrix whose columns are the axis of an index.

    Parameters
    ----------
    entries : values, rows, and positions in ``ids``
    ids : the ids of the columns that the entries have now
    index : IdIndex
        It is that of the model, so that a short history does not cost as much as all ids.
    shape : (n_rows, n_columns)
    unknown : {"raise", "skip"}
    named : AxisIds, optional
        If ``ids`` may be names of its items, too.
    """
    values, rows, places = entries
    wanted = index.listed(ids)
    positions = index.positions(wanted)
    if named is not None:
        named.find_names(wanted, positions)
    if unknown == "skip":
        is_unknown = positions < 0
        if isinstance(wanted, np.ndarray):
            check_id_types(wanted[is_unknown], index)
        else:
            check_id_types([wanted[place] for place in np.flatnonzero(is_unknown)], index)
    else:
        try:
            index.refuse_unknown(wanted, positions)
        except ValueError as error:
            raise ValueError(
                f'{error}. To leave out what the model does not know, pass unknown="skip"'
            ) from None
    columns = positions[places]
    known = columns >= 0
    if not known.all():
        left_out = [wanted[place] for place in sorted_distinct(places[~known])]
        warnings.warn(
            f"{np.count_nonzero(~known)} of {len(known)} interactions are left out: they are with "
            f"{len(set(left_out))} {index.axis} that the model does not have, such as "
            f"{object_array(left_out[:1]).tolist()[0]!r}",
            stacklevel=5,
        )
    kept = values[known], (rows[known], columns[known])
    # Whoever made the entries has checked their signs.
    return as_csr(sparse.csr_matrix(kept, shape=shape), allow_empty=True, negative="dislike")


def _index(state: Factors, axis: Axis) -> IdIndex:
    prepared = state.prepared
    return (prepared.user_ids if axis == "users" else prepared.item_ids).index


def _check_known(data: Interactions, state: Factors, axis: Axis) -> None:
    """Raise a ValueError for an id of the data that the model does not have."""
    own, ids = getattr(state, axis), getattr(data, axis)
    if not same_ids(own, ids):
        _index(state, axis).find(ids)
