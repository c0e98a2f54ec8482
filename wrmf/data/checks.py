"""Checks of what comes from outside: every index, shape, weight and number, once."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["as_csr", "as_generator", "as_positive_int", "as_real", "is_number", "is_sorted_csr"]


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a real number; bools are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def as_positive_int(value: Any, name: str, minimum: int = 1) -> int:
    """Return ``value`` as an int ≥ ``minimum``; bools, floats and strings are refused."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def as_real(value: Any, name: str, minimum: float = 0.0, strict: bool = False) -> float:
    """Return ``value`` as a finite float ≥ ``minimum`` (> ``minimum`` where strict)."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    number = float(value)
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        bound = f"{'above' if strict else 'at least'} {minimum:g}"
        raise ValueError(f"{name} must be finite and {bound}, got {value!r}")
    return number


def as_generator(random_state: Any) -> np.random.Generator:
    """Return a Generator for None, an int, a Generator or a RandomState (which it advances)."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(random_state._bit_generator)
    if random_state is not None and (
        isinstance(random_state, (bool, np.bool_)) or not isinstance(random_state, numbers.Integral)
    ):
        raise TypeError(
            "random_state must be None, an int, a numpy Generator or a RandomState, "
            f"got {random_state!r} ({type(random_state).__name__})"
        )
    if random_state is not None and int(random_state) < 0:
        raise ValueError(f"random_state must be at least 0, got {random_state}")
    return np.random.default_rng(None if random_state is None else int(random_state))


def is_sorted_csr(matrix: Any) -> bool:
    """Whether columns strictly rise within each row, so that no pair stands twice."""
    if matrix.nnz < 2:
        return True
    rises = np.diff(matrix.indices) > 0
    ends = matrix.indptr[1:-1]
    ends = ends[(ends > 0) & (ends < matrix.nnz)]
    rises[ends - 1] = True
    return bool(rises.all())


def _check_compressed(matrix: Any, name: str, n_outer: int, n_inner: int) -> None:
    """Raise where indptr or indices would lead outside the arrays."""
    indptr, indices, values = matrix.indptr, matrix.indices, matrix.data
    for array, part in ((indptr, "indptr"), (indices, "indices")):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"{name}.{part} must be a 1-d integer array, got {array.dtype}")
    if len(indptr) != n_outer + 1:
        raise ValueError(
            f"{name} is broken: indptr has {len(indptr)} entries, its shape {matrix.shape} "
            f"needs {n_outer + 1}"
        )
    if indptr[0] != 0 or np.any(indptr[1:] < indptr[:-1]):
        raise ValueError(f"{name} is broken: indptr must start at 0 and never fall")
    n_entries = int(indptr[-1])
    if n_entries > len(indices) or n_entries > len(values):
        raise ValueError(
            f"{name} is broken: indptr ends at {n_entries}, but there are {len(indices)} indices "
            f"and {len(values)} values"
        )
    _check_range(indices[:n_entries], name, n_inner)


def _check_range(indices: np.ndarray, name: str, n: int) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= n):
        raise ValueError(
            f"{name} is broken: indices run from {indices.min()} to {indices.max()}, "
            f"but must lie in 0 … {n - 1}"
        )


def as_csr(
    matrix: Any, name: str = "interactions", *, allow_empty: bool = False
) -> sparse.csr_matrix:
    """Return a users × items matrix as checked, canonical float32 CSR; the input is not changed.

    Columns are sorted, entries of the same pair summed, stored zeros dropped.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array of any format, or a 2-d numeric ndarray
    name : str, what errors call it
    allow_empty : bool, default False
        Whether a matrix without any entry is accepted.

    Raises
    ------
    TypeError
        Where it is no matrix of real numbers.
    ValueError
        For broken or out-of-range indices, NaN, infinite or negative values, an empty matrix.

    Examples
    --------
    >>> from scipy import sparse
    >>> as_csr(sparse.coo_array(([1, 2], ([0, 0], [1, 1])), shape=(1, 2))).toarray()
    array([[0., 3.]], dtype=float32)
    """
    if not sparse.issparse(matrix) and not isinstance(matrix, np.ndarray):
        raise TypeError(
            f"{name} must be Interactions or a scipy.sparse users × items matrix, got "
            f"{type(matrix).__name__}; read tables with wrmf.read_interactions"
        )
    return _as_csr(matrix, name, allow_empty)


def _as_csr(matrix: Any, name: str, allow_empty: bool) -> sparse.csr_matrix:
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-d (users × items), got shape {matrix.shape}")
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {matrix.dtype}")
    if not sparse.issparse(matrix):
        if isinstance(matrix, np.ma.MaskedArray):
            matrix = matrix.filled(0)
        # scipy has no sparse float16.
        matrix = sparse.csr_matrix(matrix.astype(np.float32) if matrix.dtype == "f2" else matrix)
    n_rows, n_columns = matrix.shape
    if n_rows == 0 or n_columns == 0:
        raise ValueError(f"{name} is empty: its shape is {matrix.shape} (users × items)")
    if n_columns >= 2**31 or n_rows >= 2**31:
        raise ValueError(f"{name} is too large: shape {matrix.shape}, the limit is 2**31 - 1")

    # scipy's compiled conversions trust the indices, so these come first.
    if matrix.format == "csr":
        _check_compressed(matrix, name, n_rows, n_columns)
    elif matrix.format == "csc":
        _check_compressed(matrix, name, n_columns, n_rows)
    elif matrix.format == "bsr":
        high, wide = matrix.blocksize
        _check_compressed(matrix, name, n_rows // high, n_columns // wide)
    elif matrix.format == "coo":
        _check_range(matrix.row, name, n_rows)
        _check_range(matrix.col, name, n_columns)
    csr = matrix.tocsr()

    values = csr.data[: csr.indptr[-1]]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{name} holds {values[bad]} (stored entry {bad}): drop or replace it")
    if len(values) and values.dtype.kind in "if" and values.min() < 0:
        raise ValueError(
            f"{name} holds a negative value ({values.min()}): implicit feedback counts are "
            "positive; drop these pairs or turn them into positive weights"
        )
    result = sparse.csr_matrix(
        (values.astype(np.float64), csr.indices[: csr.indptr[-1]], csr.indptr),
        shape=csr.shape,
        copy=True,
    )
    if not is_sorted_csr(result):
        result.sum_duplicates()
    if len(result.data) and not result.data.all():
        result.eliminate_zeros()
    if not allow_empty and result.nnz == 0:
        raise ValueError(f"{name} has no entries: its {n_rows} × {n_columns} cells are all zero")
    with np.errstate(over="ignore"):
        single = result.data.astype(np.float32)
    if not np.isfinite(single).all():
        raise ValueError(
            f"{name} holds {result.data.max():g}, beyond float32's range: scale the values down"
        )
    # A weight too small for float32 is still an interaction.
    np.maximum(single, np.finfo(np.float32).tiny, out=single)
    index = np.int32 if result.nnz < 2**31 else np.int64
    canonical = sparse.csr_matrix(
        (single, result.indices.astype(np.int32), result.indptr.astype(index)), shape=result.shape
    )
    canonical.has_sorted_indices = True
    canonical.has_canonical_format = True
    return canonical
