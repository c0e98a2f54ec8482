"""Users that items are ranked for, and what those get of whom nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.model.state import Factors

__all__ = ["Fallback", "Query", "users_query"]


@dataclass(frozen=True)
class Query:
    """Users that items are ranked for.

    Attributes
    ----------
    users : ndarray (n,)
        Their ids.
    factors : ndarray (n, k)
    seen : CSR (n, n_items), or None
        Items to leave out, as each user has seen them.
    popular : bool (n,), or None
        The users who get the most popular items, if nothing is known of them.
    """

    users: np.ndarray
    factors: np.ndarray
    seen: sparse.csr_matrix | None
    popular: np.ndarray | None = None

    @property
    def unknown(self) -> np.ndarray:
        """Whether nothing is known of a user, bool (n,): such users have factors of zeros."""
        return np.asarray(~self.factors.any(axis=1))

    def at(self, rows: np.ndarray) -> Query:
        """Return the query for a part of its users."""
        seen = None if self.seen is None else self.seen[rows]
        return Query(self.users[rows], self.factors[rows], seen)


@dataclass(frozen=True)
class Fallback:
    """What users get whom the model does not know, or of whom it knows no interactions.

    Attributes
    ----------
    unknown : {"raise", "skip", "popular"}
        For ids that are no user of the model: an error, as users without interactions, or the most
        popular items.
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
        """Return whether each user gets the most popular items if there are no interactions."""
        popular: np.ndarray = np.full(len(known), self.fallback == "popular")
        if self.unknown == "popular":
            popular |= ~known
        return popular


def users_query(state: Factors, users: Any, exclude_seen: bool, fallback: Fallback) -> Query:
    """Return the query for users of a model by their ids, or for all of them (None)."""
    if users is not None and fallback.unknown != "raise":
        ids, rows = state.locate_users(users)
    else:
        rows = np.arange(len(state.users)) if users is None else state.find_users(users)
        ids = state.users[rows]
    known = rows >= 0
    factors = state.user_factors[rows]
    factors[~known] = 0
    seen = _rows_of(state.train_matrix, rows) if exclude_seen else None
    return Query(ids, factors, seen, fallback.popular(known))


def _rows_of(matrix: sparse.csr_matrix, rows: np.ndarray) -> sparse.csr_matrix:
    """Return the given rows of a CSR matrix, empty ones for −1."""
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
