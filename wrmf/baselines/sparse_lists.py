"""The largest entries of each row of a sparse matrix."""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["best_entries"]


def best_entries(matrix: sparse.csr_matrix, n: int, *, by_score: bool = False) -> sparse.csr_matrix:
    """Return the n largest entries of each row; of equal ones, those of the lower columns.

    Parameters
    ----------
    matrix : CSR (m, n_columns) of values > 0, without repeated entries
        Its rows are sorted in place.
    n : int ≥ 1
    by_score : bool, default False
        Whether rows are ordered from the largest entry on, in place of by column.

    Examples
    --------
    >>> best = best_entries(sparse.csr_matrix([[1.0, 3.0, 3.0]]), 2)
    >>> best.indices.tolist(), best.data.tolist()
    ([1, 2], [3.0, 3.0])
    """
    matrix.sort_indices()
    counts = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(matrix.shape[0]), counts)
    # By row, then from the largest value on; the sort is stable, so that columns stay in order.
    order = np.argsort(-matrix.data, kind="stable")
    order = order[np.argsort(rows[order], kind="stable")]
    kept = order[np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts) < n]
    if not by_score:
        kept = np.sort(kept)
    indptr = np.concatenate(([0], np.cumsum(np.minimum(counts, n))))
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)
