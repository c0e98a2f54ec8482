"""The random factors that training starts from: those of a local fit with the same seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wrmf.distributed.state import block_name, generator_from, generator_state
from wrmf.distributed.steps import BlockRecord, Plan, SolvedUsers, save_factors
from wrmf.model.start import BLOCK, random_items

__all__ = ["draw_items", "draw_users", "skip_users"]


def skip_users(plan: Plan, state: Mapping[str, Any], n_users: int) -> dict[str, Any]:
    """Return the state of the generator after the factors of some users are drawn."""
    generator = generator_from(state)
    left = n_users * plan.params.factors
    while left:
        count = min(left, BLOCK)
        generator.standard_normal(count)
        left -= count
    return generator_state(generator)


def draw_users(plan: Plan, state: Mapping[str, Any], n_users: int) -> SolvedUsers:
    """Return the factors of some users."""
    factors = random_items(n_users, plan.params, generator_from(state))
    return SolvedUsers(factors, np.full(n_users, np.nan))


def draw_items(plan: Plan, state: Mapping[str, Any], blocks: Sequence[slice]) -> list[BlockRecord]:
    """Draw the factors of all items, after those of all users, and save them in blocks."""
    factors = random_items(plan.shape[1], plan.params, generator_from(state))
    counts = plan.values.item_counts()
    return [
        save_factors(plan, block_name(0, number), factors[block], counts[block])
        for number, block in enumerate(blocks)
    ]
