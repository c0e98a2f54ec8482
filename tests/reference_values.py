"""Slow, dense definitions of the values that enter the loss, to test wrmf.numerics.values with."""

from __future__ import annotations

import math

import numpy as np
from reference import to_dense


def dense_values(
    counts,
    train=None,
    damping=(0.0, 0.0),
    weighting="none",
    k1=100.0,
    b=0.8,
    confidence="linear",
    epsilon=1.0,
    axis="users",
):
    """Return the values of a dense users × items matrix, cell by cell.

    ``train`` has the training data, by default ``counts``. The rows of ``counts`` are new users of
    its items, or, with the axis "items", its columns are new items of its users. A negative count
    keeps its sign.
    """
    counts = to_dense(counts)
    train = counts if train is None else to_dense(train)

    def value(own, user, item, is_own):
        """Return f(g(d)) and the damping of one cell; ``own`` is the matrix that it is in."""
        n_u = np.count_nonzero((own if is_own[0] else train)[user])
        n_i = np.count_nonzero((own if is_own[1] else train)[:, item])
        d = abs(own[user, item])
        if weighting != "none":
            idf = max(math.log(train.shape[1]) - math.log(1 + max(n_u, 1)), 1.1754943508222875e-38)
            if weighting == "bm25":
                length = np.abs((own if is_own[1] else train)[:, item]).sum()
                relative = length / (np.abs(train).sum() / train.shape[1])
                d = d * (k1 + 1) / (k1 * (1 - b + b * relative) + d) * idf
            else:
                d = math.sqrt(d) * idf
        d = math.log1p(d / epsilon) if confidence == "log" else d
        return d, max(n_u, 1) ** -damping[0] * max(n_i, 1) ** -damping[1]

    plain = damped = 0.0
    for user, item in zip(*np.nonzero(train), strict=True):
        d, factor = value(train, user, item, (True, True))
        plain, damped = plain + d, damped + d * factor
    scale = plain / damped if damping != (0.0, 0.0) else 1.0
    out = np.zeros(counts.shape)
    is_own = (True, True) if counts is train else (axis == "users", axis == "items")
    for user, item in zip(*np.nonzero(counts), strict=True):
        d, factor = value(counts, user, item, is_own)
        out[user, item] = math.copysign(scale * d * factor, counts[user, item])
    return out
