"""Recommend the items that are most similar to those of a user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from wrmf.baselines.baseline import Baseline, Lists
from wrmf.baselines.sparse_lists import best_entries
from wrmf.data.checks import as_positive_int, as_real
from wrmf.data.choices import shown

__all__ = ["ItemKNN"]

# The largest number of entries of a sparse product that is computed at once, so that it takes some
# 100 MB, unless a single row has more.
ENTRIES_AT_ONCE = 2**22


class ItemKNN(Baseline):
    r"""Items whose users are those of the items that a user has.

    The similarity of two items is the cosine of their columns, with a shrinkage that lowers that of
    items with few users: s = aᵢ·aⱼ / (‖aᵢ‖ ‖aⱼ‖ + shrink). Each item has its k most similar other
    items as neighbours; the score of an item is the sum of s over those of a user's items that
    have it as a neighbour, times their counts. Items without a score are not recommended. All is
    exact, computed by sparse products in tiles.

    Parameters
    ----------
    k : int ≥ 1, default 100
        The number of neighbours of an item; of equally similar items, those at the lower positions.
    shrink : float ≥ 0, default 0
    binary : bool, default True
        Whether every count is taken for 1.

    Attributes
    ----------
    similarity : CSR float64 (n_items, n_items)
        The neighbours of each item.

    References
    ----------
    Sarwar, Karypis, Konstan, Riedl: Item-Based Collaborative Filtering Recommendation Algorithms.
    WWW 2001.

    Ferrari Dacrema, Cremonesi, Jannach: Are We Really Making Much Progress? RecSys 2019.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> likes = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    >>> wrmf.ItemKNN().fit(likes).recommend([3]).to_frame()[["item", "score"]].round(2)
       item  score
    0     1   0.82
    """

    def __init__(self, k: int = 100, shrink: float = 0.0, binary: bool = True) -> None:
        self.k = k
        self.shrink = shrink
        self.binary = binary

    similarity: sparse.csr_matrix

    def _prepare(self, matrix: sparse.csr_matrix) -> None:
        k, shrink = as_positive_int(self.k, "k"), as_real(self.shrink, "shrink")
        if not isinstance(self.binary, (bool, np.bool_)):
            raise TypeError(f"binary must be True or False, got {shown(self.binary)}")
        users_of = self._weights(matrix).T.tocsr()
        norms = np.sqrt(np.asarray(users_of.multiply(users_of).sum(axis=1)).ravel())
        items_of = users_of.T.tocsr()
        tiles = []
        for start, end in _tiles(users_of, items_of):
            products = (users_of[start:end] @ items_of).tocsr()
            items = np.repeat(np.arange(start, end), np.diff(products.indptr))
            products.data /= norms[items] * norms[products.indices] + shrink
            products.data[items == products.indices] = 0
            products.eliminate_zeros()
            tiles.append(best_entries(products, min(k, matrix.shape[1])))
        self.similarity = sparse.vstack(tiles, format="csr")

    def _weights(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        weights = matrix.astype(np.float64)
        if self.binary:
            weights.data[:] = 1
        return weights

    def _lists(
        self,
        history: sparse.csr_matrix,
        n: int,
        blocked: sparse.csr_matrix | None,
        allowed: np.ndarray,
    ) -> Lists:
        m = history.shape[0]
        lists = Lists(
            np.full((m, n), -1, dtype=np.int64),
            np.full((m, n), np.nan),
            np.zeros(m, dtype=np.int64),
        )
        weights = self._weights(history)
        for start, end in _tiles(weights, self.similarity):
            scores = (weights[start:end] @ self.similarity).tocsr()
            scores.data[~allowed[scores.indices]] = 0
            if blocked is not None:
                width = scores.shape[1]
                cells, left_out = _cells(scores, width), _cells(blocked[start:end], width)
                scores.data[np.isin(cells, left_out)] = 0
            scores.eliminate_zeros()
            best = best_entries(scores, n, by_score=True)
            counts = np.diff(best.indptr)
            filled = np.arange(n) < counts[:, None]
            lists.rows[start:end][filled] = best.indices
            lists.scores[start:end][filled] = best.data
            lists.counts[start:end] = counts
        return lists


def _tiles(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows of ``left`` whose product with ``right`` has a bounded size."""
    lengths = np.diff(right.indptr)[left.indices]
    costs = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))[left.indptr]
    start, m = 0, left.shape[0]
    while start < m:
        fits = int(np.searchsorted(costs, costs[start] + ENTRIES_AT_ONCE, side="right")) - 1
        end = min(m, max(start + 1, fits))
        yield start, end
        start = end


def _cells(matrix: sparse.csr_matrix, width: int) -> np.ndarray:
    """Return the number of each stored cell, counted along the rows."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    cells: np.ndarray = rows * width + matrix.indices.astype(np.int64)
    return cells
