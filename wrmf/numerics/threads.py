"""The number of threads to use, and the limit of one BLAS thread while kernels run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import ThreadpoolController

__all__ = ["available_threads", "kernel_threads", "single_threaded_blas"]

_lock = threading.Lock()
_controller: ThreadpoolController | None = None
_limiter = None
_users = 0
_pool_owner: int | None = None


def available_threads(num_threads: int = 0) -> int:
    """Return ``num_threads``, or the number of CPUs that this process may use if it is 0.

    Parameters
    ----------
    num_threads : int ≥ 0, default 0
        0 stands for every CPU that the affinity mask and the control group's quota allow.

    Raises
    ------
    ValueError
        If ``num_threads`` is negative.

    Examples
    --------
    >>> available_threads(3)
    3
    """
    if num_threads < 0:
        raise ValueError(f"num_threads must be at least 0, got {num_threads}")
    if num_threads > 0:
        return num_threads
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _cgroup_cpus()
    return max(1, cpus if quota is None else min(cpus, quota))


def _cgroup_cpus() -> int | None:
    """Return the control group's quota, rounded up to whole CPUs; None if there is no quota."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        pass
    try:
        legacy = Path("/sys/fs/cgroup/cpu")
        microseconds = int((legacy / "cpu.cfs_quota_us").read_text())
        period_us = int((legacy / "cpu.cfs_period_us").read_text())
        return None if microseconds <= 0 else -(-microseconds // period_us)
    except (OSError, ValueError, ZeroDivisionError):
        return None


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
    return threads if _pool_owner == os.getpid() else 1


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Limit BLAS to one thread inside the block, and restore the previous limit after it.

    The kernels have their own threads, which share the rows and tiles. BLAS threads would compete
    with these, and the rounding of a product would depend on the number of BLAS threads. Blocks may
    be nested and may overlap between Python threads; the limit is restored at the end of the last.
    """
    global _controller, _limiter, _users
    with _lock:
        if _users == 0:
            if _controller is None:
                _controller = ThreadpoolController()
            _limiter = _controller.limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _limiter is not None:
                _limiter.restore_original_limits()
                _limiter = None


def _reset_after_fork() -> None:
    # A thread that does not exist in the child may have held the lock, or set the limit.
    global _lock, _limiter, _users
    _lock = threading.Lock()
    if _users and _limiter is not None:
        _limiter.restore_original_limits()
    _limiter, _users = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
