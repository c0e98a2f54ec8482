"""Slow, obvious versions of the baselines."""

from __future__ import annotations

import math

import numpy as np
from reference_ranking import ranking


def similarity(dense, k, shrink, binary):
    """Return the dense similarities of each item to its k nearest other items, 0 for all others."""
    weights = (dense > 0).astype(float) if binary else dense.astype(float)
    n_items = dense.shape[1]
    cosines = np.zeros((n_items, n_items))
    for item in range(n_items):
        for other in range(n_items):
            a, b = weights[:, item], weights[:, other]
            norms = math.sqrt(a @ a) * math.sqrt(b @ b) + shrink
            if item != other and norms:
                cosines[item, other] = (a @ b) / norms
    kept = np.zeros_like(cosines)
    for item in range(n_items):
        nearest = [other for other in ranking(cosines[item])[:k] if cosines[item, other] > 0]
        kept[item, nearest] = cosines[item, nearest]
    return kept


def knn_scores(dense, history, k, shrink, binary):
    """Return the score of each item for each row of ``history``; 0 is none."""
    weights = (history > 0).astype(float) if binary else history.astype(float)
    return weights @ similarity(dense, k, shrink, binary)


def popularity_scores(dense, n_rows):
    """Return the number of users of each item, for each of n_rows."""
    return np.tile((dense > 0).sum(axis=0).astype(float), (n_rows, 1))
