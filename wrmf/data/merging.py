"""Merge rows that repeat a (user, item) pair, by one of several rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["DUPLICATES", "RULES", "MergeRule", "PairGroups", "check_duplicates"]


@dataclass(frozen=True)
class PairGroups:
    """Rows of a table grouped by their (user, item) pair, in the order of a sorted CSR matrix.

    Attributes
    ----------
    order : int array (n_rows,)
        Row numbers, in which rows of the same pair are adjacent: in the order of the table, or
        sorted by time.
    starts : int array (n_pairs,)
        The position in ``order`` of the first row of each pair.
    indptr, indices : int arrays (n_users + 1,), (n_pairs,)
        The index arrays of a CSR matrix that stores each pair once.
    """

    order: np.ndarray
    starts: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(
        cls,
        user_codes: np.ndarray,
        item_codes: np.ndarray,
        shape: tuple[int, int],
        times: np.ndarray | None = None,
    ) -> PairGroups:
        """Group rows by the codes of their users and items.

        If times are given, rows of the same pair are sorted by time.
        """
        n_rows = len(user_codes)
        rows = np.arange(n_rows, dtype=np.int32 if n_rows < 2**31 else np.int64)
        if times is not None:
            rows = rows[np.argsort(times, kind="stable")]
            user_codes, item_codes = user_codes[rows], item_codes[rows]
        # SciPy converts between formats by stable counting sorts, in linear time: the conversion
        # to CSC sorts the rows by item, the one to CSR then sorts them by user.
        coordinates = sparse.coo_matrix((rows, (user_codes, item_codes)), shape=shape)
        # Without this flag, SciPy would add up the row numbers of the same pair.
        coordinates.has_canonical_format = True
        by_item = coordinates.tocsc()
        # Copies of many rows are large, so each is freed as early as possible.
        del coordinates, rows
        by_pair = by_item.tocsr()
        del by_item
        begins = np.empty(n_rows, dtype=bool)
        np.not_equal(by_pair.indices[1:], by_pair.indices[:-1], out=begins[1:])
        begins[by_pair.indptr[:-1][np.diff(by_pair.indptr) > 0]] = True
        starts = np.flatnonzero(begins)
        indptr = np.searchsorted(starts, by_pair.indptr)
        return cls(by_pair.data, starts, indptr, by_pair.indices[starts])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def sizes(self) -> np.ndarray:
        """Number of rows of each pair."""
        return np.diff(self.starts, append=len(self.order))

    @property
    def firsts(self) -> np.ndarray:
        """The number of the first row of each pair."""
        first: np.ndarray = self.order[self.starts]
        return first

    @property
    def lasts(self) -> np.ndarray:
        """The number of the last row of each pair."""
        last: np.ndarray = self.order[self.starts + self.sizes - 1]
        return last

    def reduce(self, function: np.ufunc, values: np.ndarray) -> np.ndarray:
        """Reduce the values of each pair's rows to one value, by a ufunc such as ``np.add``."""
        reduced: np.ndarray = values[self.order]
        # In a small integer type, sums could overflow.
        if reduced.dtype.kind in "iu" and function is np.add:
            reduced = reduced.astype(np.float64)
        if len(self) < len(self.order):
            reduced = function.reduceat(reduced, self.starts)
        return reduced

    def entries(self) -> np.ndarray:
        """Return the number of the pair to which each row belongs, int64 (n_rows,)."""
        entries = np.empty(len(self.order), dtype=np.int64)
        entries[self.order] = np.repeat(np.arange(len(self)), self.sizes)
        return entries


@dataclass(frozen=True)
class MergeRule:
    """How rows of the same pair become one interaction.

    Attributes
    ----------
    merge : function of (PairGroups, ndarray or None)
        Returns the float64 value of each pair, from the values of all rows. None stands for rows
        that count 1 each.
    pick : function of PairGroups, optional
        Returns the number of the row of each pair that alone decides the value. None if all rows
        of a pair contribute to the value.
    counts_zeros : bool
        Whether rows of value 0 take part in merging; a pair whose merged value is 0 is then
        dropped. Otherwise, rows of value 0 are dropped before merging.
    """

    merge: Callable[[PairGroups, np.ndarray | None], np.ndarray]
    pick: Callable[[PairGroups], np.ndarray] | None = None
    counts_zeros: bool = False


def _sum(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    return pairs.sizes.astype(np.float64) if values is None else pairs.reduce(np.add, values)


def _count(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    return _sum(pairs, None)


def _mean(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    mean: np.ndarray = _sum(pairs, values) / pairs.sizes
    return mean


def _max(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    return np.ones(len(pairs)) if values is None else pairs.reduce(np.maximum, values)


def _first(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    return np.ones(len(pairs)) if values is None else values[pairs.firsts].astype(np.float64)


def _last(pairs: PairGroups, values: np.ndarray | None) -> np.ndarray:
    return np.ones(len(pairs)) if values is None else values[pairs.lasts].astype(np.float64)


# The rule for each value of ``duplicates``. With "error", repeated pairs raise an error before the
# rule is applied, so that each pair has only one row.
RULES = {
    "sum": MergeRule(_sum),
    "drop": MergeRule(_first, lambda pairs: pairs.firsts, counts_zeros=True),
    "last": MergeRule(_last, lambda pairs: pairs.lasts, counts_zeros=True),
    "max": MergeRule(_max),
    "mean": MergeRule(_mean, counts_zeros=True),
    "count": MergeRule(_count),
    "error": MergeRule(_first, counts_zeros=True),
}
DUPLICATES = tuple(RULES)


def check_duplicates(duplicates: str) -> None:
    """Raise a ValueError if ``duplicates`` is not one of ``DUPLICATES``."""
    if duplicates not in RULES:
        raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
