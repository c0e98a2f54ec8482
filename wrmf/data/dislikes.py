"""Dislikes: interactions of negative value, whose preference is 0 and whose size is the weight."""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["count_dislikes", "has_dislikes", "likes_of"]


def has_dislikes(matrix: sparse.csr_matrix) -> bool:
    """Return whether a matrix, of counts or of bools, holds a negative value."""
    return matrix.dtype != bool and bool(matrix.data.min(initial=0) < 0)


def count_dislikes(matrix: sparse.csr_matrix) -> int:
    """Return the number of negative values."""
    return int(np.count_nonzero(matrix.data < 0)) if has_dislikes(matrix) else 0


def likes_of(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a CSR matrix without its negative values; itself if it has none.

    Examples
    --------
    >>> likes_of(sparse.csr_matrix([[1, -2], [0, 3]])).toarray()
    array([[1, 0],
           [0, 3]])
    """
    if not has_dislikes(matrix):
        return matrix
    liked = matrix.data > 0
    indptr = np.concatenate(([0], np.cumsum(liked)))[matrix.indptr].astype(matrix.indptr.dtype)
    likes = sparse.csr_matrix((matrix.data[liked], matrix.indices[liked], indptr), matrix.shape)
    likes.has_canonical_format = matrix.has_canonical_format
    return likes
