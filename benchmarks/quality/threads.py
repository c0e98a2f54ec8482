"""The number of threads with which contenders train, and with which models are evaluated."""

from __future__ import annotations

__all__ = ["n_threads", "set_threads"]

_chosen = 2


def n_threads() -> int:
    """Return the number of threads; 2 unless set."""
    return _chosen


def set_threads(number: int) -> None:
    """Set the number of threads of everything that begins after this call."""
    global _chosen
    _chosen = number
