"""Slow definitions of a user's ranking and of its metrics, to test fast code with."""

from __future__ import annotations

import math

import numpy as np


def ranking(scores, masked=()):
    """Return the items by decreasing score, those of equal score by index, without ``masked``."""
    masked = set(masked)
    items = [item for item in range(len(scores)) if item not in masked]
    return sorted(items, key=lambda item: (-scores[item], item))


def discount(position):
    """Return the weight of a position, counted from 0, in DCG."""
    return 1 / math.log2(position + 2)


def auc(scores, held_out, order):
    """Return the share of (held-out item, other item) pairs in the right order; ties count half.

    A held-out item that is missing from ``order`` loses every comparison.
    """
    ranked = set(order)
    others = [item for item in order if item not in held_out]
    if not others:
        return 1.0
    in_order = sum(
        (scores[item] > scores[other]) + 0.5 * (scores[item] == scores[other])
        for item in held_out & ranked
        for other in others
    )
    return in_order / (len(held_out) * len(others))


def metric(name, scores, held_out, masked=()):
    """Return one user's value of a metric; ``held_out`` has at least one item."""
    kind, _, cutoff = name.partition("@")
    held_out = set(held_out)
    order = ranking(scores, masked)
    if kind == "auc":
        return auc(scores, held_out, order)
    k = int(cutoff) if cutoff else len(order)
    hits = [position for position, item in enumerate(order[:k]) if item in held_out]
    max_hits = min(k, len(held_out))
    if kind == "precision":
        return len(hits) / k
    if kind == "recall":
        return len(hits) / len(held_out)
    if kind == "capped_recall":
        return len(hits) / max_hits
    if kind == "hit_rate":
        return float(bool(hits))
    if kind == "ndcg":
        return sum(map(discount, hits)) / sum(map(discount, range(max_hits)))
    if kind == "map":
        precisions = ((n + 1) / (position + 1) for n, position in enumerate(hits))
        return sum(precisions) / max_hits
    if kind == "mrr":
        return 1 / (hits[0] + 1) if hits else 0.0
    raise ValueError(f"no definition of the metric {name!r}: add it to this function")


def mean_squared_error(matrix, user_factors, item_factors):
    """Return the mean of (p − x·y)² over all cells; p is 1 for stored cells, 0 for all others."""
    dense = np.asarray(matrix.todense()) > 0
    return float(np.mean((dense - user_factors.astype(float) @ item_factors.astype(float).T) ** 2))


def list_metric(name, lists, train):
    """Return the value of a metric of lists; ``train`` is a dense users × items matrix.

    ``lists`` holds the ranked items of each user; novelty is that of each user, None if empty.
    """
    kind, _, cutoff = name.partition("@")
    best = [items[: int(cutoff)] for items in lists]
    n_items = train.shape[1]
    exposure = [sum(item in items for items in best) for item in range(n_items)]
    if kind == "coverage":
        return sum(count > 0 for count in exposure) / n_items
    if kind == "gini":
        # The mean difference of all pairs of items, over twice the mean.
        total = sum(exposure)
        differences = sum(abs(a - b) for a in exposure for b in exposure)
        return differences / (2 * n_items * total) if total else math.nan
    if kind == "novelty":
        users_of = [max(int((train[:, item] > 0).sum()), 1) for item in range(n_items)]
        n_users = int((train > 0).any(axis=1).sum())
        information = [math.log2(n_users / count) for count in users_of]
        return [
            sum(information[item] for item in items) / len(items) if items else None
            for items in best
        ]
    raise ValueError(f"no definition of the metric {name!r}: add it to this function")
