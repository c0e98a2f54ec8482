"""Exact factors of a few rows of one side, at a cost that grows with these rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from wrmf.model.members import joined_side, member_blocks
from wrmf.model.parameters import Parameters
from wrmf.numerics.fold_in import FoldInSystem, fold_in
from wrmf.numerics.threads import kernel_threads

__all__ = ["solve_exactly"]


def solve_exactly(
    rows: sparse.csr_matrix, fixed: np.ndarray, params: Parameters, side: int
) -> np.ndarray:
    """Return the factors of rows that minimise the loss for the given ``fixed`` factors.

    The Gram matrix of all fixed factors is computed once. Otherwise only the factors that the rows
    refer to are read.

    Parameters
    ----------
    rows : canonical CSR (n, n_fixed)
    fixed : ndarray (n_fixed, k)
    params : Parameters
    side : {0, 1}
        Whether the rows are users or items.

    Returns
    -------
    ndarray (n, k) of the dtype of ``fixed``
        Zeros in rows without entries.
    """
    objective, regularization = params.objective, params.regularization[side]
    threads = params.sweep.num_threads
    if not rows.nnz:
        return np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
    if params.n_models > 1:
        single = replace(params, n_models=1)
        blocks = member_blocks(fixed, params.n_models, 1 - side)
        return joined_side([solve_exactly(rows, block, single, side) for block in blocks], side)
    system = FoldInSystem.of(fixed, objective, regularization, kernel_threads(threads))
    return fold_in(system, rows, threads)
