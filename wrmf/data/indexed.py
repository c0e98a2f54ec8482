"""A sparse users × items matrix whose rows and columns have ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.data.id_index import IdIndex

__all__ = ["IndexedMatrix", "entry_rows"]


class IndexedMatrix:
    """A users × items matrix, the ids of its axes, and names of its items.

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix (n_users, n_items), float32
    users, items : ndarray (n_users,), (n_items,), int64 or object
    item_names : object (n_items,), or None
    """

    matrix: sparse.csr_matrix
    users: np.ndarray
    items: np.ndarray
    item_names: np.ndarray | None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and number of items."""
        return self.n_users, self.n_items

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    @property
    def n_interactions(self) -> int:
        """Number of distinct (user, item) pairs."""
        return int(self.matrix.nnz)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.n_users} users × {self.n_items} items, {self.n_interactions})"

    @cached_property
    def _user_lookup(self) -> IdIndex:
        return IdIndex(self.users, "users")

    @cached_property
    def _item_lookup(self) -> IdIndex:
        return IdIndex(self.items, "items")

    def user_index(self, ids: Any) -> np.ndarray:
        """Return the row index of a user id, or of each of several user ids, as an int64 array.

        An unknown id raises a ValueError.
        """
        return self._user_lookup.find(ids)

    def item_index(self, ids: Any) -> np.ndarray:
        """Return the column index of an item id, or of each of several, as an int64 array.

        An unknown id raises a ValueError.
        """
        return self._item_lookup.find(ids)

    def names_of(self, columns: ArrayLike) -> list[str]:
        """Return the names of the items at the given column indices, or their ids as text."""
        names = self.items if self.item_names is None else self.item_names
        return [str(names[column]) for column in np.atleast_1d(columns)]


def entry_rows(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the row index of each stored entry of a CSR matrix, int64, in stored order."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
