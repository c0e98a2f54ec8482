"""The formats of numbers in the report."""

from __future__ import annotations

import math

__all__ = ["NO_VALUE", "format_duration", "format_score"]

NO_VALUE = "–"


def format_score(score: float) -> str:
    """Return a score with five decimals, as in the log of a search, or a dash if it is not finite.

    Examples
    --------
    >>> format_score(0.05)
    '0.05000'
    """
    return f"{score:.5f}" if math.isfinite(score) else NO_VALUE


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, or a dash where it is not finite.

    Examples
    --------
    >>> format_duration(3725)
    '1 h 2 min'
    """
    if not math.isfinite(seconds):
        return NO_VALUE
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
