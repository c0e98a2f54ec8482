"""The basis in which the part that all rows' systems share is the identity, or diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from wrmf._als import multiply
from wrmf._lapack import HIDES, eigen, invert_cholesky
from wrmf.numerics.blas_controls import BlasControls
from wrmf.numerics.interrupts import interruptible
from wrmf.numerics.layout import FromBuffers, aligned_array, as_aligned, padded, padded_width
from wrmf.numerics.threads import single_threaded_blas

__all__ = ["LEAST_PIVOT", "Frame"]

# A Cholesky factor is used if its smallest pivot is above LEAST_PIVOT times the largest; otherwise
# it would be too inaccurate.
LEAST_PIVOT = 1e-12
# In float32, rounding errors of the fixed factors grow by up to the root of the largest pivot over
# the smallest. Below this ratio they would reach a thousandth, so rows are solved in float64.
LEAST_PIVOT_SINGLE = 1e-8


@dataclass(frozen=True)
class Frame(FromBuffers):
    """The change of basis for a half-sweep.

    ``forward`` is a matrix T that transforms a fixed row y to Tᵀy, and a solution t to x = T t.
    ``inverse`` transforms x back: row by row, t = x · inverse. ``spectrum`` is empty if the common
    part becomes the identity. Otherwise it holds the eigenvalues of α₀G, and each row adds its own
    λ to them.

    Attributes
    ----------
    forward, inverse : float64 (k, k)
    spectrum : float64 (k,) or (0,)
    in_double : bool, default False
        Whether float32 is too coarse for this basis, so that rows must be solved in float64.
    """

    forward: np.ndarray
    inverse: np.ndarray
    spectrum: np.ndarray
    in_double: bool = False

    def back(self, dtype: DTypeLike) -> np.ndarray:
        """Return the matrix by which solutions t are multiplied, row by row, to get x."""
        return np.ascontiguousarray(self.forward.T.astype(dtype))

    def whiten(
        self, fixed: np.ndarray, isa: int, threads: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return fixed rows y as Tᵀy, with columns of zeros up to the padded width.

        A row is the same for any rows beside it, except with the instruction set ``blas``.

        Parameters
        ----------
        fixed : (n, k) float32 or float64
        isa, threads : int
        out : (n, ld) of the same dtype, where the kernels can read it, optional
            By default a new array.
        """
        fixed = as_aligned(fixed, fixed.dtype)
        if out is None:
            out = aligned_array((len(fixed), padded_width(fixed.shape[1])), fixed.dtype)
        multiply(isa, fixed, padded(self.forward, fixed.dtype), out, threads)
        return out

    @classmethod
    def of(cls, base: np.ndarray, bounds: tuple[float, float], dtype: DTypeLike) -> Frame:
        """Return the change of basis for the common part ``base`` + λI.

        Parameters
        ----------
        base : float64 (k, k), α₀ times the Gram matrix of the fixed factors
        bounds : the smallest and the largest λ of all rows
        dtype : dtype of the factors; if a λ is 0, eigenvalues that may come from the rounding of
            factors to it count as 0

        Raises
        ------
        LinAlgError
            If ``base`` is not finite.
        """
        BlasControls.loaded()
        if not np.isfinite(base).all():
            raise np.linalg.LinAlgError(
                "the factors are not finite, or so large that sums of their squares are beyond "
                f"the range of {np.dtype(dtype)}"
            )
        smallest, largest = bounds
        is_single = np.dtype(dtype) == np.float32
        if smallest == largest and smallest > 0:
            matrix = base + smallest * np.eye(len(base))
            with single_threaded_blas(needed=not HIDES):
                factors = interruptible(invert_cholesky, matrix, LEAST_PIVOT)
            if factors is not None:
                lower, inverse = factors
                pivots = np.diag(lower) ** 2
                is_coarse = pivots.min() < LEAST_PIVOT_SINGLE * pivots.max()
                return cls(inverse.T, lower, np.empty(0), is_single and bool(is_coarse))
        with single_threaded_blas(needed=not HIDES):
            values, vectors = interruptible(eigen, base)
        noise = _rounding_of_gram(len(base), dtype) if smallest == 0 else 0.0
        values = np.where(values > noise * max(values[-1], 0.0), np.maximum(values, 0.0), 0.0)
        if smallest < largest:
            is_coarse = 0 < smallest < LEAST_PIVOT_SINGLE * values[-1]
            return cls(vectors, vectors, values, is_single and bool(is_coarse))
        root = np.sqrt(values + largest)
        scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        pivots = root[root > 0] ** 2
        is_coarse = len(pivots) and pivots[0] < LEAST_PIVOT_SINGLE * pivots[-1]
        return cls(vectors * scale, vectors * root, np.empty(0), is_single and bool(is_coarse))


def _rounding_of_gram(k: int, dtype: DTypeLike) -> float:
    """Return a bound of the eigenvalues that rounding factors adds, as a part of the largest.

    Rounding changes factors by at most ε times their Frobenius norm, which is at most √k times
    their largest singular value; eigenvalues are squares of singular values. They are computed in
    float64, whose own error is the least bound.
    """
    epsilon = float(np.finfo(dtype).eps)
    return k * max(epsilon**2, float(np.finfo(np.float64).eps))
