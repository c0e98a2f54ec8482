"""Ranked lists of items for users, with items left out or allowed; nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from wrmf.data.checks import as_positive_int
from wrmf.model.axis_factors import AxisFactors
from wrmf.model.axis_ids import AxisIds
from wrmf.model.filters import Choice
from wrmf.model.item_term import item_terms, user_terms
from wrmf.model.list_options import ListRules
from wrmf.model.queries import Query
from wrmf.model.recommendations import Recommendations
from wrmf.model.state import Factors
from wrmf.numerics import ranking
from wrmf.numerics.diversity import diversified
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.memory import check_memory
from wrmf.numerics.offsets import user_rows
from wrmf.numerics.term_ranking import Terms, top_n_of_with_terms, top_n_with_terms

__all__ = ["FEW", "nearest_neighbours", "ranked_items", "ranked_users"]

# Up to FEW users, items are scanned for each user. The products that rank many users at a time need
# factors in another layout, which takes longer to make than some scans.
FEW = 8

# A list of n diverse items is chosen from the CANDIDATES · n best.
CANDIDATES = 10
# The largest number of candidates of all users that are ranked at a time.
BLOCK_CANDIDATES = 2**20

# Rows, scores and counts of lists.
Ranked = tuple[np.ndarray, np.ndarray, np.ndarray]
# The rows of some users, and what ranks the items that these may get.
Rows = np.ndarray | slice
Best = Callable[[Rows, Choice], Ranked]


class Candidates(NamedTuple):
    """What is ranked.

    Attributes
    ----------
    factors, others : AxisFactors
        The factors of the candidates, and of the other axis.
    terms : Terms of the users of the query, or None
        What is added to the scores.
    """

    factors: AxisFactors
    others: AxisFactors
    terms: Terms | None = None

    def at(self, rows: Rows) -> Candidates:
        """Return the candidates for a part of the users of the query."""
        return self if self.terms is None else self._replace(terms=terms_at(self.terms, rows))


def terms_at(terms: Terms | None, rows: Rows) -> Terms | None:
    """Return the terms of a part of the users."""
    if terms is None or isinstance(rows, slice):
        return terms
    return terms.at(rows)


def ranked_items(
    state: Factors, query: Query, n: int, rules: ListRules, num_threads: int = 0
) -> Recommendations:
    """Return the n items with the highest scores for each user of a query, best first.

    Users without interactions get an empty list, or the most popular items without scores.
    """
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    n = min(as_positive_int(n, "n"), len(state.items))
    rules = rules.without(query.seen)
    terms = item_terms(state, query.history)
    candidates = Candidates(state.prepared.items, state.prepared.users, terms)
    rows, scores, counts = _of_known(candidates, query, n, rules, num_threads)
    fallback = np.flatnonzero(query.unknown & query.popular)
    if len(fallback):
        state.train_pairs(
            'no item is known to be popular, so pass neither fallback="popular" nor '
            'unknown="popular"'
        )
        rows[fallback], counts[fallback] = _popular(state, n, rules.choice.at(fallback))
    ids = state.prepared.item_ids
    return Recommendations.of(query.users, ids.ids, rows, scores, counts, ids.names)


def ranked_users(
    state: Factors, query: Query, n: int, rules: ListRules, num_threads: int = 0
) -> Recommendations:
    """Return the n users with the highest scores for each item of a query, best first.

    Users whose factors are zero, of whom nothing is known, are left out.
    """
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    n = min(as_positive_int(n, "n"), len(state.users))
    terms = user_terms(state, query.rows)
    candidates = Candidates(state.prepared.users, state.prepared.items, terms)
    rules = rules.without(query.seen).within(candidates.factors.has_length)
    lists = _of_known(candidates, query, n, rules, num_threads)
    return Recommendations.of(query.users, state.prepared.user_ids.ids, *lists)


def _of_known(
    candidates: Candidates, query: Query, n: int, rules: ListRules, num_threads: int
) -> Ranked:
    """Return the lists of a query, which are empty for users of whom nothing is known."""
    if not query.unknown.any():
        return _scored(candidates, query.factors, n, rules, num_threads)
    known = np.flatnonzero(~query.unknown)
    part = candidates.at(known)
    lists = _scored(part, query.factors[known], n, rules.at(known), num_threads)
    return _joined([(known, lists)], len(query.unknown))


def _scored(
    candidates: Candidates, factors: np.ndarray, n: int, rules: ListRules, num_threads: int
) -> Ranked:
    """Return the n best items of each user by scores with offsets, and by what is diverse."""
    items, plain, scoring = candidates.factors, candidates.factors, rules.scoring
    if scoring.offset is not None:
        items, scale = items.with_offset(scoring.offset, candidates.others)
        factors = user_rows(factors, scale)
    if not scoring.diversify:
        lists = _ranked(items, factors, n, rules.choice, num_threads, candidates.terms)
        return _at_least(lists, scoring.min_score)
    wide = min(CANDIDATES * n, len(plain.factors))
    size = max(1, BLOCK_CANDIDATES // wide)
    parts = []
    for start in range(0, len(factors), size):
        users = np.arange(start, min(start + size, len(factors)))
        choice, terms = rules.choice.at(users), terms_at(candidates.terms, users)
        lists = _ranked(items, factors[users], wide, choice, num_threads, terms)
        lists = _at_least(lists, scoring.min_score)
        lists = diversified(plain.factors, plain.lengths, lists, n, scoring.diversify)
        parts.append((users, lists))
    return _joined(parts, len(factors)) if parts else _ranked(items, factors, n, rules.choice, 1)


def _at_least(lists: Ranked, min_score: float | None) -> Ranked:
    """Return lists that end before the first score below ``min_score``."""
    if min_score is None:
        return lists
    rows, scores, _ = lists
    with np.errstate(over="ignore"):
        kept = scores >= scores.dtype.type(min_score)
    rows[~kept], scores[~kept] = -1, np.nan
    return rows, scores, kept.sum(axis=1)


def _ranked(
    items: AxisFactors,
    factors: np.ndarray,
    n: int,
    choice: Choice,
    num_threads: int,
    terms: Terms | None = None,
) -> Ranked:
    """Return the n best items of each user; ``terms`` are added to scores."""
    if not len(factors):
        return np.empty((0, n), np.int64), np.empty((0, n), factors.dtype), np.empty(0, np.int64)
    check_memory(
        len(factors) * n * (np.dtype(np.int64).itemsize + factors.itemsize),
        f"lists of {n} items for {len(factors)} users",
        "ask for fewer, or write them to a file by recommend_to",
    )

    def best(rows: Rows, part: Choice) -> Ranked:
        return _best(items, factors[rows], n, part, num_threads, terms_at(terms, rows))

    def best_listed(rows: Rows, part: Choice) -> Ranked:
        return _best_listed(items, factors[rows], n, part, num_threads, terms_at(terms, rows))

    return _by_lists(choice, best, best_listed)


def _by_lists(choice: Choice, best: Best, best_listed: Best) -> Ranked:
    """Return the lists of all users; those with their own list of items get ``best_listed``."""
    if choice.listed is None:
        return best(slice(None), choice)
    listed, others = np.flatnonzero(choice.has_list), np.flatnonzero(~choice.has_list)
    if not len(others):
        return best_listed(slice(None), choice)
    if not len(listed):
        return best(slice(None), choice)
    parts = [
        (listed, best_listed(listed, choice.at(listed))),
        (others, best(others, choice.at(others))),
    ]
    return _joined(parts, len(choice.has_list))


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
    terms: Terms | None = None,
    least_scores: np.ndarray | None = None,
) -> Ranked:
    """Return the n best of all items; few users are answered by a scan of rounded factors.

    Items below ``least_scores`` may be left out.
    """
    blocked, allowed = choice.blocked, choice.allowed
    if terms is not None:

        def without_terms(users: slice, blocked: ItemLists, least: np.ndarray) -> Ranked:
            own = choice._replace(blocked=blocked)
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
    terms: Terms | None = None,
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
    axis: AxisIds,
    factors: AxisFactors,
    query: Query,
    n: int,
    rules: ListRules,
    num_threads: int = 0,
) -> Recommendations:
    """Return the n rows of ``factors`` with the highest cosine to each direction of a query.

    Rows of zeros have no neighbours and are nobody's neighbour.

    Parameters
    ----------
    axis : AxisIds
        The ids and the names of the rows of ``factors``.
    factors : AxisFactors
    query : Query, whose factors have length one
    n : int ≥ 1
    rules : ListRules
    num_threads : int ≥ 0, default 0
    """
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    n = min(as_positive_int(n, "n"), len(factors.factors))
    rules, has_length = rules.without(query.seen), ~query.unknown
    known = np.flatnonzero(has_length)
    unit, choice = query.factors[known], rules.choice.at(known)

    def best(rows: Rows, part: Choice) -> Ranked:
        return _nearest(factors, unit[rows], n, part._replace(listed=None), num_threads)

    def best_listed(rows: Rows, part: Choice) -> Ranked:
        return _nearest(factors, unit[rows], n, part, num_threads)

    lists = _by_lists(choice, best, best_listed)
    lists = _at_least(lists, rules.scoring.min_score)
    if not has_length.all():
        lists = _joined([(known, lists)], len(has_length))
    return Recommendations.of(query.users, axis.ids, *lists, axis.names)


def _nearest(
    factors: AxisFactors, unit: np.ndarray, n: int, choice: Choice, num_threads: int
) -> Ranked:
    """Return the rows with the highest cosine to each direction, of the listed ones if any are."""
    if 0 < len(unit) <= FEW:
        lists = ranking.top_n_of_few(
            unit, factors.codes.cosines, n, choice.blocked, choice.allowed, choice.listed
        )
        if lists[2].min() >= 0:
            return lists
    every, have_length = ranking.unit_rows(factors.factors)
    choice = choice.within(have_length)
    if choice.listed is not None:
        return ranking.top_n_of(unit, every, n, choice.lists(), num_threads)
    return ranking.top_n(unit, every, n, choice.blocked, choice.allowed, num_threads)
