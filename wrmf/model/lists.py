"""Ranked lists of items for users, with items left out or allowed; nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wrmf.data.checks import as_positive_int
from wrmf.model.filters import Choice, ItemFilter
from wrmf.model.item_term import item_terms
from wrmf.model.prepared import AxisFactors, AxisIds
from wrmf.model.queries import Query
from wrmf.model.recommendations import Recommendations
from wrmf.model.state import Factors
from wrmf.numerics import ranking
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.term_ranking import ItemTerms, top_n_of_with_terms, top_n_with_terms

__all__ = ["nearest_neighbours", "ranked_items"]

# Up to FEW users, items are scanned for each user. The products that rank many users at a time need
# factors in another layout, which takes longer to make than some scans.
FEW = 8

# Rows, scores and counts of lists.
Ranked = tuple[np.ndarray, np.ndarray, np.ndarray]


def ranked_items(
    state: Factors, query: Query, n: int, filters: ItemFilter, num_threads: int = 0
) -> Recommendations:
    """Return the n items with the highest scores for each user of a query, best first.

    Users without interactions get an empty list, or the most popular items without scores.
    """
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    n = min(as_positive_int(n, "n"), len(state.items))
    choice = filters.resolve(state, query, len(query.users) <= FEW)
    unknown = query.unknown
    terms = item_terms(state, query.history)
    if not unknown.any():
        rows, scores, counts = _ranked(state, query.factors, n, choice, num_threads, terms)
    else:
        known = np.flatnonzero(~unknown)
        terms = None if terms is None else terms.at(known)
        lists = _ranked(state, query.factors[known], n, choice.at(known), num_threads, terms)
        rows, scores, counts = _joined([(known, lists)], len(unknown))
        fallback = np.flatnonzero(unknown & query.popular)
        if len(fallback):
            state.train_pairs(
                'no item is known to be popular, so pass neither fallback="popular" nor '
                'unknown="popular"'
            )
            rows[fallback], counts[fallback] = _popular(state, n, choice.at(fallback))
    ids = state.prepared.item_ids
    return Recommendations.of(query.users, ids.ids, rows, scores, counts, ids.names)


def _ranked(
    state: Factors,
    factors: np.ndarray,
    n: int,
    choice: Choice,
    num_threads: int,
    terms: ItemTerms | None,
) -> Ranked:
    """Return the n best items of each user; ``terms`` are added to scores."""
    items = state.prepared.items
    if not len(factors):
        return np.empty((0, n), np.int64), np.empty((0, n), factors.dtype), np.empty(0, np.int64)
    if choice.listed is None:
        return _best(items, factors, n, choice, num_threads, terms)
    # For users who have their own list of items, rank only the items of this list.
    listed = np.flatnonzero(choice.has_list)
    if len(listed) == len(factors):
        return _best_listed(items, factors, n, choice, num_threads, terms)
    parts = []
    for rows, best in ((listed, _best_listed), (np.flatnonzero(~choice.has_list), _best)):
        of_rows = None if terms is None else terms.at(rows)
        parts.append((rows, best(items, factors[rows], n, choice.at(rows), num_threads, of_rows)))
    return _joined([part for part in parts if len(part[0])], len(factors))


def _joined(parts: Sequence[tuple[np.ndarray, Ranked]], m: int) -> Ranked:
    """Return the lists of m users from the lists of some of them; those of the others are empty."""
    like = parts[0][1][1]
    n = like.shape[1]
    rows, counts = np.full((m, n), -1, dtype=np.int64), np.zeros(m, dtype=np.int64)
    scores = np.full((m, n), np.nan, dtype=like.dtype)
    for users, lists in parts:
        rows[users], scores[users], counts[users] = lists
    return rows, scores, counts


def _best(
    items: AxisFactors,
    factors: np.ndarray,
    n: int,
    choice: Choice,
    num_threads: int,
    terms: ItemTerms | None = None,
    least_scores: np.ndarray | None = None,
) -> Ranked:
    """Return the n best of all items; few users are answered by a scan of rounded factors.

    Items below ``least_scores`` may be left out.
    """
    blocked, allowed = choice.blocked, choice.allowed
    if terms is not None:

        def without_terms(users: slice, blocked: ItemLists, least: np.ndarray) -> Ranked:
            own = replace(choice, blocked=blocked)
            return _best(items, factors[users], n, own, num_threads, least_scores=least)

        return top_n_with_terms(
            factors, items.by_norm, n, terms, (blocked, allowed), num_threads, without_terms
        )
    if 0 < len(factors) <= FEW:
        lists = ranking.top_n_of_few(factors, items.codes.scores, n, blocked, allowed)
        if lists[2].min() >= 0:
            return lists
    return ranking.top_n(factors, items.by_norm, n, blocked, allowed, num_threads, least_scores)


def _best_listed(
    items: AxisFactors,
    factors: np.ndarray,
    n: int,
    choice: Choice,
    num_threads: int,
    terms: ItemTerms | None = None,
) -> Ranked:
    """Return the n best of the items that are listed for each user."""
    if terms is not None:
        listed = choice.lists()
        return top_n_of_with_terms(factors, items.by_norm, n, terms, listed, num_threads)
    if 0 < len(factors) <= FEW:
        lists = ranking.top_n_of_few(
            factors, items.codes.scores, n, choice.blocked, choice.allowed, choice.listed
        )
        if lists[2].min() >= 0:
            return lists
    return ranking.top_n_of(factors, items.by_norm, n, choice.lists(), num_threads)


def _popular(state: Factors, n: int, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and counts of the n items with the most users that each user may get."""
    train = state.prepared.train
    order = train.most_popular
    if choice.allowed is not None:
        order = order[choice.allowed[order]]
    m = len(choice.has_list)
    rows, counts = np.full((m, n), -1, dtype=np.int64), np.zeros(m, dtype=np.int64)
    has_rules = choice.has_list | (choice.blocked.counts > 0)
    best = order[:n]
    rows[~has_rules, : len(best)], counts[~has_rules] = best, len(best)
    lists = None if choice.listed is None else choice.lists()
    for row in np.flatnonzero(has_rules).tolist():
        blocked = choice.blocked.of_user(row)
        if lists is not None and choice.has_list[row]:
            own = lists.of_user(row)
            best = own[np.lexsort((own, -train.popularity[own]))]
            best = best[train.popularity[best] > 0][:n]
        else:
            best = order[: n + len(blocked)]
            best = best[~np.isin(best, blocked)][:n]
        rows[row, : len(best)], counts[row] = best, len(best)
    return rows, counts


