"""Top-n lists and ranks of held-out items, tile by tile. Arrays only.

Scores are X Yᵀ, X the users' factors and Y the items'. Users × items is never held at once: a
tile is a block of users whose size follows from a memory budget and the number of items alone,
and runs on one thread. So no result depends on the number of threads. Equal scores are ranked by
position, the lower first.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.threads import available_threads, single_threaded_blas

__all__ = ["NEVER", "Ranks", "best_columns", "for_each_tile", "mask", "rank_held_out", "top_n"]

# Scores in a tile: 8 MiB of float32, which with its copies stays near the caches.
TILE_SCORES = 2**21

# The rank of an item that is masked, or lies beyond the cut-off.
NEVER = 2**62


def for_each_tile(
    n_rows: int, n_columns: int, run: Callable[[slice], Any], num_threads: int = 0
) -> list[Any]:
    """Return ``run(rows)`` for each tile of rows, in order."""
    size = max(1, min(1024, TILE_SCORES // max(1, n_columns)))
    tiles = [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
    threads = min(available_threads(num_threads), len(tiles))
    with single_threaded_blas():
        if threads <= 1:
            return [run(tile) for tile in tiles]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(run, tiles))


def mask(scores: np.ndarray, rows: sparse.csr_matrix) -> None:
    """Set the scores of stored entries to −∞, in place."""
    scores[np.repeat(np.arange(len(scores)), np.diff(rows.indptr)), rows.indices] = -np.inf


def best_columns(scores: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the n highest scores of each row, best first, and how many there are.

    Parameters
    ----------
    scores : (m, n_columns), −∞ never counts
    n : int, 1 … n_columns

    Returns
    -------
    columns : int64 (m, n), −1 past the end
    counts : int64 (m,)
    """
    m, width = scores.shape
    if n < width:
        threshold = np.partition(scores, width - n, axis=1)[:, width - n, None]
        chosen = scores >= threshold
        chosen &= scores > -np.inf
    else:
        chosen = scores > -np.inf
    # Positions come in rising order, and the sort is stable: ties stay with the lower column.
    flat = np.flatnonzero(chosen)
    rows = flat // width
    order = np.lexsort((-scores.ravel()[flat], rows))
    found = np.bincount(rows, minlength=m)
    place = np.arange(len(flat)) - np.repeat(np.cumsum(found) - found, found)
    kept = place < n
    columns = np.full((m, n), -1, dtype=np.int64)
    columns[rows[kept], place[kept]] = (flat[order] % width)[kept]
    return columns, np.minimum(found, n)


def top_n(
    user_factors: np.ndarray,
    item_factors: np.ndarray,
    n: int,
    blocked: sparse.csr_matrix | None = None,
    allowed: np.ndarray | None = None,
    num_threads: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the n best items of each user.

    Parameters
    ----------
    user_factors, item_factors : (m, k), (n_items, k)
    n : int ≥ 1
    blocked : CSR (m, n_items), optional: stored entries are never returned
    allowed : bool (n_items,), optional: the only items to return

    Returns
    -------
    rows : int64 (m, min(n, n_items)), best first, −1 past the end
    scores : float32 or float64, same shape, NaN past the end
    counts : int64 (m,)
    """
    m, n_items = len(user_factors), len(item_factors)
    n = min(n, n_items)
    rows = np.full((m, n), -1, dtype=np.int64)
    scores = np.full((m, n), np.nan, dtype=user_factors.dtype)
    counts = np.zeros(m, dtype=np.int64)
    among = np.arange(n_items)
    if allowed is not None and not allowed.all():
        among = np.flatnonzero(allowed)
        item_factors = item_factors[among]
        blocked = None if blocked is None else blocked[:, among]
    if not len(among):
        return rows, scores, counts
    width = min(n, len(among))

    def run(tile: slice) -> None:
        tile_scores = user_factors[tile] @ item_factors.T
        if blocked is not None:
            mask(tile_scores, blocked[tile])
        columns, counts[tile] = best_columns(tile_scores, width)
        real = columns >= 0
        rows[tile, :width] = np.where(real, among[columns], -1)
        best = np.take_along_axis(tile_scores, np.maximum(columns, 0), axis=1)
        scores[tile, :width] = np.where(real, best, np.nan)

    for_each_tile(m, len(among), run, num_threads)
    return rows, scores, counts


@dataclass(frozen=True)
class Ranks:
    """Where held-out items stand: one entry for each stored one, in stored order.

    Attributes
    ----------
    ranks : int64, 0 for the best item; NEVER where it lies beyond the cut-off or is masked
    auc : float64 (m,), only without a cut-off: the share of pairs of a held-out and another
        unmasked item that stand in the right order, equal scores counting half
    """

    ranks: np.ndarray
    auc: np.ndarray | None


def rank_held_out(scores: np.ndarray, held: sparse.csr_matrix, cutoff: int | None) -> Ranks:
    """Return the ranks of stored entries of ``held`` among a tile of scores (−∞ is masked)."""
    if cutoff is None:
        return _rank_all(scores, held)
    m, width = scores.shape
    columns, _ = best_columns(scores, cutoff)
    listed, place = np.nonzero(columns >= 0)
    keys = listed * width + columns[listed, place]
    order = np.argsort(keys)
    keys = keys[order]
    wanted = np.repeat(np.arange(m), np.diff(held.indptr)) * width + held.indices
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    ranks = np.full(len(wanted), NEVER, dtype=np.int64)
    if len(keys):
        hit = keys[at] == wanted
        ranks[hit] = place[order][at[hit]]
    return Ranks(ranks, None)


def _rank_all(scores: np.ndarray, held: sparse.csr_matrix) -> Ranks:
    m, width = scores.shape
    ranks = np.full(held.nnz, NEVER, dtype=np.int64)
    auc = np.ones(m)
    ordered = np.sort(scores, axis=1)
    for row in range(m):
        entries = slice(held.indptr[row], held.indptr[row + 1])
        columns = held.indices[entries]
        mine = scores[row, columns]
        masked = int(np.searchsorted(ordered[row], -np.inf, "right"))
        found = mine > -np.inf
        above = width - np.searchsorted(ordered[row], mine, "right")
        below = np.searchsorted(ordered[row], mine, "left") - masked
        equal = width - masked - above - below
        tied = [
            int((scores[row, :column] == score).sum()) if same > 1 else 0
            for column, score, same in zip(columns, mine, equal, strict=True)
        ]
        ranks[entries] = np.where(found, above + np.array(tied, dtype=np.int64), NEVER)
        own = np.sort(mine[found])
        others = width - masked - len(own)
        if others > 0 and len(mine):
            own_below = np.searchsorted(own, mine, "left")
            own_equal = np.searchsorted(own, mine, "right") - own_below
            right = (below - own_below) + 0.5 * (equal - own_equal)
            auc[row] = right[found].sum() / (len(mine) * others)
    return Ranks(ranks, auc)
