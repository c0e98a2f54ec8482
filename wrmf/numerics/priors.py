"""Expected factors of rows by their features, around which the rows are regularised.

With an expected row m = A f the penalty of a row x is λ‖x − m‖², and its system is

    (α₀G + λI + Σ w y yᵀ) x = Σ b y + λ m.

Let s be its solution without entries, (α₀G + λI) s = λ m. Then x = s + z, where z solves the system
of a row without features whose targets are b − w y·s:

    (α₀G + λI + Σ w y yᵀ) z = Σ (b − w y·s) y.

So every method of solving rows takes features as other targets. In the basis of a ``Frame``, s is
λ · T⁻¹(α₀G + λI)⁻¹ m, which is λ Tᵀm if T whitens, and λ (Λ + λ)⁻¹ Tᵀm in the eigenbasis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf._als import multiply, multiply_sparse
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import as_aligned, padded
from wrmf.numerics.threads import single_threaded_blas
from wrmf.numerics.whitening import Frame

__all__ = ["Prior", "sparse_product"]


def sparse_product(
    matrix: sparse.csr_matrix,
    dense: np.ndarray,
    out: np.ndarray,
    threads: int,
    isa: int | None = None,
) -> np.ndarray:
    """Set the first columns of ``out`` to ``matrix @ dense``, and return ``out``.

    The values of the matrix are of the dtype of ``dense``; sums are in that of ``out``. A row is
    bitwise the same for any number of rows and of threads. By default the active instruction set
    is used.
    """
    indptr, indices = as_aligned(matrix.indptr, np.int64), as_aligned(matrix.indices, np.int32)
    values = as_aligned(matrix.data, dense.dtype)
    used = isa_number() if isa is None else isa
    multiply_sparse(used, indptr, indices, values, as_aligned(dense, dense.dtype), out, threads)
    return out


@dataclass(frozen=True, eq=False)
class Prior:
    """Features of the rows of a side, and the factors of each feature.

    Attributes
    ----------
    features : CSR (n_rows, n_features)
    factors : (n_features, k) of the dtype of the rows, Aᵀ
    """

    features: sparse.csr_matrix
    factors: np.ndarray

    def at(self, rows: np.ndarray) -> Prior:
        """Return the prior of some rows, by their numbers or by a mask."""
        return Prior(self.features[rows], self.factors)

    def expected(self, threads: int, isa: int | None = None) -> np.ndarray:
        """Return the expected factors A f of each row, (n_rows, k)."""
        out = np.empty((self.features.shape[0], self.factors.shape[1]), self.dtype)
        return sparse_product(self.features, self.factors, out, threads, isa)

    def expected_in(
        self, regularization: np.ndarray, frame: Frame, isa: int, threads: int, out: np.ndarray
    ) -> None:
        """Set ``out`` to the solutions s of rows without entries, in the basis of a frame.

        Parameters
        ----------
        regularization : (n_rows,), λ of each row
        frame : Frame
        isa, threads : int
        out : (n_rows, ld), ld a multiple of 16; columns from k on become zeros
        """
        forward = padded(frame.forward, self.dtype)
        multiply(isa, self.expected(threads, isa), forward, out, threads)
        k, strengths = self.factors.shape[1], regularization[:, None]
        if len(frame.spectrum):
            total = frame.spectrum.astype(self.dtype) + strengths
            strengths = np.divide(strengths, total, out=np.zeros_like(total), where=total > 0)
        out[:, :k] *= strengths

    def expected_in_double(self, regularization: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Return the solutions s, float64 (n_rows, k); ``base`` is α₀G."""
        expected = self.features.astype(np.float64) @ self.factors.astype(np.float64)
        strengths = regularization.astype(np.float64)[:, None]
        with single_threaded_blas():
            values, vectors = np.linalg.eigh(base)
            total = np.maximum(values, 0.0) + strengths
            shares = np.divide(strengths, total, out=np.zeros_like(total), where=total > 0)
            solutions: np.ndarray = ((expected @ vectors) * shares) @ vectors.T
        return solutions

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the factors."""
        return self.factors.dtype
