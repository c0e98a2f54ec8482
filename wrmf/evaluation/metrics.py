"""Ranking metrics and mean squared error, on train and on test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.numerics.ranking import NEVER

__all__ = ["METRICS", "Ranked", "check_metrics", "lower_is_better"]


@dataclass(frozen=True)
class Ranked:
    """Ranks of one set of users, as the metrics below want them: only the items that were found."""

    ranks: np.ndarray  # (n_found,) 0 is best, rising within a user
    rows: np.ndarray  # (n_found,) the user each belongs to, rising
    place: np.ndarray  # (n_found,) 1 for a user's best held-out item, 2 for the next
    held: np.ndarray  # (m,) number of held-out items
    auc: np.ndarray | None

    @classmethod
    def of(cls, ranks: np.ndarray, held: np.ndarray, auc: np.ndarray | None) -> Ranked:
        found = np.flatnonzero(ranks < NEVER)
        rows = np.repeat(np.arange(len(held)), held)[found]
        ranks = ranks[found].astype(np.int64)
        order = np.argsort(rows * (ranks.max(initial=0) + 1) + ranks, kind="stable")
        rows, ranks = rows[order], ranks[order]
        starts = np.searchsorted(rows, np.arange(len(held)))
        return cls(ranks, rows, np.arange(len(rows)) - starts[rows] + 1, held, auc)

    def total(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.rows, weights=values, minlength=len(self.held))

    def hits(self, k: int) -> np.ndarray:
        return self.total(self.ranks < k)


def _ndcg(found: Ranked, k: int) -> np.ndarray:
    gains = np.where(found.ranks < k, 1 / np.log2(found.ranks + 2.0), 0.0)
    ideal = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))))
    return found.total(gains) / ideal[np.minimum(k, found.held)]


def _map(found: Ranked, k: int) -> np.ndarray:
    precisions = np.where(found.ranks < k, found.place / (found.ranks + 1.0), 0.0)
    return found.total(precisions) / np.minimum(k, found.held)


def _mrr(found: Ranked, k: int | None) -> np.ndarray:
    first = (found.place == 1) & (found.ranks < (NEVER if k is None else k))
    return found.total(np.where(first, 1 / (found.ranks + 1.0), 0.0))


# Each takes the ranks and the cut-off and gives one value for each user.
METRICS: dict[str, Callable[[Ranked, Any], np.ndarray]] = {
    "precision": lambda found, k: found.hits(k) / k,
    "recall": lambda found, k: found.hits(k) / found.held,
    "capped_recall": lambda found, k: found.hits(k) / np.minimum(k, found.held),
    "ndcg": _ndcg,
    "map": _map,
    "hit_rate": lambda found, k: (found.hits(k) > 0).astype(float),
    "mrr": _mrr,
    "auc": lambda found, k: np.asarray(found.auc),
}
WITHOUT_CUTOFF = ("mrr", "auc", "mse")


def check_metrics(metrics: Sequence[str], n_items: int) -> dict[str, tuple[str, int | None]]:
    """Return {name as given: (metric, cut-off or None)}, or say which name is not valid."""
    if isinstance(metrics, str):
        metrics = (metrics,)
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be names such as ndcg@20, got {metrics!r}")
    parsed = {}
    for name in metrics:
        match = re.fullmatch(r"([a-z_]+)(?:@(\d+))?", name) if isinstance(name, str) else None
        kind, k = (match[1], match[2]) if match else (None, None)
        if (
            kind not in (*METRICS, "mse")
            or (k is None and kind not in WITHOUT_CUTOFF)
            or (k is not None and kind in ("auc", "mse"))
        ):
            raise ValueError(
                f"unknown metric {name!r}: there are precision@k, recall@k, capped_recall@k, "
                "ndcg@k, map@k, hit_rate@k, mrr, mrr@k, auc and mse, with k a number as in ndcg@20"
            )
        cutoff = None if k is None else int(k)
        if cutoff is not None and not 1 <= cutoff <= n_items:
            raise ValueError(f"{name}: k must lie in 1 … {n_items}, the number of items")
        parsed[name] = (kind, cutoff)
    if not parsed:
        raise ValueError("no metric was named")
    return parsed


def lower_is_better(metric: str) -> bool:
    """Return whether the lowest value of a metric is the best."""
    return metric == "mse"
