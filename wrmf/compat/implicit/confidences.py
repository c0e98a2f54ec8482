"""Matrices of confidences as implicit's programs pass them, validated and canonical."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["ParameterWarning", "as_confidences", "as_seen", "warn_unless_csr"]


class ParameterWarning(Warning):
    """Warns of a matrix that had to be converted."""


def warn_unless_csr(matrix: Any, name: str) -> None:
    """Warn, as implicit does, of a matrix in another format than CSR."""
    if getattr(matrix, "format", "") != "csr":
        kind = type(matrix).__name__
        warnings.warn(
            f"{name} is a {kind} and is converted to CSR: pass {name}.tocsr() to do so once",
            ParameterWarning,
            stacklevel=3,
        )


def as_confidences(
    matrix: Any, name: str, n_columns: int | None = None, n_rows: int | None = None
) -> sparse.csr_matrix:
    """Return a matrix of confidences as canonical float32 CSR, which shares nothing with the input.

    Stored zeros are kept: they are pairs with confidence 0. Negative values are kept: they are
    dislikes. Entries of the same pair are added up.

    Parameters
    ----------
    matrix : sparse matrix, or a single sparse row
    name : str
        What error messages call the matrix.
    n_columns, n_rows : int, optional
        The columns and rows that are expected; missing columns are added.

    Raises
    ------
    TypeError
        If it is not a sparse matrix of numbers.
    ValueError
        For indices out of range, values that are not finite, and another number of rows or more
        columns than expected.
    """
    if not sparse.issparse(matrix) or matrix.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be a sparse matrix of numbers, got {type(matrix).__name__}")
    if matrix.ndim == 1:
        matrix = matrix.reshape(1, -1)
    if hasattr(matrix, "check_format"):
        # SciPy's compiled conversions do not check indices.
        matrix.check_format(full_check=True)
    matrix = matrix.tocsr()
    width = matrix.shape[1] if n_columns is None else n_columns
    if matrix.shape[1] > width:
        raise ValueError(
            f"{name} has {matrix.shape[1]} columns, but the model has {width}: pass a matrix of "
            "the users and items that the model was fitted to"
        )
    if n_rows is not None and matrix.shape[0] != n_rows:
        raise ValueError(
            f"{name} has {matrix.shape[0]} rows for {n_rows} ids: pass one row for each id"
        )
    own = sparse.csr_matrix(
        (matrix.data.astype(np.float32), matrix.indices.copy(), matrix.indptr.copy()),
        shape=(matrix.shape[0], width),
    )
    if not np.isfinite(own.data).all():
        raise ValueError(f"{name} holds NaN, infinite values, or values beyond float32")
    own.sum_duplicates()
    return own


def as_seen(user_items: Any, n_users: int, n_items: int) -> sparse.csr_matrix:
    """Return the stored entries of a CSR matrix with one row for each user as a bool matrix."""
    if getattr(user_items, "format", "") != "csr":
        kind = type(user_items).__name__
        raise ValueError(f"user_items must be a CSR matrix, got {kind}: pass user_items.tocsr()")
    seen = as_confidences(user_items, "user_items", n_items, n_users)
    seen.data = np.ones(seen.nnz, dtype=bool)
    return seen
