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
        The rows, those of one pair beside each other in the order of the table.
    starts : int array (n_pairs,)
        Where each pair begins in ``order``.
    indptr, indices : int arrays (n_users + 1,), (n_pairs,)
        Of a CSR matrix that stores each pair once.
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
        """Group rows by the codes of their users and items; those of one pair by time if given."""
        n_rows = len(user_codes)
        rows = np.arange(n_rows, dtype=np.int32 if n_rows < 2**31 else np.int64)
        if times is not None:
            rows = rows[np.argsort(times, kind="stable")]
            user_codes, item_codes = user_codes[rows], item_codes[rows]
        # SciPy's conversions are counting sorts, in linear time and stable: by item, then by user.
        coordinates = sparse.coo_matrix((rows, (user_codes, item_codes)), shape=shape)
        # Otherwise the numbers of rows of the same pair would be added up.
        coordinates.has_canonical_format = True
        by_item = coordinates.tocsc()
        # Of many rows, each copy is large.
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
        """The first row of each pair."""
        first: np.ndarray = self.order[self.starts]
        return first

    @property
    def lasts(self) -> np.ndarray:
        """The last row of each pair."""
        last: np.ndarray = self.order[self.starts + self.sizes - 1]
        return last

    def reduce(self, function: np.ufunc, values: np.ndarray) -> np.ndarray:
        """Return a reduction, such as ``np.add``, of the values of each pair's rows."""
        reduced: np.ndarray = values[self.order]
        # Sums of small integers would overflow.
        if reduced.dtype.kind in "iu" and function is np.add:
            reduced = reduced.astype(np.float64)
        if len(self) < len(self.order):
            reduced = function.reduceat(reduced, self.starts)
        return reduced

    def entries(self) -> np.ndarray:
        """Return the number of each row's pair, int64 (n_rows,)."""
        entries = np.empty(len(self.order), dtype=np.int64)
        entries[self.order] = np.repeat(np.arange(len(self)), self.sizes)
        return entries


@dataclass(frozen=True)
class MergeRule:
    """How rows of the same pair become one interaction.

    Attributes
    ----------
    merge : function of (PairGroups, values of all rows or None) to the values of the pairs, float64
    pick : function of PairGroups to the one row of each pair that decides, or None if all do
    counts_zeros : bool
        Whether rows of value 0 take part: the pair is dropped if the merged value is 0. Otherwise
        they are dropped before.
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


# By the value of ``duplicates``. With "error", there is nothing to merge.
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
