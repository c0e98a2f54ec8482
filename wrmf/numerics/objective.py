"""The loss that is minimised: weights, targets, regularisation, and its exact value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from wrmf._als import sum_gram
from wrmf._ranking import entry_scores
from wrmf.numerics.isa import ISAS
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = ["Objective", "gram", "observed_scores", "squared_errors"]

# A Gram matrix is summed in at most GRAM_PARTS parts, or FEW_PARTS if it is larger than 128 × 128,
# each of at least GRAM_ROWS rows. The parts depend on the shape of the factors only, so the sum
# does not depend on the number of threads.
GRAM_PARTS, FEW_PARTS, GRAM_ROWS = 16, 4, 2048
# The fastest instruction set, for results that do not depend on the instruction set.
BEST_ISA = len(ISAS) - 1


def gram(factors: np.ndarray, num_threads: int = 0, isa: int | None = None) -> np.ndarray:
    """Return factorsᵀ factors, (k, k) float64, summed over fixed blocks of rows in order.

    All sums are in float64. With a kernel's ``isa``, a few rows at a time are summed in the
    factors' own precision, which in float32 keeps about 1e-8 of the norm.
    """
    n, k = factors.shape
    rows = max(GRAM_ROWS, -(-n // (GRAM_PARTS if k <= 128 else FEW_PARTS)))
    parts = np.zeros((max(1, -(-n // rows)), k, k))
    used, in_double = (BEST_ISA, True) if isa is None else (isa, False)
    threads = kernel_threads(num_threads)
    with single_threaded_blas():
        sum_gram(used, in_double, np.ascontiguousarray(factors), rows, parts, threads)
    total: np.ndarray = parts[0]
    return total


def observed_scores(
    matrix: sparse.csr_matrix,
    row_factors: np.ndarray,
    column_factors: np.ndarray,
    num_threads: int = 0,
) -> np.ndarray:
    """Return x·y for each stored entry of a CSR matrix, float64, in stored order."""
    out = np.empty(matrix.nnz)
    # Every instruction set gives the same bits.
    entry_scores(
        BEST_ISA,
        matrix.indptr.astype(np.int64, copy=False),
        matrix.indices.astype(np.int32, copy=False),
        np.ascontiguousarray(row_factors),
        np.ascontiguousarray(column_factors),
        out,
        kernel_threads(num_threads),
    )
    return out


def squared_errors(
    scores: Iterable[np.ndarray],
    row_factors: np.ndarray,
    column_factors: np.ndarray,
    num_threads: int = 0,
) -> list[float]:
    """Return the sum of (p − x·y)² over all cells of some matrices, p being 1 if stored, else 0.

    Each matrix is given by the ``observed_scores`` of its stored entries. The trace form
    nnz − 2 Σ_S x·y + ⟨XᵀX, YᵀY⟩ is used, so no other cell is computed.
    """
    product = float(np.sum(gram(row_factors, num_threads) * gram(column_factors, num_threads)))
    return [max(0.0, len(entries) - 2.0 * float(entries.sum()) + product) for entries in scores]


@dataclass(frozen=True)
class Objective:
    """A loss of the family (S the stored pairs, p = x·y)

        L = Σ_S [w p² − 2 b p + b] + α₀ Σ_all p² + Σ_u λ_u ‖x_u‖² + Σ_i λ_i ‖y_i‖²

    with w = α·f(d) and b = w + ``target_shift``.

    ``wrmf`` (Hu, Koren, Volinsky 2008) has b = α₀ + w: confidence α₀ + α·f(d) on stored pairs and
    α₀ elsewhere. ``ials`` (Rendle et al. 2021) has b = w: the α₀ term runs over all pairs.
    λ_u = λ · (|S_u| + α₀ n_items)^ν, and the mirror image for items.
    """

    alpha: float
    unobserved_weight: float
    kind: str
    confidence: str
    epsilon: float
    regularization_exponent: float

    @property
    def target_shift(self) -> float:
        return self.unobserved_weight if self.kind == "wrmf" else 0.0

    def weights(self, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Return w = α·f(d) for stored counts d."""
        values = values.astype(np.float64)
        if self.confidence == "log":
            values = np.log1p(values / self.epsilon)
        return (self.alpha * values).astype(dtype)

    def row_regularization(self, base: float, counts: np.ndarray, n_columns: int) -> np.ndarray:
        """Return λ of each row, (n_rows,) float64, for rows with ``counts`` stored entries."""
        if self.regularization_exponent == 0:
            return np.full(len(counts), base)
        size = counts + self.unobserved_weight * n_columns
        return base * size**self.regularization_exponent

    def loss(
        self,
        matrix: sparse.csr_matrix,
        user_factors: np.ndarray,
        item_factors: np.ndarray,
        regularization: tuple[float, float],
        num_threads: int = 0,
    ) -> float:
        """Return L in float64, in O(nnz·k + (m + n)·k²)."""
        scores = observed_scores(matrix, user_factors, item_factors, num_threads)
        weights = self.weights(matrix.data, np.float64)
        targets = weights + self.target_shift
        observed = np.sum(weights * scores**2 - 2 * targets * scores + targets)
        everywhere = np.sum(gram(user_factors, num_threads) * gram(item_factors, num_threads))
        penalty = 0.0
        counts = (
            np.diff(matrix.indptr),
            np.bincount(matrix.indices, minlength=matrix.shape[1]),
        )
        for side, factors in enumerate((user_factors, item_factors)):
            rows = self.row_regularization(
                regularization[side], counts[side], matrix.shape[1 - side]
            )
            penalty += float(rows @ np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
        return float(observed + self.unobserved_weight * everywhere + penalty)
