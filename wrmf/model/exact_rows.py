"""Exact factors of a few rows of one side, at a cost that grows with these rows only."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from wrmf.model.features import member_priors
from wrmf.model.members import joined_side, member_blocks
from wrmf.model.parameters import Parameters
from wrmf.numerics.fold_in import FoldInSystem, fold_in
from wrmf.numerics.priors import Prior
from wrmf.numerics.threads import kernel_threads

__all__ = ["solve_exactly"]


def solve_exactly(
    rows: sparse.csr_matrix,
    fixed: np.ndarray,
    params: Parameters,
    side: int,
    prior: Prior | None = None,
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
    prior : Prior, optional
        What the features of the rows say about their factors.

    Returns
    -------
    ndarray (n, k) of the dtype of ``fixed``
        Rows without entries get what is expected of them by their features, zeros without any.
    """
    objective, regularization = params.objective, params.regularization[side]
    threads = params.sweep.num_threads
    if not rows.nnz and prior is None:
        return np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
    solved = []
    blocks = member_blocks(fixed, params.n_models, 1 - side) if params.n_models > 1 else [fixed]
    for block, own in zip(blocks, member_priors(prior, params.n_models, side), strict=True):
        system = FoldInSystem.of(block, objective, regularization, kernel_threads(threads))
        solved.append(fold_in(system, rows, threads, own))
    return solved[0] if len(solved) == 1 else joined_side(solved, side)