def nearest_neighbours(
    axis: AxisIds, factors: AxisFactors, rows: np.ndarray, n: int, num_threads: int = 0
) -> Recommendations:
    """Return the n other rows of ``factors`` with the highest cosine to each of ``rows``.

    Rows of zeros have no neighbours and are nobody's neighbour.

    Parameters
    ----------
    axis : AxisIds
        The ids and the names of the rows of ``factors``.
    factors : AxisFactors
    rows : int64 (n_queries,)
    n : int ≥ 1
    num_threads : int ≥ 0, default 0
    """
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    lengths = factors.lengths
    itself = ItemLists(np.arange(len(rows) + 1, dtype=np.int64), rows.astype(np.int32))
    has_length = lengths[rows] > 0
    unit = factors.factors[rows] / np.where(has_length, lengths[rows], 1)[:, None]
    n = min(n, len(lengths))
    if 0 < len(rows) <= FEW:
        lists = ranking.top_n_of_few(unit, factors.codes.cosines, n, itself)
        out_of_range = has_length & (lists[2] < 0)
    if not 0 < len(rows) <= FEW or out_of_range.any():
        every, all_have_length = ranking.unit_rows(factors.factors)
        lists = ranking.top_n(unit, every, n, itself, all_have_length, num_threads)
    neighbours, scores, counts = lists
    neighbours[~has_length], scores[~has_length], counts[~has_length] = -1, np.nan, 0
    return Recommendations.of(axis.ids[rows], axis.ids, neighbours, scores, counts, axis.names)
