"""Trained models as the leaderboard sees them: something with metrics on a split.

``Factors`` are ranked by the library; ``Blocks`` give whole rows of scores, for models that are no
product of two thin matrices. Both rank all items but those known of a user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

import wrmf
from wrmf.evaluation.metrics import check_metrics


@dataclass
class Factors:
    """(n_users, k) and (n_items, k), and how rows of users not trained on become factors."""

    user_factors: np.ndarray
    item_factors: np.ndarray
    fold_in_users: Callable[[sparse.csr_matrix], np.ndarray]

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> tuple[dict, dict]:
        found = wrmf.evaluate(self, split, metrics, num_threads=2)
        return dict(found), dict(found.stderr)


@dataclass
class Blocks:
    """``scores(known rows)`` gives a dense array of scores of all items, row by row."""

    scores: Callable[[sparse.csr_matrix], np.ndarray]
    rows: int = 512

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> tuple[dict, dict]:
        """Return means and standard errors of recall@k and ndcg@k, as ``wrmf.evaluate`` does."""
        parsed = check_metrics(metrics, split.train.n_items)
        known = (split.train if split.fold_in is None else split.fold_in).matrix
        held = split.test.matrix
        users = split.users[np.diff(held.indptr)[split.users] > 0]
        values: dict[str, list[np.ndarray]] = {name: [] for name in parsed}
        most = max(k or 1 for _, k in parsed.values())
        discount = 1 / np.log2(np.arange(most) + 2.0)
        ideal = np.cumsum(discount)
        for start in range(0, len(users), self.rows):
            part = users[start : start + self.rows]
            scores = np.asarray(self.scores(known[part]))
            seen = known[part].tocoo()
            scores[seen.row, seen.col] = -np.inf
            top = np.argpartition(-scores, most - 1, axis=1)[:, :most]
            order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
            top = np.take_along_axis(top, order, axis=1)
            wanted = held[part]
            n = np.diff(wanted.indptr)
            hits = np.take_along_axis(wanted.astype(bool).toarray(), top, axis=1)
            for name, (kind, k) in parsed.items():
                if kind == "ndcg":
                    gain = hits[:, :k] @ discount[:k] / ideal[np.minimum(k, n) - 1]
                elif kind == "recall":
                    gain = hits[:, :k].sum(axis=1) / n
                else:
                    raise ValueError(f"blocks have recall and ndcg, not {name}")
                values[name].append(gain)
        joined = {name: np.concatenate(each) for name, each in values.items()}
        return (
            {name: float(each.mean()) for name, each in joined.items()},
            {name: float(each.std(ddof=1) / len(each) ** 0.5) for name, each in joined.items()},
        )
