"""Appends the new users and items of data to the axes of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import AxisMap, map_axis
from wrmf.data.checks import as_csr
from wrmf.data.id_index import IdIndex
from wrmf.data.inputs import as_data
from wrmf.data.interactions import Interactions, entry_rows, object_array, same_ids
from wrmf.model.histories import resized
from wrmf.model.saved_ids import check_ids
from wrmf.model.state import Factors

__all__ = ["GrownAxes", "are_positions", "check_id_types"]


@dataclass(frozen=True)
class GrownAxes:
    """The axes of a model with the new ids of some data at their ends, and the data on them.

    New ids are in the order in which the data has them.

    Attributes
    ----------
    users, items : ndarray (n_users,), (n_items,), int64 or object
    item_names : object (n_items,), or None
    matrix : canonical CSR (n_users, n_items), float32
        The data.
    numbered : bool, whether the ids are only positions
    """

    users: np.ndarray
    items: np.ndarray
    item_names: np.ndarray | None
    matrix: sparse.csr_matrix
    numbered: bool

    @classmethod
    def of(cls, data: Any, state: Factors) -> GrownAxes:
        """Return the grown axes.

        Parameters
        ----------
        data : Interactions, a table, histories, or a sparse or dense matrix (n_users, n_items)
            A matrix is accepted if the ids of the model are positions. It has at least as many rows
            and columns as the model. None stands for no data.
        state : Factors

        Raises
        ------
        TypeError, ValueError
            For a matrix where ids are not positions or that is too small, for ids of other types
            than those of the model, and ids that cannot be saved.
        """
        if data is None:
            nothing = sparse.csr_matrix(state.shape, dtype=np.float32)
            return cls(state.users, state.items, state.item_names, nothing, state.numbered)
        data = as_data(data)
        if not isinstance(data, Interactions):
            return cls._of_matrix(as_csr(data, allow_empty=True, negative=state.negative), state)
        check_id_types(data.users, state.prepared.user_ids.index)
        check_id_types(data.items, state.prepared.item_ids.index)
        users = map_axis(data.users, state.users, "extend", "users")
        items = map_axis(data.items, state.items, "extend", "items")
        check_ids(users.ids[len(state.users) :], "user")
        check_ids(items.ids[len(state.items) :], "item")
        entries = users.positions[entry_rows(data.matrix)], items.positions[data.matrix.indices]
        matrix = sparse.csr_matrix(
            (data.matrix.data, entries), shape=(len(users.ids), len(items.ids))
        )
        return cls(
            users=users.ids,
            items=items.ids,
            item_names=_grown_names(state, data, items),
            matrix=matrix,
            numbered=state.numbered and are_positions(users.ids) and are_positions(items.ids),
        )

    def ids(self, side: int) -> np.ndarray:
        """Return the ids of users (side 0) or items (side 1)."""
        return self.items if side else self.users

    def with_ids(self, side: int, axis: AxisMap) -> GrownAxes:
        """Return axes of which one is extended by ids that the data does not have."""
        n_more = len(axis.ids) - len(self.ids(side))
        if not n_more:
            return self
        shape = list(self.matrix.shape)
        shape[side] += n_more
        names = self.item_names
        if side and names is not None:
            names = object_array([*names, *map(str, axis.ids[-n_more:].tolist())])
        grown = replace(
            self,
            matrix=resized(self.matrix, (shape[0], shape[1])),
            item_names=names,
            numbered=self.numbered and are_positions(axis.ids),
        )
        return replace(grown, items=axis.ids) if side else replace(grown, users=axis.ids)

    @classmethod
    def _of_matrix(cls, matrix: sparse.csr_matrix, state: Factors) -> GrownAxes:
        if not state.numbered:
            raise TypeError(
                f"the model has ids, such as the user {state.users.tolist()[0]!r}, and a matrix "
                "has none: pass Interactions, such as those of wrmf.read_interactions"
            )
        known = len(state.users), len(state.items)
        if matrix.shape[0] < known[0] or matrix.shape[1] < known[1]:
            raise ValueError(
                f"the data is {matrix.shape[0]} users × {matrix.shape[1]} items, the model has "
                f"{known[0]} × {known[1]}: row and column numbers are the ids, so append new users "
                "and items at the end, or pass Interactions with ids"
            )
        names, items = state.item_names, np.arange(matrix.shape[1])
        if names is not None:
            names = object_array([*names, *map(str, range(len(names), len(items)))])
        return cls(np.arange(matrix.shape[0]), items, names, matrix, True)


def are_positions(ids: np.ndarray) -> bool:
    """Return whether ids are 0, 1, 2, …."""
    return same_ids(ids, np.arange(len(ids)))


def check_id_types(ids: np.ndarray | Sequence[Any], known: IdIndex) -> None:
    """Raise a TypeError for an id of a type that none of the known ids has.

    7, "7" and True may be meant as one id, but would be three.
    """
    if isinstance(ids, np.ndarray):
        # Whole numbers are of one type.
        ids = ids[:1].tolist() if ids.dtype == np.int64 else ids.tolist()
    for value in ids:
        if type(value) not in known.types:
            names = " or ".join(sorted(kind.__name__ for kind in known.types))
            raise TypeError(
                f"the data names {known.axis} by {type(value).__name__}, such as {value!r}, the "
                f"model by {names}, such as {known.ids[:1].tolist()[0]!r}: read both as the same "
                'type, a text file with like=model, unknown="extend"'
            )


def _grown_names(state: Factors, data: Interactions, items: AxisMap) -> np.ndarray | None:
    """Return the names of all items: the model's, those of the data, or the ids as text.

    The name of a known item changes only if it is its id.
    """
    if state.item_names is None and data.item_names is None:
        return None
    names = object_array([str(item) for item in items.ids.tolist()])
    own = slice(0, len(state.items))
    if state.item_names is None:
        is_named = np.zeros(len(state.items), dtype=bool)
    else:
        is_named = state.item_names != names[own]
    if data.item_names is not None:
        names[items.positions] = data.item_names
    if state.item_names is not None:
        names[own][is_named] = state.item_names[is_named]
    return names
