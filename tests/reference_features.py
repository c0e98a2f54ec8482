"""Slow, dense definitions of models with features, to test wrmf.numerics.priors and others with."""

from __future__ import annotations

import numpy as np
from reference import dense_weights, loss, to_dense


def half_sweep(matrix, fixed, regularization, expected, **objective):
    """Return, float64, the rows x that minimise the loss with λ_u‖x_u − m_u‖².

    ``expected`` has m of each row; the other arguments are those of ``reference.half_sweep``.
    """
    fixed = fixed.astype(float)
    quadratic, linear, _ = dense_weights(matrix, **objective)
    out = np.zeros((matrix.shape[0], fixed.shape[1]))
    for row in range(len(out)):
        system = (fixed.T * quadratic[row]) @ fixed
        system += regularization[row] * np.eye(fixed.shape[1])
        target = fixed.T @ linear[row] + regularization[row] * expected[row]
        out[row] = np.linalg.solve(system, target)
    return out


def ridge(features, factors, regularization, feature_regularization):
    """Return Aᵀ, which minimises Σ_u λ_u‖x_u − A f_u‖² + λ_A‖A‖²."""
    f, x = to_dense(features), factors.astype(float)
    system = f.T @ np.diag(regularization) @ f + feature_regularization * np.eye(f.shape[1])
    return np.linalg.solve(system, f.T @ np.diag(regularization) @ x)


def feature_loss(
    matrix, factors, feature_factors, features, regularization, strengths, **objective
):
    """Return the loss with the terms of features of both sides.

    ``regularization`` has the λ of each row of both sides, ``strengths`` the λ_A; of a side
    without features, ``features`` and ``feature_factors`` are None.
    """
    x, y = (side.astype(float) for side in factors)
    nothing = [np.zeros(len(side)) for side in (x, y)]
    total = loss(matrix, x, y, *nothing, **objective)
    for side, rows in enumerate((x, y)):
        expected = np.zeros_like(rows)
        if features[side] is not None:
            expected = to_dense(features[side]) @ feature_factors[side].astype(float)
            total += strengths[side] * (feature_factors[side].astype(float) ** 2).sum()
        total += regularization[side] @ ((rows - expected) ** 2).sum(axis=1)
    return total
