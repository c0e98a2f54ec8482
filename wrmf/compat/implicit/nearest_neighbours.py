"""The weights of implicit's nearest-neighbour module: BM25, TF-IDF, and rows of length one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.numerics.values import bm25, inverse_frequency, tfidf

__all__ = ["bm25_weight", "normalize", "tfidf_weight"]


def bm25_weight(X: Any, K1: float = 100, B: float = 0.8) -> sparse.coo_matrix:
    """Return counts weighted by BM25.

    With documents in the rows and terms in the columns, the weight of a count x is

        x (K1 + 1) / (K1 (1 − B + B·length/mean length) + x) · idf,    idf = log N − log(1 + n)

    where length is the sum of the row, N the number of rows and n those that have the term.

    Parameters
    ----------
    X : sparse or dense matrix (n_documents, n_terms)
        Not changed. Implicit's examples pass items × users.
    K1 : float, default 100
        From which counts on the weight saturates.
    B : float, default 0.8
        How much long rows are weighted down, from 0 to 1.

    Returns
    -------
    coo_matrix of X's shape
        A term in nearly all rows has an idf of about 0; in every row, a slightly negative one.

    Examples
    --------
    >>> import numpy as np
    >>> bm25_weight(np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).toarray().round(3)
    array([[0.605, 0.   ],
           [0.   , 0.506],
           [0.   , 0.   ]])
    """
    counts = _as_coo(X)
    lengths = np.ravel(counts.sum(axis=1))
    mean = lengths.mean()
    relative = lengths / mean if mean else np.ones_like(lengths)
    idf = _idf(counts)[counts.col]
    counts.data = bm25(counts.data, relative[counts.row], idf, K1, B)
    return counts


def tfidf_weight(X: Any) -> sparse.coo_matrix:
    """Return counts weighted by TF-IDF: √x · (log N − log(1 + n)), as in ``bm25_weight``.

    Examples
    --------
    >>> import numpy as np
    >>> tfidf_weight(np.array([[4.0, 0.0], [0.0, 1.0], [0.0, 0.0]])).toarray().round(3)
    array([[0.811, 0.   ],
           [0.   , 0.405],
           [0.   , 0.   ]])
    """
    counts = _as_coo(X)
    counts.data = tfidf(counts.data, _idf(counts)[counts.col])
    return counts


def normalize(X: Any) -> sparse.coo_matrix:
    """Return a matrix whose rows are scaled to length one; rows of zeros stay zeros.

    Examples
    --------
    >>> import numpy as np
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).toarray()
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    counts = _as_coo(X)
    lengths = np.sqrt(np.bincount(counts.row, counts.data**2, minlength=counts.shape[0]))
    counts.data = counts.data / np.where(lengths > 0, lengths, 1.0)[counts.row]
    return counts


def _as_coo(X: Any) -> sparse.coo_matrix:
    """Return a matrix in COO format; its ``data`` may be replaced without changing ``X``."""
    matrix = sparse.coo_matrix(X)
    # Arithmetic on integers would be rounded.
    matrix.data = matrix.data.astype(np.result_type(matrix.dtype, np.float32), copy=False)
    return matrix


def _idf(counts: sparse.coo_matrix) -> np.ndarray:
    """Return log N − log(1 + n) of each column."""
    in_rows = np.bincount(counts.col, minlength=counts.shape[1])
    return inverse_frequency(counts.shape[0], in_rows)
