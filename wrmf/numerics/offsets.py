"""Adds a number to the scores of each item, by one more dimension of the factors.

The score x·y + o is the dot product of (x, s) and (y, o/s). With a power of two for s, the last
product is exactly o, so that all that ranks dot products ranks these scores, too.
"""

from __future__ import annotations

import numpy as np

__all__ = ["item_rows", "offset_scale", "user_rows"]

# Limits of log2(s).
LARGEST_SHIFT = 40


def offset_scale(user_size: float, item_size: float, offset: np.ndarray) -> float:
    """Return a power of two s, with which norms bound scores well.

    (‖x‖² + s²)(‖y‖² + o²/s²) is smallest with s² = ‖x‖ |o| / ‖y‖.

    Parameters
    ----------
    user_size, item_size : float
        Typical norms of users and of items.
    offset : (n_items,)
    """
    sizes = np.abs(offset[offset != 0]).astype(np.float64)
    product = user_size * float(sizes.mean()) if len(sizes) else 0.0
    if not (item_size > 0 and 0 < product < np.inf):
        return 1.0
    shift = round(0.5 * float(np.log2(product) - np.log2(item_size)))
    return float(2.0 ** max(-LARGEST_SHIFT, min(LARGEST_SHIFT, shift)))


def item_rows(items: np.ndarray, offset: np.ndarray, scale: float) -> np.ndarray:
    """Return the factors of items with one more dimension, which holds ``offset / scale``."""
    rows = np.empty((len(items), items.shape[1] + 1), dtype=items.dtype)
    rows[:, :-1] = items
    rows[:, -1] = offset / items.dtype.type(scale)
    return rows


def user_rows(users: np.ndarray, scale: float) -> np.ndarray:
    """Return the factors of users with one more dimension, which holds ``scale``."""
    last = np.full((len(users), 1), scale, dtype=users.dtype)
    return np.concatenate([users, last], axis=1)
