"""The users that items are ranked for, and what users without interactions get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.model.state import Factors

__all__ = ["Fallback", "Query", "nothing_known", "users_query"]


@dataclass(frozen=True)
class Query:
    """Users that items are ranked for.

    Attributes
    ----------
    users : ndarray (n,)
        Their ids.
    factors : ndarray (n, k)
    seen : CSR (n, n_items), or None
        The items that each user has seen, which are left out of the ranking.
    unknown, popular : bool (n,)
        ``unknown``: whether nothing is known of a user. ``popular``: whether such a user gets the
        most popular items instead of an empty list.
    """

    users: np.ndarray
    factors: np.ndarray
    seen: sparse.csr_matrix | None
    unknown: np.ndarray
    popular: np.ndarray

    def at(self, rows: np.ndarray) -> Query:
        """Return the query for a part of its users."""
        seen = None if self.seen is None else self.seen[rows]
        return Query(
            self.users[rows], self.factors[rows], seen, self.unknown[rows], self.popular[rows]
        )


@dataclass(frozen=True)
class Fallback:
    """What to recommend to users who are unknown to the model or have no interactions.

    Attributes
    ----------
    unknown : {"raise", "skip", "popular"}
        For ids that are no user of the model: raise an error, treat them as users without
        interactions, or recommend the most popular items.
    fallback : {"popular"} or None
        For users without interactions: the most popular items, or an empty list.
    """

    unknown: str = "raise"
    fallback: str | None = None

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("unknown", self.unknown, ("raise", "skip", "popular")),
            ("fallback", self.fallback, (None, "popular")),
        ):
            if value not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {value!r}")

    def popular(self, known: np.ndarray) -> np.ndarray:
        """Return whether each user, if without interactions, gets the most popular items."""
        popular: np.ndarray = np.full(len(known), self.fallback == "popular")
        if self.unknown == "popular":
            popular |= ~known
        return popular


def nothing_known(counts: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return, for each user, whether the model knows nothing about the user.

    That is so for users without interactions (``counts`` of 0) whose factors are all zero. Training
    gives such users zeros, but other factors may have been assigned.
    """
    nothing: np.ndarray = counts == 0
    nothing[nothing] = ~factors[nothing].any(axis=1)
    return nothing


def users_query(state: Factors, users: Any, exclude_seen: bool, fallback: Fallback) -> Query:
    """Return the query for users of a model by their ids, or for all of them (None)."""
    if users is None:
        ids, factors, history = state.users, state.user_factors, state.train_matrix
        known = np.ones(len(ids), dtype=bool)
    else:
        if fallback.unknown == "raise":
            rows = state.find_users(users)
            ids = state.users[rows]
        else:
            ids, rows = state.locate_users(users)
        known = rows >= 0
        factors = state.user_factors[rows]
        factors[~known] = 0
        history = _rows_of(state.train_matrix, rows)
    unknown = nothing_known(np.diff(history.indptr), factors)
    seen = history if exclude_seen else None
    return Query(ids, factors, seen, unknown, fallback.popular(known))


def _rows_of(matrix: sparse.csr_matrix, rows: np.ndarray) -> sparse.csr_matrix:
    """Return the given rows of a CSR matrix; −1 stands for an empty row."""
    known = rows >= 0
    picked = matrix[rows[known]]
    if known.all():
        return picked
    counts = np.zeros(len(rows), dtype=np.int64)
    counts[known] = np.diff(picked.indptr)
    indptr = np.concatenate(([0], np.cumsum(counts)))
    return sparse.csr_matrix(
        (picked.data, picked.indices, indptr), shape=(len(rows), matrix.shape[1])
    )
