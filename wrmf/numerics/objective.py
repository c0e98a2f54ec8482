"""The loss that is minimised: weights, targets, regularisation, and its exact value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from wrmf._als import sum_gram
from wrmf._ranking import entry_scores
from wrmf.numerics.isa import ISAS, isa_number
from wrmf.numerics.layout import as_aligned
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = [
    "Objective",
    "gram",
    "gram_isa",
    "gram_part_rows",
    "observed_scores",
    "squared_errors",
]

# A Gram matrix is summed in parts, each over a block of rows, so that threads can share the work.
# The parts depend only on the shape of the factors, so the result does not depend on the number of
# threads.
#
# GRAM_PARTS is the largest number of parts if k ≤ 128. FEW_PARTS is the largest number for larger
# k, since each part needs a k × k matrix. GRAM_ROWS is the smallest number of rows of a part, so
# that adding up the parts costs little.
GRAM_PARTS, FEW_PARTS, GRAM_ROWS = 16, 4, 2048
# A Gram matrix whose rows are summed in float32 is off by about 1e-8 of its largest eigenvalue. For
# a λ below SMALL_LAMBDA, all sums are in float64.
SMALL_LAMBDA = 1e-4
# The fastest instruction set, for results that do not depend on the instruction set.
BEST_ISA = len(ISAS) - 1


def gram_part_rows(n: int, k: int) -> int:
    """Return the number of rows of each part in which the Gram matrix of n rows is summed."""
    return max(GRAM_ROWS, -(-n // (GRAM_PARTS if k <= 128 else FEW_PARTS)))


def gram_isa(bounds: tuple[float, float], isa: str | None = None) -> int | None:
    """Return the argument ``isa`` of ``gram`` for the common part of systems with λ in bounds.

    If λ is so small that errors of sums in float32 may exceed it, it is None. The rule depends on λ
    only, so that one machine and a cluster, which adds up parts, follow it alike.
    """
    return None if bounds[0] < SMALL_LAMBDA else isa_number(isa)


def gram(
    factors: np.ndarray,
    num_threads: int = 0,
    isa: int | None = None,
    part_rows: int | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return the Gram matrix factorsᵀ factors in float64, added to ``start`` if it is given.

    The rows are summed in parts of ``part_rows`` rows, by default ``gram_part_rows`` of them, and
    the parts in their order. Without ``isa``, all sums are in float64. With it, a few rows at a
    time are summed in the precision of the factors; in float32, the error is about 1e-8 of the
    norm.
    """
    n, k = factors.shape
    rows = gram_part_rows(n, k) if part_rows is None else part_rows
    parts = np.zeros((max(1, -(-n // rows)), k, k))
    if start is not None:
        parts[0] = start
    used, in_double = (BEST_ISA, True) if isa is None else (isa, False)
    threads = kernel_threads(num_threads)
    with single_threaded_blas(needed=not used):
        sum_gram(used, in_double, as_aligned(factors, factors.dtype), rows, parts, threads)
    total: np.ndarray = parts[0]
    return total


def observed_scores(
    matrix: sparse.csr_matrix,
    row_factors: np.ndarray,
    column_factors: np.ndarray,
    num_threads: int = 0,
) -> np.ndarray:
    """Return the score x·y of each stored entry of a CSR matrix, in float64 and in stored order."""
    out = np.empty(matrix.nnz)
    # The result is bitwise the same with every instruction set.
    entry_scores(
        BEST_ISA,
        matrix.indptr.astype(np.int64, copy=False),
        matrix.indices.astype(np.int32, copy=False),
        as_aligned(row_factors, row_factors.dtype),
        as_aligned(column_factors, column_factors.dtype),
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
    """Return, for each of several matrices, the sum of (p − x·y)² over all its cells.

    p is 1 for stored entries, otherwise 0. ``scores`` has the ``observed_scores`` of each matrix.
    The sum is computed as nnz − 2 Σ_S x·y + ⟨XᵀX, YᵀY⟩, without the scores of other cells.
    """
    product = float(np.sum(gram(row_factors, num_threads) * gram(column_factors, num_threads)))
    return [max(0.0, len(entries) - 2.0 * float(entries.sum()) + product) for entries in scores]


@dataclass(frozen=True)
class Objective:
    """The parameters of a loss of the family

        L = Σ_S [w p² − 2 b p + b] + α₀ Σ_all p² + Σ_u λ_u ‖x_u‖² + Σ_i λ_i ‖y_i‖²

    where S are the stored pairs, p = x·y, w are their weights and b their targets.

    ``wrmf`` (Hu, Koren, Volinsky 2008) has confidence c = α₀ + α·f(|d|) on stored pairs and α₀
    elsewhere, so w = c − α₀ = α·f(|d|). With the confidence ``raw``, c = α·|d|, and w may be
    negative, down to −α₀. ``ials`` (Rendle et al. 2021) has c = w = α·f(|d|), with f(d) = d for
    ``raw`` as for ``linear``: the α₀ term runs over all pairs, so nothing is taken off.

    The preference of a pair is 1, or 0 if d is negative, and b is c times the preference.
    λ_u = λ · (|S_u| + α₀ n_items)^ν, and λ_i likewise, with |S_i| and n_users; with
    ``regularization_counts`` "observed", λ_u = λ · |S_u|^ν.

    For any weights w ≥ −α₀ on stored pairs the system of a row is positive semidefinite, since
    α₀YᵀY + Σ_S w y yᵀ ≥ α₀ Σ_S y yᵀ + Σ_S w y yᵀ ≥ 0, and definite with λ > 0.
    """

    alpha: float
    unobserved_weight: float
    kind: str
    confidence: str
    epsilon: float
    regularization_exponent: float
    regularization_counts: str = "all"

    @property
    def target_shift(self) -> float:
        return self.unobserved_weight if self.kind == "wrmf" else 0.0

    @property
    def offset(self) -> float:
        """What the weights are below α·f(|d|): α₀ if this is the whole confidence, otherwise 0."""
        return self.target_shift if self.confidence == "raw" else 0.0

    def weights(self, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Return w for stored values d; with ``raw``, it may be negative."""
        return (self._strengths(values) - self.offset).astype(dtype)

    def targets(self, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """Return b for stored values d: the confidence, or 0 if d is negative."""
        if self.offset == 0:
            # As the kernels compute it for rows whose targets are not stored, to the last bit: a
            # row does not depend on whether another one has a negative value.
            confidence = self.weights(values, dtype) + np.asarray(self.target_shift, dtype)
        else:
            # Not w + target_shift: a confidence much smaller than α₀ would be rounded to a multiple
            # of the precision of α₀.
            confidence = self._strengths(values) + (self.target_shift - self.offset)
        return np.where(values < 0, 0.0, confidence).astype(dtype)

    def sum_weights(self, matrix: sparse.csr_matrix) -> float:
        """Return the sum of α·f(|d|) over the stored pairs."""
        with np.errstate(over="ignore"):
            return float(self._strengths(matrix.data).sum())

    def are_shifted(self, values: np.ndarray) -> bool:
        """Return whether all targets are w + ``target_shift``, so that they need not be stored."""
        return self.offset == 0 and not (values < 0).any()

    def _strengths(self, values: np.ndarray) -> np.ndarray:
        """Return α·f(|d|) in float64."""
        magnitudes = np.abs(values.astype(np.float64))
        if self.confidence == "log":
            magnitudes = np.log1p(magnitudes / self.epsilon)
        strengths: np.ndarray = self.alpha * magnitudes
        return strengths

    def row_regularization(self, base: float, counts: np.ndarray, n_columns: int) -> np.ndarray:
        """Return λ of each row in float64, for rows with ``counts`` stored entries.

        It is infinite where it is beyond the range of numbers.
        """
        if self.regularization_exponent == 0 or base == 0:
            return np.full(len(counts), base)
        size = counts.astype(np.float64)
        if self.regularization_counts == "all":
            size += self.unobserved_weight * n_columns
        # Rows without entries are zeros, whatever their λ is.
        size = np.where(size > 0, size, 1.0)
        with np.errstate(over="ignore"):
            strengths: np.ndarray = base * size**self.regularization_exponent
        return strengths

    def loss(
        self,
        matrix: sparse.csr_matrix,
        user_factors: np.ndarray,
        item_factors: np.ndarray,
        regularization: tuple[float, float],
        num_threads: int = 0,
        penalised: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> float:
        """Return L in float64, in O(nnz·k + (m + n)·k²).

        λ multiplies the squares of ``penalised``, by default those of the factors.
        """
        scores = observed_scores(matrix, user_factors, item_factors, num_threads)
        weights = self.weights(matrix.data, np.float64)
        targets = self.targets(matrix.data, np.float64)
        observed = np.sum(weights * scores**2 - 2 * targets * scores + targets)
        everywhere = np.sum(gram(user_factors, num_threads) * gram(item_factors, num_threads))
        penalty = 0.0
        counts = (
            np.diff(matrix.indptr),
            np.bincount(matrix.indices, minlength=matrix.shape[1]),
        )
        for side, factors in enumerate(penalised or (user_factors, item_factors)):
            rows = self.row_regularization(
                regularization[side], counts[side], matrix.shape[1 - side]
            )
            penalty += float(rows @ np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
        return float(observed + self.unobserved_weight * everywhere + penalty)
