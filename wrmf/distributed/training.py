"""The iterations of a distributed fit: the order of the steps, and what is saved when."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from wrmf.distributed.drawing import draw_items, draw_users, skip_users
from wrmf.distributed.gather_step import GatherStep
from wrmf.distributed.item_step import ItemStep
from wrmf.distributed.manifest import Manifest, block_count, item_blocks
from wrmf.distributed.split_step import SplitStep
from wrmf.distributed.state import Latest, Progress
from wrmf.distributed.steps import (
    BlockRecord,
    Plan,
    gather_items,
    load_factors,
    load_shard,
    loss_of_users,
    shared_of_users,
    solve_shard,
    target_sum,
)
from wrmf.distributed.tasks import Stranded, Tasks

__all__ = ["Training"]

logger = logging.getLogger("wrmf.distributed")

Result = TypeVar("Result")
# How often all workers may die at once, within an iteration.
ATTEMPTS = 5


class Training:
    """Alternating least squares on a cluster.

    The only state is the item factors, which are in files. The user factors of an iteration are
    results of tasks, and follow from the item factors.

    Parameters
    ----------
    engine : Tasks
    plan : Plan
    manifest : Manifest
    random : mapping, the state of the random generator at the start
    method : {"gather", "split"}, default "gather"
        Whether the factors of all users go to the blocks of items, or sums over users do.
    """

    def __init__(
        self,
        engine: Tasks,
        plan: Plan,
        manifest: Manifest,
        random: Mapping[str, Any],
        method: str = "gather",
    ) -> None:
        self.engine = engine
        self.plan = plan
        self.manifest = manifest
        self.random = random
        counts = manifest.read_totals(plan.values.folder)["counts"]
        n_blocks = block_count(manifest.n_entries, method)
        self.blocks = item_blocks(counts, plan.params.factors, n_blocks)
        engine.keep("shard", [shard.n_entries for shard in manifest.shards])
        engine.keep("block", [int(counts[block].sum()) for block in self.blocks])
        self.loaded: dict[str, Any] = {}
        self.saved: Latest | None = None
        step = SplitStep if method == "split" else GatherStep
        self.item_step: ItemStep = step(engine, plan, manifest, self.blocks)
        self.latest = Latest.read(plan.folder) or self._start()
        self._save()
        self._begin()

    @property
    def iterations_done(self) -> int:
        """The number of complete iterations."""
        return self.latest.iteration

    def run(self, iterations: int, after: Callable[[Progress], Any]) -> None:
        """Train up to a number of iterations in all; ``after`` stops by returning True.

        If an earlier fit ended between an iteration and its loss, the loss is computed first; the
        seconds and bytes of the iteration are then those of the loss alone.
        """
        while self._lacks_loss() or self.iterations_done < iterations:
            start = time.perf_counter()
            with self.engine.recovering(f"{self.iterations_done} iterations are saved"):
                received = self.engine.bytes_received()
                if not self._lacks_loss():
                    blocks = self.attempt(self._next_items)
                    number = self.iterations_done + 1
                    self.latest = replace(self.latest, iteration=number, blocks=blocks)
                    self._begin()
                goes_on = self.iterations_done < iterations
                loss = self.attempt(partial(self.loss, goes_on=goes_on))
                received = max(0, self.engine.bytes_received() - received)
            seconds = time.perf_counter() - start
            progress = Progress(self.iterations_done, loss, seconds, received)
            self.latest = replace(self.latest, history=[*self.latest.history, progress])
            self._save()
            if after(progress):
                self.item_step.release()
                break

    def _lacks_loss(self) -> bool:
        """Return whether a fit has ended between an iteration and its loss."""
        history, done = self.latest.history, self.iterations_done
        return done > 0 and (not history or history[-1].iteration < done)

    def attempt(self, compute: Callable[[], Result]) -> Result:
        """Return what a function returns, which is called again if its tasks are stranded.

        Then all workers have died at once. What follows from the latest item factors is computed
        again.
        """
        for _ in range(ATTEMPTS):
            try:
                return compute()
            except Stranded as error:
                logger.warning("%s: they are computed again", error)
                self.loaded = {}
                self.item_step.forget_all()
                self._begin()
        return compute()

    def _save(self) -> None:
        """Make the latest state the one that a rerun resumes from."""
        if self.saved is not self.latest:
            self.latest.write(self.plan.folder)
            self.saved = self.latest

    def _begin(self) -> None:
        """Forget the futures of what follows from the latest state; they are made when needed."""
        self.items: list[Any] | None = None
        self.users: list[Any] | None = None
        # What the systems of all users share, and all items by worker.
        self.of_users: Any = None
        self.gathered: dict[str | None, Any] = {}

    def loss(self, goes_on: bool = False) -> float:
        """Return the exact loss of the latest item factors and the users that follow from them.

        If the training ``goes_on``, what the next step needs is prepared meanwhile.
        """
        try:
            parts = self._submit_loss(goes_on)
        finally:
            # While workers compute.
            self._save()
        penalty = sum(block.penalty for block in self.latest.blocks)
        return float(sum(self.engine.results(parts)) + penalty)

    def _submit_loss(self, goes_on: bool) -> list[Any]:
        """Return the futures of the part of the loss that each shard has."""
        users, items = self.present_users(), self._gathered_items()
        # The loss fills the time in which workers wait for users.
        number = self.iterations_done + 1
        after = self.item_step.prepare(users, number) if goes_on else None
        return [
            self.engine.submit(
                "loss",
                loss_of_users,
                self.plan,
                self._shard(number),
                factors,
                items[number],
                after,
                home=f"shard-{number}",
                computes=True,
            )
            for number, factors in enumerate(users)
        ]

    def _loss_before(self) -> float:
        """Return the loss before an item step; for random users, that of factors of zero."""
        if self.latest.history and self.latest.history[-1].iteration == self.iterations_done:
            return self.latest.history[-1].loss
        if self.iterations_done or self.plan.params.solve_users_first:
            return self.loss()
        sums = [self.engine.submit("targets", target_sum, shard) for shard in self._shards()]
        return float(sum(self.engine.results(sums)))

    def _shards(self) -> list[Any]:
        return [self._shard(number) for number in range(len(self.manifest.shards))]

    def _start(self) -> Latest:
        """Draw and save the first item factors, as a local fit draws them."""
        n_users, _ = self.plan.shape
        logger.info("drawing the first factors")
        state = self.engine.submit("draw-skip", skip_users, self.plan, self.random, n_users)
        drawn = self.engine.submit("draw-items", draw_items, self.plan, state, self.blocks)
        (blocks,) = self.engine.results([drawn])
        return Latest(0, blocks)

    def present_users(self) -> list[Any]:
        """Return the futures of the factors of the users of each shard."""
        if self.users is not None:
            return self.users
        self._settle()
        if self.iterations_done == 0 and not self.plan.params.solve_users_first:
            self.users = self._draw_users()
        else:
            self.users = self._user_step()
        return self.users

    def _draw_users(self) -> list[Any]:
        """Return the futures of random users, each shard's after those of the one before."""
        engine, plan, state = self.engine, self.plan, self.random
        users = []
        for number, shard in enumerate(self.manifest.shards):
            users.append(engine.submit("draw-users", draw_users, plan, state, shard.n_users))
            if number + 1 < len(self.manifest.shards):
                state = engine.submit("draw-skip", skip_users, plan, state, shard.n_users)
        return users

    def _settle(self) -> None:
        """Forget what was on workers that have died."""
        changed = self.engine.settle()
        self.loaded = {name: part for name, part in self.loaded.items() if name not in changed}
        self.item_step.forget(changed)

    def _shard(self, number: int) -> Any:
        name = f"shard-{number}"
        if name not in self.loaded:
            self.loaded[name] = self.engine.submit(
                "load-shard", load_shard, self.plan, self.manifest.shards[number], home=name
            )
        return self.loaded[name]

    def load_items(self) -> list[Any]:
        """Return the futures of the latest item factors, read from their files.

        They are read where they were solved: each has some consecutive blocks, or one if the item
        step begins with each of them.
        """
        if self.items is None:
            records, homes = self.latest.blocks, self.engine.names("block")
            numbers = range(len(records))
            if self.item_step.reads_blocks:
                groups = [[number] for number in numbers]
            else:
                by_home = itertools.groupby(numbers, lambda number: self.engine.home(homes[number]))
                groups = [list(group) for _, group in by_home]
            self.items = [
                self.engine.submit(
                    "load-items",
                    load_factors,
                    self.plan,
                    [records[number] for number in group],
                    home=homes[group[0]],
                )
                for group in groups
            ]
        return self.items

    def _user_step(self) -> list[Any]:
        """Return the futures of the users of each shard, solved for the latest item factors."""
        items = self._gathered_items()
        return [
            self.engine.submit(
                "solve-users",
                solve_shard,
                self.plan,
                self._shard(number),
                items[number],
                home=f"shard-{number}",
                computes=True,
            )
            for number in range(len(self.manifest.shards))
        ]

    def _gathered_items(self) -> list[Any]:
        """Return the future of all item factors for each shard; there is one on each worker."""
        engine, blocks = self.engine, self.load_items()
        if self.of_users is None:
            self.of_users = engine.submit(
                "gram-items",
                shared_of_users,
                self.plan,
                list(blocks),
                home="block-0",
                computes=True,
            )
        futures = []
        for name in engine.names("shard"):
            home = engine.home(name)
            if home not in self.gathered:
                self.gathered[home] = engine.submit(
                    "gather-for-shards",
                    gather_items,
                    self.plan,
                    self.of_users,
                    list(blocks),
                    home=name,
                    computes=True,
                )
            futures.append(self.gathered[home])
        return futures

    def _next_items(self) -> list[BlockRecord]:
        """Solve and save all items; return the records of their blocks."""
        return self.item_step.solve(
            self.present_users(), self.load_items, self._loss_before, self.iterations_done + 1
        )
