"""Dense, slow, obvious definitions that the fast code is compared with."""

from __future__ import annotations

import numpy as np


def dense_weights(
    matrix, alpha, unobserved_weight=1.0, objective="wrmf", confidence="linear", epsilon=1.0
):
    """Return (quadratic, linear, constant): L = Σ_cells q p² − 2 b p + c, before regularisation."""
    counts = np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix, dtype=float)
    stored = counts > 0
    strength = counts if confidence == "linear" else np.log(1 + counts / epsilon)
    w = np.where(stored, alpha * strength, 0.0)
    linear = np.where(stored, w + (unobserved_weight if objective == "wrmf" else 0.0), 0.0)
    return w + unobserved_weight, linear, linear


def row_regularization(matrix, base, exponent, unobserved_weight):
    counts = (np.asarray(matrix.todense()) > 0).sum(axis=1)
    return base * (counts + unobserved_weight * matrix.shape[1]) ** exponent


def half_sweep(matrix, fixed, regularization, **objective):
    """Solve each row's normal equations, float64; ``regularization`` is one λ for each row."""
    fixed = fixed.astype(float)
    quadratic, linear, _ = dense_weights(matrix, **objective)
    out = np.zeros((matrix.shape[0], fixed.shape[1]))
    for row in range(len(out)):
        if not linear[row].any():
            continue
        system = fixed.T @ np.diag(quadratic[row]) @ fixed
        system += regularization[row] * np.eye(fixed.shape[1])
        out[row] = np.linalg.pinv(system, hermitian=True) @ (fixed.T @ linear[row])
    return out


def loss(matrix, user_factors, item_factors, of_users, of_items, **objective):
    """The loss, cell by cell; ``of_users`` and ``of_items`` are λ of each row and column."""
    quadratic, linear, constant = dense_weights(matrix, **objective)
    x, y = user_factors.astype(float), item_factors.astype(float)
    p = x @ y.T
    cells = quadratic * p**2 - 2 * linear * p + constant
    return cells.sum() + of_users @ (x**2).sum(axis=1) + of_items @ (y**2).sum(axis=1)


def k_core(pairs, user_min, item_min):
    """The article's loop over a list of (user, item)."""
    pairs = set(pairs)
    while True:
        before = len(pairs)
        users = [user for user, _ in pairs]
        pairs = {(u, i) for u, i in pairs if users.count(u) >= user_min}
        items = [item for _, item in pairs]
        pairs = {(u, i) for u, i in pairs if items.count(i) >= item_min}
        if len(pairs) == before:
            return pairs
