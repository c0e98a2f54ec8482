"""Trained models as the leaderboard needs them: each evaluates metrics on a split.

A ``FactorRanker`` is ranked by the library. A ``ScoreRanker`` computes whole rows of scores, for
models that are not a product of two thin matrices. Both rank all items but a user's known ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

import wrmf
from wrmf.evaluation.metrics import check_metrics

THREADS = 2
# Means and standard errors of metrics by name.
Scores = tuple[dict[str, float], dict[str, float]]


class Ranker(Protocol):
    """A model that can be evaluated."""

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of ``metrics`` on ``split.test``."""


@dataclass
class FactorRanker:
    """Factors (n_users, k) and (n_items, k), and a function for users that were not trained on."""

    user_factors: np.ndarray
    item_factors: np.ndarray
    fold_in_users: Callable[[sparse.csr_matrix], np.ndarray]

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of ``metrics`` on ``split.test``."""
        evaluation = wrmf.evaluate(self, split, metrics, num_threads=THREADS)
        return dict(evaluation), dict(evaluation.stderr)


def recall(hits: np.ndarray, n_held_out: np.ndarray) -> np.ndarray:
    """Return hits / held-out items; ``hits`` is bool (m, k), best item first."""
    return hits.sum(axis=1) / n_held_out


def ndcg(hits: np.ndarray, n_held_out: np.ndarray) -> np.ndarray:
    """Return the discounted gain over that of an ideal list; ``hits`` as in ``recall``."""
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(k) + 2.0)
    ideal = np.cumsum(discount)
    return (hits @ discount) / ideal[np.minimum(k, n_held_out) - 1]


METRICS = {"recall": recall, "ndcg": ndcg}


@dataclass
class ScoreRanker:
    """A function of known rows (m, n_items) that gives a dense array of scores of all items."""

    scores: Callable[[sparse.csr_matrix], np.ndarray]
    block_rows: int = 512

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of recall@k and ndcg@k on ``split.test``.

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
        of_users = {name: np.concatenate(blocks) for name, blocks in values.items()}
        return (
            {name: float(v.mean()) for name, v in of_users.items()},
            {name: float(v.std(ddof=1) / len(v) ** 0.5) for name, v in of_users.items()},
        )

    def _best_items(self, known: sparse.csr_matrix, k: int) -> np.ndarray:
        """Return the k best items (m, k) of each row, best first, known items excluded."""
        scores = np.asarray(self.scores(known))
        seen = known.tocoo()
        scores[seen.row, seen.col] = -np.inf
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        return np.take_along_axis(top, order, axis=1)
