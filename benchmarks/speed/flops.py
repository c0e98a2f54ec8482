"""Floating-point operations that the exact solve needs."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def row_flops(degrees: np.ndarray, k: int) -> float:
    """Return the flops of solving the rows of one half-sweep, each in the cheaper of two forms.

    A row of degree d < k is solved in the dual form, with a system of order d: d²k flops for the
    symmetric Gram matrix, d³/3 to factorise it, and 4dk for the target and the solution. Other rows
    are solved in the primal form, with a system of order k: dk² + k³/3 + 2dk flops. Only half of a
    symmetric product is counted.
    """
    d = degrees[degrees > 0].astype(np.float64)
    dual = d * d * k + d**3 / 3 + 4 * d * k
    primal = d * k * k + k**3 / 3 + 2 * d * k
    return float(np.where(d < k, dual, primal).sum())


def sweep_flops(degrees: tuple[np.ndarray, np.ndarray], k: int) -> dict[str, float]:
    """Return the flops of a whole sweep; ``degrees`` are those of the users and of the items.

    ``"necessary"`` counts the rows and the two Gram matrices, which need nk² flops each. ``"all"``
    adds the multiplications by triangular matrices, into the whitened basis and back, which another
    method could avoid. Each half-sweep has two of them, with nk² flops each.
    """
    rows = sum(row_flops(side, k) for side in degrees)
    n = sum(len(side) for side in degrees)
    return {"necessary": rows + n * k * k, "all": rows + 3.0 * n * k * k}


def degrees_of(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of entries of each row and of each column."""
    return np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
