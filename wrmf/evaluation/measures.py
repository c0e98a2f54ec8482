"""Compute the values of metrics from what a ranker ranks, scores and lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from wrmf.data.dislikes import likes_of
from wrmf.data.split import Split
from wrmf.evaluation.list_metrics import Listed, ListMetric, Metric
from wrmf.evaluation.metrics import ErrorMetric, RankingMetric, Requested
from wrmf.evaluation.rankers import Ranker, Side
from wrmf.numerics.ranked import Ranked

__all__ = ["is_tested", "measure_errors", "measure_lists", "measure_ranks"]


def is_tested(side: Side) -> np.ndarray:
    """Return which users have a held-out item."""
    is_tested: np.ndarray = np.diff(side.held_out.indptr) > 0
    return is_tested


def measure_ranks(
    requested: Mapping[str, Requested], ranker: Ranker, sides: Sequence[Side]
) -> list[dict[str, np.ndarray]]:
    """Return, for each side, the values of the ranking metrics of users with held-out items."""
    ranking = {
        name: (metric.per_user, cutoff)
        for name, (metric, cutoff) in requested.items()
        if isinstance(metric, RankingMetric)
    }
    if not ranking:
        return [{} for _ in sides]
    _check_held_out(sides)
    cutoffs = [cutoff for _, cutoff in ranking.values() if cutoff is not None]
    # A single metric without a cut-off needs the ranks of all items.
    last = max(cutoffs) if len(cutoffs) == len(ranking) else None
    results = []
    for side, ranks in zip(sides, ranker.ranks(sides, last), strict=True):
        tested = is_tested(side)
        auc = None if ranks.auc is None else ranks.auc[tested]
        ranked = Ranked.of(ranks.ranks, np.diff(side.held_out.indptr)[tested], auc)
        results.append({name: score(ranked, cutoff) for name, (score, cutoff) in ranking.items()})
    return results


def _check_held_out(sides: Sequence[Side]) -> None:
    for side in sides:
        if not is_tested(side).any():
            raise ValueError(
                "no user has a held-out item, so there is nothing to rank: check split.test"
            )


def measure_errors(
    requested: Mapping[str, Requested], ranker: Ranker, sides: Sequence[Side]
) -> list[dict[str, float]]:
    """Return, for each side, the values of the error metrics."""
    errors = {
        name: metric.overall
        for name, (metric, _) in requested.items()
        if isinstance(metric, ErrorMetric)
    }
    if not errors:
        return [{} for _ in sides]
    sums = ranker.squared_errors(sides)
    return [
        {
            name: overall(sums[side.on], math.prod(side.held_out.shape))
            for name, overall in errors.items()
        }
        for side in sides
    ]


def measure_lists(
    requested: Mapping[str, Requested],
    ranker: Ranker,
    sides: Sequence[Side],
    split: Split,
    results: tuple[list[dict[str, np.ndarray]], list[dict[str, float]]],
) -> None:
    """Add the values of metrics of lists to those by user and to those over all users.

    The lists are those of users with held-out items.
    """
    wanted = {
        name: (metric, cutoff)
        for name, (metric, cutoff) in requested.items()
        if isinstance(metric, (ListMetric, Metric)) and cutoff is not None
    }
    if not wanted:
        return
    _check_held_out(sides)
    n = max(cutoff for _, cutoff in wanted.values())
    train = likes_of(split.train.matrix)
    popularity = np.bincount(train.indices, minlength=train.shape[1])
    n_users = int(np.count_nonzero(np.diff(train.indptr)))
    lists = {masked: ranker.lists(n, masked) for masked in {side.masked for side in sides}}
    for side, by_user, overall in zip(sides, *results, strict=True):
        tested = is_tested(side)
        listed = Listed(lists[side.masked][tested], popularity, n_users)
        for name, (metric, cutoff) in wanted.items():
            if isinstance(metric, Metric):
                held_out = side.held_out[tested]
                by_user[name] = metric.per_user(listed.items, held_out, split.train.items)
            elif metric.by_user:
                by_user[name] = metric.measure(listed, cutoff)
            else:
                overall[name] = metric.measure(listed, cutoff)
