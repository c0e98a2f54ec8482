"""Count test pairs that a model was fitted to, which makes its scores too high."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import lookup_table, same_ids
from wrmf.data.split import Split
from wrmf.evaluation.cold import TestPart

__all__ = ["count_trained_on"]


def count_trained_on(model: Any, split: Split, part: TestPart) -> int:
    """Return how many test pairs are in the model's training data but not in that of the split.

    Pairs that the split itself has in both parts do not count: a split by time may have them. It is
    0 for a model without ``train_matrix``.

    Parameters
    ----------
    model : WRMF, or any object with ``train_matrix`` and, for matching by id, users and items
    split : Split
    part : TestPart
    """
    fitted_to = getattr(model, "train_matrix", None)
    own = split.train.matrix
    if not sparse.issparse(fitted_to) or fitted_to is own or not part.held_out.nnz:
        return 0
    fitted_to = sparse.csr_matrix(fitted_to)
    rows, columns = _places(model, split, fitted_to.shape)
    if rows is None or columns is None:
        return 0
    if _is_same(fitted_to, own) and all(
        np.array_equal(places, np.arange(len(places))) for places in (rows, columns)
    ):
        return 0
    trained = _cells(fitted_to, rows, columns, own.shape)
    tested = part.held_out.tocoo()
    test = part.users[tested.row].astype(np.int64) * own.shape[1] + tested.col
    in_split = _cells(own, np.arange(own.shape[0]), np.arange(own.shape[1]), own.shape)
    leaked = test[np.isin(test, trained)]
    return int(np.count_nonzero(~np.isin(leaked, in_split)))


def _places(
    model: Any, split: Split, shape: tuple[int, int]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return where the model's users and items are in the split; −1 for those that are not."""
    numbered = getattr(getattr(model, "state", model), "numbered", False)
    places: list[np.ndarray | None] = []
    for axis, n in zip(("users", "items"), shape, strict=True):
        ids, onto = getattr(model, axis, None), getattr(split.train, axis)
        if numbered or not isinstance(ids, np.ndarray):
            # Without ids, rows are matched by position, which needs equally many of them.
            places.append(np.arange(n) if n == len(onto) else None)
        elif same_ids(ids, onto):
            places.append(np.arange(n))
        else:
            places.append(lookup_table(onto).get_indexer(lookup_table(ids)))
    return places[0], places[1]


def _is_same(a: sparse.csr_matrix, b: sparse.csr_matrix) -> bool:
    """Return whether two matrices have the same stored cells."""
    if a.shape != b.shape or a.nnz != b.nnz:
        return False
    return np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices)


def _cells(
    matrix: sparse.csr_matrix, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return the numbers, in a matrix of ``shape``, of the stored cells that are on its axes."""
    row = np.repeat(rows, np.diff(matrix.indptr)).astype(np.int64)
    column = columns[matrix.indices].astype(np.int64)
    cells: np.ndarray = (row * shape[1] + column)[(row >= 0) & (column >= 0)]
    return cells
