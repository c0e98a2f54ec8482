"""Top-n lists and ranks of held-out items, from arrays of factors.

The score of a user and an item is the dot product of their factors, summed in float64 in a fixed
order and rounded once to the precision of the factors. Among equal scores, the item at the lower
position is ranked first. Matrix products compute approximate scores, one tile of users and items at
a time. The approximate scores show which pairs need the exact score. Upper bounds of the scores
show that most tiles need not be computed at all. docs/ranking.md has the mathematics. No result
depends on the constants below or on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from wrmf._ranking import NEVER, rank
from wrmf._serving import Scanner, rank_listed
from wrmf.numerics.isa import isa_number
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.layout import as_aligned
from wrmf.numerics.threads import kernel_threads, single_threaded_blas
from wrmf.numerics.tiles import SortedItems, Tiles, ranking_dtype

__all__ = [
    "NEVER",
    "Ranks",
    "auc_by_row",
    "rank_held_out",
    "row_lengths",
    "top_n",
    "top_n_of",
    "top_n_of_few",
    "unit_rows",
]

# A thread ranks the items for one block of users at a time. The first three constants limit the
# size of a block, and so the memory that a thread needs. BLOCK is the largest number of users.
BLOCK = 512
# The largest size of the top-n lists of a block, in bytes.
LIST_BYTES = 2**24
# The largest number of masked items of a block, unless a single user has more.
BLOCK_MASKED = 2**21
# Ctrl-C is checked after every CHUNK_FLOPS flops, which take a fraction of a second.
CHUNK_FLOPS = 5e10
# With many items, a block has fewer users, but at least LEAST_BLOCK, so that it is ranked within a
# second.
BLOCK_FLOPS, LEAST_BLOCK = 2e10, 16
# Up to LEAST_LISTED scores of listed items are computed by one thread.
LEAST_LISTED = 10_000
# The number of rows whose lengths are computed at a time.
LENGTH_ROWS = 2**14


@dataclass(frozen=True)
class Ranks:
    """The ranks of held-out items, in the order in which the items are stored.

    Attributes
    ----------
    ranks : int32, 0 for the best item; ``NEVER`` if it is beyond the cut-off or masked
    auc : float64 (m,), or None if there is a cut-off: the share of pairs of a held-out and another
        unmasked item that are ranked correctly; a pair with equal scores counts half
    """

    ranks: np.ndarray
    auc: np.ndarray | None


class Masks(NamedTuple):
    """Items that are left out of the ranking, as CSR with sorted rows.

    Attributes
    ----------
    indptr : int64 (m + 1,)
    indices : int32
    sides : uint8 (n_sides,), whether the ranking of a side leaves the items out; such sides come
        after all other sides
    """

    indptr: np.ndarray
    indices: np.ndarray
    sides: np.ndarray


class HeldOut(NamedTuple):
    """Held-out items to rank, as CSR with n_sides · m rows: the m users of each side in turn.

    Attributes
    ----------
    indptr : int64, empty if lists are computed instead of ranks
    indices : int32 (n_entries,)
    scores : (n_entries,), exact scores; the kernels set those of masked items to −∞
    ranks : int32 (n_entries,); with a cut-off, set for items within it; without one, incremented
        for each item that is ranked before the held-out item
    above, equal : int32 (n_entries,), the number of items with a higher score and with an equal
        score; empty if there is a cut-off
    """

    indptr: np.ndarray
    indices: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    above: np.ndarray
    equal: np.ndarray

    @classmethod
    def none(cls, dtype: np.dtype) -> HeldOut:
        """Return a record without held-out items."""
        no_ints = np.empty(0, np.int32)
        return cls(np.empty(0, np.int64), no_ints, np.empty(0, dtype), no_ints, no_ints, no_ints)


class Lists(NamedTuple):
    """The best items of each user.

    Attributes
    ----------
    items : int32 (m, n), best first; −1 past the end of a list
    scores : (m, n); NaN past the end of a list
    counts : int64 (m,)
    least_scores : float64 (m,), or empty
        Items with a lower score may be left out, which makes lists of few high scores faster.
    """

    items: np.ndarray
    scores: np.ndarray
    counts: np.ndarray
    least_scores: np.ndarray

    @classmethod
    def empty(cls, m: int, n: int, dtype: np.dtype, least: np.ndarray | None = None) -> Lists:
        """Return m lists without items."""
        return cls(
            np.full((m, n), -1, dtype=np.int32),
            np.full((m, n), np.nan, dtype=dtype),
            np.zeros(m, dtype=np.int64),
            np.empty(0) if least is None else as_aligned(least, np.float64),
        )

    def as_arrays(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return items as int64, scores in ``dtype``, and counts."""
        with np.errstate(over="ignore"):
            return self.items.astype(np.int64), self.scores.astype(dtype, copy=False), self.counts


def _cut_into_blocks(
    masked_indptr: np.ndarray, user_bytes: int, user_flops: int, threads: int
) -> tuple[np.ndarray, int]:
    """Return the boundaries between blocks of users, and the largest number of users of a block.

    ``user_bytes`` is the size of one user's lists, ``user_flops`` the cost of ranking one user.
    """
    m = len(masked_indptr) - 1
    quick = max(LEAST_BLOCK, int(BLOCK_FLOPS / user_flops))
    most = int(min(BLOCK, quick, max(1, LIST_BYTES // user_bytes)))
    # With few users, use smaller blocks, so that there are blocks for all threads.
    most = max(1, min(most, -(-m // (4 * threads))))
    edges = [0]
    while edges[-1] < m:
        masked_end = masked_indptr[edges[-1]] + BLOCK_MASKED
        full = int(np.searchsorted(masked_indptr, masked_end))
        edges.append(min(m, max(edges[-1] + 1, min(edges[-1] + most, full - 1))))
    return np.array(edges, dtype=np.int64), most


def _rank_blocks(
    tiles: Tiles, n: int, masks: Masks, held_out: HeldOut, lists: Lists, num_threads: int
) -> None:
    """Rank the items for all blocks of users, and check for Ctrl-C every few blocks."""
    real = tiles.users.itemsize
    user_bytes = len(masks.sides) * n * (2 * (real + 4) + real) + 1
    user_flops = 2 * len(tiles.order) * tiles.users.shape[1] + 1
    threads = kernel_threads(num_threads)
    edges, most = _cut_into_blocks(masks.indptr, user_bytes, user_flops, threads)
    at_once = max(threads, int(CHUNK_FLOPS / (most * user_flops)))
    tiles = tiles.with_packed(threads)
    with single_threaded_blas(needed=not tiles.isa):
        for first in range(0, len(edges) - 1, at_once):
            blocks = edges[first : first + at_once + 1]
            rank(tiles.users, n, tiles, masks, held_out, lists, blocks, threads)


def _masks(blocked: ItemLists | None, m: int, sides: Sequence[bool]) -> Masks:
    return Masks(*(ItemLists.none(m) if blocked is None else blocked), np.array(sides, np.uint8))


def top_n(
    user_factors: np.ndarray,
    item_factors: np.ndarray | SortedItems,
    n: int,
    blocked: ItemLists | None = None,
    allowed: np.ndarray | None = None,
    num_threads: int = 0,
    least_scores: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the n best items of each user.

    Parameters
    ----------
    user_factors, item_factors : (m, k), (n_items, k)
        Items that are ranked repeatedly may be sorted once, as ``SortedItems``.
    n : int ≥ 1
    blocked : ItemLists of m users, optional: items that are never returned
    allowed : bool (n_items,), optional: the only items to return
    num_threads : int ≥ 0, default 0
    least_scores : float64 (m,), optional
        The caller has no use for items with lower scores, so some or all of them are left out.

    Returns
    -------
    rows : int64 (m, min(n, n_items)), best first, −1 past the end
    scores : float32 or float64, same shape, NaN past the end
    counts : int64 (m,)

    Raises
    ------
    ValueError
        Where factors are not finite.
    """
    n = min(n, len(item_factors))
    tiles = Tiles.of(user_factors, item_factors, allowed)
    dtype = tiles.users.dtype
    lists = Lists.empty(len(tiles.users), n, dtype, least_scores)
    if n and len(tiles.order):
        masks = _masks(blocked, len(tiles.users), [blocked is not None])
        _rank_blocks(tiles, n, masks, HeldOut.none(dtype), lists, num_threads)
    return lists.as_arrays(user_factors.dtype)


def top_n_of(
    user_factors: np.ndarray,
    item_factors: np.ndarray | SortedItems,
    n: int,
    listed: ItemLists,
    num_threads: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lists of ``top_n``, restricted to the items that are listed for each user."""
    catalogue = SortedItems.as_sorted(item_factors)
    dtype = ranking_dtype(user_factors, catalogue)
    users = as_aligned(user_factors, dtype)
    items = as_aligned(catalogue.items, dtype)
    lists = Lists.empty(len(users), min(n, len(items)), dtype)
    # Few scores are computed before more threads would have started.
    threads = kernel_threads(num_threads if len(listed.indices) > LEAST_LISTED else 1)
    width = lists.items.shape[1]
    rank_listed(isa_number(), users, items, width, listed.indptr, listed.indices, lists, threads)
    return lists.as_arrays(user_factors.dtype)


def rank_held_out(
    user_factors: np.ndarray,
    item_factors: np.ndarray,
    sides: Sequence[tuple[sparse.csr_matrix, np.ndarray, bool]],
    masked: sparse.csr_matrix,
    cutoff: int | None,
    num_threads: int = 0,
) -> list[Ranks]:
    """Return the ranks of the held-out items of each side; all sides are ranked in one pass.

    Parameters
    ----------
    user_factors, item_factors : (m, k), (n_items, k)
    sides : for each side, a CSR matrix (m, n_items) of held-out items with sorted rows, its
        ``observed_scores``, and whether ``masked`` items are left out of the ranking
    masked : CSR (m, n_items)
    cutoff : int, or None to rank all items
    """
    tiles = Tiles.of(user_factors, item_factors)
    # Masking overwrites the scores of a tile, so the sides without masks are ranked first.
    by_mask = sorted(range(len(sides)), key=lambda side: sides[side][2])
    matrices = [sides[side][0] for side in by_mask]
    scores = [sides[side][1] for side in by_mask]
    dtype = tiles.users.dtype
    held_out = _held_out(matrices, scores, cutoff is not None, dtype)
    masks = _masks(ItemLists.of(masked), len(tiles.users), [sides[side][2] for side in by_mask])
    no_lists = Lists.empty(0, 0, dtype)
    _rank_blocks(tiles, cutoff or 0, masks, held_out, no_lists, num_threads)
    results: dict[int, Ranks] = {}
    start = 0
    for side in by_mask:
        matrix, _, leaves_out = sides[side]
        entries = slice(start, start + matrix.nnz)
        start += matrix.nnz
        auc = None
        if cutoff is None:
            held_out.ranks[entries][held_out.scores[entries] == -np.inf] = NEVER
            ranked = len(item_factors) - np.diff(masked.indptr) * leaves_out
            counts = held_out.above[entries], held_out.equal[entries]
            auc = auc_by_row(matrix.indptr, held_out.scores[entries], counts, ranked)
        results[side] = Ranks(held_out.ranks[entries], auc)
    return [results[side] for side in range(len(sides))]


def _held_out(
    matrices: Sequence[sparse.csr_matrix],
    scores: Sequence[np.ndarray],
    with_cutoff: bool,
    dtype: np.dtype,
) -> HeldOut:
    """Return the held-out items of all sides as one CSR matrix, with room for their ranks."""
    parts = [ItemLists.of(matrix) for matrix in matrices]
    starts = np.cumsum([0, *(len(part.indices) for part in parts)])
    entries = int(starts[-1])
    indptr = [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
    first = parts[0].indptr[:1] if parts else np.empty(0, np.int64)
    n_counts = 0 if with_cutoff else entries
    return HeldOut(
        indptr=np.concatenate([first, *indptr]),
        indices=np.concatenate([np.empty(0, np.int32), *(part.indices for part in parts)]),
        scores=np.concatenate([np.empty(0), *scores]).astype(dtype),
        ranks=np.full(entries, NEVER if with_cutoff else 0, dtype=np.int32),
        above=np.zeros(n_counts, dtype=np.int32),
        equal=np.zeros(n_counts, dtype=np.int32),
    )


def auc_by_row(
    indptr: np.ndarray,
    scores: np.ndarray,
    counts: tuple[np.ndarray, np.ndarray],
    ranked: np.ndarray,
) -> np.ndarray:
    """Return the AUC of each row.

    ``counts`` are, for each held-out item, the number of items with a higher and with an equal
    score. ``ranked`` is the number of items of each row that are not masked.
    """
    above, equal = counts
    m = len(indptr) - 1
    rows = np.repeat(np.arange(m), np.diff(indptr))
    entries = np.flatnonzero(scores > -np.inf)
    entries = entries[np.lexsort((scores[entries], rows[entries]))]
    row, score = rows[entries], scores[entries]
    n_held = np.bincount(row, minlength=m)
    # Pairs of two held-out items do not count, so subtract the user's held-out items.
    starts = np.cumsum(n_held) - n_held
    is_new = np.ones(len(entries), dtype=bool)
    is_new[1:] = (row[1:] != row[:-1]) | (score[1:] != score[:-1])
    group = np.cumsum(is_new) - 1
    held_equal = np.bincount(group, minlength=1)[group] if len(entries) else group
    held_below = np.flatnonzero(is_new)[group] - starts[row]
    below = ranked[row] - above[entries] - equal[entries]
    pairs = (below - held_below) + 0.5 * (equal[entries] - held_equal)
    in_order = np.bincount(row, weights=pairs, minlength=m)
    others, held = ranked - n_held, np.diff(indptr)
    auc = np.ones(m)
    counted = (others > 0) & (held > 0)
    auc[counted] = in_order[counted] / (held[counted] * others[counted])
    return auc


def top_n_of_few(
    user_factors: np.ndarray,
    scanner: Scanner,
    n: int,
    blocked: ItemLists | None,
    allowed: np.ndarray | None = None,
    listed: ItemLists | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lists of ``top_n`` for a few users, by a scan of rounded factors for each of them.

    Parameters
    ----------
    user_factors : (m, k)
    scanner : Scanner of the items, from ``Codes``
    n, blocked, allowed : as in ``top_n``
    listed : ItemLists of m users, optional
        The only items to return; their exact scores are computed, and nothing is scanned.

    Returns
    -------
    rows, scores, counts : as in ``top_n``
        The count is −1 for a user whose scores are out of the range of a scan.
    """
    width = min(n, scanner.n_items)
    lists: tuple[np.ndarray, np.ndarray, np.ndarray] = scanner.best(
        user_factors, width, blocked, allowed, listed
    )
    return lists


def row_lengths(factors: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm of each row, in the dtype of the factors."""
    lengths = np.empty(len(factors), dtype=factors.dtype)
    # In blocks, since NumPy squares a whole array before it sums.
    for first in range(0, len(factors), LENGTH_ROWS):
        rows = slice(first, first + LENGTH_ROWS)
        # The factors of a mapped file are not verified, and may be any bits.
        with np.errstate(invalid="ignore", over="ignore"):
            lengths[rows] = np.linalg.norm(factors[rows], axis=1)
    return lengths


def unit_rows(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows scaled to length one, and whether each row has a length above zero."""
    lengths = row_lengths(factors)
    known = lengths > 0
    return factors / np.where(known, lengths, 1)[:, None], known
