"""The metrics. Each consists of a function and a row of the table ``METRICS``.

Ranking metrics are computed for each user, from the ranks of the user's held-out items among all
items. Items with equal scores are ranked by their order. Error metrics are computed over all cells
of the users' rows at once. Metrics of lists are computed from what is recommended, whether it was
held out or not. To add a metric, write its function and add its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from wrmf.data.choices import shown
from wrmf.evaluation.list_metrics import ListMetric, Metric, coverage, gini, novelty
from wrmf.numerics.ranked import Floats, Ranked, ndcg
from wrmf.numerics.ranking import NEVER

__all__ = [
    "METRICS",
    "ErrorMetric",
    "MetricLike",
    "NamedMetric",
    "RankingMetric",
    "Requested",
    "check_metrics",
    "lower_is_better",
    "requested_metrics",
]

# A metric of one's own; a bare function is a Metric with its defaults.
MetricLike: TypeAlias = Metric | Callable[[np.ndarray, np.ndarray], float]


def precision(ranked: Ranked, k: int) -> Floats:
    """Return hits/k."""
    return ranked.hits(k) / k


def recall(ranked: Ranked, k: int) -> Floats:
    """Return hits/n_held_out, as in trec_eval and in the published results on Gowalla."""
    return ranked.hits(k) / ranked.n_held_out


def capped_recall(ranked: Ranked, k: int) -> Floats:
    """Return hits/min(k, n_held_out), as the recall in Liang et al. 2018."""
    return ranked.hits(k) / np.minimum(k, ranked.n_held_out)


def mean_average_precision(ranked: Ranked, k: int) -> Floats:
    """Return the sum of the precision at each hit, divided by min(k, n_held_out)."""
    precisions = np.where(ranked.ranks < k, ranked.order / (ranked.ranks + 1.0), 0.0)
    return ranked.sum_by_user(precisions) / np.minimum(k, ranked.n_held_out)


def hit_rate(ranked: Ranked, k: int) -> Floats:
    """Return 1 for users with at least one hit, else 0."""
    return (ranked.hits(k) > 0).astype(float)


def reciprocal_rank(ranked: Ranked, k: int | None) -> Floats:
    """Return 1/(rank + 1) of the best held-out item; 0 if it is not among the first k."""
    counted = (ranked.order == 1) & (ranked.ranks < (NEVER if k is None else k))
    return ranked.sum_by_user(np.where(counted, 1 / (ranked.ranks + 1.0), 0.0))


def auc(ranked: Ranked, _: None) -> Floats:
    """Return the share of pairs of a held-out and another item that are ranked correctly."""
    return np.asarray(ranked.auc)


def mean_squared_error(squared_errors: float, n_cells: int) -> float:
    """Return the mean of (p − x·y)² over all cells; p is 1 for held-out items, otherwise 0."""
    return squared_errors / n_cells


@dataclass(frozen=True)
class RankingMetric:
    """A metric that is computed from each user's ranks and averaged over users.

    Attributes
    ----------
    per_user : callable(Ranked, cut-off) -> float (m,)
    cutoff : {"required", "optional", "refused"}
        Whether the name ends in @k. Without it, the cut-off is None.
    lower_is_better : bool
    needs_all : bool
        Whether the scores of all items are needed, not only ranks.
    """

    per_user: Callable[[Ranked, Any], Floats]
    cutoff: Literal["required", "optional", "refused"] = "required"
    lower_is_better: bool = False
    needs_all: bool = False


@dataclass(frozen=True)
class ErrorMetric:
    """A metric that is computed over all cells of the users' rows.

    Attributes
    ----------
    overall : callable(sum of squared errors, number of cells) -> float
    cutoff, lower_is_better : as in :class:`RankingMetric`
    """

    overall: Callable[[float, int], float]
    cutoff: Literal["required", "optional", "refused"] = "refused"
    lower_is_better: bool = True


TableMetric: TypeAlias = "RankingMetric | ErrorMetric | ListMetric"

METRICS: dict[str, TableMetric] = {
    "precision": RankingMetric(precision),
    "recall": RankingMetric(recall),
    "capped_recall": RankingMetric(capped_recall),
    "ndcg": RankingMetric(ndcg),
    "map": RankingMetric(mean_average_precision),
    "hit_rate": RankingMetric(hit_rate),
    "mrr": RankingMetric(reciprocal_rank, cutoff="optional"),
    "auc": RankingMetric(auc, cutoff="refused", needs_all=True),
    "mse": ErrorMetric(mean_squared_error),
    "coverage": ListMetric(coverage),
    "gini": ListMetric(gini, lower_is_better=True),
    "novelty": ListMetric(novelty, by_user=True),
}


class NamedMetric(NamedTuple):
    """A parsed metric name: its key in ``METRICS``, and its cut-off or None."""

    key: str
    cutoff: int | None


class Requested(NamedTuple):
    """A metric and its cut-off, or None."""

    metric: TableMetric | Metric
    cutoff: int | None


def requested_metrics(
    metrics: str | MetricLike | Sequence[str | MetricLike], n_items: int
) -> dict[str, Requested]:
    """Return the metrics by name, in the given order, and their cut-offs.

    Parameters
    ----------
    metrics : name, :class:`Metric` or function, or a sequence of them
        A function is a :class:`Metric` with its defaults.
    n_items : int
        The largest cut-off that is allowed.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_metrics`, and for two metrics of the same name.
    """
    if isinstance(metrics, (str, Metric)) or callable(metrics):
        metrics = (metrics,)
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be names such as ndcg@20, got {shown(metrics)}")
    requested: dict[str, Requested] = {}
    for entry in metrics:
        if isinstance(entry, Metric) or callable(entry):
            own = entry if isinstance(entry, Metric) else Metric(entry)
            name = str(own.name)
            if name in requested:
                raise ValueError(f"two metrics are called {shown(name)}: give one of them a name=")
            _check_cutoff(name, own.k, n_items)
            requested[name] = Requested(own, own.k)
            continue
        for name, (key, cutoff) in check_metrics([entry], n_items).items():
            requested[name] = Requested(METRICS[key], cutoff)
    if not requested:
        raise ValueError("no metric was named: pass names such as ndcg@20")
    return requested


def check_metrics(metrics: Sequence[str], n_items: int) -> dict[str, NamedMetric]:
    """Return a mapping from the given metric names to the parsed metrics, in the given order.

    Parameters
    ----------
    metrics : str, or sequence of str, such as ``"ndcg@20"``
    n_items : int
        The largest cut-off that is allowed.

    Raises
    ------
    TypeError, ValueError
        For names that are not in the table, a cut-off that is missing, refused or out of bounds,
        and an empty sequence.

    Examples
    --------
    >>> check_metrics(["ndcg@20", "mse"], n_items=100)["ndcg@20"]
    NamedMetric(key='ndcg', cutoff=20)
    """
    if isinstance(metrics, str):
        metrics = (metrics,)
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be names such as ndcg@20, got {shown(metrics)}")
    parsed = {name: _parse(name) for name in metrics}
    if not parsed:
        raise ValueError("no metric was named: pass names such as ndcg@20")
    for name, (_, cutoff) in parsed.items():
        _check_cutoff(name, cutoff, n_items)
    return parsed


def _check_cutoff(name: str, cutoff: int | None, n_items: int) -> None:
    if cutoff is not None and not 1 <= cutoff <= n_items:
        base, at, _ = name.partition("@")
        hint = f": name a smaller one, such as {base}@{n_items}" if at and cutoff > n_items else ""
        raise ValueError(f"{name}: k must lie in 1 … {n_items}, the number of items{hint}")


def _parse(name: Any) -> NamedMetric:
    match = re.fullmatch(r"([^@]+)(?:@(\d+))?", name) if isinstance(name, str) else None
    key, cutoff = (match[1], match[2]) if match else ("", None)
    metric = METRICS.get(key)
    unsuitable = "required" if cutoff is None else "refused"
    if metric is None or metric.cutoff == unsuitable:
        raise ValueError(
            f"unknown metric {shown(name)}: there are {_known_names()}, with k a number as in "
            "ndcg@20"
        )
    return NamedMetric(key, None if cutoff is None else int(cutoff))


def _known_names() -> str:
    forms = {"required": ["{}@k"], "optional": ["{}", "{}@k"], "refused": ["{}"]}
    names = [form.format(key) for key, metric in METRICS.items() for form in forms[metric.cutoff]]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def lower_is_better(name: str) -> bool:
    """Return whether the lowest value of a metric is the best.

    For a name that is not in the table, the highest value is taken for the best.

    Examples
    --------
    >>> lower_is_better("mse"), lower_is_better("ndcg@20")
    (True, False)
    """
    metric = METRICS.get(name.partition("@")[0])
    return metric is not None and metric.lower_is_better
