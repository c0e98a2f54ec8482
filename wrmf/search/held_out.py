"""A sample of the held-out users, by whom ``autotune`` compares settings."""

from __future__ import annotations

import numpy as np

from wrmf.data.split import Split

__all__ = ["sampled"]

# With more users, scoring a setting takes longer than training it.
MOST_USERS = 5000


def sampled(split: Split, seed: int) -> Split:
    """Return a split with at most ``MOST_USERS`` of its users, drawn with a seed."""
    if len(split.users) <= MOST_USERS:
        return split
    drawn = np.random.default_rng(seed).choice(split.users, MOST_USERS, replace=False)
    return Split(split.train, split.test, np.sort(drawn), split.fold_in)
