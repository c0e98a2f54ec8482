"""The loss of rows that are at its minimum.

For fixed factors y, the part of a row x in the loss is Σ_S (w p² − 2 b p + b) + α₀ Σ p² + λ|x|². At
its minimum, where the gradient is zero, this is Σ_S b − x · Σ_S b y: neither cells without entries
nor the weights appear in it. It is exact as far as x is the minimum. If the loss is a small share
of Σ_S b, as with a very large α, the difference would be mostly rounding errors; then the loss is
computed by its definition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from wrmf._als import multiply_sparse
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import Workspace, as_aligned
from wrmf.numerics.objective import gram, observed_scores
from wrmf.numerics.side import Side
from wrmf.numerics.threads import kernel_threads

__all__ = ["gains_at_minimum", "loss_at_minimum", "loss_of_rows"]

# The products of this many bytes stay in the cache until they are multiplied by their rows.
BYTES_AT_ONCE = 2**20
# A loss below this share of Σ b is computed by its definition, which takes several times as long.
LEAST_SHARE = 0.01


def loss_at_minimum(
    side: Side,
    target_sum: float,
    rows: np.ndarray,
    fixed: np.ndarray,
    num_threads: int = 0,
    isa: str | None = None,
    gains: np.ndarray | None = None,
) -> float:
    """Return the loss of rows, without the λ of the fixed factors.

    Parameters
    ----------
    side : Side
    target_sum : float, Σ b over all entries
    rows, fixed, num_threads, isa : as in ``gains_at_minimum``
    gains : float64 (n_rows,), optional
        Those that the half-sweep has returned, which are computed where they are NaN.
    """
    if gains is None:
        gains = np.full(len(rows), np.nan)
    unknown = np.flatnonzero(np.isnan(gains))
    if len(unknown) == len(rows):
        gains = gains_at_minimum(side, rows, fixed, num_threads, isa)
    elif len(unknown):
        gains = gains.copy()
        part = side.at(unknown)
        gains[unknown] = gains_at_minimum(part, rows[unknown], fixed, num_threads, isa)
    loss = target_sum - float(gains.sum())
    if loss < LEAST_SHARE * target_sum:
        return loss_of_rows(side, rows, fixed, num_threads)
    return loss


def loss_of_rows(side: Side, rows: np.ndarray, fixed: np.ndarray, num_threads: int = 0) -> float:
    """Return the loss of any rows, without the λ of the fixed factors; parameters as above."""
    matrix = sparse.csr_matrix((len(rows), len(fixed)), dtype=side.weights.dtype)
    # Without the checks of the constructor.
    matrix.data, matrix.indices, matrix.indptr = side.weights, side.indices, side.indptr
    scores = observed_scores(matrix, rows, fixed, num_threads)
    weights, targets = side.weights.astype(np.float64), _targets(side, slice(None), np.float64)
    observed = np.sum(weights * scores**2 - 2 * targets * scores + targets)
    everywhere = np.sum(gram(rows, num_threads) * gram(fixed, num_threads))
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    penalty = float(side.regularization.astype(np.float64) @ squares)
    return float(observed + side.unobserved_weight * everywhere + penalty)


def gains_at_minimum(
    side: Side,
    rows: np.ndarray,
    fixed: np.ndarray,
    num_threads: int = 0,
    isa: str | None = None,
) -> np.ndarray:
    """Return x · Σ_S b y of each row, float64 (n_rows,).

    Parameters
    ----------
    side : Side
    rows : (n_rows, k), those that minimise the loss for ``fixed``
    fixed : (n_columns, k) of the same dtype
    num_threads : int, default 0, which uses all available threads
    isa : str, optional
        The instruction set; by default the active one.
    """
    n, k = rows.shape
    fixed, rows = as_aligned(fixed, fixed.dtype), as_aligned(rows, rows.dtype)
    size = max(1, BYTES_AT_ONCE // (k * rows.itemsize))
    gains, number, threads = np.empty(n), isa_number(isa), kernel_threads(num_threads)
    with side.workspaces.borrow() as workspace:
        sums = workspace.array("sums", (min(n, size), k), rows.dtype)
        for first in range(0, n, size):
            last = min(first + size, n)
            indptr = side.indptr[first : last + 1]
            entries = slice(int(indptr[0]), int(indptr[-1]))
            targets = _targets(side, entries, rows.dtype, workspace)
            of_rows, indices = sums[: last - first], side.indices[entries]
            multiply_sparse(number, indptr - indptr[0], indices, targets, fixed, of_rows, threads)
            gains[first:last] = np.einsum("ij,ij->i", of_rows, rows[first:last])
    return gains


def _targets(
    side: Side, entries: slice, dtype: DTypeLike, workspace: Workspace | None = None
) -> np.ndarray:
    """Return the targets b of entries, as an array of a workspace if one is given."""
    if len(side.targets):
        return side.targets[entries].astype(dtype, copy=False)
    weights = side.weights[entries].astype(dtype, copy=False)
    out = None
    if workspace is not None:
        (out,) = workspace.array("targets", (1, len(weights)), dtype)
    targets: np.ndarray = np.add(weights, weights.dtype.type(side.target_shift), out=out)
    return targets
