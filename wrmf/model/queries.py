"""The users that items are ranked for, and what users without interactions get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from wrmf.data.checks import check_indices
from wrmf.data.choices import as_choice
from wrmf.data.dislikes import has_dislikes, likes_of
from wrmf.data.id_index import object_array
from wrmf.distinct import sorted_distinct
from wrmf.model.axis_factors import AxisFactors
from wrmf.model.axis_ids import AxisIds
from wrmf.model.item_term import known_histories
from wrmf.model.state import Factors
from wrmf.numerics.item_lists import ItemLists

__all__ = [
    "Fallback",
    "Query",
    "baskets_query",
    "directions_query",
    "items_query",
    "nothing_known",
    "users_query",
]


class Query(NamedTuple):
    """Users that items are ranked for, or items that users or other items are ranked for.

    Attributes
    ----------
    users : ndarray (n,)
        Their ids.
    factors : ndarray (n, k)
    seen : ItemLists of n users, or None
        The items that each user has seen, which are left out of the ranking.
    unknown, popular : bool (n,)
        ``unknown``: whether nothing is known of a user. ``popular``: whether such a user gets the
        most popular items instead of an empty list.
    history : ItemLists of n users, or None
        The items that each user has, for a model with an item term.
    rows : int64 (n,), or None
        The positions of items that users are ranked for.
    """

    users: np.ndarray
    factors: np.ndarray
    seen: ItemLists | None
    unknown: np.ndarray
    popular: np.ndarray
    history: ItemLists | None = None
    rows: np.ndarray | None = None


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
            as_choice(value, name, choices)

    @classmethod
    def of(cls, unknown: str, fallback: str | None) -> Fallback:
        """Return a record, the same one for all requests without these arguments."""
        is_default = fallback is None and type(unknown) is str and unknown == "raise"
        return DEFAULT if is_default else cls(unknown, fallback)

    def popular(self, n: int, known: np.ndarray | None = None) -> np.ndarray:
        """Return whether each of n users, if without interactions, gets the most popular items.

        ``known`` says who is a user of the model; without it, all are.
        """
        if self.fallback == "popular":
            return np.ones(n, dtype=bool)
        if self.unknown == "popular" and known is not None:
            return ~known
        return np.zeros(n, dtype=bool)


DEFAULT = Fallback()


def nothing_known(
    counts: np.ndarray, factors: np.ndarray, history: sparse.csr_matrix | None = None
) -> np.ndarray:
    """Return, for each user, whether the model knows nothing about the user.

    That is so for users without interactions (``counts`` of 0), or with nothing but dislikes in
    ``history``, whose factors are all zero. Training gives such users zeros, but other factors may
    have been assigned.
    """
    nothing: np.ndarray = counts == 0
    if history is not None and has_dislikes(history):
        nothing |= np.diff(likes_of(history).indptr) == 0
    if nothing.any():
        nothing[nothing] = ~factors[nothing].any(axis=1)
    return nothing


def users_query(state: Factors, users: Any, exclude_seen: bool, fallback: Fallback) -> Query:
    """Return the query for users of a model by their ids, or for all of them (None)."""
    matrix = state.train_matrix
    if exclude_seen:
        matrix = state.train_pairs("pass exclude_seen=False")
    seen, known = None, None
    if users is None:
        ids, factors = np.asarray(state.users), state.user_factors
        if matrix is not None:
            # Its arrays may be those of data that was changed in place.
            check_indices(matrix, "train_matrix")
            seen = ItemLists.of(matrix)
        history = known_histories(state, None)
    else:
        if fallback.unknown == "raise":
            try:
                rows = state.find_users(users)
            except ValueError as error:
                raise ValueError(
                    f'{error}: pass unknown="popular" or "skip"; recommend_new takes histories of '
                    "other users"
                ) from None
            ids, factors = state.users[rows], state.user_factors[rows]
        else:
            ids, rows = state.locate_users(users)
            known, factors = rows >= 0, state.user_factors[rows]
            factors[~known] = 0
        history = known_histories(state, rows)
        if matrix is not None:
            seen = ItemLists.of_rows(matrix, rows)
    # Without training data, a user of whom nothing is known is one whose factors are zero.
    counts = np.zeros(len(ids), dtype=np.int64) if seen is None else seen.counts
    rated = None
    if matrix is not None and state.prepared.train.has_dislikes:
        rated = matrix if users is None else _rows_of(matrix, rows)
    unknown = nothing_known(counts, factors, rated)
    popular = fallback.popular(len(ids), known)
    return Query(ids, factors, seen if exclude_seen else None, unknown, popular, history)


def items_query(state: Factors, items: Any, exclude_seen: bool) -> Query:
    """Return the query for items that users are ranked for; users who have an item are left out."""
    rows = state.find_items(items)
    factors, seen = state.item_factors[rows], None
    if exclude_seen:
        state.train_pairs("pass exclude_seen=False")
        seen = state.prepared.train.users_of.at(rows)
    nobody = np.zeros(len(rows), dtype=bool)
    unknown = ~factors.any(axis=1)
    return Query(state.items[rows], factors, seen, unknown, nobody, rows=rows)


def directions_query(axis: AxisIds, factors: AxisFactors, ids: Any) -> Query:
    """Return the query for the neighbours of rows, which are no neighbours of themselves."""
    rows = axis.find(ids)
    lengths = factors.lengths[rows]
    unit = factors.factors[rows] / np.where(lengths > 0, lengths, 1)[:, None]
    itself = ItemLists(np.arange(len(rows) + 1, dtype=np.int64), rows.astype(np.int32))
    nobody = np.zeros(len(rows), dtype=bool)
    return Query(axis.ids[rows], unit, itself, lengths == 0, nobody)


def baskets_query(axis: AxisIds, factors: AxisFactors, baskets: Any) -> Query:
    """Return the query for the neighbours of baskets.

    The direction of a basket is the sum of those of its rows, which are left out of its neighbours.

    Parameters
    ----------
    baskets : ids, or mapping of a name to ids
        The query of ids has the tuple of these ids as its name.
    """
    if isinstance(baskets, Mapping):
        names = list(baskets)
        rows = [axis.find(ids) for ids in baskets.values()]
    else:
        rows = [axis.find(baskets)]
        names = [tuple(axis.ids[rows[0]].tolist())]
    sums = np.zeros((len(rows), factors.factors.shape[1]))
    for place, members in enumerate(rows):
        members = sorted_distinct(members[factors.lengths[members] > 0])
        unit = factors.factors[members].astype(np.float64)
        sums[place] = (unit / factors.lengths[members][:, None]).sum(axis=0)
    lengths = np.linalg.norm(sums, axis=1)
    unit = (sums / np.where(lengths > 0, lengths, 1)[:, None]).astype(factors.factors.dtype)
    owners = np.repeat(np.arange(len(rows)), [len(members) for members in rows])
    members = np.concatenate([np.empty(0, np.int64), *rows])
    own = ItemLists.of_pairs(owners, members, len(rows))
    nobody = np.zeros(len(rows), dtype=bool)
    return Query(object_array(names), unit, own, lengths == 0, nobody)


def _rows_of(matrix: sparse.csr_matrix, rows: np.ndarray) -> sparse.csr_matrix:
    """Return rows of a matrix; −1 stands for an empty row."""
    history = matrix[np.maximum(rows, 0)]
    history.data[np.repeat(rows < 0, np.diff(history.indptr))] = 0
    return history
