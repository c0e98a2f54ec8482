"""Convert shares to counts, and draw random entries."""

from __future__ import annotations

import math

import numpy as np

from wrmf.data.checks import as_share, is_integer, is_number
from wrmf.data.choices import shown

__all__ = ["as_count", "draw_mask"]


def as_count(size: object, n: int, name: str, *, include_all: bool = False) -> int:
    """Return ``size`` as a count: an int is the count itself, a float is a share of ``n``.

    Shares are rounded down, so that the count may be 0. A count of ``n`` and a share of 1 are
    accepted only if ``include_all``.
    """
    if is_integer(size):
        largest = n if include_all else n - 1
        if not 1 <= size <= largest:
            raise ValueError(f"{name} must lie in 1 … {largest}, got {size}")
        return int(size)
    if not is_number(size):
        raise TypeError(f"{name} must be a share or a whole number, got {shown(size)}")
    # Round down, as Rosenthal 2016 does. Adding 1e-9 corrects products such as 0.29 * 100, which
    # in floating point is slightly less than 29.
    return math.floor(as_share(size, name, include_one=include_all) * n + 1e-9)


def draw_mask(n: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return a bool mask of length ``n`` in which ``size`` random elements are True."""
    mask = np.zeros(n, dtype=bool)
    mask[generator.choice(n, size=size, replace=False)] = True
    return mask
