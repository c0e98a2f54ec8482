"""What the ways of solving items on a cluster have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wrmf.distributed.manifest import Manifest
from wrmf.distributed.steps import BlockRecord, Plan
from wrmf.distributed.tasks import Tasks

__all__ = ["ItemStep"]


class ItemStep:
    """Solves and saves the items of an iteration.

    Parameters
    ----------
    tasks : Tasks
    plan : Plan
    manifest : Manifest
    blocks : sequence of slice

    Attributes
    ----------
    reads_blocks : bool
        Whether ``solve`` needs each block of the item factors before.
    loaded : dict
        The futures of data that stays on workers, by the thing on whose worker it is and a block.
    """

    reads_blocks = False

    def __init__(
        self, tasks: Tasks, plan: Plan, manifest: Manifest, blocks: Sequence[slice]
    ) -> None:
        self.tasks = tasks
        self.plan = plan
        self.manifest = manifest
        self.blocks = blocks
        self.loaded: dict[tuple[str, int], Any] = {}

    def forget(self, names: set[str]) -> None:
        """Forget what was on workers that have died."""
        self.loaded = {key: part for key, part in self.loaded.items() if key[0] not in names}

    def forget_all(self) -> None:
        """Forget all futures."""
        self.loaded = {}

    def prepare(self, users: Sequence[Any], iteration: int) -> Any:
        """Submit what of the next step needs no more than its users.

        Returns
        -------
        future, or None
            If there is one, workers wait for others from then on, and have time for other tasks.
        """

    def release(self) -> None:
        """Forget what was prepared."""

    def solve(
        self,
        users: Sequence[Any],
        items: Callable[[], Sequence[Any]],
        loss: Callable[[], float],
        iteration: int,
    ) -> list[BlockRecord]:
        """Solve and save all items; return the records of their blocks.

        Parameters
        ----------
        users : futures of the factors of shards
        items : callable
            Returns the futures of the blocks of item factors before.
        loss : callable
            Returns a loss of the size of that of the result, of which a small share may be missed.
        iteration : int
        """
        raise NotImplementedError
