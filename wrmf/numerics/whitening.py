"""The basis in which the part that all rows' systems share is the identity, or diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dtrtri

__all__ = ["LEAST_PIVOT", "Frame"]

# A Cholesky factor is used if its smallest pivot is above LEAST_PIVOT times the largest; otherwise
# it would be too inaccurate.
LEAST_PIVOT = 1e-12


@dataclass(frozen=True)
class Frame:
    """The change of basis for a half-sweep.

    ``forward`` is a matrix T that transforms a fixed row y to Tᵀy, and a solution t to x = T t.
    ``inverse`` transforms x back: row by row, t = x · inverse. ``spectrum`` is empty if the common
    part becomes the identity. Otherwise it holds the eigenvalues of α₀G, and each row adds its own
    λ to them.

    Attributes
    ----------
    forward, inverse : float64 (k, k)
    spectrum : float64 (k,) or (0,)
    """

    forward: np.ndarray
    inverse: np.ndarray
    spectrum: np.ndarray

    def back(self, dtype: DTypeLike) -> np.ndarray:
        """Return the matrix by which solutions t are multiplied, row by row, to get x."""
        return np.ascontiguousarray(self.forward.T.astype(dtype))

    @classmethod
    def of(cls, base: np.ndarray, bounds: tuple[float, float], dtype: DTypeLike) -> Frame:
        """Return the change of basis for the common part ``base`` + λI.

        Parameters
        ----------
        base : float64 (k, k), α₀ times the Gram matrix of the fixed factors
        bounds : the smallest and the largest λ of all rows
        dtype : dtype of the factors; if a λ is 0, eigenvalues within its rounding error count as 0

        Raises
        ------
        LinAlgError
            If ``base`` is not finite.
        """
        if not np.isfinite(base).all():
            raise np.linalg.LinAlgError(
                "the factors are so large, or not finite, that sums of their squares are beyond "
                f"the range of {np.dtype(dtype)}"
            )
        smallest, largest = bounds
        if smallest == largest and smallest > 0:
            lower, failed = dpotrf(base + smallest * np.eye(len(base)), lower=True)
            pivots = np.diag(lower) ** 2
            if not failed and pivots.min() > LEAST_PIVOT * pivots.max():
                inverse, _ = dtrtri(lower, lower=True)
                return cls(inverse.T, lower, np.empty(0))
        # SciPy 1.13 passes too little workspace to evd if there is only one factor.
        values, vectors = eigh(base, driver="evd" if len(base) > 1 else "ev")
        noise = len(base) * np.finfo(dtype).eps if smallest == 0 else 0.0
        values = np.where(values > noise * max(values[-1], 0.0), np.maximum(values, 0.0), 0.0)
        if smallest < largest:
            return cls(vectors, vectors, values)
        root = np.sqrt(values + largest)
        scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        return cls(vectors * scale, vectors * root, np.empty(0))
