"""The metrics. Each consists of a function and a row of the table ``METRICS``.

Ranking metrics are computed for each user, from the ranks of the user's held-out items among all
items. Items with equal scores are ranked by their order. Error metrics are computed over all cells
of the users' rows at once. To add a metric, write its function and add its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wrmf.numerics.ranking import NEVER

__all__ = [
    "METRICS",
    "ErrorMetric",
    "NamedMetric",
    "Ranked",
    "RankingMetric",
    "check_metrics",
    "lower_is_better",
]


Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ranked:
    """The ranks of m users' held-out items. Items that were not ranked are left out.

    Attributes
    ----------
    ranks : int64 (n_ranked,)
        0 for the best of all items; increasing within a user.
    users : int (n_ranked,)
        The user that each rank belongs to, from 0 to m − 1, in non-decreasing order.
    order : int (n_ranked,)
        1 for a user's best-ranked held-out item, 2 for the next one, and so on.
    n_held_out : int (m,)
        The number of held-out items of each user, ranked or not; at least 1.
    auc : float64 (m,), or None if items were ranked only up to a cut-off
    """

    ranks: Ints
    users: Ints
    order: Ints
    n_held_out: Ints
    auc: Floats | None

    @classmethod
    def of(cls, ranks: np.ndarray, n_held_out: np.ndarray, auc: np.ndarray | None) -> Ranked:
        """Return the record from the ranks of all held-out items, user after user.

        ``NEVER`` is the rank of an item that was not ranked.
        """
        ranked = np.flatnonzero(ranks < NEVER)
        users = np.repeat(np.arange(len(n_held_out)), n_held_out)[ranked]
        ranks = ranks[ranked].astype(np.int64)
        rising = np.argsort(users * (ranks.max(initial=0) + 1) + ranks, kind="stable")
        users, ranks = users[rising], ranks[rising]
        starts = np.searchsorted(users, np.arange(len(n_held_out)))
        order = np.arange(len(users)) - starts[users] + 1
        return cls(ranks, users, order, n_held_out, auc)

    def sum_by_user(self, values: np.ndarray) -> Floats:
        """Return, for each user, the sum of ``values`` over the user's ranked items."""
        sums = np.bincount(self.users, weights=values, minlength=len(self.n_held_out))
        return sums.astype(np.float64, copy=False)

    def hits(self, k: int) -> Floats:
        """Return, for each user, the number of held-out items among the first k."""
        return self.sum_by_user(self.ranks < k)


def precision(ranked: Ranked, k: int) -> Floats:
    """Return hits/k."""
    return ranked.hits(k) / k


def recall(ranked: Ranked, k: int) -> Floats:
    """Return hits/n_held_out, as in trec_eval and in the published results on Gowalla."""
    return ranked.hits(k) / ranked.n_held_out


def capped_recall(ranked: Ranked, k: int) -> Floats:
    """Return hits/min(k, n_held_out), as the recall in Liang et al. 2018."""
    return ranked.hits(k) / np.minimum(k, ranked.n_held_out)


def ndcg(ranked: Ranked, k: int) -> Floats:
    """Return Σ 1/log₂(rank + 2) over the hits, divided by its largest possible value."""
    gains = np.where(ranked.ranks < k, 1 / np.log2(ranked.ranks + 2.0), 0.0)
    ideal = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))))
    return ranked.sum_by_user(gains) / ideal[np.minimum(k, ranked.n_held_out)]


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
    """

    per_user: Callable[[Ranked, Any], Floats]
    cutoff: Literal["required", "optional", "refused"] = "required"
    lower_is_better: bool = False


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


METRICS: dict[str, RankingMetric | ErrorMetric] = {
    "precision": RankingMetric(precision),
    "recall": RankingMetric(recall),
    "capped_recall": RankingMetric(capped_recall),
    "ndcg": RankingMetric(ndcg),
    "map": RankingMetric(mean_average_precision),
    "hit_rate": RankingMetric(hit_rate),
    "mrr": RankingMetric(reciprocal_rank, cutoff="optional"),
    "auc": RankingMetric(auc, cutoff="refused"),
    "mse": ErrorMetric(mean_squared_error),
}


class NamedMetric(NamedTuple):
    """A parsed metric name: its key in ``METRICS``, and its cut-off or None."""

    key: str
    cutoff: int | None


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
        raise TypeError(f"metrics must be names such as ndcg@20, got {metrics!r}")
    parsed = {name: _parse(name) for name in metrics}
    if not parsed:
        raise ValueError("no metric was named: pass names such as ndcg@20")
    for name, (_, cutoff) in parsed.items():
        if cutoff is not None and not 1 <= cutoff <= n_items:
            raise ValueError(f"{name}: k must lie in 1 … {n_items}, the number of items")
    return parsed


def _parse(name: Any) -> NamedMetric:
    match = re.fullmatch(r"([^@]+)(?:@(\d+))?", name) if isinstance(name, str) else None
    key, cutoff = (match[1], match[2]) if match else ("", None)
    metric = METRICS.get(key)
    unsuitable = "required" if cutoff is None else "refused"
    if metric is None or metric.cutoff == unsuitable:
        raise ValueError(
            f"unknown metric {name!r}: there are {_known_names()}, with k a number as in ndcg@20"
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
