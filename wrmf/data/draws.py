"""Turn shares into counts and draw random entries."""

from __future__ import annotations

import math

import numpy as np

from wrmf.data.checks import as_share, is_integer, is_number

__all__ = ["as_count", "draw_mask"]


def as_count(size: object, n: int, name: str, *, include_all: bool = False) -> int:
    """Return a share of ``n`` (a float) or a count (an int), up to ``n`` if ``include_all``.

    Shares are rounded down, so that the count may be 0.
    """
    if is_integer(size):
        largest = n if include_all else n - 1
        if not 1 <= size <= largest:
            raise ValueError(f"{name} must lie in 1 … {largest}, got {size}")
        return int(size)
    if not is_number(size):
        raise TypeError(f"{name} must be a share or a whole number, got {size!r}")
    # Round down, as Rosenthal 2016 does; 1e-9 corrects the rounding of products as 0.29 * 100.
    return math.floor(as_share(size, name, include_one=include_all) * n + 1e-9)


def draw_mask(n: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return a bool mask that chooses ``size`` random ones of n."""
    mask = np.zeros(n, dtype=bool)
    mask[generator.choice(n, size=size, replace=False)] = True
    return mask
