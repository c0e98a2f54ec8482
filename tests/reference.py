"""Slow, dense definitions of the loss, a half-sweep and the k-core, to test fast code with."""

from __future__ import annotations

import itertools

import numpy as np


def to_dense(matrix):
    """Return a dense or sparse matrix as a dense float64 array."""
    return np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix, dtype=float)


def dense_weights(
    matrix, alpha, unobserved_weight=1.0, objective="wrmf", confidence="linear", epsilon=1.0
):
    """Return q, b and c of every cell. The loss is Σ_cells (q p² − 2 b p + c) + regularisation.

    p is the score of the cell, the product of its user's and its item's factors. A negative count
    is a dislike: its size is the confidence in a preference of 0.
    """
    counts = to_dense(matrix)
    is_stored, size = counts != 0, np.abs(counts)
    strength = np.log(1 + size / epsilon) if confidence == "log" else size
    weights = np.where(is_stored, alpha * strength, 0.0)
    targets = np.where(counts > 0, weights, 0.0)
    if objective == "ials":
        return weights + unobserved_weight, targets, targets
    if confidence == "raw":
        return np.where(is_stored, weights, unobserved_weight), targets, targets
    targets = np.where(counts > 0, weights + unobserved_weight, 0.0)
    return weights + unobserved_weight, targets, targets


def row_regularization(matrix, base, exponent, unobserved_weight):
    """Return λ of each row: base · (stored entries + α₀ · columns)^exponent."""
    counts = (to_dense(matrix) != 0).sum(axis=1)
    return base * (counts + unobserved_weight * matrix.shape[1]) ** exponent


def half_sweep(matrix, fixed, regularization, **objective):
    """Return the solution of each row's normal equations, float64.

    ``regularization`` has the λ of each row; ``objective`` are the settings of ``dense_weights``.
    If the equations are singular, the solution of least norm is returned.
    """
    fixed = fixed.astype(float)
    quadratic, linear, _ = dense_weights(matrix, **objective)
    out = np.zeros((matrix.shape[0], fixed.shape[1]))
    for row in range(len(out)):
        if not linear[row].any():
            continue
        system = (fixed.T * quadratic[row]) @ fixed
        system += regularization[row] * np.eye(fixed.shape[1])
        out[row] = np.linalg.pinv(system, hermitian=True) @ (fixed.T @ linear[row])
    return out


def loss(matrix, user_factors, item_factors, user_regularization, item_regularization, **objective):
    """Return the loss as a sum over all cells.

    ``user_regularization`` has the λ of each row, ``item_regularization`` that of each column.
    """
    quadratic, linear, constant = dense_weights(matrix, **objective)
    x, y = user_factors.astype(float), item_factors.astype(float)
    p = x @ y.T
    cells = quadratic * p**2 - 2 * linear * p + constant
    user_penalty = user_regularization @ (x**2).sum(axis=1)
    item_penalty = item_regularization @ (y**2).sum(axis=1)
    return cells.sum() + user_penalty + item_penalty


def k_core(pairs, user_min, item_min):
    """Return the set of (user, item) pairs after removing users and items with too few pairs.

    Users and items are removed alternately, until all have enough pairs, as in Rosenthal 2016,
    "Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models".
    """
    pairs = set(pairs)
    while True:
        n_before = len(pairs)
        users = [user for user, _ in pairs]
        pairs = {(user, item) for user, item in pairs if users.count(user) >= user_min}
        items = [item for _, item in pairs]
        pairs = {(user, item) for user, item in pairs if items.count(item) >= item_min}
        if len(pairs) == n_before:
            return pairs


def has_canonical_rows(indptr, indices, n_columns):
    """Return whether the columns of each row of a CSR matrix are in range, sorted and distinct."""
    rows = [indices[start:end].tolist() for start, end in itertools.pairwise(indptr)]
    return all(
        row == sorted(set(row)) and all(0 <= column < n_columns for column in row) for row in rows
    )


def changed_history(before, data, how):
    """Return the counts of one user after new data has come in, as a dict from item to count.

    ``before`` and ``data`` are such dicts; ``how`` is "add", "set" or "replace".
    """
    if not data:
        return dict(before)
    if how == "replace":
        return dict(data)
    if how == "set":
        return {**before, **data}
    return {item: before.get(item, 0) + data.get(item, 0) for item in {**before, **data}}


def changed_histories(before, data, how):
    """Return a dense users × items matrix of counts after ``data`` of the same shape came in."""
    out = np.zeros(before.shape)
    for user in range(len(out)):
        old, new = ({i: row[i] for i in np.flatnonzero(row)} for row in (before[user], data[user]))
        for item, count in changed_history(old, new, how).items():
            out[user, item] = count
    return out


def update(before, data, how, factors, new_items, regularization, exponent=0.0, **objective):
    """Return the counts and the factors of both sides after an update of a model.

    ``before`` and ``data`` are dense, of the shape after the update. ``factors`` are those of the
    known users and items, ``new_items`` the initial ones of new items. ``regularization`` is the λ
    of users and of items, ``exponent`` the power of a row's size that multiplies it.
    """
    x, y = factors
    known_users, known_items = len(x), len(y)
    after = changed_histories(before, data, how)
    lambdas = [
        row_regularization(matrix, base, exponent, objective["unobserved_weight"])
        for matrix, base in zip((after, after.T), regularization, strict=True)
    ]
    x = np.vstack([x, np.zeros((len(after) - known_users, x.shape[1]))])
    y = np.vstack([y, new_items])
    is_changed = after != before
    users = [u for u in range(len(x)) if u >= known_users or is_changed[u].any()]
    items = [i for i in range(len(y)) if i >= known_items or is_changed[:, i].any()]
    first = [user for user in users if user >= known_users]
    x[first] = half_sweep(after[first], y, lambdas[0][first], **objective)
    y[items] = half_sweep(after.T[items], x, lambdas[1][items], **objective)
    x[users] = half_sweep(after[users], y, lambdas[0][users], **objective)
    return after, x, y


def excess_of_overlaps(matrix):
    """Return how much more the overlaps of users vary than by chance, over their mean squared."""
    pairs = to_dense(matrix) != 0
    sizes, counts = pairs.sum(axis=1), pairs.sum(axis=0)
    popularity = np.sum(counts**2) / pairs.sum() ** 2
    excess = expected_squares = 0.0
    for u, v in itertools.permutations(range(len(pairs)), 2):
        overlap = np.sum(pairs[u] & pairs[v])
        expected = sizes[u] * sizes[v] * popularity
        excess += (overlap - expected) ** 2 - overlap
        expected_squares += expected**2
    return max(0.0, excess / expected_squares)
