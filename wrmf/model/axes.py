"""Reorders data to the users and items of a fitted model.

Interactions are matched by id, matrices without ids by position.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import sparse

from wrmf.data.axes import map_axis
from wrmf.data.checks import as_csr, is_canonical
from wrmf.data.inputs import as_data
from wrmf.data.interactions import Interactions, align, entry_rows, same_ids
from wrmf.model.growth import check_id_types
from wrmf.model.state import Factors

__all__ = ["names_on_item_axis", "on_item_axis", "on_own_axes", "on_user_axis"]

Axis: TypeAlias = Literal["users", "items"]
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
    matrix = data.matrix if isinstance(data, Interactions) else as_csr(data)
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


def on_item_axis(data: Any, state: Factors, unknown: str = "raise") -> sparse.csr_matrix:
    """Return ``data`` as a matrix whose columns are the model's items.

    Items of Interactions are matched by id; they may be in any order, and some may be missing. The
    columns of a matrix are in the order of ``state.items``. ``unknown`` is "raise" or "skip": what
    to do with interactions with items that the model does not have. A warning counts those that
    are skipped.
    """
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be one of {UNKNOWN}, got {unknown!r}")
    data = as_data(data)
    if isinstance(data, Interactions):
        return _on_axis(data, state, "items", unknown)
    rows = data if is_canonical(data) else as_csr(data, allow_empty=True)
    if rows.shape[1] != len(state.items):
        raise ValueError(
            f"data must be users × items with {len(state.items)} columns, got {rows.shape}"
        )
    return rows


def on_user_axis(data: Any, state: Factors, unknown: str = "raise") -> sparse.csr_matrix:
    """Return ``data`` as a matrix whose rows are the model's users; see ``on_item_axis``."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be one of {UNKNOWN}, got {unknown!r}")
    data = as_data(data)
    if isinstance(data, Interactions):
        return _on_axis(data, state, "users", unknown)
    columns = as_csr(data, allow_empty=True)
    if columns.shape[0] != len(state.users):
        raise ValueError(
            f"data must be users × new items with {len(state.users)} rows, got {columns.shape}"
        )
    return columns


def _on_axis(data: Interactions, state: Factors, axis: Axis, unknown: str) -> sparse.csr_matrix:
    """Return the matrix of interactions, with one axis in the order of the model's ids."""
    if same_ids(getattr(data, axis), getattr(state, axis)):
        return data.matrix
    if unknown == "skip":
        return _known_part(data, state, axis)
    try:
        _check_known(data, state, axis)
    except ValueError as error:
        raise ValueError(
            f'{error}. To leave out what the model does not know, pass unknown="skip"'
        ) from None
    return align(data, **{axis: getattr(state, axis)}).matrix


def _known_part(data: Interactions, state: Factors, axis: Axis) -> sparse.csr_matrix:
    """Return the matrix of interactions on the model's axis, and warn of those left out."""
    ids, own = getattr(data, axis), getattr(state, axis)
    check_id_types(ids, own, axis)
    positions = map_axis(ids, own, "drop", axis).positions
    rows, columns = entry_rows(data.matrix), data.matrix.indices
    on_axis = columns if axis == "items" else rows
    known = positions[on_axis] >= 0
    if not known.all():
        unknown = np.unique(on_axis[~known])
        warnings.warn(
            f"{np.count_nonzero(~known)} of {len(known)} interactions are left out: they are with "
            f"{len(unknown)} {axis} that the model does not have, such as "
            f"{ids[unknown[:1]].tolist()[0]!r}",
            stacklevel=5,
        )
    shape = list(data.matrix.shape)
    shape[0 if axis == "users" else 1] = len(own)
    placed = positions[on_axis[known]]
    entries = (placed, columns[known]) if axis == "users" else (rows[known], placed)
    return sparse.csr_matrix((data.matrix.data[known], entries), shape=tuple(shape))


def _check_known(data: Interactions, state: Factors, axis: Axis) -> None:
    """Raise a ValueError for an id of the data that the model does not have."""
    own, ids = getattr(state, axis), getattr(data, axis)
    if not same_ids(own, ids):
        prepared = state.prepared
        index = (prepared.user_ids if axis == "users" else prepared.item_ids).index
        index.find(ids)
