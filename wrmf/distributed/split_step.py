"""The order of the tasks of an item step that moves no users; see :mod:`wrmf.distributed.split`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wrmf.cached import cached_property
from wrmf.distributed.item_step import ItemStep
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.shards import sum_totals
from wrmf.distributed.split import (
    basis_of,
    begin_pass,
    block_rows,
    directions_of,
    exact_items,
    first_sums,
    gram_of_shard,
    left_in,
    load_part,
    next_sums,
    rows_in_double,
    save_pass,
    solutions_of,
    start_block,
    step_pass,
    sums_in_double,
    unresolved_of,
    weight_sums,
    whiten_users,
)
from wrmf.distributed.state import block_name
from wrmf.distributed.statistics import ShardStatistics
from wrmf.distributed.steps import BlockRecord, Plan
from wrmf.distributed.tasks import Tasks
from wrmf.numerics.shard_sums import Basis
from wrmf.numerics.split_solver import TOLERANCE

__all__ = ["SplitStep"]

logger = logging.getLogger("wrmf.distributed")


class SplitStep(ItemStep):
    """Solves items from sums over shards.

    Parameters as those of ``ItemStep``.
    """

    reads_blocks = True

    def __init__(
        self, tasks: Tasks, plan: Plan, manifest: Manifest, blocks: Sequence[slice]
    ) -> None:
        super().__init__(tasks, plan, manifest, blocks)
        self.rows: dict[int, Any] = {}
        # How many steps an item took in the latest pass, in the mean of those that took any.
        self.mean_steps = 0.0

    @cached_property
    def is_exact(self) -> np.ndarray:
        """Which items are solved exactly."""
        plan = self.plan
        statistics = ShardStatistics(self.tasks, plan.folder, self.manifest)
        (weights,) = statistics.sums(plan.params.values, weight_sums, plan.params.objective)
        k = plan.params.factors
        identity = Basis.of(np.eye(k), (1.0, 1.0), plan.params.dtype, plan.isa)
        size = identity.part_size() * plan.params.dtype.itemsize
        mask = exact_items(weights, plan, size)
        logger.info("%d of %d items are solved exactly, the others by steps", mask.sum(), len(mask))
        return mask

    @cached_property
    def n_improved(self) -> int:
        """The number of items that take steps."""
        counts = self.manifest.read_totals(self.plan.folder)["counts"]
        return int(np.count_nonzero(~self.is_exact & (counts > 0)))

    def forget_all(self) -> None:
        """Forget all futures."""
        super().forget_all()
        self.rows = {}

    def solve(
        self,
        users: Sequence[Any],
        items: Callable[[], Sequence[Any]],
        loss: Callable[[], float],
        iteration: int,
    ) -> list[BlockRecord]:
        """Solve and save all items, as ``ItemStep`` describes it."""
        tasks, plan = self.tasks, self.plan
        names = tasks.names("shard")
        grams = [
            tasks.submit("gram-shard", gram_of_shard, plan, factors, home=name, computes=True)
            for name, factors in zip(names, users, strict=True)
        ]
        total = tasks.tree("sum-grams", sum_totals, grams, names)
        basis = tasks.submit("basis", basis_of, plan, total)
        whitened = [
            tasks.submit("whiten", whiten_users, factors, basis, home=name, computes=True)
            for name, factors in zip(names, users, strict=True)
        ]
        one_pass = _Pass(self, basis, list(users), whitened)
        counts = self.manifest.read_totals(plan.folder)["counts"]
        shares = [float(counts[block].sum() / counts.sum()) for block in self.blocks]
        tolerances = [TOLERANCE * loss() * share for share in shares]
        return one_pass.run(items(), tolerances, iteration)

    def part(self, name: str, shard: int, block: int) -> Any:
        """Return the future of what a shard knows of a block."""
        key = name, block
        if key not in self.loaded:
            self.loaded[key] = self.tasks.submit(
                "load-part",
                load_part,
                self.plan,
                self.manifest.shards[shard],
                self.blocks[block],
                home=name,
            )
        return self.loaded[key]

    def rows_of(self, block: int) -> Any:
        """Return the future of the items of a block."""
        if block not in self.rows:
            items = self.blocks[block]
            self.rows[block] = self.tasks.submit(
                "block-rows",
                block_rows,
                self.plan,
                items,
                self.is_exact[items],
                home=f"block-{block}",
            )
        return self.rows[block]


class _Pass:
    """One pass over all items."""

    def __init__(self, step: SplitStep, basis: Any, users: list[Any], whitened: list[Any]) -> None:
        self.step = step
        self.tasks = step.tasks
        self.basis = basis
        self.users = users
        self.whitened = whitened

    def run(
        self, items: Sequence[Any], tolerances: Sequence[float], iteration: int
    ) -> list[BlockRecord]:
        """Return the records of all blocks."""
        states = {block: self._begin(block, items[block]) for block in range(len(items))}
        going = set(states)
        n_steps, n_rows = 0, [self.step.n_improved]
        while going:
            for block in going:
                directions = self._of("directions", directions_of, block, states[block])
                total = self._summed("sum-products", next_sums, block, directions)
                states[block] = self._submit(
                    "step", step_pass, block, states[block], total, tolerances[block], self.basis
                )
            n_steps += 1
            left = self._left(states)
            going = {block for block in going if left[block][0]}
            n_rows.append(sum(rows for rows, _ in left.values()))
        unresolved = {block for block, (_, count) in self._left(states).items() if count}
        for block in unresolved:
            places = self._of("unresolved", unresolved_of, block, states[block])
            total = self._summed("sum-in-double", sums_in_double, block, places)
            rows = self.step.rows_of(block)
            states[block] = self.tasks.submit(
                "solve-in-double",
                rows_in_double,
                rows,
                states[block],
                total,
                self.basis,
                home=f"block-{block}",
            )
        self.step.mean_steps = sum(n_rows) / n_rows[0] if n_rows[0] else 0.0
        logger.info("items took %.2f steps in the mean, at most %d", self.step.mean_steps, n_steps)
        saved = [
            self.tasks.submit(
                "save-items",
                save_pass,
                self.step.plan,
                self.step.rows_of(block),
                state,
                block_name(iteration, block),
                home=f"block-{block}",
            )
            for block, state in states.items()
        ]
        records: list[BlockRecord] = self.tasks.results(saved)
        return records

    def _begin(self, block: int, factors: Any) -> Any:
        rows = self.step.rows_of(block)
        started = self._submit("start-block", start_block, block, rows, factors, self.basis)
        solutions = self._of("solutions", solutions_of, block, started)
        total = self._summed("sum-first", first_sums, block, rows, solutions)
        return self._submit("begin-pass", begin_pass, block, rows, started, total, self.basis)

    def _left(self, states: dict[int, Any]) -> dict[int, tuple[int, int]]:
        counts = [self._of("left", left_in, block, state) for block, state in states.items()]
        return dict(zip(states, self.tasks.results(counts), strict=True))

    def _of(self, name: str, function: Any, block: int, state: Any) -> Any:
        """Return the future of a part of a state, so that only this part is sent."""
        return self.tasks.submit(name, function, state, home=f"block-{block}")

    def _submit(self, name: str, function: Any, block: int, *args: Any) -> Any:
        return self.tasks.submit(name, function, *args, home=f"block-{block}", computes=True)

    def _summed(self, name: str, function: Any, block: int, *args: Any) -> Any:
        """Return the future of the sum over shards, in their order."""
        parts = [
            self.tasks.submit(
                name.replace("sum-", ""),
                function,
                self.step.part(home, shard, block),
                self.users[shard],
                self.whitened[shard],
                *args,
                self.basis,
                home=home,
                computes=True,
            )
            for shard, home in enumerate(self.tasks.names("shard"))
        ]
        return self.tasks.tree(
            name, sum_totals, parts, self.tasks.names("shard"), root=f"block-{block}"
        )
