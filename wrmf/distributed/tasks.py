"""What the steps of a fit ask of a cluster. ``engine`` has the one for Dask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from wrmf.distributed.folder import Folder

__all__ = ["ClusterError", "Stranded", "Tasks"]


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked; the message says what to mend, and how to go on."""


class Stranded(ClusterError):
    """Tasks wait for workers that have died, although there are others: they must be made again."""


class Tasks(Protocol):
    """Runs functions on the workers of a cluster; the results stay there as futures."""

    def submit(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        home: str | None = None,
        computes: bool = False,
        priority: int = 0,
    ) -> Any:
        """Return the future of a function's result.

        Parameters
        ----------
        name : str, what dashboards call such tasks
        function : callable, at the top of a module
        *args
            Futures, lists of futures, or small values.
        home : str, optional
            The thing on whose worker it runs.
        computes : bool, default False
            Whether the function has an argument ``threads`` and computes with as many.
        priority : int, default 0
        """
        ...

    def tree(
        self,
        name: str,
        combine: Callable[..., Any],
        futures: Sequence[Any],
        homes: Sequence[str | None] | None = None,
        root: str | None = None,
    ) -> Any:
        """Return the combination of results in their order, a few of them at a time.

        Parameters
        ----------
        name : str, as in ``submit``
        combine : callable, of a list of results
        futures : sequence of futures
        homes : sequence of str, optional
            The things on whose workers the results are, so that as few as possible are sent.
        root : str, optional
            The thing on whose worker the combination of all is needed.
        """
        ...

    def results(self, futures: Sequence[Any]) -> list[Any]:
        """Wait for tasks and return their results, which must be small.

        Raises
        ------
        Stranded
            If they will never run.
        """
        ...

    def keep(self, kind: str, sizes: Sequence[int]) -> None:
        """Name the things of a kind that have a worker of their own, with their sizes.

        The thing ``number`` of a kind is called ``kind-number``.
        """
        ...

    def names(self, kind: str) -> list[str]:
        """Return the names of the things of a kind."""
        ...

    def home(self, name: str) -> str | None:
        """Return the worker of a thing."""
        ...

    def check_folder(self, folder: Folder) -> None:
        """Raise a ClusterError if a worker does not see a folder, or cannot write to it."""
        ...

    def require_isa(self, isa: str) -> None:
        """Check from now on that workers which join have what those at the start have."""
        ...

    def settle(self) -> set[str]:
        """Give a worker to each thing whose worker has died, or that has none; return which.

        Raises
        ------
        ClusterError
            If a worker that has joined since the start cannot take part.
        """
        ...

    def recovering(self, done: str) -> AbstractContextManager[None]:
        """Explain the loss of the cluster, and how to go on; ``done`` says what is saved."""
        ...

    def least_memory(self) -> int | None:
        """Return the memory limit of the smallest worker in bytes, or None if none has one."""
        ...

    def bytes_received(self) -> int:
        """Return the bytes that the workers have received from each other so far."""
        ...
