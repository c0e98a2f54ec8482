"""All that knows Dask's clusters: tasks, where they run, retries, trees, the shuffle, the workers.

Nothing is scattered, since scattered data cannot be recovered: what tasks need is in files, or the
result of other tasks. Each shard and each block has a worker of its own, on which all its tasks
run; if that worker dies, the tasks go elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
from dask.sizeof import sizeof
from distributed import Client, Future, KilledWorker, get_worker

from wrmf.data.formats.reasons import reason_of
from wrmf.distributed.clients import as_client
from wrmf.distributed.folder import Folder
from wrmf.distributed.placing import groups_of, levels_of_tree, place
from wrmf.distributed.split import BlockRows, Pass, Started
from wrmf.distributed.steps import Gathered, SolvedUsers, UserShard
from wrmf.distributed.tasks import ClusterError, Stranded
from wrmf.distributed.workers import check_worker, facts_of_process, slowest_isa
from wrmf.numerics.shard_sums import Basis
from wrmf.numerics.side import Side
from wrmf.numerics.split_solver import Steps
from wrmf.numerics.sweep import Shared
from wrmf.numerics.whitening import Frame

__all__ = ["Engine"]

logger = logging.getLogger("wrmf.distributed")

# How often a task is tried again after an error or the death of its worker.
RETRIES = 3
# How long to wait for tasks before asking whether they can run at all.
CHECK_SECONDS = 5.0
# Kernels use all threads of a worker, so that only one of them computes at a time.
KERNEL = threading.Lock()
# What Dask gives as the reason why tasks are cancelled when workers are restarted.
RESTARTED = "scheduler-restart"
# Before Python 3.11, asyncio had an error of its own.
TIMEOUTS = (TimeoutError, asyncio.TimeoutError)
# The errors of a call to a worker, or to the scheduler, that is gone.
LOST = (distributed.CancelledError, distributed.comm.CommClosedError, OSError, *TIMEOUTS)


def _size_of_record(record: Any) -> int:
    return sum(sizeof(value) for value in vars(record).values())


# Without its size, Dask would take a record of arrays for some bytes, which it never spills, and
# would rather send than compute where it is.
for _record in (
    Side,
    UserShard,
    SolvedUsers,
    Gathered,
    Frame,
    Shared,
    Basis,
    BlockRows,
    Started,
    Steps,
    Pass,
):
    sizeof.register(_record, _size_of_record)


def _with_threads(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that computes, alone in this process, with the threads of the worker."""
    with KERNEL:
        return function(*args, threads=get_worker().state.nthreads)


def _is_of_connection(error: Exception) -> bool:
    """Return whether an error is that of a connection, and not of a file or of data."""
    if isinstance(error, distributed.comm.CommClosedError):
        return True
    # Dask raises the plain class where it cannot connect. An error of a file has a number.
    return type(error) in (OSError, *TIMEOUTS) and getattr(error, "errno", None) is None


@contextmanager
def _waiting() -> Iterator[None]:
    """Give the thread of a task that waits for other tasks to these."""
    try:
        distributed.get_worker()
        distributed.secede()
    except (AttributeError, KeyError, ValueError):
        # In no task, or in one that has given its thread away.
        yield
        return
    try:
        yield
    finally:
        distributed.rejoin()


