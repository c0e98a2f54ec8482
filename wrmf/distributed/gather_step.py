"""The order of the tasks of an item step with all users on each worker; see ``gather``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from wrmf.distributed.gather import (
    add_factors,
    finish_part,
    gather_users,
    gram_of_shard,
    shared_of_items,
    solve_block,
    whiten_users,
)
from wrmf.distributed.grams import parts_of_shards
from wrmf.distributed.item_step import ItemStep
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.state import block_name
from wrmf.distributed.steps import BlockRecord, Plan, load_block
from wrmf.distributed.tasks import Tasks

__all__ = ["GatherStep"]

logger = logging.getLogger("wrmf.distributed")

# Priorities before and after that of the loss, which is computed while users travel.
AHEAD, BEHIND = 1, -1


class GatherStep(ItemStep):
    """Solves items for the factors of all users.

    Parameters as those of ``ItemStep``.
    """

    def __init__(
        self, tasks: Tasks, plan: Plan, manifest: Manifest, blocks: Sequence[slice]
    ) -> None:
        super().__init__(tasks, plan, manifest, blocks)
        # The blocks that have needed the factors of users; they are likely to need them again.
        self.need_factors: set[int] = set()
        self.moving: _Moving | None = None
        self.submitted: list[Any] = []

    def forget_all(self) -> None:
        """Forget all futures."""
        super().forget_all()
        self.release()

    def prepare(self, users: Sequence[Any], iteration: int) -> Any:
        """Submit the step; return the future after which users travel.

        If it is released before the end, blocks that were just solved leave a file, which nothing
        names.
        """
        if self.moving is None or self.moving.users is not users:
            self.moving = _Moving(self.tasks, self.plan, self.manifest, users)
            self.submitted = [self._submit(number, iteration) for number in range(len(self.blocks))]
            self.moving.forget_pieces()
        return self.moving.shared

    def release(self) -> None:
        """Forget what was prepared."""
        self.moving, self.submitted = None, []

    def solve(
        self,
        users: Sequence[Any],
        items: Callable[[], Sequence[Any]],
        loss: Callable[[], float],
        iteration: int,
    ) -> list[BlockRecord]:
        """Solve and save all items, as ``ItemStep`` describes it."""
        del items, loss
        self.prepare(users, iteration)
        numbers = range(len(self.blocks))
        records = dict(zip(numbers, self.tasks.results(self.submitted), strict=True))
        lacking = [number for number in numbers if records[number] is None]
        if lacking:
            logger.info("%d blocks have items that are solved in float64", len(lacking))
            self.need_factors.update(lacking)
            submitted = [self._submit(number, iteration) for number in lacking]
            records.update(zip(lacking, self.tasks.results(submitted), strict=True))
        self.release()
        return list(records.values())

    def _submit(self, number: int, iteration: int) -> Any:
        assert self.moving is not None
        name = f"block-{number}"
        key = name, number
        if key not in self.loaded:
            self.loaded[key] = self.tasks.submit(
                "load-block",
                load_block,
                self.plan,
                list(self.manifest.shards),
                self.blocks[number],
                home=name,
            )
        return self.tasks.submit(
            "solve-items",
            solve_block,
            self.plan,
            self.loaded[key],
            self.moving.to(name, number in self.need_factors),
            block_name(iteration, number),
            home=name,
            computes=True,
            priority=BEHIND,
        )


class _Moving:
    """The users of one iteration on their way to the workers of blocks."""

    def __init__(self, tasks: Tasks, plan: Plan, manifest: Manifest, users: Sequence[Any]) -> None:
        self.tasks = tasks
        self.plan = plan
        self.users = users
        self.shared = self._shared(manifest)
        self.pieces: list[Any] = []
        # All users by worker, without and with their factors.
        self.there: dict[str | None, Any] = {}
        self.with_factors: dict[str | None, Any] = {}

    def to(self, name: str, with_factors: bool = False) -> Any:
        """Return the future of all users on the worker of a block."""
        tasks, plan, home = self.tasks, self.plan, self.tasks.home(name)
        if home not in self.there:
            self.there[home] = tasks.submit(
                "gather-for-blocks",
                gather_users,
                plan,
                self.shared,
                self._whitened(),
                home=name,
                priority=AHEAD,
            )
        if not with_factors:
            return self.there[home]
        if home not in self.with_factors:
            self.with_factors[home] = tasks.submit(
                "add-factors", add_factors, plan, self.there[home], list(self.users), home=name
            )
        return self.with_factors[home]

    def forget_pieces(self) -> None:
        """Let the workers drop the pieces that are on their way, once they are together."""
        self.pieces = []

    def _whitened(self) -> list[Any]:
        """Return the futures of the users of each shard, as items are solved for them."""
        if not self.pieces:
            self.pieces = [
                self.tasks.submit(
                    "whiten",
                    whiten_users,
                    self.plan,
                    factors,
                    self.shared,
                    home=name,
                    computes=True,
                    priority=AHEAD,
                )
                for name, factors in zip(self.tasks.names("shard"), self.users, strict=True)
            ]
        return self.pieces

    def _shared(self, manifest: Manifest) -> Any:
        """Return the future of what the systems of all items share."""
        tasks, plan = self.tasks, self.plan
        names, shards = tasks.names("shard"), parts_of_shards(manifest.offsets, plan.params.factors)
        latest: dict[int, Any] = {}
        for name, factors, parts in zip(names, self.users, shards, strict=True):
            for part in parts:
                if not part.begins:
                    before = latest[part.part]
                    latest[part.part] = tasks.submit(
                        "gram-on",
                        finish_part,
                        plan,
                        factors,
                        part,
                        before,
                        home=name,
                        computes=True,
                        priority=AHEAD,
                    )
            if any(part.begins for part in parts):
                sums = tasks.submit(
                    "gram-users",
                    gram_of_shard,
                    plan,
                    factors,
                    parts,
                    home=name,
                    computes=True,
                    priority=AHEAD,
                )
                latest |= {part.part: sums for part in parts if part.begins}
        ordered = [latest[part] for part in range(len(latest))]
        return tasks.submit("frame-items", shared_of_items, plan, ordered, priority=AHEAD)
