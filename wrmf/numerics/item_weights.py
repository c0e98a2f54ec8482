"""Item weights: what having one item says about another one, by a ridge regression for each item.

Let R be the binary matrix of the data and G = RᵀR, so that G_ij counts the users that items i and
j share. The neighbours N(j) of item j are the K items i ≠ j with the largest G_ij · n_i^-½, where
n_i = G_ii, among those with G_ij > 0; equal ones are taken by position. The weights of item j are
the coefficients of the regression of its users on those of its neighbours:

    b_j = argmin_b ‖r_j − R_N b‖² + λ ‖b‖²,   (G_NN + λI) b_j = G_Nj.

The cost is n_items · K³ and the memory n_items · K. With K ≥ n_items − 1 all other items are
neighbours, also those with G_ij = 0. This is SLIM without its L1 penalty and its sign constraint
(Ning and Karypis 2011), or EASE (Steck 2019): one inverse P = (G + λI)⁻¹ has all weights,
b_ij = −P_ij / P_jj. Above K = 1000 it is that of the K items with the most users, which are all
neighbours of each other, and other items have none. Then the cost is K³ and the memory K².
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf._item_weights import fit, workspace_bytes
from wrmf._lapack import invert_definite
from wrmf.guarded import read_only
from wrmf.numerics.interrupts import interruptible
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import WeightRows, touched_by_block
from wrmf.numerics.memory import check_memory
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = ["ItemWeights", "standard_deviation"]

# Ctrl-C is checked after CHUNK_ITEMS items, or after fewer whose counts take CHUNK_COUNTS steps.
CHUNK_ITEMS, CHUNK_COUNTS = 2**14, 2e8
ALIGNMENT = 64
# A variance below this share of the mean square is a rounding error of equal values.
LEAST_VARIANCE = 1e-12
# The most neighbours that an item has of its own, since its regression takes the cube of their
# number, and the most items that are all neighbours of each other.
MOST_NEIGHBOURS, MOST_ITEMS = 1000, 20_000
# The largest matrix that is always inverted in float64; larger ones are only where the rounding
# errors of float32 are above this share of λ.
MOST_DOUBLE, MOST_ROUNDING = 1000, 0.1
# The bytes of a weight and its place while weights are joined, and those of an element of the
# inverse at its peak: the counts, the inverse, the weights and their places.
WEIGHT_BYTES, INVERSE_BYTES = 16, 24
# Pivots below this share of the largest, times the size, are rounding errors.
LEAST_PIVOT = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, repr=False)
class ItemWeights:
    """The weights b of each item's neighbours, and what they were fitted with.

    Attributes
    ----------
    by_item : WeightRows, (n_items, n_items)
        Row j has the neighbours of item j and their weights b_j.
    neighbours : int
        K, the largest number of neighbours of an item.
    regularization : float
        λ.
    spread : float
        The standard deviation of the terms Σ_i b_ij of all users and items of the training data;
        0 if all are equal.

    References
    ----------
    Ning, Karypis: SLIM: Sparse Linear Methods for Top-N Recommender Systems. ICDM 2011.

    Steck: Embarrassingly Shallow Autoencoders for Sparse Data. WWW 2019.

    Examples
    --------
    >>> from scipy import sparse
    >>> matrix = sparse.csr_matrix([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    >>> weights = ItemWeights.fit(matrix, neighbours=2, regularization=2.0)
    >>> weights.by_item.indices.tolist(), weights.by_item.values.tolist()
    ([1, 0], [0.5, 0.5])
    """

    by_item: WeightRows
    neighbours: int
    regularization: float
    spread: float

    def __post_init__(self) -> None:
        # The kernels rely on the indices, so none may be changed later.
        object.__setattr__(self, "by_item", WeightRows(*map(read_only, self.by_item)))

    def __setstate__(self, values: dict[str, Any]) -> None:
        # An array can be written to again once it has been pickled or copied.
        vars(self).update(values)
        self.__post_init__()

    @classmethod
    def fit(
        cls,
        matrix: sparse.csr_matrix,
        neighbours: int = 30,
        regularization: float = 20.0,
        num_threads: int = 0,
    ) -> ItemWeights:
        """Return the weights of the items of a users × items matrix.

        Parameters
        ----------
        matrix : CSR (n_users, n_items)
            Only its pairs matter, not their values.
        neighbours : int ≥ 1, default 30
        regularization : float > 0, default 20.0
            λ, in users: the more, the smaller are weights that rest on few of them.
        num_threads : int ≥ 0, default 0
            The result is bitwise the same for any number.

        Raises
        ------
        ValueError
            If λ is so small that a regression has no unique solution to working precision.
        MemoryError
            If the weights, or the inverse of popular items, do not fit the memory.

        Notes
        -----
        It costs Σ_u n_u² steps to count shared users, and for each item K² / 2 intersections of
        lists of users and K³ / 3 multiplications. The counts of one item at a time are kept.
        """
        n_items = matrix.shape[1]
        popular = neighbours >= n_items - 1 or neighbours > MOST_NEIGHBOURS
        _check_size(n_items, neighbours, popular)
        if not matrix.has_canonical_format:
            # A repeated pair would be counted twice.
            matrix = matrix.copy()
            matrix.sum_duplicates()
        by_user = ItemLists.of(matrix)
        pairs = sparse.csr_matrix(
            (np.ones(len(by_user.indices), np.int8), by_user.indices, by_user.indptr), matrix.shape
        )
        by_item = ItemLists.of(pairs.T.tocsr())
        most = max(1, min(neighbours, n_items - 1))
        with single_threaded_blas():
            if popular:
                weights, spread = _fit_popular(pairs, neighbours, regularization)
            else:
                memory = _zeros(kernel_threads(num_threads), workspace_bytes(*matrix.shape, most))
                options = most, regularization
                parts = [
                    _fit_part(by_user, by_item, items, options, memory)
                    for items in _chunks(by_user, by_item)
                ]
                weights = _joined(parts)
                spread = _spread(by_user, weights, num_threads)
        return cls(weights, neighbours, float(regularization), spread)

    def __repr__(self) -> str:
        return (
            f"ItemWeights({self.n_items} items, {len(self.by_item.values)} weights, "
            f"neighbours={self.neighbours}, regularization={self.regularization:g})"
        )

    @property
    def n_items(self) -> int:
        """The number of items."""
        return len(self.by_item.indptr) - 1

    @property
    def nbytes(self) -> int:
        """The size of the weights in bytes."""
        return self.by_item.nbytes

    def at(self, places: np.ndarray) -> ItemWeights:
        """Return the weights of items in another order: item j is ``places[j]`` of this record.

        ``places`` has each position at most once; weights of other items are left out.
        """
        n = self.n_items
        square = sparse.csr_matrix(
            (self.by_item.values, self.by_item.indices, self.by_item.indptr), shape=(n, n)
        )
        moved = square[places][:, places].sorted_indices()
        rows = WeightRows(moved.indptr.astype(np.int64), moved.indices.astype(np.int32), moved.data)
        return ItemWeights(rows, self.neighbours, self.regularization, self.spread)


def _check_size(n_items: int, neighbours: int, popular: bool) -> None:
    """Raise a MemoryError if the weights, and what they are computed from, cannot fit."""
    most = min(neighbours, n_items)
    n_bytes = INVERSE_BYTES * most**2 if popular else WEIGHT_BYTES * n_items * most
    check_memory(
        n_bytes, f"the weights of {most} neighbours of {n_items} items", "ask for fewer neighbours"
    )


def _chunks(by_user: ItemLists, by_item: ItemLists) -> list[slice]:
    """Return ranges of items that take a fraction of a second each."""
    sizes = np.zeros(len(by_item.indices) + 1)
    np.cumsum(by_user.counts[by_item.indices], out=sizes[1:])
    steps = sizes[by_item.indptr]
    n_items, first, chunks = len(steps) - 1, 0, []
    while first < n_items:
        full = int(np.searchsorted(steps, steps[first] + CHUNK_COUNTS, side="right")) - 1
        last = min(n_items, first + CHUNK_ITEMS, max(first + 1, full))
        chunks.append(slice(first, last))
        first = last
    return chunks or [slice(0, 0)]


def _fit_part(
    by_user: ItemLists,
    by_item: ItemLists,
    items: slice,
    options: tuple[int, float],
    memory: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of neighbours of a range of items, the neighbours and their weights."""
    most, regularization = options
    n = items.stop - items.start
    neighbours = np.zeros((n, most), dtype=np.int32)
    weights = np.zeros((n, most), dtype=np.float32)
    counts = np.zeros(n, dtype=np.int32)
    fit(by_user, by_item, items.start, regularization, neighbours, weights, counts, memory)
    if (counts < 0).any() or not np.isfinite(weights).all():
        raise _no_unique_solution(regularization)
    used = np.arange(most) < counts[:, None]
    return counts, neighbours[used], weights[used]


def _no_unique_solution(regularization: float) -> ValueError:
    return ValueError(
        f"the item weights have no unique solution with a regularization of "
        f"{regularization:g}: some items have almost the same users, so raise it "
        "(item_regularization of a model)"
    )


def _joined(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> WeightRows:
    """Return the weights of all items from those of consecutive ranges."""
    counts, indices, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    indptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return WeightRows(indptr, indices, values)


def _fit_popular(
    pairs: sparse.csr_matrix, most: int, regularization: float
) -> tuple[WeightRows, float]:
    """Return the weights of items with the most users, all each other's neighbours; the spread.

    The sum over users of t² follows from the normal equations, since (G + λI) b = g for the
    weights b of an item and the users g that it shares: Σ t² = bᵀ G b = bᵀ (g − λb).
    """
    n_items = pairs.shape[1]
    n_users = np.bincount(pairs.indices, minlength=n_items)
    # The one item more makes ``most`` neighbours of all others where these are few.
    limit = most + 1 if most <= MOST_NEIGHBOURS else most
    used = np.argsort(-n_users, kind="stable")[:limit]
    used = np.sort(used[n_users[used] > 0]).astype(np.int32)
    counts = np.zeros(n_items, dtype=np.int32)
    if len(used) < 2:
        return _joined([(counts, used[:0], np.zeros(0, np.float32))]), 0.0
    shared = _shared_users(pairs[:, used])
    inverse = _inverse(shared, regularization)
    values = np.empty(shared.shape, np.float32)
    total = squares = 0.0
    for rows in _blocks(len(used)):
        block = inverse[rows] * (-1 / inverse.diagonal()[rows, None])
        block[np.arange(len(block)), np.arange(len(used))[rows]] = 0
        values[rows] = block
        total += float((block @ n_users[used].astype(block.dtype)).sum(dtype=np.float64))
        squares += float(np.vdot(block, shared[rows].astype(block.dtype, copy=False)))
        squares -= regularization * float(np.vdot(block, block))
    del inverse, shared
    if not np.isfinite(values).all():
        raise _no_unique_solution(regularization)
    # Items that have nothing to do with each other, by whatever chain of users, are no neighbours.
    counts[used] = np.count_nonzero(values, axis=1)
    others = [np.broadcast_to(used, rows.shape)[rows != 0] for rows in values]
    weights = _joined([(counts, np.concatenate(others), values[values != 0])])
    n_cells = pairs.shape[0] * n_items
    return weights, standard_deviation(total / n_cells, squares / n_cells)


def _blocks(size: int) -> Iterator[slice]:
    """Return ranges of rows of a square matrix that are small beside it."""
    return (slice(start, min(size, start + 256)) for start in range(0, size, 256))


def _shared_users(pairs: sparse.csr_matrix) -> np.ndarray:
    """Return the number of users that items share, in a precision that has all of them exactly."""
    exact = np.float32 if pairs.shape[0] < 2**24 else np.float64
    pairs = pairs.astype(exact)
    of_items, size = pairs.T.tocsr(), pairs.shape[1]
    shared = np.empty((size, size), exact)
    for rows in _blocks(size):
        shared[rows] = (of_items[rows] @ pairs).toarray()
    return shared


def _inverse(shared: np.ndarray, regularization: float) -> np.ndarray:
    """Return (G + λI)⁻¹.

    Large matrices are inverted in float32, in half the time, if its rounding errors, which are
    about ε √size ‖G‖, are small beside λ.

    Raises
    ------
    ValueError
        If it has no inverse to working precision.
    """
    size = len(shared)
    rounding = float(np.finfo(np.float32).eps) * np.sqrt(size) * float(np.linalg.norm(shared))
    is_single = size > MOST_DOUBLE and rounding <= MOST_ROUNDING * regularization
    dtype = np.float32 if is_single else np.float64
    # The system is symmetric, so its transpose is the same matrix in the order that LAPACK needs.
    system = shared.astype(dtype).T
    largest = float(system.diagonal().max()) + regularization
    system[np.diag_indices(size)] += dtype(regularization)
    # Where float32 is used, λ alone is above what rounding could leave of a pivot.
    least = 0.0 if is_single else size * LEAST_PIVOT * largest
    if not interruptible(invert_definite, system, least):
        raise _no_unique_solution(regularization)
    # Only the lower triangle is computed.
    for columns in _blocks(size):
        below = system[columns.start :, columns]
        width = columns.stop - columns.start
        below[:width] = np.tril(below[:width]) + np.tril(below[:width], -1).T
        system[columns, columns.stop :] = below[width:].T
    symmetric: np.ndarray = system.T
    return symmetric


def _zeros(threads: int, size: int) -> np.ndarray:
    """Return zeros for each thread, which begin on a boundary of ``ALIGNMENT`` bytes."""
    memory = np.zeros(threads * size + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + threads * size].reshape(threads, size)


def _spread(history: ItemLists, weights: WeightRows, num_threads: int) -> float:
    """Return the standard deviation of the terms of all users and items."""
    total = squares = 0.0
    for _, touched in touched_by_block(history, weights.transposed(), None, num_threads):
        total += float(touched.terms.sum())
        # A product by BLAS would depend on the number of its threads.
        squares += float(np.square(touched.terms).sum())
    n_cells = max(1, (len(history.indptr) - 1) * (len(weights.indptr) - 1))
    return standard_deviation(total / n_cells, squares / n_cells)


def standard_deviation(mean: float, mean_square: float) -> float:
    """Return √(mean square − mean²), and 0 where rounding errors are all that is left of it."""
    variance = mean_square - mean**2
    return float(np.sqrt(variance)) if variance > LEAST_VARIANCE * mean_square else 0.0
