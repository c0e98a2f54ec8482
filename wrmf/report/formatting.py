"""The format of durations in the report."""

from __future__ import annotations

import math

from wrmf.html_table import NO_VALUE

__all__ = ["format_duration"]


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
