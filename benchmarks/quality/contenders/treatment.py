"""Value transformations that are tried for every contender that is trained on counts."""

from __future__ import annotations

import numpy as np
from scipy import sparse

SEED = 0
# Epochs after which contenders are evaluated.
CHECKPOINTS = (1, 2, 3, 4, 6, 8, 12, 16)
# Names of the value transformations; ``treated`` defines them.
TREATMENTS = ["binary", "log", "damped"]


def item_degrees(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the number of entries of each column."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def treated(matrix: sparse.csr_matrix, treatment: str, degrees: np.ndarray) -> sparse.csr_matrix:
    """Return the transformed matrix, in float32, that a model is trained on.

    Parameters
    ----------
    matrix : CSR (n_users, n_items) of counts d
    treatment : {"binary", "log", "damped"}
        ``"binary"`` replaces each count by 1, and ``"log"`` by log(1 + d). ``"damped"`` replaces it
        by n_u^−¼ n_i^−¼, scaled to a mean near 1: pairs weigh less if their user and item have
        many entries.
    degrees : (n_items,)
        Number of entries n_i of each item in the training data.
    """
    matrix = matrix.astype(np.float32)
    if treatment == "binary":
        matrix.data = np.ones_like(matrix.data)
    elif treatment == "log":
        matrix.data = np.log1p(matrix.data)
    else:
        of_users = np.repeat(np.diff(matrix.indptr), np.diff(matrix.indptr)).astype(float)
        mean = max(degrees.sum(), 1) / max(np.count_nonzero(degrees), 1)
        values = np.maximum(degrees[matrix.indices] / mean, 1 / mean) * np.maximum(of_users, 1)
        matrix.data = (values**-0.25 * 2).astype(np.float32)
    return matrix
