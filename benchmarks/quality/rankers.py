"""Trained models that the leaderboard can evaluate on a split.

A ``FactorRanker`` has user and item factors, and wrmf ranks its items. A ``ScoreRanker`` is a model
without factors; it computes the scores of all items for a user. Both rank all items except those
that the user is known to have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.quality.threads import n_threads
from wrmf.evaluation.metrics import check_metrics

# The means and the standard errors of metrics, each by the name of the metric.
Scores = tuple[dict[str, float], dict[str, float]]


def summary(values: dict[str, np.ndarray]) -> Scores:
    """Return the means and the standard errors of metrics from their values of each user."""
    return (
        {name: float(v.mean()) for name, v in values.items()},
        {name: float(v.std(ddof=1) / len(v) ** 0.5) for name, v in values.items()},
    )


def values_by_user(model: Any, split: wrmf.Split, metrics: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the values of ``metrics`` on ``split.test`` of each test user."""
    evaluation = wrmf.evaluate(model, split, metrics, per_user=True, num_threads=n_threads())
    assert evaluation.per_user is not None
    return {name: evaluation.per_user[name].to_numpy() for name in metrics}


class Ranker(Protocol):
    """A model that can be evaluated."""

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of ``metrics`` on ``split.test``."""

    def by_user(self, split: wrmf.Split, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the values of ``metrics`` on ``split.test`` of each test user."""


@dataclass
class FactorRanker:
    """A model with user and item factors, and a function that gives the factors of new users."""

    user_factors: np.ndarray
    item_factors: np.ndarray
    fold_in_users: Callable[[sparse.csr_matrix], np.ndarray]

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of ``metrics`` on ``split.test``."""
        evaluation = wrmf.evaluate(self, split, metrics, num_threads=n_threads())
        return dict(evaluation), dict(evaluation.stderr)

    def by_user(self, split: wrmf.Split, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the values of ``metrics`` on ``split.test`` of each test user."""
        return values_by_user(self, split, metrics)


def recall(hits: np.ndarray, n_held_out: np.ndarray) -> np.ndarray:
    """Return the number of hits divided by that of held-out items, for each user.

    ``hits`` is a bool array: its rows are users, its columns the places in the list, best first.
    """
    return hits.sum(axis=1) / n_held_out


def ndcg(hits: np.ndarray, n_held_out: np.ndarray) -> np.ndarray:
    """Return the discounted gain divided by that of an ideal list; ``hits`` is as in ``recall``."""
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(k) + 2.0)
    ideal = np.cumsum(discount)
    return (hits @ discount) / ideal[np.minimum(k, n_held_out) - 1]


METRICS = {"recall": recall, "ndcg": ndcg}


@dataclass
class ScoreRanker:
    """A model whose function ``scores`` maps rows of known items to dense scores of all items.

    The function is called with ``block_rows`` users at a time.
    """

    scores: Callable[[sparse.csr_matrix], np.ndarray]
    block_rows: int = 512

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of recall@k and ndcg@k on ``split.test``."""
        return summary(self.by_user(split, metrics))

    def by_user(self, split: wrmf.Split, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Return recall@k and ndcg@k on ``split.test`` of each test user.

        Raises
        ------
        ValueError
            For other metrics.
        """
        parsed = check_metrics(metrics, split.train.n_items)
        for name, (kind, _) in parsed.items():
            if kind not in METRICS:
                raise ValueError(f"{name} is not available here, only recall@k and ndcg@k are")
        known = (split.train if split.fold_in is None else split.fold_in).matrix
        held = split.test.matrix
        users = split.users[np.diff(held.indptr)[split.users] > 0]
        cutoffs = {name: int(k or 1) for name, (_, k) in parsed.items()}
        values: dict[str, list[np.ndarray]] = {name: [] for name in parsed}
        for start in range(0, len(users), self.block_rows):
            block = users[start : start + self.block_rows]
            best = self._best_items(known[block], max(cutoffs.values()))
            hits = np.take_along_axis(held[block].astype(bool).toarray(), best, axis=1)
            n_held_out = np.diff(held[block].indptr)
            for name, (kind, _) in parsed.items():
                values[name].append(METRICS[kind](hits[:, : cutoffs[name]], n_held_out))
        return {name: np.concatenate(blocks) for name, blocks in values.items()}

    def _best_items(self, known: sparse.csr_matrix, k: int) -> np.ndarray:
        """Return the k best items of each row, best first, without its known items."""
        scores = np.asarray(self.scores(known))
        seen = known.tocoo()
        scores[seen.row, seen.col] = -np.inf
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        return np.take_along_axis(top, order, axis=1)
