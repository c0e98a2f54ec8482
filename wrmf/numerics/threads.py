"""The number of threads to use, and the limit of one BLAS thread while kernels call BLAS."""

from __future__ import annotations

import operator
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wrmf._als import openmp_threads
from wrmf.numerics.blas_controls import BlasControls
from wrmf.numerics.control_groups import group_folders
from wrmf.numerics.waiting import rest_idle_threads

__all__ = ["MOST_THREADS", "available_threads", "kernel_threads", "single_threaded_blas"]

# An OpenMP library that cannot start as many threads as it is asked for ends the process.
MOST_THREADS = 1024
# The limits of control groups are read again after this many seconds, since they may change.
QUOTA_SECONDS = 5.0
# The number of threads of OpenMP as long as nothing sets another.
DEFAULT_OPENMP_THREADS = openmp_threads()


def available_threads(num_threads: int = 0) -> int:
    """Return ``num_threads``, or the number of threads that this process should use if it is 0.

    Parameters
    ----------
    num_threads : int ≥ 0, default 0
        0 stands for the smallest of: the CPUs of the affinity mask; the CPU quota of the control
        groups (version 1 or 2) that the process is in, rounded up; ``OMP_NUM_THREADS``, which
        joblib, Dask and others set for their workers; and a limit that
        ``threadpoolctl.threadpool_limits`` sets for ``"openmp"``.

    Raises
    ------
    TypeError, ValueError
        If ``num_threads`` is no whole number from 0 to ``MOST_THREADS``.

    Examples
    --------
    >>> available_threads(3)
    3
    """
    try:
        num_threads = operator.index(num_threads)
    except TypeError:
        kind = type(num_threads).__name__
        raise TypeError(f"num_threads must be a whole number, got a {kind}") from None
    if num_threads < 0:
        raise ValueError(f"num_threads must be at least 0, got {num_threads}")
    if num_threads > MOST_THREADS:
        raise ValueError(f"num_threads must be at most {MOST_THREADS}, got {num_threads}")
    if num_threads > 0:
        return num_threads
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    limits = (cpus, _quota.cpus(), _variable_limit(), _openmp_limit())
    return max(1, min(limit for limit in limits if limit is not None))


def _variable_limit() -> int | None:
    """Return the number of threads that ``OMP_NUM_THREADS`` asks for, None if it asks for none.

    OpenMP allows a list, with a number for each level of nesting. What is not a number is ignored,
    as OpenMP does.
    """
    try:
        threads = int(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    except ValueError:
        return None
    return threads if threads > 0 else None


class _Quota:
    """The CPU quota of this process's control groups, which is read every few seconds."""

    def __init__(self) -> None:
        self.read_at = -QUOTA_SECONDS
        self.kept: int | None = None

    def cpus(self) -> int | None:
        """Return the smallest quota, rounded up to whole CPUs; None if there is no quota."""
        now = time.monotonic()
        if now - self.read_at >= QUOTA_SECONDS:
            quotas = [quota for folder in group_folders("cpu") if (quota := _group_cpus(folder))]
            self.kept = min(quotas, default=None)
            self.read_at = now
        return self.kept


_quota = _Quota()


def _group_cpus(folder: Path) -> int | None:
    """Return the quota of one control group, rounded up; None if it has none."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        microseconds = int((folder / "cpu.cfs_quota_us").read_text())
        period_us = int((folder / "cpu.cfs_period_us").read_text())
        return None if microseconds <= 0 else -(-microseconds // period_us)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _openmp_limit() -> int | None:
    """Return the number of threads that was set for OpenMP in this Python thread, if one was."""
    threads = openmp_threads()
    return None if threads == DEFAULT_OPENMP_THREADS else threads


# The process that has started threads of OpenMP.
_pool_owner: int | None = None


def kernel_threads(num_threads: int = 0) -> int:
    """Return the number of threads that a compiled kernel may start in this process.

    The threads of OpenMP do not exist in a forked child process. If the parent has used them, the
    child would wait for them forever, so it runs on one thread. The results are the same.
    """
    global _pool_owner
    threads = available_threads(num_threads)
    if threads == 1:
        return 1
    if _pool_owner is None:
        _pool_owner = os.getpid()
        rest_idle_threads()
    return threads if _pool_owner == os.getpid() else 1


class _BlasLimit:
    """One thread of BLAS while there are blocks, of any Python thread, that need it.

    A signal handler may enter a block at any place, so a lock that the same thread may take again
    guards the blocks, and the order of the statements matters.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.blocks: set[object] = set()
        # The number of threads of each library that was lowered, by its position.
        self.before: dict[int, int] = {}

    def enter(self, block: object) -> None:
        with self.lock:
            self.blocks.add(block)
            for place, library in enumerate(BlasControls.loaded().of_process):
                threads = library.get()
                if threads > 1:
                    self.before[place] = threads
                    library.set(1)

    def leave(self, block: object) -> None:
        with self.lock:
            self.blocks.discard(block)
            if self.blocks:
                return
            for place, library in enumerate(BlasControls.loaded().of_process):
                threads = self.before.pop(place, 1)
                # Where another library has set the number meanwhile, its number stays.
                if threads > 1 and library.get() == 1:
                    library.set(threads)


_blas_limit = _BlasLimit()


@contextmanager
def single_threaded_blas(needed: bool = True) -> Iterator[None]:
    """Limit BLAS to one thread inside the block, and restore the previous limit after it.

    The kernels have their own threads, which share the rows and tiles. BLAS threads would compete
    with these, and the rounding of a product would depend on the number of BLAS threads. Blocks may
    be nested and may overlap between Python threads; the limit is restored at the end of the last.

    Parameters
    ----------
    needed : bool, default True
        Whether the block calls BLAS on large matrices. If not, nothing is done: the limit holds for
        the whole process, because OpenBLAS has no other, so it should be rare.
    """
    if not needed:
        yield
        return
    block = object()
    own = [(library, library.get()) for library in BlasControls.loaded().of_thread]
    try:
        _blas_limit.enter(block)
        for library, _ in own:
            library.set(1)
        yield
    finally:
        for library, threads in own:
            library.set(threads)
        _blas_limit.leave(block)


def _reset_after_fork() -> None:
    # A thread that does not exist in the child may have held the lock, or set the limit. OpenBLAS
    # may start threads when its number is set, which is no good idea within a fork, so this is
    # left to the end of the child's first block.
    global _blas_limit
    before = _blas_limit.before
    _blas_limit = _BlasLimit()
    _blas_limit.before = before


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
