"""What a user's own items add to the scores of other items: sums of item weights.

The term of user u and item j is t_uj = Σ_i b_ij over the items i that u has, where b_ij is the
weight of item i for item j; see :mod:`wrmf.numerics.item_weights`. The weights are summed in
float64, in the order of the items' positions, so a term is bitwise the same wherever it is
computed. Terms are stored only for *touched* items, those that some item of the user has a weight
for; all other terms are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from wrmf._item_weights import count_terms, pair_terms, sum_terms
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.threads import kernel_threads

__all__ = ["Touched", "WeightRows", "terms_of_pairs", "touched_by_block", "touched_items"]

# Terms are computed for blocks of users with at most MOST_TERMS of them, 12 bytes each, unless a
# single user has more. The result depends neither on this nor on the number of threads.
MOST_TERMS = 2**21
# Up to FEW_TERMS terms are computed by one thread, before more threads would have started.
FEW_TERMS = 20_000
WORD = 8


class WeightRows(NamedTuple):
    """A sparse matrix of weights, (n_items, n_items), as CSR with sorted rows.

    Attributes
    ----------
    indptr : int64 (n_items + 1,)
    indices : int32
    values : float32
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes."""
        return sum(array.nbytes for array in self)

    def transposed(self) -> WeightRows:
        """Return the transposed matrix, whose rows are sorted, too."""
        n = len(self.indptr) - 1
        matrix = sparse.csr_matrix((self.values, self.indices, self.indptr), shape=(n, n)).tocsc()
        return WeightRows(
            matrix.indptr.astype(np.int64, copy=False),
            matrix.indices.astype(np.int32, copy=False),
            matrix.data,
        )


class Touched(NamedTuple):
    """The touched items of some users, and those that are blocked for them.

    Attributes
    ----------
    items : ItemLists of m users
    terms : float64, the term of each item of the lists; −∞ for blocked items
    """

    items: ItemLists
    terms: np.ndarray


def touched_items(
    history: ItemLists, by_owner: WeightRows, blocked: ItemLists | None = None, num_threads: int = 0
) -> Touched:
    """Return the touched and the blocked items of users, and their terms.

    Parameters
    ----------
    history : ItemLists of m users, the items that they have
    by_owner : WeightRows, the weights of the items that a user has in rows
    blocked : ItemLists of m users, optional
    num_threads : int ≥ 0, default 0

    Returns
    -------
    Touched
    """
    blocked = ItemLists.none(len(history.indptr) - 1) if blocked is None else blocked
    most = int(_most_terms(history, by_owner, blocked)[-1])
    return _touched(history, by_owner, blocked, num_threads if most > FEW_TERMS else 1)


def _touched(
    history: ItemLists, by_owner: WeightRows, blocked: ItemLists, num_threads: int
) -> Touched:
    m, n_items = len(history.indptr) - 1, len(by_owner.indptr) - 1
    threads = kernel_threads(num_threads)
    counts = np.zeros(m, dtype=np.int64)
    count_terms(history, by_owner, blocked, np.zeros((threads, n_items), np.int64), counts)
    indptr = np.zeros(m + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    items, terms = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    marks = np.zeros((threads, -(-n_items // WORD) * WORD), dtype=np.uint8)
    sums = np.zeros(marks.shape)
    sum_terms(history, by_owner, blocked, marks, sums, indptr, items, terms)
    return Touched(ItemLists(indptr, items), terms)


def touched_by_block(
    history: ItemLists, by_owner: WeightRows, blocked: ItemLists | None = None, num_threads: int = 0
) -> Iterator[tuple[slice, Touched]]:
    """Yield ranges of users and their ``touched_items``, at most ``MOST_TERMS`` at a time."""
    m = len(history.indptr) - 1
    blocked = ItemLists.none(m) if blocked is None else blocked
    most = _most_terms(history, by_owner, blocked)
    first = 0
    while first < m:
        last = int(np.searchsorted(most, most[first] + MOST_TERMS, side="right")) - 1
        users = slice(first, min(m, max(first + 1, last)))
        threads = num_threads if most[users.stop] - most[first] > FEW_TERMS else 1
        lists = (_part(history, users), by_owner, _part(blocked, users))
        yield users, _touched(*lists, threads)
        first = users.stop


def terms_of_pairs(
    history: ItemLists, by_item: WeightRows, pairs: ItemLists, num_threads: int = 0
) -> np.ndarray:
    """Return the terms of given items of each user, in float64 and in the order of ``pairs``.

    Parameters
    ----------
    history, pairs : ItemLists of m users, the items that they have and those to compute terms of
    by_item : WeightRows, the weights for an item in its row
    num_threads : int ≥ 0, default 0
    """
    out = np.empty(len(pairs.indices))
    threads = kernel_threads(num_threads if len(out) > FEW_TERMS else 1)
    pair_terms(history, by_item, pairs, out, threads)
    return out


def _most_terms(history: ItemLists, by_owner: WeightRows, blocked: ItemLists) -> np.ndarray:
    """Return an upper bound of the number of items of the first 0, 1, …, m users."""
    n_items, starts = len(by_owner.indptr) - 1, by_owner.indptr
    sizes = np.zeros(len(history.indices) + 1, dtype=np.int64)
    np.cumsum(starts[1:][history.indices] - starts[history.indices], out=sizes[1:])
    of_user = np.minimum(np.diff(sizes[history.indptr]) + blocked.counts, n_items)
    most = np.zeros(len(history.indptr), dtype=np.int64)
    np.cumsum(of_user, out=most[1:])
    return most


def _part(lists: ItemLists, users: slice) -> ItemLists:
    """Return the lists of consecutive users."""
    indptr = lists.indptr[users.start : users.stop + 1]
    return ItemLists(indptr - indptr[0], lists.indices[indptr[0] : indptr[-1]])
