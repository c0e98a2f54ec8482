"""Running the settings of a search in parallel threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

__all__ = ["map_parallel"]

Item = TypeVar("Item")
Result = TypeVar("Result")

# Longest wait for results at a time. Waiting without a limit would keep Ctrl-C from being handled.
POLL_SECONDS = 0.2


def map_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    costs: Sequence[float],
    n_jobs: int,
    stop: threading.Event,
) -> list[Result]:
    """Return ``function(item)`` for each item, in the order of ``items``.

    Parameters
    ----------
    function : callable(item), run in ``n_jobs`` threads
    items : sequence
    costs : sequence of float, one for each item
        The most costly items start first, so that none of them runs alone at the end.
    n_jobs : int
    stop : threading.Event
        Set when an item fails or the caller is interrupted; ``function`` ends early once it is.

    Raises
    ------
    BaseException
        The exception that ``function`` raised; if several items fail, that of the first of them.
    """
    with ThreadPoolExecutor(n_jobs) as pool:
        start_order = np.argsort(-np.array(costs), kind="stable")
        started = {place: pool.submit(function, items[place]) for place in start_order}
        futures = [started[place] for place in range(len(items))]
        try:
            while wait(futures, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                if any(future.done() and future.exception() is not None for future in futures):
                    break
            failures = [future.exception() for future in futures if future.done()]
            for failure in failures:
                if failure is not None:
                    raise failure
            return [future.result() for future in futures]
        except BaseException:
            # Settings that are running stop after their iteration, and no other setting starts.
            stop.set()
            for future in futures:
                future.cancel()
            raise
