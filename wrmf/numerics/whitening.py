"""The basis in which the common part of all row systems is the identity, or diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dtrtri

__all__ = ["Frame"]

# A Cholesky factor is used if its smallest pivot is above this share of the largest.
LEAST_PIVOT = 1e-12


@dataclass(frozen=True)
class Frame:
    """The change of basis for a half-sweep.

    ``forward`` T takes a fixed row y to Tᵀy, and a solution t to x = T t; ``inverse`` takes a row
    of x to that of t, x · inverse. ``spectrum`` is empty if the common part becomes the identity.
    Otherwise it holds the eigenvalues of α₀G, to which each row adds its own λ.

    Attributes
    ----------
    forward, inverse : float64 (k, k)
    spectrum : float64 (k,) or (0,)
    """

    forward: np.ndarray
    inverse: np.ndarray
    spectrum: np.ndarray

    @classmethod
    def of(cls, base: np.ndarray, bounds: tuple[float, float], dtype: DTypeLike) -> Frame:
        """Return the frame for a common part ``base`` + λI.

        Parameters
        ----------
        base : float64 (k, k), α₀ times the Gram matrix of the fixed factors
        bounds : the smallest and the largest λ of a row
        dtype : that of the factors; at λ = 0, eigenvalues within its rounding error count as zero
        """
        smallest, largest = bounds
        if smallest == largest and smallest > 0:
            lower, failed = dpotrf(base + smallest * np.eye(len(base)), lower=True)
            pivots = np.diag(lower) ** 2
            if not failed and pivots.min() > LEAST_PIVOT * pivots.max():
                inverse, _ = dtrtri(lower, lower=True)
                return cls(inverse.T, lower, np.empty(0))
        values, vectors = eigh(base, driver="evd")
        noise = len(base) * np.finfo(dtype).eps if smallest == 0 else 0.0
        values = np.where(values > noise * max(values[-1], 0.0), np.maximum(values, 0.0), 0.0)
        if smallest < largest:
            return cls(vectors, vectors, values)
        root = np.sqrt(values + largest)
        scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        return cls(vectors * scale, vectors * root, np.empty(0))