def _bytes_sent(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


def _are_stranded(dask_scheduler: Any) -> bool:
    """Return whether tasks have no worker, although there are workers.

    Where all workers die at once, Dask leaves pinned tasks to workers that never come back, though
    they may run elsewhere.
    """
    return bool(dask_scheduler.unrunnable) and bool(dask_scheduler.workers)


def _is_of_shuffle(error: BaseException) -> bool:
    """Return whether an error is one of Dask's shuffle, most of which have no type of their own."""
    return type(error).__module__.startswith("distributed.shuffle") or "P2P" in str(error)


def _probe(folder: Folder, name: str, dask_worker: Any) -> str | None:
    """Return why a worker cannot use a folder, or None."""
    try:
        if folder.read_json(f"{name}.json") is None:
            return "the folder there is another one"
        own = f"{name}-{secrets.token_hex(4)}.json"
        folder.write_json(own, None)
        folder.path(own).unlink()
    except OSError as error:
        return str(error)
    return None


class Engine:
    """A Dask cluster, as a fit uses it.

    Parameters
    ----------
    client : distributed.Client, optional
        By default the client of this process.

    Raises
    ------
    ClusterError, TypeError
        If there is no client or no worker, and for a client that cannot be used.
    """

    def __init__(self, client: Client | None = None) -> None:
        client = as_client(client)
        self.client = client
        # Tasks of an earlier run may still be known to the scheduler.
        self.token = secrets.token_hex(4)
        self.sizes: dict[str, dict[str, int]] = {}
        self.homes: dict[str, str] = {}
        # The numbers of tasks and of trees so far.
        self.count = self.trees = 0
        # What each worker answered about itself, and the instruction set of the fit.
        self.checked: dict[str, Any] = {}
        self.isa: str | None = None
        if not self.workers():
            raise ClusterError(
                f"the Dask cluster at {client.scheduler.address} has no workers yet: start some, "
                "or wait for them with client.wait_for_workers(n); a cluster that adapts must keep "
                "one, as by cluster.adapt(minimum=1)"
            )

    def workers(self) -> dict[str, dict[str, Any]]:
        """Return what the scheduler knows of each worker, by its address."""
        # Not scheduler_info(): what it returns may be without workers, as others refresh it.
        identity = self.client.sync(self.client.scheduler.identity, n_workers=-1)
        workers: dict[str, dict[str, Any]] = identity["workers"]
        return workers

    def least_memory(self) -> int | None:
        """Return the memory limit of the smallest worker in bytes, or None if none has one."""
        limits = [worker["memory_limit"] for worker in self.workers().values()]
        return min((limit for limit in limits if limit), default=None)

    def check_workers(self) -> str:
        """Return the fastest instruction set that all workers have.

        Raises
        ------
        ClusterError
            If a worker lacks wrmf or has another version of it, or of NumPy or Dask.
        """
        self.checked = self._ask(facts_of_process)
        for address, answer in self.checked.items():
            check_worker(address, answer, facts_of_process())
        return slowest_isa(self.checked.values())

    def require_isa(self, isa: str) -> None:
        """Check from now on that workers which join have what those at the start have."""
        self.isa = isa

    def _check_joined(self, workers: Iterable[str]) -> None:
        """Check the workers that have joined since the start."""
        joined = [address for address in workers if address not in self.checked]
        if joined:
            answers = self._ask(facts_of_process, workers=joined)
            for address, answer in answers.items():
                check_worker(address, answer, facts_of_process(), self.isa)
            self.checked.update(answers)

    def check_folder(self, folder: Folder) -> None:
        """Raise a ClusterError if a worker does not see the folder, or cannot write to it."""
        name = f"probe-{self.token}"
        folder.write_json(f"{name}.json", self.token)
        try:
            answers = self._ask(_probe, folder, name)
        finally:
            # Also what workers leave that die meanwhile.
            for remains in Path(folder.root).glob(f"*{name}*"):
                remains.unlink(missing_ok=True)
        for address, answer in answers.items():
            if answer is not None:
                raise ClusterError(
                    f"the worker {address} cannot use folder={folder.root} ({answer}): it must be "
                    "on storage that all workers and this process share"
                )

    def _ask(
        self, function: Callable[..., Any], *args: Any, workers: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return what each worker answers, or the error of its call; the dead do not answer."""
        answers = self.client.run(function, *args, workers=workers, on_error="return")
        return {
            address: answer for address, answer in answers.items() if not isinstance(answer, LOST)
        }

    def keep(self, kind: str, sizes: Sequence[int]) -> None:
        """Name the things of a kind that have a worker of their own, with their sizes."""
        self.sizes[kind] = {f"{kind}-{number}": size for number, size in enumerate(sizes)}

    def names(self, kind: str) -> list[str]:
        """Return the names of the things of a kind."""
        return list(self.sizes[kind])

    def home(self, name: str) -> str | None:
        """Return the worker of a thing."""
        return self.homes.get(name)

    def settle(self) -> set[str]:
        """Give a worker to each thing whose worker has died, or that has none; return which."""
        workers = list(self.workers())
        before = self.homes
        self._check_joined(workers)
        if workers:
            self.homes = {
                name: home
                for sizes in self.sizes.values()
                for name, home in place(sizes, workers, before).items()
            }
        return {name for name, home in self.homes.items() if before.get(name) != home}

    def submit(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        home: str | None = None,
        computes: bool = False,
        priority: int = 0,
    ) -> Future:
        """Submit a task, as :class:`Tasks` describes it."""
        return self._submit(self._worker(home), name, function, args, computes, priority)

    def _worker(self, home: str | None) -> str | None:
        return None if home is None else self.homes.get(home)

    def _submit(
        self,
        where: str | None,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        computes: bool = False,
        priority: int = 0,
    ) -> Future:
        """Submit a task to a worker, or to any."""
        self.count += 1
        call = (_with_threads, function, *args) if computes else (function, *args)
        return self.client.submit(
            *call,
            key=f"wrmf-{name}-{self.token}-{self.count}",
            workers=None if where is None else [where],
            allow_other_workers=where is not None,
            retries=RETRIES,
            priority=priority,
            pure=False,
        )

    def tree(
        self,
        name: str,
        combine: Callable[..., Any],
        futures: Sequence[Future],
        homes: Sequence[str | None] | None = None,
        root: str | None = None,
    ) -> Future:
        """Return the combination of results in their order, as :class:`Tasks` describes it."""
        workers = [self._worker(home) for home in homes or [None] * len(futures)]
        levels = levels_of_tree(workers, self._worker(root), turn=self.trees)
        self.trees += 1
        level = list(futures)
        for places in levels[1:]:
            level = [
                self._submit(where, name, combine, [group])
                for group, where in zip(groups_of(level), places, strict=True)
            ]
        return level[0]

    def results(self, futures: Sequence[Future]) -> list[Any]:
        """Wait for tasks and return their results, which must be small.

        A task whose workers have died several times is tried again.

        Raises
        ------
        Stranded
            If they wait for workers that have died.
        ClusterError
            If workers die again and again, or the shuffle of the rows fails.
        Exception
            As a task has raised it.
        """
        for attempt in range(RETRIES + 1):
            try:
                with _waiting():
                    self._wait(futures)
                return list(self.client.gather(list(futures)))
            except KilledWorker as error:
                if attempt == RETRIES or not self._retry(futures):
                    raise ClusterError(
                        f"workers died again and again ({error}): their memory may be too small; "
                        "start workers with more, or more workers, and call fit again with the "
                        "same arguments"
                    ) from error
                logger.warning("workers have died during a task, which is tried again: %s", error)
            except (OSError, RuntimeError) as error:
                if not _is_of_shuffle(error):
                    raise
                raise ClusterError(
                    f"the rows could not be shuffled ({error}): the disks of the workers may be "
                    "full (see the logs of the workers, and --local-directory of dask worker); "
                    "make room, and call fit again with the same arguments"
                ) from error
        raise AssertionError

    def _retry(self, futures: Sequence[Future]) -> bool:
        """Try tasks again; return False for those that Dask cannot, as in a shuffle."""
        try:
            self.client.retry(list(futures))
        except KeyError:
            # A task on which they depend has failed, and its future is not held here.
            return False
        return True

    def _wait(self, futures: Sequence[Future]) -> None:
        """Wait until tasks are done, or have no worker although there are some."""
        was_stranded = False
        while True:
            try:
                distributed.wait(list(futures), timeout=CHECK_SECONDS)
                return
            except TIMEOUTS:
                is_stranded = bool(self.client.run_on_scheduler(_are_stranded))
                if is_stranded and was_stranded:
                    raise Stranded("the workers of some tasks have died") from None
                was_stranded = is_stranded

    @contextmanager
    def recovering(self, done: str) -> Iterator[None]:
        """Explain the loss of the scheduler, and how to go on; ``done`` says what is saved."""
        try:
            yield
        except Exception as error:
            if isinstance(error, ClusterError) and self.client.status == "running":
                raise
            reason = self._loss(error)
            if reason is None:
                raise
            raise ClusterError(
                f"{reason} ({type(error).__name__}: {reason_of(error)}). {done}: connect to a "
                "cluster, and call fit again with the same arguments"
            ) from error

    def _loss(self, error: Exception) -> str | None:
        """Return how the cluster was lost, or None if an error says something else."""
        if self.client.status == "closed":
            return "the Dask client was closed"
        if isinstance(error, distributed.CancelledError) and RESTARTED in str(error):
            return "the Dask cluster was restarted"
        is_cancelled = isinstance(error, distributed.CancelledError)
        if self.client.status != "running" or is_cancelled or _is_of_connection(error):
            return "the connection to the Dask scheduler was lost"
        return None

    def bytes_received(self) -> int:
        """Return the bytes that the workers have received from each other so far."""
        answers = self.client.run(_bytes_sent, on_error="ignore")
        return sum(value for value in answers.values() if isinstance(value, int))

    def shuffled(
        self, rows: Any, n_parts: int, write: Callable[..., Any], meta: Any
    ) -> list[Future]:
        """Bring the rows of each user together, and return what ``write`` returns for each part.

        Parameters
        ----------
        rows : Dask frame with a column user
        n_parts : int
        write : function of a frame, with a keyword ``partition_info``, that returns a frame
        meta : DataFrame, what ``write`` returns, without rows
        """
        shuffled = rows.shuffle("user", npartitions=n_parts, ignore_index=True, force=True)
        return self.partitions(shuffled.map_partitions(write, meta=meta, enforce_metadata=False))

    def partitions(self, frame: Any) -> list[Future]:
        """Return the partitions of a Dask frame."""
        return list(self.client.compute(frame.to_delayed(), retries=RETRIES))
