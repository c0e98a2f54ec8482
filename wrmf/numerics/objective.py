"""The loss that is minimised: weights, targets, regularisation, and its exact value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf._als import best_path, sum_gram
from wrmf._ranking import entry_scores
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = ["Objective", "gram", "observed_scores", "squared_errors"]

# A Gram is summed over at most this many parts of at least this many rows, few where one is large:
# fixed by the factors' shape, so that the sum is the same at any thread count.
GRAM_PARTS, FEW_PARTS, GRAM_ROWS = 16, 4, 2048


def gram(factors: np.ndarray, num_threads: int = 0, path: int | None = None) -> np.ndarray:
    """Return factorsᵀ factors, (k, k) float64, summed over fixed blocks of rows in order.

    All in float64; by a kernel's ``path``, a few rows in the factors' own precision, to some 1e-8
    of the norm in float32.
    """
    k = factors.shape[1]
    rows = max(GRAM_ROWS, -(-len(factors) // (GRAM_PARTS if k <= 128 else FEW_PARTS)))
    parts = np.zeros((max(1, -(-len(factors) // rows)), k, k))
    with single_threaded_blas():
        sum_gram(
            best_path() if path is None else path,
            path is None,
            np.ascontiguousarray(factors),
            rows,
            parts,
            kernel_threads(num_threads),
        )
    return parts[0]


def observed_scores(
    matrix: Any, row_factors: np.ndarray, column_factors: np.ndarray, num_threads: int = 0
) -> np.ndarray:
    """Return x·y for each stored entry of a CSR matrix, float64, in stored order."""
    out = np.empty(matrix.nnz)
    # Every path gives the same bits.
    entry_scores(
        best_path(),
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
    """Return the sum of (p − x·y)² over all cells, p = 1 where stored, else 0.

    For each matrix whose stored entries have the given ``observed_scores``; by the trace form
    nnz − 2 Σ_S x·y + ⟨XᵀX, YᵀY⟩, so the cells are never written out.
    """
    product = float(np.sum(gram(row_factors, num_threads) * gram(column_factors, num_threads)))
    return [max(0.0, len(each) - 2.0 * float(each.sum()) + product) for each in scores]


@dataclass(frozen=True)
class Objective:
    """One member of the family (S the stored pairs, p = x·y)

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

    def weights(self, values: np.ndarray, dtype: Any) -> np.ndarray:
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
        matrix: Any,
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
