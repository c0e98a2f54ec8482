"""Ranking and its metrics, written out user by user."""

from __future__ import annotations

import math

import numpy as np


def ranking(scores, masked=()):
    """Items in falling order of score, the lower index first among equals."""
    items = [item for item in range(len(scores)) if item not in set(masked)]
    return sorted(items, key=lambda item: (-scores[item], item))


def metric(name, scores, held, masked=()):
    """One user's value of a metric; ``held`` must not be empty."""
    kind, _, cutoff = name.partition("@")
    order = ranking(scores, masked)
    k = int(cutoff) if cutoff else len(order)
    held, top = set(held), order[:k]
    hits = [place for place, item in enumerate(top) if item in held]
    most = min(k, len(held))
    if kind == "precision":
        return len(hits) / k
    if kind == "recall":
        return len(hits) / len(held)
    if kind == "capped_recall":
        return len(hits) / most
    if kind == "hit_rate":
        return float(bool(hits))
    if kind == "ndcg":
        ideal = sum(1 / math.log2(place + 2) for place in range(most))
        return sum(1 / math.log2(place + 2) for place in hits) / ideal
    if kind == "map":
        return sum((n + 1) / (place + 1) for n, place in enumerate(hits)) / most
    if kind == "mrr":
        return 1 / (hits[0] + 1) if hits else 0.0
    assert kind == "auc"
    found = [item for item in held if item in set(order)]
    others = [item for item in order if item not in held]
    if not others:
        return 1.0
    right = sum(
        (scores[mine] > scores[other]) + 0.5 * (scores[mine] == scores[other])
        for mine in found
        for other in others
    )
    return right / (len(held) * len(others))


def mean_squared_error(matrix, user_factors, item_factors):
    dense = np.asarray(matrix.todense()) > 0
    return float(np.mean((dense - user_factors.astype(float) @ item_factors.astype(float).T) ** 2))
