"""A training and a test set on the same axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wrmf.cached import cached_property
from wrmf.data.axes import check_unknown, map_axis
from wrmf.data.checks import as_csr
from wrmf.data.dislikes import likes_of
from wrmf.data.inputs import as_interactions, as_matrix, is_matrix
from wrmf.data.interactions import Interactions, align
from wrmf.distinct import sorted_distinct

__all__ = ["Split", "check_split"]


@dataclass(frozen=True, init=False, eq=False)
class Split:
    """A training and a test set on the same users × items axes.

    :func:`wrmf.leave_k_out` and the like return one. The constructor wraps a split made elsewhere.

    Parameters
    ----------
    train, test : Interactions, users × items matrices, tables or histories, as in ``WRMF.fit``
        All but matrices are matched by their ids, in any order; matrices must have the shape of
        ``train``. Only ``test`` may be without any entry.
    users : int array, optional
        Row indices of the users to test on; by default, users with test interactions.
    fold_in : as ``test``, optional
        Interactions of held-out users that are known at test time. The rows of these users in
        ``train`` are empty (strong generalisation).
    unknown : {"error", "drop", "extend"}, default "error"
        What to do with ids of ``test`` and ``fold_in`` that are not in ``train``: raise an error,
        drop their interactions, which ``test.summary()`` counts, or add the ids to all axes.

    Attributes
    ----------
    train, test : Interactions
    users : int64 array
    fold_in : Interactions or None

    Raises
    ------
    TypeError, ValueError
        If the axes do not match, or if ``users`` are not distinct rows.

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
        train: Any,
        test: Any,
        users: ArrayLike | None = None,
        fold_in: Any = None,
        unknown: str = "error",
    ) -> None:
        check_unknown(unknown)
        train = as_interactions(train)
        parts = {"test": _as_part(train, test, "test")}
        if fold_in is not None:
            parts["fold_in"] = _as_part(train, fold_in, "fold_in")
        axes = train.users, train.items
        for name, part in parts.items():
            axes = _joint_axes(axes, part, unknown, name)
        train = align(train, *axes)
        parts = {name: align(part, *axes, unknown) for name, part in parts.items()}
        if users is None:
            rows = np.flatnonzero(np.diff(parts["test"].matrix.indptr))
        else:
            rows = _as_distinct_rows(users, train.n_users)
        fields = {"train": train, "users": rows, "fold_in": None, **parts}
        for name, value in fields.items():
            # The class is frozen, so plain assignment is an error.
            object.__setattr__(self, name, value)

    @cached_property
    def cold_users(self) -> np.ndarray:
        """Row indices (int64) of test users whose only interactions are test interactions.

        Dislikes of the test set are left out, here and in ``cold_items``: they are not looked for.
        """
        known = self.train if self.fold_in is None else self.fold_in
        parts = known.matrix, likes_of(self.test.matrix)
        n_known, n_test = (np.diff(part.indptr)[self.users] for part in parts)
        cold: np.ndarray = self.users[(n_known == 0) & (n_test > 0)]
        return cold

    @cached_property
    def cold_items(self) -> np.ndarray:
        """Column indices (int64) of items with test interactions but none in training."""
        n_train, n_test = (
            np.bincount(matrix.indices, minlength=self.train.n_items)
            for matrix in (self.train.matrix, likes_of(self.test.matrix))
        )
        return np.flatnonzero((n_train == 0) & (n_test > 0))


def _as_part(train: Interactions, part: Any, name: str) -> Interactions:
    """Return a part of a split as Interactions; a matrix gets the axes of ``train``."""
    if not is_matrix(part):
        return as_interactions(part, allow_empty=True)
    negative = "dislike" if train.n_dislikes else "error"
    matrix = as_csr(as_matrix(part), name, allow_empty=True, negative=negative)
    if matrix.shape != train.shape:
        raise ValueError(f"train is {train.shape} users × items, {name} is {matrix.shape}")
    return train.with_matrix(matrix)


def _joint_axes(
    axes: tuple[np.ndarray, np.ndarray], part: Interactions, unknown: str, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Check the ids of ``part``, and return the axes; "extend" adds the ids to them."""
    users, items = axes
    try:
        side = "users"
        users = map_axis(part.users, users, unknown, side).ids
        side = "items"
        items = map_axis(part.items, items, unknown, side).ids
    except ValueError as error:
        raise ValueError(f"train and {name} have different {side}: {error}") from None
    return users, items


def _as_distinct_rows(users: ArrayLike, n_users: int) -> np.ndarray:
    rows = np.asarray(users)
    if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
        raise TypeError(f"users must be a 1-d array of row numbers, got {rows.dtype}")
    if len(rows) and (rows.min() < 0 or rows.max() >= n_users):
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(f"users must be rows 0 … {n_users - 1}, got {wrong}")
    if len(sorted_distinct(rows)) != len(rows):
        raise ValueError("users holds a row twice")
    return rows.astype(np.int64)


def check_split(split: object) -> None:
    """Raise a TypeError if ``split`` is not a :class:`Split`."""
    if not isinstance(split, Split):
        raise TypeError(
            f"split must be a wrmf.Split, got {type(split).__name__}: make one by "
            "leave_k_out(data), or wrap a train and a test matrix in wrmf.Split(train, test)"
        )
