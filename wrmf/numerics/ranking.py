"""Top-n lists and ranks of held-out items, tile by tile. Arrays only.

The score of a pair is its factors' product summed in float64 in a fixed order and rounded once to
the factors' precision; equal scores are ranked by position, the lower first. Tiles of scores come
from GEMM and only tell which pairs are worth that; most tiles are never computed. docs/ranking.md
has the mathematics. Memory is bounded by the constants below, and no result depends on them or
on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf._ranking import NEVER, pack, rank, rank_listed
from wrmf.numerics.sweep import PATHS, aligned_bytes, kernel_path
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = ["NEVER", "Ranks", "rank_held_out", "top_n", "top_n_of", "unit_rows"]

# Items and users of one product: with its factors about half a level-2 cache.
TILE, GROUP = 256, 256
# Users, bytes of lists and masked items of one block, which is a thread's at a time.
BLOCK, LIST_BYTES, BLOCK_MASKED = 512, 2**24, 2**21
# Items of large norm, which are wanted most, are copied in order up to these bytes.
PACKED_BYTES = 2**26
# Flops between two looks for Ctrl-C: a fraction of a second.
CHUNK_FLOPS = 5e10


@dataclass(frozen=True)
class Ranks:
    """Where held-out items stand: one entry for each stored one, in stored order.

    Attributes
    ----------
    ranks : int32, 0 for the best item; NEVER where it lies beyond the cut-off or is masked
    auc : float64 (m,), only without a cut-off: the share of pairs of a held-out and another
        unmasked item that stand in the right order, equal scores counting half
    """

    ranks: np.ndarray
    auc: np.ndarray | None


class _Tiles:
    """Items in falling order of norm, and how far GEMM's scores may be off."""

    def __init__(self, users: np.ndarray, items: np.ndarray, allowed: np.ndarray | None) -> None:
        dtype = np.result_type(users, items, np.float32)
        norms = _norms(items)
        self.user_norms = _norms(users)
        largest = norms.max(initial=0) * self.user_norms.max(initial=0)
        if not np.isfinite(largest) or largest > 1e300:
            raise ValueError(
                "the factors hold NaN, infinite or huge values, so nothing can be ranked: "
                "train with more regularization or a smaller alpha"
            )
        if largest > 1e37:
            # Sums in float32 could overflow.
            dtype = np.dtype(np.float64)
        self.users = np.ascontiguousarray(users, dtype=dtype)
        self.items = np.ascontiguousarray(items, dtype=dtype)
        among = np.arange(len(items)) if allowed is None else np.flatnonzero(allowed)
        self.order = among[np.argsort(-norms[among])].astype(np.int32)
        self.position = np.full(len(items), -1, dtype=np.int32)
        self.position[self.order] = np.arange(len(self.order), dtype=np.int32)
        self.tile_norms = norms[self.order[::TILE]]
        k = users.shape[1]
        # k roundings of the sum, however it is ordered; see docs/ranking.md.
        self.relative_error = 1.01 * (k + 8) * float(np.finfo(dtype).eps) / 2
        self.smallest = (k + 8) * float(np.finfo(dtype).tiny)

    def run(
        self,
        n: int,
        blocked: sparse.csr_matrix | None,
        side_masked: Sequence[bool],
        held: Sequence[sparse.csr_matrix],
        outputs: tuple[np.ndarray, ...],
        num_threads: int,
    ) -> None:
        m, k = self.users.shape
        dtype = self.users.dtype
        masked_indptr, masked = (
            _sorted_rows(blocked)
            if blocked is not None
            else (np.zeros(m + 1, np.int64), np.empty(0, np.int32))
        )
        parts = [_sorted_rows(one) for one in held]
        starts = np.cumsum([0, *(len(indices) for _, indices in parts)])
        held_indptr = np.concatenate(
            [parts[0][0][:1] if parts else np.empty(0, np.int64)]
            + [indptr[1:] + start for (indptr, _), start in zip(parts, starts, strict=False)]
        )
        held_indices = np.concatenate([np.empty(0, np.int32), *(part[1] for part in parts)])
        entry_bytes = len(side_masked) * n * (2 * (dtype.itemsize + 4) + dtype.itemsize) + 1
        most = int(min(BLOCK, max(1, LIST_BYTES // entry_bytes)))
        threads = kernel_threads(num_threads)
        # Small jobs are shared out, too.
        most = max(1, min(most, -(-m // (4 * threads))))
        blocks = [0]
        while blocks[-1] < m:
            full = int(np.searchsorted(masked_indptr, masked_indptr[blocks[-1]] + BLOCK_MASKED))
            blocks.append(min(m, max(blocks[-1] + 1, min(blocks[-1] + most, full - 1))))
        edges = np.array(blocks, dtype=np.int64)
        most_masked = int(np.diff(masked_indptr[edges]).max(initial=0))
        at_once = max(threads, int(CHUNK_FLOPS / (2 * most * len(self.order) * k + 1)))
        path = PATHS.index(kernel_path())
        packed = self._packed(path, threads)
        with single_threaded_blas():
            for first in range(0, len(edges) - 1, at_once):
                rank(
                    path,
                    self.users,
                    self.items,
                    self.order,
                    self.position,
                    packed,
                    self.user_norms,
                    self.tile_norms,
                    self.relative_error,
                    self.smallest,
                    TILE,
                    GROUP,
                    edges[first : first + at_once + 1],
                    most_masked,
                    n,
                    masked_indptr,
                    masked,
                    np.array(side_masked, dtype=np.uint8),
                    held_indptr,
                    held_indices,
                    *outputs,
                    threads,
                )

    def _packed(self, path: int, threads: int) -> np.ndarray:
        """Return the first tiles' factors, on a 64-byte boundary."""
        tile = TILE * self.items.shape[1]
        size = min(len(self.tile_norms), PACKED_BYTES // max(1, tile * self.items.itemsize)) * tile
        packed = aligned_bytes(size * self.items.itemsize).view(self.items.dtype)
        if size:
            pack(path, self.items, self.order, TILE, packed, threads)
        return packed


def _norms(factors: np.ndarray) -> np.ndarray:
    """Return the rows' norms, float64, not below the true ones."""
    info = np.finfo(np.result_type(factors, np.float32))
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", factors, factors, dtype=info.dtype)
        if not np.isfinite(squares.max(initial=0)):
            squares = np.einsum("ij,ij->i", factors, factors, dtype=np.float64)
    k = factors.shape[1]
    # k products and their sums are each rounded, or lost below the smallest number.
    error, lost = 1 + (k + 8) * float(info.eps), 2 * k * float(info.tiny)
    return np.sqrt(squares.astype(np.float64) * error + lost)


def _sorted_rows(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    return (
        matrix.indptr.astype(np.int64, copy=False),
        matrix.indices.astype(np.int32, copy=False),
    )


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

    Raises
    ------
    ValueError
        Where factors are not finite.
    """
    n = min(n, len(item_factors))
    tiles = _Tiles(user_factors, item_factors, allowed)
    rows, scores, counts = _empty_lists(tiles.users, n)
    if n and len(tiles.order):
        none = np.empty(0, dtype=np.int32)
        outputs = (np.empty(0, scores.dtype), none, none, none, rows, scores, counts)
        tiles.run(n, blocked, [blocked is not None], [], outputs, num_threads)
    return _as_asked(rows, scores, counts, user_factors.dtype)


def top_n_of(
    user_factors: np.ndarray,
    item_factors: np.ndarray,
    n: int,
    lists: sparse.csr_matrix,
    num_threads: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what ``top_n`` does, of the items that each user's row of ``lists`` stores."""
    n = min(n, len(item_factors))
    tiles = _Tiles(user_factors, item_factors, np.zeros(len(item_factors), dtype=bool))
    rows, scores, counts = _empty_lists(tiles.users, n)
    indptr, indices = _sorted_rows(lists)
    rank_listed(
        PATHS.index(kernel_path()),
        tiles.users,
        tiles.items,
        indptr,
        indices,
        n,
        rows,
        scores,
        counts,
        kernel_threads(num_threads),
    )
    return _as_asked(rows, scores, counts, user_factors.dtype)


def _empty_lists(users: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.full((len(users), n), -1, dtype=np.int32)
    scores = np.full((len(users), n), np.nan, dtype=users.dtype)
    return rows, scores, np.zeros(len(users), dtype=np.int64)


def _as_asked(
    rows: np.ndarray, scores: np.ndarray, counts: np.ndarray, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(over="ignore"):
        return rows.astype(np.int64), scores.astype(dtype, copy=False), counts


def rank_held_out(
    user_factors: np.ndarray,
    item_factors: np.ndarray,
    sides: Sequence[tuple[sparse.csr_matrix, np.ndarray, bool]],
    masked: sparse.csr_matrix,
    cutoff: int | None,
    num_threads: int = 0,
) -> list[Ranks]:
    """Return the ranks of held-out items, of all sides in one pass.

    Parameters
    ----------
    user_factors, item_factors : (m, k), (n_items, k)
    sides : CSR matrices (m, n_items) of held-out items, rows sorted, their ``observed_scores``,
        and whether ``masked`` items are left out of their ranking
    masked : CSR (m, n_items)
    cutoff : int, or None to count to the end
    """
    tiles = _Tiles(user_factors, item_factors, None)
    # Masking a tile of scores cannot be undone, so the sides without it go first.
    by_mask = sorted(range(len(sides)), key=lambda side: sides[side][2])
    held = [sides[side][0] for side in by_mask]
    entries = sum(one.nnz for one in held)
    n = 0 if cutoff is None else cutoff
    counts = [np.zeros(entries if n == 0 else 0, dtype=np.int32) for _ in range(2)]
    ranks = np.full(entries, NEVER if n else 0, dtype=np.int32)
    exact = np.concatenate([np.empty(0), *(sides[side][1] for side in by_mask)])
    exact = exact.astype(tiles.users.dtype)
    no_lists = (np.empty((0, 0), np.int32), np.empty((0, 0), exact.dtype), np.empty(0, np.int64))
    tiles.run(
        n,
        masked,
        [sides[side][2] for side in by_mask],
        held,
        (exact, ranks, *counts, *no_lists),
        num_threads,
    )
    results: dict[int, Ranks] = {}
    start = 0
    for side in by_mask:
        one, _, leaves_out = sides[side]
        mine = slice(start, start + one.nnz)
        start += one.nnz
        auc = None
        if n == 0:
            ranks[mine][exact[mine] == -np.inf] = NEVER
            left = len(item_factors) - np.diff(masked.indptr) * leaves_out
            auc = _auc(one.indptr, exact[mine], counts[0][mine], counts[1][mine], left)
        results[side] = Ranks(ranks[mine], auc)
    return [results[side] for side in range(len(sides))]


def _auc(
    indptr: np.ndarray, scores: np.ndarray, above: np.ndarray, equal: np.ndarray, left: np.ndarray
) -> np.ndarray:
    """AUC of each row; ``left`` is how many items are not masked."""
    m = len(indptr) - 1
    rows = np.repeat(np.arange(m), np.diff(indptr))
    found = np.flatnonzero(scores > -np.inf)
    found = found[np.lexsort((scores[found], rows[found]))]
    mine, value = rows[found], scores[found]
    own = np.bincount(mine, minlength=m)
    # Held-out items of the same user do not compete: take their share of the counts out again.
    starts = np.cumsum(own) - own
    new = np.ones(len(found), dtype=bool)
    new[1:] = (mine[1:] != mine[:-1]) | (value[1:] != value[:-1])
    group = np.cumsum(new) - 1
    size = np.bincount(group, minlength=1)[group] if len(found) else group
    own_below = np.flatnonzero(new)[group] - starts[mine]
    below = left[mine] - above[found] - equal[found]
    right = np.bincount(
        mine, weights=(below - own_below) + 0.5 * (equal[found] - size), minlength=m
    )
    others, held = left - own, np.diff(indptr)
    auc = np.ones(m)
    counted = (others > 0) & (held > 0)
    auc[counted] = right[counted] / (held[counted] * others[counted])
    return auc


def unit_rows(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows scaled to length one, and which have a length."""
    lengths = np.linalg.norm(factors, axis=1)
    known = lengths > 0
    return factors / np.where(known, lengths, 1)[:, None], known
