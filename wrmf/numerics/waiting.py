"""Loads the compiled modules in such a way that idle threads of OpenMP sleep instead of spinning.

By default, the threads of libgomp and libomp spin for some milliseconds at the end of a loop. On a
busy machine, they then keep those threads from running for which they wait, so that fits take many
times as long. The libraries read from the environment whether to sleep, libgomp when it is loaded
and libomp when it starts. ``wrmf/__init__.py`` imports this module first, so that no compiled
module is loaded before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

__all__ = ["PASSIVE", "sleeping_threads"]

# What makes idle threads sleep: for every library of OpenMP, and for libomp.
PASSIVE = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
# With any of these, the user has chosen how threads wait.
CHOICES = (*PASSIVE, "KMP_LIBRARY", "GOMP_SPINCOUNT")


@contextmanager
def sleeping_threads() -> Iterator[None]:
    """Let a library of OpenMP that starts inside the block make its idle threads sleep.

    The environment is as before after the block. It is not changed at all if it says how threads
    wait.
    """
    if any(name in os.environ for name in CHOICES):
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
with sleeping_threads():
    # It starts the library; the other compiled modules use the same one.
    import_module("wrmf._als")
