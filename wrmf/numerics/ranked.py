"""The ranks of users' held-out items, and the gain of a ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wrmf.numerics.ranking import NEVER

__all__ = ["Floats", "Ints", "Ranked", "ndcg"]

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


def ndcg(ranked: Ranked, k: int) -> Floats:
    """Return Σ 1/log₂(rank + 2) over the hits, divided by its largest possible value."""
    gains = np.where(ranked.ranks < k, 1 / np.log2(ranked.ranks + 2.0), 0.0)
    ideal = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))))
    return ranked.sum_by_user(gains) / ideal[np.minimum(k, ranked.n_held_out)]
