"""Several models that differ only in their random start, side by side as one factor model.

A model of M members has M · k factors. The score of a user and an item is the mean of the members'
scores, so the users' factors are the members' factors one after the other, and the items' factors
are those divided by M. Training that stops after few iterations leaves noise of the random start
in the factors, and the mean removes some of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

__all__ = ["Member", "joined", "joined_side", "member_blocks", "members_of"]

# The factors of the users and of the items of one member.
Member: TypeAlias = "tuple[np.ndarray, np.ndarray]"


def members_of(user_factors: np.ndarray, item_factors: np.ndarray, n_models: int) -> list[Member]:
    """Return the factors of each member; those of a single one are the arrays themselves."""
    if n_models == 1:
        return [(user_factors, item_factors)]
    users = member_blocks(user_factors, n_models, 0)
    items = member_blocks(item_factors, n_models, 1)
    return list(zip(users, items, strict=True))


def member_blocks(factors: np.ndarray, n_models: int, side: int) -> list[np.ndarray]:
    """Return the factors of the users (side 0) or the items (side 1) of each member, as copies."""
    blocks = np.split(factors, n_models, axis=1)
    return [np.ascontiguousarray(block) * factors.dtype.type(n_models**side) for block in blocks]


def joined(members: Sequence[Member]) -> Member:
    """Return the users' and the items' factors of the model of all members."""
    if len(members) == 1:
        return members[0]
    return joined_side([x for x, _ in members], 0), joined_side([y for _, y in members], 1)


def joined_side(blocks: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Return the factors of the users (side 0) or the items (side 1) of the model of all members.

    If their number is a power of two, ``member_blocks`` returns exactly the blocks again.
    """
    factors: np.ndarray = np.hstack(blocks)
    factors /= factors.dtype.type(len(blocks) ** side)
    return factors
