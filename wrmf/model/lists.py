"""Ranked lists of items for users, with items left out or allowed; nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_positive_int
from wrmf.model.queries import Query
from wrmf.model.recommendations import Recommendations
from wrmf.model.state import Factors
from wrmf.numerics import ranking
from wrmf.numerics.tiles import SortedItems

__all__ = ["ItemFilter", "nearest_neighbours", "ranked_items"]


@dataclass(frozen=True)
class ItemFilter:
    """Which items may be recommended.

    Attributes
    ----------
    exclude, items : ids, or mapping of user id to ids, or None
        ``exclude`` are items never to recommend; ``items`` are the only ones to choose from. Ids
        apply to all users, a mapping only to the users that it names.
    """

    exclude: Any = None
    items: Any = None

    def check_users(self, users: np.ndarray) -> None:
        """Raise a ValueError if a mapping names a user who is not among ``users``."""
        if not any(isinstance(lists, Mapping) for lists in (self.exclude, self.items)):
            return
        asked = set(users.tolist())
        for name, lists in (("exclude", self.exclude), ("items", self.items)):
            others = (
                [user for user in lists if user not in asked] if isinstance(lists, Mapping) else []
            )
            if others:
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                example = f", such as {users.tolist()[0]!r}" if len(users) else ""
                raise ValueError(
                    f"{name} names {others[0]!r}{more}, but this call is for {len(users)} other "
                    f"users{example}: name only users of the call"
                )

    def allowed(self, state: Factors) -> np.ndarray:
        """Return a mask over the items: those that no filter for all users leaves out."""
        if self.items is None or isinstance(self.items, Mapping):
            allowed = np.ones(len(state.items), dtype=bool)
        else:
            allowed = np.zeros(len(state.items), dtype=bool)
            allowed[state.find_items(self.items)] = True
        if self.exclude is not None and not isinstance(self.exclude, Mapping):
            allowed[state.find_items(self.exclude)] = False
        return allowed

    def blocked(self, state: Factors, query: Query) -> sparse.csr_matrix | None:
        """Return a bool CSR users × items matrix: items that are seen by a user or excluded."""
        blocked = None if query.seen is None else query.seen.astype(bool)
        if isinstance(self.exclude, Mapping):
            excluded = _lists_as_matrix(state, query.users, self.exclude)
            blocked = excluded if blocked is None else (blocked + excluded).tocsr()
        return blocked


def ranked_items(
    state: Factors, query: Query, n: int, filters: ItemFilter, num_threads: int = 0
) -> Recommendations:
    """Return the n items with the highest scores for each user of a query, best first.

    Users without interactions get an empty list, or the most popular items without scores.
    """
    n = as_positive_int(n, "n")
    filters.check_users(query.users)
    lists = _ranked(state, query, state.prepared.items.by_norm, n, filters, num_threads)
    rows, scores, counts = lists
    unknown = query.unknown
    rows[unknown], scores[unknown], counts[unknown] = -1, np.nan, 0
    fallback = np.flatnonzero(unknown & query.popular)
    if len(fallback):
        part = replace(query.at(fallback), factors=np.ones((len(fallback), 1)))
        column = SortedItems.of(state.prepared.train.popularity.astype(np.float64)[:, None])
        rows[fallback], scored, counts[fallback] = _ranked(
            state, part, column, n, filters, num_threads
        )
        # Leave out items that no user has interacted with.
        nobody = ~(scored > 0)
        rows[fallback] = np.where(nobody, -1, rows[fallback])
        counts[fallback] = (~nobody).sum(axis=1)
    return Recommendations.of(query.users, state.items, rows, scores, counts, state.item_names)


def _ranked(
    state: Factors,
    query: Query,
    items: SortedItems,
    n: int,
    filters: ItemFilter,
    num_threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, scores and counts of the n best items of each user that the filters allow."""
    allowed = filters.allowed(state)
    blocked = filters.blocked(state, query)
    rows, scores, counts = ranking.top_n(query.factors, items, n, blocked, allowed, num_threads)
    if isinstance(filters.items, Mapping):
        # For users who have their own list of items, rank only the items of this list.
        named = np.flatnonzero([user in filters.items for user in query.users.tolist()])
        lists = _lists_as_matrix(state, query.users, filters.items)[named]
        if blocked is not None:
            lists = lists > lists.multiply(blocked[named])
        lists = sparse.csr_matrix(lists.multiply(allowed))
        lists.eliminate_zeros()
        rows[named], scores[named], counts[named] = ranking.top_n_of(
            query.factors[named], items, n, lists, num_threads
        )
    return rows, scores, counts


def _lists_as_matrix(
    state: Factors, users: np.ndarray, lists: Mapping[Any, Any]
) -> sparse.csr_matrix:
    """Return a mapping of user id to item ids as a bool CSR users × items matrix."""
    user_ids = users.tolist()
    columns_of = {user: state.find_items(lists[user]) for user in set(user_ids) if user in lists}
    no_items = np.empty(0, dtype=np.int64)
    columns = [columns_of.get(user, no_items) for user in user_ids]
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in columns])))
    indices = np.concatenate([*columns, no_items])
    matrix = sparse.csr_matrix(
        (np.ones(len(indices), dtype=bool), indices, indptr),
        shape=(len(users), len(state.items)),
    )
    matrix.sum_duplicates()
    return matrix


def nearest_neighbours(
    axis: tuple[np.ndarray, np.ndarray | None],
    factors: np.ndarray,
    rows: np.ndarray,
    n: int,
    num_threads: int = 0,
) -> Recommendations:
    """Return the n other rows of ``factors`` with the highest cosine to each of ``rows``.

    Parameters
    ----------
    axis : (ndarray (m,), ndarray (m,) or None)
        The ids and the names of the rows of ``factors``.
    factors : ndarray (m, k)
        Rows of zeros have no neighbours and are nobody's neighbour.
    rows : int64 (n_queries,)
    n : int ≥ 1
    """
    ids, names = axis
    unit, has_length = ranking.unit_rows(factors)
    itself = sparse.csr_matrix(
        (np.ones(len(rows), dtype=bool), (np.arange(len(rows)), rows)),
        shape=(len(rows), len(ids)),
    )
    neighbours, scores, counts = ranking.top_n(unit[rows], unit, n, itself, has_length, num_threads)
    no_length = ~has_length[rows]
    neighbours[no_length], scores[no_length], counts[no_length] = -1, np.nan, 0
    return Recommendations.of(ids[rows], ids, neighbours, scores, counts, names)
