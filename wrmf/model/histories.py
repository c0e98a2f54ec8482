"""Adds interactions to a users × items matrix of counts, or replaces histories in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf.distinct import sorted_distinct

__all__ = ["HOW", "HistoryChange", "change_histories", "resized"]

# The values of the parameter ``how`` of ``WRMF.update``.
HOW = ("add", "set", "replace")


@dataclass(frozen=True)
class HistoryChange:
    """A matrix after a change, and what changed.

    Attributes
    ----------
    matrix : canonical CSR (n_users, n_items), float32
    users, items : int64, sorted
        The rows and columns with an added, changed or removed pair.
    n_added, n_changed, n_removed : int
        Pairs.
    """

    matrix: sparse.csr_matrix
    users: np.ndarray
    items: np.ndarray
    n_added: int
    n_changed: int
    n_removed: int


def resized(matrix: sparse.csr_matrix, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a CSR matrix, canonical, with empty rows and columns appended; it shares entries."""
    if not matrix.has_canonical_format:
        # The state of WRMF.from_factors may have been given any CSR matrix.
        matrix = matrix.copy()
        matrix.sum_duplicates()
    n_more = shape[0] - matrix.shape[0]
    indptr = np.concatenate([matrix.indptr, np.repeat(matrix.indptr[-1:], n_more)])
    return _canonical(sparse.csr_matrix((matrix.data, matrix.indices, indptr), shape=shape))


def change_histories(before: sparse.csr_matrix, data: sparse.csr_matrix, how: str) -> HistoryChange:
    """Return the matrix after new data has come in.

    Only rows with entries in ``data`` change. The others are copied.

    Parameters
    ----------
    before, data : canonical CSR (n_users, n_items), float32
    how : {"add", "set", "replace"}
        Whether the counts of ``data`` are added to those of the same pairs, replace those of the
        same pairs, or replace all pairs of the same users.
    """
    rows = np.flatnonzero(np.diff(data.indptr))
    old, new = before[rows], data[rows]
    if how == "add":
        new = old + new
    elif how == "set":
        new = (old - old.multiply(abs(new.sign()))) + new
    differing = _canonical(sparse.csr_matrix(old != new))
    n_common = old.astype(bool).multiply(new.astype(bool)).nnz
    n_added, n_removed = new.nnz - n_common, old.nnz - n_common
    return HistoryChange(
        matrix=_with_rows(before, rows, _canonical(sparse.csr_matrix(new))),
        users=rows[np.flatnonzero(np.diff(differing.indptr))],
        items=sorted_distinct(differing.indices).astype(np.int64),
        n_added=n_added,
        n_changed=differing.nnz - n_added - n_removed,
        n_removed=n_removed,
    )


def _with_rows(
    matrix: sparse.csr_matrix, rows: np.ndarray, content: sparse.csr_matrix
) -> sparse.csr_matrix:
    """Return a CSR matrix with the content of the given, sorted rows replaced."""
    counts = np.diff(matrix.indptr).astype(np.int64)
    is_replaced = np.zeros(len(counts), dtype=bool)
    is_replaced[rows] = True
    is_kept = np.repeat(~is_replaced, counts)
    counts[rows] = np.diff(content.indptr)
    is_old = np.repeat(~is_replaced, counts)
    indptr = np.concatenate(([0], np.cumsum(counts)))
    data = np.empty(indptr[-1], dtype=np.float32)
    indices = np.empty(indptr[-1], dtype=np.int32)
    data[is_old], data[~is_old] = matrix.data[is_kept], content.data
    indices[is_old], indices[~is_old] = matrix.indices[is_kept], content.indices
    return _canonical(sparse.csr_matrix((data, indices, indptr), shape=matrix.shape))


def _canonical(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a matrix of sorted, distinct entries with the usual index types, marked as such."""
    indptr_type = np.int32 if matrix.nnz < 2**31 else np.int64
    matrix.indices = matrix.indices.astype(np.int32, copy=False)
    matrix.indptr = matrix.indptr.astype(indptr_type, copy=False)
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix
