"""Sorted lists of items, one for each user, and their unions and differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from wrmf.distinct import sorted_distinct

__all__ = ["ItemLists"]


class ItemLists(NamedTuple):
    """A list of distinct items for each of m users, in the form that the kernels read.

    Attributes
    ----------
    indptr : int64 (m + 1,)
        The list of user u is ``indices[indptr[u] : indptr[u + 1]]``.
    indices : int32
        Positions of items, sorted in each list.
    """

    indptr: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, matrix: sparse.csr_matrix) -> ItemLists:
        """Return the columns of the stored entries of each row."""
        if not matrix.has_sorted_indices:
            matrix = matrix.sorted_indices()
        return cls(
            matrix.indptr.astype(np.int64, copy=False),
            matrix.indices.astype(np.int32, copy=False),
        )

    @classmethod
    def of_rows(cls, matrix: sparse.csr_matrix, rows: np.ndarray) -> ItemLists:
        """Return the columns of some rows of a matrix with sorted rows; −1 stands for an empty row.

        The cost does not depend on the number of rows of the matrix.
        """
        indptr, indices = matrix.indptr, matrix.indices
        if len(rows) == 1 and rows[0] >= 0:
            row = int(rows[0])
            first, last = int(indptr[row]), int(indptr[row + 1])
            starts = np.array([0, last - first], dtype=np.int64)
            return cls(starts, indices[first:last].astype(np.int32, copy=False))
        first = indptr[rows].astype(np.int64)
        counts = np.where(rows >= 0, indptr[rows + 1] - first, 0)
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(counts, out=starts[1:])
        places = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
        return cls(starts, indices[places].astype(np.int32, copy=False))

    @classmethod
    def of_pairs(cls, users: np.ndarray, items: np.ndarray, m: int) -> ItemLists:
        """Return the lists of m users from pairs in any order, which may be repeated."""
        return cls._of_keys(sorted_distinct(users.astype(np.int64) << 32 | items), m)

    @classmethod
    def none(cls, m: int) -> ItemLists:
        """Return m empty lists; they are not to be changed."""
        return NO_LIST if m == 1 else cls._none(m)

    @classmethod
    def _none(cls, m: int) -> ItemLists:
        return cls(np.zeros(m + 1, dtype=np.int64), np.empty(0, dtype=np.int32))

    @classmethod
    def same(cls, items: np.ndarray, m: int) -> ItemLists:
        """Return m times the same list, which is sorted."""
        indices = items.astype(np.int32, copy=False)
        if m == 1:
            return cls(np.array([0, len(items)], dtype=np.int64), indices)
        indptr = np.arange(m + 1, dtype=np.int64) * len(items)
        return cls(indptr, np.tile(indices, m))

    @classmethod
    def _of_keys(cls, keys: np.ndarray, m: int) -> ItemLists:
        indptr = np.searchsorted(keys, np.arange(m + 1, dtype=np.int64) << 32)
        return cls(indptr.astype(np.int64, copy=False), (keys & 0x7FFFFFFF).astype(np.int32))

    @property
    def counts(self) -> np.ndarray:
        """The length of each list."""
        return np.diff(self.indptr)

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes."""
        return self.indptr.nbytes + self.indices.nbytes

    def _keys(self) -> np.ndarray:
        """Return one number for each pair of a user and an item, in increasing order."""
        users = np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int64), self.counts)
        keys: np.ndarray = users << 32 | self.indices
        return keys

    def of_user(self, user: int) -> np.ndarray:
        """Return the list of one user."""
        return self.indices[self.indptr[user] : self.indptr[user + 1]]

    def at(self, users: np.ndarray) -> ItemLists:
        """Return the lists of some users."""
        if len(users) == len(self.indptr) - 1 and bool((users[:-1] < users[1:]).all()):
            return self
        counts = self.indptr[users + 1] - self.indptr[users]
        indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64, copy=False)
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[users] - indptr[:-1], counts)
        return ItemLists(indptr, self.indices[places])

    def union(self, other: ItemLists | None) -> ItemLists:
        """Return the items that are in either list of a user."""
        if other is None or not len(other.indices):
            return self
        if not len(self.indices):
            return other
        keys = np.concatenate([self._keys(), other._keys()])
        return self._of_keys(sorted_distinct(keys), len(self.indptr) - 1)

    def without(self, other: ItemLists | None) -> ItemLists:
        """Return the items that are not in the other list of the same user."""
        if other is None or not len(other.indices) or not len(self.indices):
            return self
        keys, others = self._keys(), other._keys()
        places = np.minimum(np.searchsorted(others, keys), len(others) - 1)
        return self._of_keys(keys[others[places] != keys], len(self.indptr) - 1)

    def narrowed(
        self, applies: np.ndarray, other: ItemLists, other_applies: np.ndarray
    ) -> ItemLists:
        """Return the items in both lists of a user; of a user with one list only, that one.

        Parameters
        ----------
        applies, other_applies : bool (m,)
            Whether a user has a list in ``self`` and in ``other``.
        """
        keys, others = self._keys(), other._keys()
        own = keys[~other_applies[keys >> 32]]
        of_other = others[~applies[others >> 32]]
        both = np.intersect1d(keys, others, assume_unique=True)
        return self._of_keys(
            sorted_distinct(np.concatenate([own, of_other, both])), len(self.indptr) - 1
        )

    def within(self, allowed: np.ndarray | None) -> ItemLists:
        """Return the items of which ``allowed`` is True."""
        if allowed is None:
            return self
        kept = allowed[self.indices]
        return self._of_keys(self._keys()[kept], len(self.indptr) - 1)


# Most requests are of one user without a filter.
NO_LIST = ItemLists._none(1)
