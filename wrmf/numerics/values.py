"""What the stored values count: BM25, TF-IDF, and damping by the sizes of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

__all__ = ["FittedValues", "ValueRule", "bm25", "inverse_frequency", "tfidf"]

NOTHING = np.empty(0)


def bm25(
    values: np.ndarray, relative_lengths: np.ndarray, idf: np.ndarray, k1: float, b: float
) -> np.ndarray:
    """Return d (K1 + 1) / (K1 (1 − B + B·L/mean L) + d) · idf, for arrays of one shape.

    ``relative_lengths`` are L/mean L, the sum of the values of an item by the mean of all items.
    """
    saturation = k1 * (1.0 - b + b * relative_lengths)
    weighted: np.ndarray = values * (k1 + 1.0) / (saturation + values) * idf
    return weighted


def tfidf(values: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """Return √d · idf."""
    weighted: np.ndarray = np.sqrt(values) * idf
    return weighted


def inverse_frequency(n: int, counts: np.ndarray) -> np.ndarray:
    """Return log N − log(1 + n) of each count n; it is slightly negative for n = N."""
    idf: np.ndarray = np.log(float(n)) - np.log1p(counts)
    return idf


@dataclass(frozen=True)
class ValueRule:
    """How stored values d become the values v that enter the loss as they are.

        v = s · n_u^−a · n_i^−b · f(g(d)),

    with the sign of d, where g is the weighting and f the confidence. n_u and n_i are the numbers
    of entries of the user and of the item, and s makes the mean of v over the training data that
    of f(g(d)).

    Attributes
    ----------
    confidence : {"linear", "log", "raw"}
        f(d) = d, or log(1 + d/epsilon).
    epsilon : float > 0
    weighting : {"none", "bm25", "tfidf"}
    k1, b : float ≥ 0, of BM25
    damping : (float ≥ 0, float ≥ 0)
        a of users and b of items.
    """

    confidence: str = "linear"
    epsilon: float = 1.0
    weighting: str = "none"
    k1: float = 100.0
    b: float = 0.8
    damping: tuple[float, float] = (0.0, 0.0)

    @property
    def is_identity(self) -> bool:
        """Whether values enter the loss as they are stored, and f is left to the objective."""
        return self.weighting == "none" and self.damping == (0.0, 0.0)


@dataclass(frozen=True)
class Entries:
    """The stored values of some pairs, and the sizes of the user and the item of each pair.

    Attributes
    ----------
    values : float64 (n,)
    user_counts, item_counts : int64 (n,)
        Numbers of entries, at least 1.
    item_lengths : float64 (n,), the sum of the item's values; empty unless BM25 needs it
    """

    values: np.ndarray
    user_counts: np.ndarray
    item_counts: np.ndarray
    item_lengths: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedValues:
    """A rule with the constants of the training data, for its rows as well as for new ones.

    Attributes
    ----------
    rule : ValueRule
    user_counts, item_counts : int64 (n_users,), (n_items,)
        The number of entries of each user and item of the training data.
    item_lengths : float64 (n_items,)
        The sum of the sizes of each item's values; empty unless the weighting is BM25.
    scale : float, s
    """

    rule: ValueRule
    user_counts: np.ndarray
    item_counts: np.ndarray
    item_lengths: np.ndarray
    scale: float = 1.0

    @classmethod
    def of(cls, rule: ValueRule, matrix: sparse.csr_matrix) -> FittedValues:
        """Return the rule with the constants of a canonical training matrix."""
        if rule.is_identity:
            return cls(rule, NOTHING, NOTHING, NOTHING)
        n_items = matrix.shape[1]
        unscaled = cls(
            rule,
            np.diff(matrix.indptr).astype(np.int64),
            np.bincount(matrix.indices, minlength=n_items).astype(np.int64),
            _lengths(rule, matrix.indices, matrix.data, n_items),
        )
        if rule.damping == (0.0, 0.0):
            return unscaled
        return unscaled.scaled(*unscaled.damping_sums(matrix))

    def damping_sums(self, matrix: sparse.csr_matrix) -> tuple[float, float]:
        """Return the sums of f(g(d)) and of n_u^−a · n_i^−b · f(g(d)) over whole rows of users."""
        entries = self._entries(matrix, side=0, own=True)
        undamped = self._undamped(entries)
        return float(undamped.sum()), float((undamped * self._damping(entries)).sum())

    def scaled(self, before: float, after: float) -> FittedValues:
        """Return the rule with the s that follows from the ``damping_sums`` of all users."""
        return replace(self, scale=before / after if after > 0 else 1.0)

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return self.user_counts.nbytes + self.item_counts.nbytes + self.item_lengths.nbytes

    def of_rows(self, rows: sparse.csr_matrix, side: int) -> sparse.csr_matrix:
        """Return whole rows with v in place of d, as float64; themselves if nothing changes them.

        Parameters
        ----------
        rows : canonical CSR (n, n_items), or (n, n_users) for items
            Their sizes are their own numbers of entries; those of columns are of the training data.
        side : {0, 1}, whether they are users or items
        """
        return self._replaced(rows, side, own=True)

    def of_training(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return values v of users × items, by the sizes in the training data on both axes."""
        return self._replaced(matrix, 0, own=False)

    def _replaced(self, rows: sparse.csr_matrix, side: int, *, own: bool) -> sparse.csr_matrix:
        if self.rule.is_identity:
            return rows
        entries = self._entries(rows, side, own)
        values = self.scale * self._damping(entries) * self._undamped(entries)
        values = np.copysign(values, rows.data)
        weighted = sparse.csr_matrix((values, rows.indices, rows.indptr), shape=rows.shape)
        weighted.has_canonical_format = True
        return weighted

    def _entries(self, rows: sparse.csr_matrix, side: int, own: bool) -> Entries:
        """Return the entries of rows, with the sizes of rows ``own``, or of the training data."""
        known = self.user_counts, self.item_counts
        sizes = np.diff(rows.indptr)
        row = np.repeat(np.arange(len(sizes)), sizes)
        counts = [known[0], known[1]]
        lengths = self.item_lengths
        if own:
            counts[side] = sizes.astype(np.int64)
            if side:
                lengths = _lengths(self.rule, row, rows.data, len(sizes))
        at = (row, rows.indices) if side == 0 else (rows.indices, row)
        # A user or an item that the training data does not have counts as one with one entry.
        of_users, of_items = (
            np.maximum(count[place], 1) for count, place in zip(counts, at, strict=True)
        )
        of_lengths = lengths[at[1]] if len(lengths) else lengths
        return Entries(np.abs(rows.data.astype(np.float64)), of_users, of_items, of_lengths)

    def _undamped(self, entries: Entries) -> np.ndarray:
        """Return f(g(d)) ≥ 0."""
        rule, values = self.rule, entries.values
        if rule.weighting != "none":
            # Of a user with nearly all items it would be 0 or less, and the sign of d be lost.
            idf = inverse_frequency(len(self.item_counts), entries.user_counts)
            idf = np.maximum(idf, float(np.finfo(np.float32).tiny))
            if rule.weighting == "bm25":
                total = self.item_lengths.sum()
                mean = total / len(self.item_lengths) if total else 1.0
                values = bm25(values, entries.item_lengths / mean, idf, rule.k1, rule.b)
            else:
                values = tfidf(values, idf)
        return np.log1p(values / rule.epsilon) if rule.confidence == "log" else values

    def _damping(self, entries: Entries) -> np.ndarray:
        """Return n_u^−a · n_i^−b."""
        of_users, of_items = self.rule.damping
        factors: np.ndarray = entries.user_counts.astype(np.float64) ** -of_users
        if of_items:
            factors = factors * entries.item_counts.astype(np.float64) ** -of_items
        return factors


def _lengths(rule: ValueRule, items: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Return the sum of the sizes of each item's values, if the rule needs it."""
    if rule.weighting != "bm25":
        return NOTHING
    # A sum in stored order: that of an item's own row is bitwise the same.
    lengths: np.ndarray = np.bincount(items, np.abs(values.astype(np.float64)), minlength=n)
    return lengths
