"""A training and a test set on the same axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wrmf.data.checks import MatrixLike, as_csr
from wrmf.data.interactions import Interactions, as_interactions, same_ids

__all__ = ["Split", "check_split"]


@dataclass(frozen=True, init=False, eq=False)
class Split:
    """A training and a test set on the same users × items axes.

    :func:`wrmf.leave_k_out` and the like return one. The constructor wraps a split made elsewhere.

    Parameters
    ----------
    train, test : Interactions, or users × items matrices, of the same shape and ids
        Only ``test`` may be without any entry.
    users : int array, optional
        Rows of the users to test on; by default those with test interactions.
    fold_in : Interactions or matrix, optional
        What is known at test time of held-out users, whose rows in ``train`` are empty (strong
        generalisation).

    Attributes
    ----------
    train, test : Interactions
    users : int64 array
    fold_in : Interactions or None

    Raises
    ------
    TypeError, ValueError
        If the axes differ, or if ``users`` are not distinct rows.

    Examples
    --------
    >>> import numpy as np
    >>> Split(np.eye(3), np.diag([1, 0, 2])).users
    array([0, 2])
    """

    train: Interactions
    test: Interactions
    users: np.ndarray
    fold_in: Interactions | None

    def __init__(
        self,
        train: Interactions | MatrixLike,
        test: Interactions | MatrixLike,
        users: ArrayLike | None = None,
        fold_in: Interactions | MatrixLike | None = None,
    ) -> None:
        train = as_interactions(train)
        test = _on_axes_of(train, test, "test")
        if fold_in is not None:
            fold_in = _on_axes_of(train, fold_in, "fold_in")
        if users is None:
            rows = np.flatnonzero(np.diff(test.matrix.indptr))
        else:
            rows = _as_distinct_rows(users, train.n_users)
        fields = {"train": train, "test": test, "users": rows, "fold_in": fold_in}
        for name, value in fields.items():
            # The class is frozen, so plain assignment is an error.
            object.__setattr__(self, name, value)


def _on_axes_of(train: Interactions, part: Interactions | MatrixLike, name: str) -> Interactions:
    """Return a part of a split as Interactions after comparing its axes with those of ``train``."""
    matrix = part.matrix if isinstance(part, Interactions) else as_csr(part, name, allow_empty=True)
    if matrix.shape != train.shape:
        raise ValueError(f"train is {train.shape} users × items, {name} is {matrix.shape}")
    if not isinstance(part, Interactions):
        return train.with_matrix(matrix)
    if not same_ids(train.users, part.users):
        raise ValueError(f"train and {name} have different users")
    if not same_ids(train.items, part.items):
        raise ValueError(f"train and {name} have different items")
    return part


def _as_distinct_rows(users: ArrayLike, n_users: int) -> np.ndarray:
    rows = np.asarray(users)
    if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
        raise TypeError(f"users must be a 1-d array of row numbers, got {rows.dtype}")
    if len(rows) and (rows.min() < 0 or rows.max() >= n_users):
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(f"users must be rows 0 … {n_users - 1}, got {wrong}")
    if len(np.unique(rows)) != len(rows):
        raise ValueError("users holds a row twice")
    return rows.astype(np.int64)


def check_split(split: object) -> None:
    """Raise a TypeError if ``split`` is not a :class:`Split`."""
    if not isinstance(split, Split):
        raise TypeError(
            f"split must be a wrmf.Split, got {type(split).__name__}: make one by "
            "leave_k_out(data), or wrap a train and a test matrix in wrmf.Split(train, test)"
        )
