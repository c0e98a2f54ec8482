"""A set of distinct (user, item) pairs that grows and shrinks while likes are generated."""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["PairSet"]


class PairSet:
    """Distinct (user, item) pairs, stored as sorted keys: user · n_items + item.

    Parameters
    ----------
    n_users, n_items : int
    """

    def __init__(self, n_users: int, n_items: int) -> None:
        self.n_users = n_users
        self.n_items = n_items
        self.keys = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def users(self) -> np.ndarray:
        """The user of each pair, int64, ascending."""
        return self.keys // self.n_items

    @property
    def items(self) -> np.ndarray:
        """The item of each pair, int64."""
        return self.keys % self.n_items

    def user_counts(self) -> np.ndarray:
        """Return the number of pairs of each user."""
        return np.bincount(self.users, minlength=self.n_users)

    def item_counts(self) -> np.ndarray:
        """Return the number of pairs of each item."""
        return np.bincount(self.items, minlength=self.n_items)

    def add(self, users: np.ndarray, items: np.ndarray) -> None:
        """Add pairs; each is stored once, even if it is given twice or is in the set already."""
        self.keys = np.union1d(self.keys, users * self.n_items + items)

    def remove_at(self, positions: np.ndarray) -> None:
        """Remove the pairs at these positions of ``keys``."""
        self.keys = np.delete(self.keys, positions)

    def to_csr(self) -> sparse.csr_matrix:
        """Return the float32 matrix, users × items, that is 1 for each pair."""
        indptr = np.searchsorted(self.keys, np.arange(self.n_users + 1) * self.n_items)
        values = np.ones(len(self), dtype=np.float32)
        return sparse.csr_matrix((values, self.items, indptr), shape=(self.n_users, self.n_items))
