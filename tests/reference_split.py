"""Slow definitions of the sums over shards, and of conjugate gradients, to test fast code with."""

from __future__ import annotations

import numpy as np
import reference


def entries_of(matrix, row, **objective):
    """Return the columns, weights w and targets b of the stored entries of a row.

    The loss has Σ_S (w p² − 2 b p) beside the part that all cells have, so w is what the weight of
    the cell is above the unobserved weight.
    """
    quadratic, linear, _ = reference.dense_weights(matrix[row], **objective)
    columns = np.flatnonzero(reference.to_dense(matrix[row])[0])
    unobserved = objective.get("unobserved_weight", 1.0)
    return columns, quadratic[0, columns] - unobserved, linear[0, columns]


def normal_equations(matrix, row, fixed, **objective):
    """Return Σ w v vᵀ and Σ b v over the entries of a row."""
    columns, weights, targets = entries_of(matrix, row, **objective)
    square, target = np.zeros((fixed.shape[1],) * 2), np.zeros(fixed.shape[1])
    for column, w, b in zip(columns, weights, targets, strict=True):
        square += w * np.outer(fixed[column], fixed[column])
        target += b * fixed[column]
    return square, target


def product(matrix, row, fixed, p, is_residual, **objective):
    """Return Σ v (b − w v·p) over the entries of a row if ``is_residual``, else Σ w v (v·p)."""
    total = np.zeros(len(p))
    for column, w, b in zip(*entries_of(matrix, row, **objective), strict=True):
        v = fixed[column]
        total += v * (b - w * (v @ p) if is_residual else w * (v @ p))
    return total


def conjugate_gradients(system, target, start, diagonal, steps):
    """Return the iterates of preconditioned conjugate gradients, the start first."""
    x = start.astype(float)
    iterates = [x]
    r = target - system @ x
    z = r / diagonal
    p = z
    for _ in range(steps):
        along = (r @ z) / (p @ system @ p)
        x = x + along * p
        after = r - along * (system @ p)
        z_after = after / diagonal
        p = z_after + (after @ z_after) / (r @ z) * p
        r, z = after, z_after
        iterates.append(x)
    return iterates
