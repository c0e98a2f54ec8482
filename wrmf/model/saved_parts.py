"""Converts parameters and training matrices to what model files hold, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.model.parameters import dtype_name

__all__ = [
    "as_canonical",
    "check_values",
    "matrix_from_arrays",
    "params_from_json",
    "params_to_json",
]

# The number of column indices that are checked at a time, so that the check needs little memory.
PART = 1 << 20


def params_to_json(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON values.

    A ``random_state`` that is a generator becomes None: its stream cannot be continued.

    Raises
    ------
    TypeError
        For a parameter that JSON cannot hold.
    """
    seed = params["random_state"]
    plain = {
        **params,
        "random_state": seed if isinstance(seed, (int, np.integer)) else None,
        "dtype": dtype_name(params["dtype"]),
    }
    text = json.dumps(plain, default=_as_plain_number)
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def params_from_json(params: Any) -> dict[str, Any]:
    """Return parameters of a file; whether they are valid is for the model to check."""
    if not isinstance(params, dict):
        raise ValueError("its parameters are not an object")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in params.items()
    }


def _as_plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot save a parameter of type {type(value).__name__}: {value!r}")


def as_canonical(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a matrix as :func:`matrix_from_arrays` accepts it, itself if it already is so."""
    try:
        _check_structure(matrix.indptr, matrix.indices, matrix.shape)
        if matrix.dtype == bool:
            return matrix
        if matrix.dtype == np.float32:
            check_values(matrix)
            return matrix
    except ValueError:
        # For example, columns are not sorted.
        pass
    only_pairs = matrix.dtype == bool
    canonical = as_csr(matrix, "train_matrix", allow_empty=True, negative="dislike")
    return canonical.astype(bool) if only_pairs else canonical


def matrix_from_arrays(
    data: np.ndarray | None, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Return a CSR matrix that shares the memory of its arrays, after checking its structure.

    Kernels do not check indices, so this is done even for mapped files.

    Parameters
    ----------
    data : float32 (nnz,), or None for a bool matrix of pairs without counts
    indices : int32 (nnz,)
    indptr : int32 or int64 (n_users + 1,)
    shape : (n_users, n_items)

    Raises
    ------
    ValueError
        If ``indptr`` does not divide the entries among the users, or the columns of a user are out
        of range, repeated or not sorted.
    """
    _check_structure(indptr, indices, shape)
    values = np.ones(len(indices), dtype=bool) if data is None else data
    if data is not None and (data.dtype, data.shape) != (np.dtype(np.float32), indices.shape):
        raise ValueError(f"there are {data.shape} counts of {data.dtype} for {len(indices)} pairs")
    matrix = sparse.csr_matrix((values, indices, indptr), shape=shape)
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def check_values(matrix: sparse.csr_matrix) -> None:
    """Raise a ValueError unless all stored counts are finite and other than 0."""
    if not (np.isfinite(matrix.data) & (matrix.data != 0)).all():
        raise ValueError("its training data hold counts that are 0 or not finite")


def _check_structure(indptr: np.ndarray, indices: np.ndarray, shape: tuple[int, int]) -> None:
    n_users, n_items = shape
    if indptr.dtype not in (np.int32, np.int64) or indptr.shape != (n_users + 1,):
        raise ValueError(
            f"the index pointer of {n_users} users is {indptr.dtype} of shape {indptr.shape}"
        )
    if indices.dtype != np.int32 or indices.ndim != 1:
        raise ValueError(f"the columns are {indices.dtype} of shape {indices.shape}")
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise ValueError("the index pointer does not divide the entries among the users")
    for start in range(0, len(indices), PART):
        # One more than a part, so that each is compared with the next.
        part = indices[start : start + PART + 1]
        if part.min() < 0 or part.max() >= n_items:
            raise ValueError(f"columns of the training data must lie in 0 … {n_items - 1}")
        rises = part[1:] > part[:-1]
        # From the last entry of a row to the first one of the next row, the column may fall.
        # Of the dtype of indptr, or NumPy would convert all of indptr.
        ends = np.array((start + 1, start + len(rises) + 1), dtype=indptr.dtype)
        first, last = np.searchsorted(indptr, ends)
        rises[indptr[first:last] - ends[0]] = True
        if not rises.all():
            raise ValueError("columns of a user in the training data are repeated or not sorted")
