"""Ridge regression of the factors of a side on the features of its rows.

With features F (n_rows × n_features), factors X and the λ of each row on the diagonal of R, the
weights W = Aᵀ minimise Σ_u λ_u ‖x_u − Wᵀf_u‖² + λ_A ‖W‖², so they solve

    (FᵀRF + λ_A I) W = FᵀRX.

The matrix depends on the data alone. It is factorised once if there are at most ``MOST_FACTORISED``
features. With more, a few steps of conjugate gradients start from the present weights in each
sweep, and reach the solution over the sweeps; a step costs two products with F. Their
preconditioner is the diagonal, since some features are far more common than others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from wrmf.numerics.objective import gram
from wrmf.numerics.priors import sparse_product
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = ["FeatureRidge"]

# With as many features, a factorisation takes about a tenth of a second, and a solution for 128
# factors some hundredths.
MOST_FACTORISED = 2048
# From this share of entries on, a Gram matrix of features is summed as if F was dense, in blocks of
# about BLOCK elements.
DENSE_FROM, BLOCK = 0.05, 1 << 24
# Conjugate gradients end after MOST_STEPS, or at a residual of TOLERANCE by the right-hand side.
TOLERANCE, MOST_STEPS = 1e-4, 10


@dataclass(frozen=True, eq=False)
class FeatureRidge:
    """The system of a regression, which is solved for other factors in each sweep.

    Attributes
    ----------
    features : float64 CSR (n_rows, n_features), F
    weighted : float64 CSR (n_features, n_rows), FᵀR
    regularization : float, λ_A
    factor : (float64 (n_features, n_features), bool), or None
        As ``scipy.linalg.cho_factor`` returns it, with few features.
    """

    features: sparse.csr_matrix
    weighted: sparse.csr_matrix
    regularization: float
    factor: tuple[np.ndarray, bool] | None

    @classmethod
    def of(
        cls, features: sparse.csr_matrix, strengths: np.ndarray, regularization: float, threads: int
    ) -> FeatureRidge:
        """Return the regression of rows with features F and the given λ each."""
        features = features.astype(np.float64)
        weighted = sparse.csr_matrix(features.T.multiply(strengths.astype(np.float64)))
        weighted.sort_indices()
        factor = None
        if features.shape[1] <= MOST_FACTORISED:
            matrix = _weighted_gram(features, weighted, strengths, threads)
            matrix[np.diag_indices_from(matrix)] += regularization
            with single_threaded_blas():
                factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        return cls(features, weighted, regularization, factor)

    def solve(self, factors: np.ndarray, weights: np.ndarray, num_threads: int) -> np.ndarray:
        """Return the weights for the factors of the rows, in their dtype.

        Parameters
        ----------
        factors : (n_rows, k)
        weights : (n_features, k)
            Where conjugate gradients start.
        num_threads : int
        """
        threads = kernel_threads(num_threads)
        shape = self.features.shape[1], factors.shape[1]
        target = sparse_product(self.weighted, factors, np.empty(shape), threads)
        if self.factor is None:
            return self._by_gradients(target, weights, threads).astype(factors.dtype)
        with single_threaded_blas():
            solved: np.ndarray = cho_solve(self.factor, target, check_finite=False)
        return solved.astype(factors.dtype)

    def _by_gradients(self, target: np.ndarray, weights: np.ndarray, threads: int) -> np.ndarray:
        """Return the solution by conjugate gradients, all columns at a time."""
        squares = self.weighted.multiply(self.features.T).sum(axis=1)
        inverse = 1.0 / (np.asarray(squares) + self.regularization)
        solution = weights.astype(np.float64)
        residual = target - self._product(solution, threads)
        bound = TOLERANCE**2 * np.einsum("ij,ij->j", target, inverse * target)
        direction = inverse * residual
        before = np.einsum("ij,ij->j", residual, direction)
        for _ in range(MOST_STEPS):
            active = before > bound
            if not active.any():
                break
            image = self._product(direction, threads)
            curvature = np.einsum("ij,ij->j", direction, image)
            step = np.divide(before, curvature, out=np.zeros_like(before), where=active)
            solution += step * direction
            residual -= step * image
            scaled = inverse * residual
            now = np.einsum("ij,ij->j", residual, scaled)
            turn = np.divide(now, before, out=np.zeros_like(before), where=active)
            direction = scaled + turn * direction
            before = np.where(active, now, before)
        return solution

    def _product(self, weights: np.ndarray, threads: int) -> np.ndarray:
        """Return (FᵀRF + λ_A I) W."""
        rows = np.empty((self.features.shape[0], weights.shape[1]))
        sparse_product(self.features, weights, rows, threads)
        out = sparse_product(self.weighted, rows, np.empty_like(weights), threads)
        out += self.regularization * weights
        return out


def _weighted_gram(
    features: sparse.csr_matrix, weighted: sparse.csr_matrix, strengths: np.ndarray, threads: int
) -> np.ndarray:
    """Return FᵀRF, float64 (n_features, n_features)."""
    n_rows, n_features = features.shape
    if features.nnz < DENSE_FROM * n_rows * n_features:
        product: np.ndarray = (weighted @ features).toarray()
        return product
    total = np.zeros((n_features, n_features))
    roots = np.sqrt(strengths.astype(np.float64))
    size = max(1, BLOCK // n_features)
    for first in range(0, n_rows, size):
        block = features[first : first + size].toarray()
        total += gram(block * roots[first : first + size, None], threads)
    return total
