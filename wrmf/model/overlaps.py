"""How much more the items that two users share vary than popularity and activity explain.

Let o_uv be the number of items that users u and v have both. If users chose items by popularity
alone, it would be about e_uv = s_u s_v Σ_i n_i² / N², for s_u items of user u, n_i users of item i
and N pairs, and would vary about that with the variance e_uv. The *excess* is what it varies more:

    (Σ (o_uv − e_uv)² − Σ o_uv) / Σ e_uv²,    summed over all pairs u ≠ v.

It is about 0 if users differ only by chance, and above 1 if there are groups with items of their
own. Let R have a one for each pair, and C = RᵀR. Then Σ o_uv² = ‖C‖², but its exact value takes a
visit of all pairs of users with an item in common. So the part of C along the popularity n is
computed. The rest ‖ΠCΠ‖², where Π removes that direction, is estimated by the mean of |ΠCΠz|² over
vectors z of random signs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["excess_of_overlaps"]

# Vectors of random signs.
VECTORS = 8

Sums = Callable[..., tuple[Any, ...]]


def excess_of_overlaps(
    item_counts: np.ndarray, sums: Sums, signs: np.ndarray | None = None
) -> float:
    """Return the excess of the overlaps of users, at least 0; infinity if no two users may overlap.

    Parameters
    ----------
    item_counts : int (n_items,), the number of entries of each item
    sums : callable(function, *args)
        Returns the sums over all shards of users of ``function(matrix, *args)``.
    signs : (n_items, m), optional
        The vectors z, of which the mean of z zᵀ must be the identity. By default random signs, the
        same for the same number of items.

    Examples
    --------
    >>> groups = sparse.csr_matrix(np.kron(np.eye(5), np.ones((20, 8))))
    >>> excess_of_overlaps(np.full(40, 20), lambda function, *args: function(groups, *args)) > 3
    True
    """
    counts = item_counts.astype(np.float64)
    n, squares = float(counts.sum()), float(counts @ counts)
    if n == 0:
        return np.inf
    popular = counts / np.sqrt(squares)
    if signs is None:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(counts), VECTORS))
    signs = signs - np.outer(popular, popular @ signs)
    image, of_sizes, powers = sums(_overlap_sums, np.column_stack([popular, signs]))
    second, third, fourth = map(float, powers)
    scale = squares / n**2
    expected = scale**2 * (second**2 - fourth)
    if not expected > 0:
        return np.inf
    along = image[:, 0]
    shared = float(along @ popular)
    across = along - shared * popular
    rest = image[:, 1:] - np.outer(popular, popular @ image[:, 1:])
    total = shared**2 + 2 * float(across @ across) + float(np.sum(rest**2)) / signs.shape[1]
    mixed = scale * (float(of_sizes @ of_sizes) - third)
    variance = (total - second) - 2 * mixed + expected
    return max(0.0, float(variance - (squares - n)) / expected)


def _overlap_sums(
    matrix: sparse.csr_matrix, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Rᵀ R V and Rᵀ s of some users, and the sums of s², s³ and s⁴ over them."""
    ones = sparse.csr_matrix(
        (np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    sizes = np.diff(matrix.indptr).astype(np.float64)
    powers = np.array([float(np.sum(sizes**power)) for power in (2, 3, 4)])
    return ones.T @ (ones @ vectors), ones.T @ sizes, powers
