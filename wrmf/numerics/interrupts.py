"""Lets Ctrl-C end a long call of LAPACK, within which no signals are handled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from wrmf._lapack import limit_blas_of_thread

__all__ = ["interruptible"]

# Matrices of fewer rows are decomposed within a second.
LEAST_ROWS = 1000
# How long a signal may wait, in seconds.
PAUSE = 0.1

Result = TypeVar("Result")


def interruptible(compute: Callable[..., Result], matrix: np.ndarray, *arguments: Any) -> Result:
    """Return ``compute(matrix, *arguments)``, of a function that releases the interpreter's lock.

    A large matrix is left to a thread of its own while the main thread, which alone handles
    signals, waits. If a signal raises, that thread goes on to its end, and its result is dropped.
    ``compute`` must not share memory with others.
    """
    if len(matrix) < LEAST_ROWS or threading.current_thread() is not threading.main_thread():
        return compute(matrix, *arguments)
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        limit_blas_of_thread()
        try:
            results.append(compute(matrix, *arguments))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(PAUSE)
    if errors:
        raise errors[0]
    return results[0]
