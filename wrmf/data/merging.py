"""Merge rows that repeat a (user, item) pair, by one of several rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf.data.choices import as_choice

__all__ = ["DUPLICATES", "RULES", "MergeRule", "PairGroups", "Pairs", "check_duplicates"]


@dataclass(frozen=True)
class Pairs:
    """The distinct (user, item) pairs of the rows of a table, in the order of a sorted CSR matrix.

    Attributes
    ----------
    indptr, indices : int arrays (n_users + 1,), (n_pairs,)
        The index arrays of a CSR matrix that stores each pair once.
    sizes : int64 (n_pairs,)
        Number of rows of each pair.
    """

    indptr: np.ndarray
    indices: np.ndarray
    sizes: np.ndarray

    @classmethod
    def count(cls, user_codes: np.ndarray, item_codes: np.ndarray, shape: tuple[int, int]) -> Pairs:
        """Count the rows of each pair, by the codes of their users and items."""
        n_users, n_items = shape
        # Both codes fit into one integer. NumPy sorts integers by vector instructions, several
        # times as fast as SciPy converts a matrix, and in place.
        n_bits = (n_items - 1).bit_length()
        keys = user_codes.astype(np.int64)
        keys <<= n_bits
        np.bitwise_or(keys, item_codes, out=keys, dtype=np.int64, casting="unsafe")
        keys.sort()
        begins = np.empty(len(keys), dtype=bool)
        begins[:1] = True
        np.not_equal(keys[1:], keys[:-1], out=begins[1:])
        starts = np.flatnonzero(begins)
        sizes = np.diff(starts, append=len(keys))
        # Copies of many rows are large, so each is freed as early as possible.
        del begins
        keys = keys[starts]
        del starts
        indices = (keys & ((1 << n_bits) - 1)).astype(np.int32)
        keys >>= n_bits
        indptr = np.zeros(n_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(keys, minlength=n_users), out=indptr[1:])
        return cls(indptr, indices, sizes)

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class PairGroups(Pairs):
    """Rows of a table grouped by their (user, item) pair.

    Attributes
    ----------
    order : int array (n_rows,)
        Row numbers, in which rows of the same pair are adjacent: in the order of the table, or
        sorted by time.
    starts : int array (n_pairs,)
        The position in ``order`` of the first row of each pair.
    """

    order: np.ndarray
    starts: np.ndarray

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
        sizes = np.diff(starts, append=n_rows)
        return cls(indptr, by_pair.indices[starts], sizes, by_pair.data, starts)

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
    merge : function of (PairGroups, ndarray)
        Returns the float64 value of each pair, from the values of all rows.
    adds_rows : bool
        Whether a pair of rows that count 1 each has their number as value, not 1.
    pick : function of PairGroups, optional
        Returns the number of the row of each pair that alone decides the value. None if all rows
        of a pair contribute to the value.
    counts_zeros : bool
        Whether rows of value 0 take part in merging; a pair whose merged value is 0 is then
        dropped. Otherwise, rows of value 0 are dropped before merging.
    """

    merge: Callable[[PairGroups, np.ndarray], np.ndarray]
    adds_rows: bool = False
    pick: Callable[[PairGroups], np.ndarray] | None = None
    counts_zeros: bool = False

    def merge_ones(self, pairs: Pairs) -> np.ndarray:
        """Return the float64 value of each pair, if its rows count 1 each."""
        return pairs.sizes.astype(np.float64) if self.adds_rows else np.ones(len(pairs))


def _sum(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    return pairs.reduce(np.add, values)


def _count(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    return pairs.sizes.astype(np.float64)


def _mean(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    mean: np.ndarray = _sum(pairs, values) / pairs.sizes
    return mean


def _max(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    return pairs.reduce(np.maximum, values)


def _first(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    first: np.ndarray = values[pairs.firsts].astype(np.float64)
    return first


def _last(pairs: PairGroups, values: np.ndarray) -> np.ndarray:
    last: np.ndarray = values[pairs.lasts].astype(np.float64)
    return last


# The rule for each value of ``duplicates``. With "error", repeated pairs raise an error before the
# rule is applied, so that each pair has only one row.
RULES = {
    "sum": MergeRule(_sum, adds_rows=True),
    "drop": MergeRule(_first, pick=lambda pairs: pairs.firsts, counts_zeros=True),
    "last": MergeRule(_last, pick=lambda pairs: pairs.lasts, counts_zeros=True),
    "max": MergeRule(_max),
    "mean": MergeRule(_mean, counts_zeros=True),
    "count": MergeRule(_count, adds_rows=True),
    "error": MergeRule(_first, counts_zeros=True),
}
DUPLICATES = tuple(RULES)


def check_duplicates(duplicates: str) -> None:
    """Raise a ValueError if ``duplicates`` is not one of ``DUPLICATES``."""
    as_choice(duplicates, "duplicates", RULES)
