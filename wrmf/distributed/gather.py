"""The item step with all users on each worker, as functions of a shard or a block of items.

The users go there in the basis of the step, into which the worker of their shard changes them. So
each is changed once, and not once a worker. The factors themselves follow only to blocks with items
whose systems are singular in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from wrmf.distributed.grams import PartialGram, PartOfShard, continue_gram, total_gram
from wrmf.distributed.steps import (
    ITEMS,
    BlockRecord,
    Gathered,
    Plan,
    SolvedUsers,
    save_factors,
    shared_of,
    solve_items,
)
from wrmf.numerics.objective import gram_isa
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import FactorsNeeded, Shared

__all__ = [
    "add_factors",
    "finish_part",
    "gather_users",
    "gram_of_shard",
    "shared_of_items",
    "solve_block",
    "whiten_users",
]


def gram_of_shard(
    plan: Plan, users: SolvedUsers, parts: Sequence[PartOfShard], threads: int
) -> dict[int, PartialGram]:
    """Return the Gram matrices of the parts that begin in a shard, by their number."""
    isa = gram_isa(plan.bounds[ITEMS], plan.isa)
    return {
        part.part: continue_gram(None, users.factors[part.rows], part.ends, threads, isa)
        for part in parts
        if part.begins
    }


def finish_part(
    plan: Plan,
    users: SolvedUsers,
    part: PartOfShard,
    before: Mapping[int, PartialGram],
    threads: int,
) -> dict[int, PartialGram]:
    """Return the Gram matrix of a part after the users that a shard has of it."""
    isa = gram_isa(plan.bounds[ITEMS], plan.isa)
    following = users.factors[part.rows]
    return {part.part: continue_gram(before[part.part], following, part.ends, threads, isa)}


def shared_of_items(plan: Plan, parts: Sequence[Mapping[int, PartialGram]]) -> Shared:
    """Return what the systems of all items share, from the Gram matrices of parts of the users."""
    return shared_of(plan, ITEMS, total_gram(parts))


def whiten_users(plan: Plan, users: SolvedUsers, shared: Shared, threads: int) -> np.ndarray:
    """Return the users of a shard as items are solved for them, in the basis or as they are."""
    if shared.frame.in_double:
        return users.factors
    return plan.whitened(users.factors, shared, threads)


def gather_users(plan: Plan, shared: Shared, pieces: Sequence[np.ndarray]) -> Gathered:
    """Return all users, from what ``whiten_users`` returned for each shard."""
    rows = plan.joined(pieces)
    if shared.frame.in_double:
        return Gathered(rows, shared)
    return Gathered(None, replace(shared, whitened=rows))


def add_factors(plan: Plan, gathered: Gathered, users: Sequence[SolvedUsers]) -> Gathered:
    """Return all users with their factors, from those of each shard."""
    return replace(gathered, factors=plan.joined([part.factors for part in users]))


def solve_block(
    plan: Plan, side: Side, users: Gathered, name: str, threads: int
) -> BlockRecord | None:
    """Solve and save a block of items; return its record, or None if users' factors are missing."""
    try:
        factors = solve_items(plan, side, users, threads)
    except FactorsNeeded:
        return None
    return save_factors(plan, name, factors, np.diff(side.indptr))
