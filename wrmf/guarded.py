"""Keeps the indices of validated matrices from being changed in place."""

from __future__ import annotations

import copy

import numpy as np
from scipy import sparse

__all__ = ["guarded", "read_only"]


def read_only(array: np.ndarray) -> np.ndarray:
    """Return an array that cannot be written to and shares the memory of ``array``.

    Examples
    --------
    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    if not array.flags.writeable:
        return array
    view: np.ndarray = array.view()
    view.flags.writeable = False
    return view


def guarded(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a CSR matrix with the same arrays, of which only the values can be written to.

    Indices are validated once, and the kernels rely on them: an index that was changed later
    would be read or written out of bounds. ``matrix`` itself is not changed.

    Examples
    --------
    >>> matrix = guarded(sparse.csr_matrix([[0.0, 1.0]]))
    >>> matrix.indices[0] = 9
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    """
    if not (matrix.indices.flags.writeable or matrix.indptr.flags.writeable):
        return matrix
    result = copy.copy(matrix)
    result.indices, result.indptr = read_only(matrix.indices), read_only(matrix.indptr)
    return result
