"""Loads the compiled modules in such a way that idle threads of OpenMP sleep instead of spinning.

By default, the threads of libgomp and libomp spin for some milliseconds at the end of a loop. On a
busy machine, they then keep those threads from running for which they wait, so that fits take many
times as long. The libraries read from the environment whether to sleep, libgomp when it is loaded
and libomp when it starts. ``wrmf/__init__.py`` imports this module first, so that no compiled
module is loaded before.

Another package may have loaded the same libgomp earlier. It then spins less only while it has more
threads than CPUs, as its manual says under ``GOMP_SPINCOUNT``; :func:`rest_idle_threads` sees to
that.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import numpy as np

__all__ = ["PASSIVE", "rest_idle_threads", "sleeping_threads"]

# What makes idle threads sleep: for every library of OpenMP, and for libomp.
PASSIVE = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
# With any of these, the user has chosen how threads wait.
CHOICES = (*PASSIVE, "KMP_LIBRARY", "GOMP_SPINCOUNT")
# The name of the thread that keeps a team of N_RESTING threads of OpenMP.
RESTING = "wrmf-resting"
N_RESTING = (os.cpu_count() or 1) + 1


def _is_loaded(library: str) -> bool:
    """Return whether a shared library is in the process, without loading it; only on Linux."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        ctypes.CDLL(library, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


def _is_chosen() -> bool:
    """Return whether the environment says how threads wait."""
    return any(name in os.environ for name in CHOICES)


@contextmanager
def sleeping_threads() -> Iterator[None]:
    """Let a library of OpenMP that starts inside the block make its idle threads sleep.

    The environment is as before after the block. It is not changed at all if it says how threads
    wait.
    """
    if _is_chosen():
        yield
        return
    os.environ.update(PASSIVE)
    try:
        yield
    finally:
        for name in PASSIVE:
            os.environ.pop(name, None)


# Libraries that these modules load, such as BLAS, wait as they do without this package.
for _name in ("numpy", "scipy.linalg.cython_blas", "scipy.linalg.cython_lapack"):
    import_module(_name)
# The threads of a libgomp that another package has loaded spin, unless the user chose otherwise.
_spins = _is_loaded("libgomp.so.1") and not _is_chosen()
with sleeping_threads():
    # It starts the library; the other compiled modules use the same one.
    _als = import_module("wrmf._als")


def rest_idle_threads() -> None:
    """Make waiting threads of libgomp spin briefly, if it was loaded before this package.

    A thread that sleeps for the rest of the process keeps more threads of libgomp than there are
    CPUs, which sleep, too. This is done once, before the first loop of several threads.
    """
    global _spins
    if not _spins:
        return
    _spins = False
    is_done = threading.Event()

    def keep_team() -> None:
        one = np.zeros((1, 1))
        _als.sum_gram(len(_als.ISAS) - 1, True, one, 1, one.reshape(1, 1, 1), N_RESTING)
        is_done.set()
        threading.Event().wait()

    try:
        threading.Thread(target=keep_team, name=RESTING, daemon=True).start()
    except RuntimeError:
        # The process ends, or may not have more threads.
        return
    is_done.wait()
