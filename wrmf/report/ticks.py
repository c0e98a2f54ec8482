"""Round tick values for the axis of a chart, and their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["format_ticks", "non_empty_range", "round_ticks"]


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about ``count`` evenly spaced round values that enclose ``low`` and ``high``.

    Examples
    --------
    >>> round_ticks(2, 38)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    low, high = non_empty_range(low, high)
    rough_step = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough_step))
    step = next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough_step * 0.999
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [position * step for position in range(first, last + 1)]


def format_ticks(ticks: Sequence[float]) -> list[str]:
    """Return one label per tick, all with the fewest decimals that show every value exactly.

    Examples
    --------
    >>> format_ticks([0.0, 0.25, 0.5])
    ['0.00', '0.25', '0.50']
    """
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e7 or 0 < largest < 1e-6:
        return [f"{tick:.3g}" for tick in ticks]
    for decimals in range(12):
        labels = [f"{tick:.{decimals}f}" for tick in ticks]
        is_exact = all(
            abs(float(label) - tick) <= 1e-6 * largest
            for label, tick in zip(labels, ticks, strict=True)
        )
        if is_exact and len(set(labels)) == len(labels):
            return labels
    return [f"{tick:.6g}" for tick in ticks]


def non_empty_range(low: float, high: float) -> tuple[float, float]:
    """Return the range, or a wider one around it if both ends are equal up to rounding."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    half = abs(low) * 0.1 or 0.5
    return low - half, high + half
