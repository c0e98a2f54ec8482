"""Ranks of held-out items, and squared errors, by scores to which item terms are added.

Ranks up to a cut-off are those of the top-n lists of :mod:`wrmf.numerics.term_ranking`. Without a
cut-off the lists have all items, so that each score is computed exactly, which takes many times as
long; they are made for a few users at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import touched_by_block
from wrmf.numerics.objective import observed_scores, squared_errors
from wrmf.numerics.ranking import NEVER, Ranks, auc_by_row
from wrmf.numerics.term_ranking import ItemTerms, top_n_with_terms
from wrmf.numerics.tiles import SortedItems

__all__ = ["observed_scores_with_terms", "rank_held_out_with_terms", "squared_errors_with_terms"]

# The number of entries of the lists that are made at a time.
LIST_ENTRIES = 2**22
Lists = tuple[np.ndarray, np.ndarray, np.ndarray]


def observed_scores_with_terms(
    matrix: sparse.csr_matrix, x: np.ndarray, y: np.ndarray, terms: ItemTerms, num_threads: int = 0
) -> np.ndarray:
    """Return the score plus term of each stored entry, in float64 and in stored order."""
    scores = observed_scores(matrix, x, y, num_threads)
    scores += terms.of_pairs(ItemLists.of(matrix), num_threads)
    return scores


def squared_errors_with_terms(
    scores: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    terms: ItemTerms,
    num_threads: int = 0,
) -> list[float]:
    """Return Σ (p − s)² over all cells of several matrices, as ``squared_errors`` does.

    Only touched items have a term t, so Σ s² = ⟨XᵀX, YᵀY⟩ + Σ_touched (2 x·y + t) t.
    """
    more, n_items = 0.0, len(y)
    for users, touched in touched_by_block(terms.history, terms.by_owner, None, num_threads):
        indptr, indices = touched.items
        shape = (users.stop - users.start, n_items)
        pattern = sparse.csr_matrix((touched.terms, indices, indptr), shape=shape)
        added = terms.scale * touched.terms
        products = observed_scores(pattern, x[users], y, num_threads)
        more += float(np.sum((2 * products + added) * added))
    return [max(0.0, error + more) for error in squared_errors(scores, x, y, num_threads)]


def rank_held_out_with_terms(
    factors: tuple[np.ndarray, np.ndarray],
    terms: ItemTerms,
    sides: Sequence[tuple[sparse.csr_matrix, bool]],
    masked: sparse.csr_matrix,
    cutoff: int | None,
    num_threads: int = 0,
) -> list[Ranks]:
    """Return the ranks of the held-out items of each side, as ``rank_held_out`` does.

    Parameters
    ----------
    factors : (m, k), (n_items, k)
    terms : ItemTerms of m users
    sides : for each side, a CSR matrix (m, n_items) of held-out items with sorted rows, and whether
        ``masked`` items are left out of the ranking
    masked : CSR (m, n_items)
    cutoff : int, or None to rank all items
    """
    catalogue, m = SortedItems.of(factors[1]), len(factors[0])
    n_items = len(catalogue)
    n = n_items if cutoff is None else min(cutoff, n_items)
    results = []
    for held_out, leaves_out in sides:
        ranks = np.full(held_out.nnz, NEVER, dtype=np.int32)
        counts = np.zeros((2, held_out.nnz), dtype=np.int64)
        scores = np.full(held_out.nnz, -np.inf)
        for users in _blocks(m, max(1, n)):
            rows = np.arange(users.start, users.stop)
            blocked = ItemLists.of(masked).at(rows) if leaves_out else None
            lists = top_n_with_terms(
                factors[0][users], catalogue, n, terms.at(rows), (blocked, None), num_threads
            )
            entries = slice(held_out.indptr[users.start], held_out.indptr[users.stop])
            places = _places(lists, ItemLists.of(held_out).at(rows))
            ranks[entries] = np.where(places < 0, NEVER, places)
            if cutoff is None:
                owners = np.repeat(rows - users.start, np.diff(held_out.indptr)[users])
                scores[entries], counts[:, entries] = _above_and_equal(lists, owners, places)
        auc = None
        if cutoff is None:
            ranked = n_items - np.diff(masked.indptr) * leaves_out
            auc = auc_by_row(held_out.indptr, scores, (counts[0], counts[1]), ranked)
        results.append(Ranks(ranks, auc))
    return results


def _blocks(m: int, width: int) -> Iterator[slice]:
    """Yield ranges of users whose lists have at most ``LIST_ENTRIES`` entries."""
    size = max(1, LIST_ENTRIES // width)
    for first in range(0, m, size):
        yield slice(first, min(m, first + size))


def _places(lists: Lists, held_out: ItemLists) -> np.ndarray:
    """Return the place of each held-out item in its user's list, −1 if it is not in it."""
    items, _, counts = lists
    users, places = np.nonzero(np.arange(items.shape[1]) < counts[:, None])
    keys = users.astype(np.int64) << 32 | items[users, places]
    order = np.argsort(keys)
    owners = np.repeat(np.arange(len(counts), dtype=np.int64), held_out.counts)
    wanted = owners << 32 | held_out.indices
    if not len(keys):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, places[order[at]], -1)


def _above_and_equal(
    lists: Lists, owners: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of held-out items, and the numbers of items above them and equal to them.

    The score of an item that is not in its user's list is −∞.
    """
    counts = np.zeros((2, len(places)), dtype=np.int64)
    scores = np.full(len(places), -np.inf)
    for entry in np.flatnonzero(places >= 0):
        user = owners[entry]
        falling = -lists[1][user, : lists[2][user]]
        score = falling[places[entry]]
        above, not_below = (np.searchsorted(falling, score, side) for side in ("left", "right"))
        scores[entry], counts[:, entry] = -score, (above, not_below - above)
    return scores, counts
