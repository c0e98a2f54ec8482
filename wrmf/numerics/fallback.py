"""Solves rows whose systems are singular for the kernels: in float64, or with minimum norm."""

from __future__ import annotations

import numpy as np

from wrmf._als import solve_exact
from wrmf.numerics.side import Side
from wrmf.numerics.threads import single_threaded_blas

__all__ = ["least_norm", "solve_in_double"]


def solve_in_double(
    side: Side, rows: np.ndarray, fixed: np.ndarray, base: np.ndarray, n_threads: int
) -> np.ndarray:
    """Return the float64 factors of some rows that minimise the loss.

    Solves the normal equations in float64. If they are singular even then, computes the
    minimum-norm solution from their eigendecomposition.

    Parameters
    ----------
    side : Side
    rows : int32 (n,)
    fixed : (n_columns, k), the other side's factors
    base : float64 (k, k), the part that all rows' systems have in common, without λ
    """
    # Of all the data, only these rows and the columns that they have are brought to float64.
    side, fixed = side.at(rows).with_used_columns(fixed)
    side, fixed = side.astype(np.float64), fixed.astype(np.float64)
    out = np.zeros((len(rows), len(base)))
    failed = np.zeros(len(rows), dtype=np.uint8)
    with single_threaded_blas():
        everyone = np.arange(len(rows), dtype=np.int32)
        solve_exact(everyone, side, fixed, base, out, failed, n_threads)
        for row in np.flatnonzero(failed):
            out[row] = _least_norm(side, int(row), fixed, base)
    return out


def _least_norm(side: Side, row: int, fixed: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return the minimum-norm solution of one row, whose system is numerically singular."""
    entries = slice(side.indptr[row], side.indptr[row + 1])
    y, weights = fixed[side.indices[entries]], side.weights[entries]
    system = base + (y.T * weights) @ y + side.regularization[row] * np.eye(len(base))
    targets = side.targets[entries] if len(side.targets) else weights + side.target_shift
    return least_norm(system, targets @ y)


def least_norm(system: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the solution of least norm of a symmetric system that is numerically singular."""
    values, vectors = np.linalg.eigh(system)
    kept = values > len(system) * np.finfo(np.float64).eps * values[-1]
    minimum: np.ndarray = vectors[:, kept] @ ((vectors[:, kept].T @ target) / values[kept])
    return minimum
