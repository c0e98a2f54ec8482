"""Dense definitions of item weights and of the terms that they add to scores, in float64."""

import numpy as np
from reference import to_dense


def item_weights(matrix, neighbours, regularization, own_neighbours=1000):
    """Return B, (n_items, n_items): column j has the weights of the neighbours of item j.

    Above ``own_neighbours``, the items with the most users are all neighbours of each other.
    """
    pairs = (to_dense(matrix) > 0).astype(float)
    shared = pairs.T @ pairs
    n_items = len(shared)
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        if neighbours > own_neighbours:
            popular = sorted(range(n_items), key=lambda i: (-shared[i, i], i))[:neighbours]
            others = [i for i in popular if i != item and item in popular and shared[i, i] > 0]
            if shared[item, item] == 0:
                others = []
        elif neighbours >= n_items - 1:
            others = [i for i in range(n_items) if i != item and shared[i, i] * shared[item, item]]
        else:
            others = [i for i in range(n_items) if i != item and shared[i, item] > 0]
        others.sort(key=lambda i: (-shared[i, item] / np.sqrt(shared[i, i]), i))
        nearest = sorted(others[:neighbours])
        system = shared[np.ix_(nearest, nearest)] + regularization * np.eye(len(nearest))
        weights[nearest, item] = np.linalg.solve(system, shared[nearest, item])
    return weights


def terms(matrix, weights):
    """Return the terms of all users and items: sums of weights in the order of the user's items."""
    pairs = to_dense(matrix) > 0
    out = np.zeros((pairs.shape[0], weights.shape[1]))
    for user, has in enumerate(pairs):
        for item in np.flatnonzero(has):
            out[user] += weights[item]
    return out
