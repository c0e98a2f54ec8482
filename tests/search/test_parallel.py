"""Items that run in parallel: their order, failures, and how a failure ends other items."""

import threading

import pytest

from wrmf.search.parallel import map_parallel


def test_results_are_in_the_order_of_the_items():
    barrier = threading.Barrier(3)

    def square(number):
        barrier.wait(timeout=30)  # passes only where three run at once
        return number * number

    squares = map_parallel(square, [1, 2, 3], [1.0, 3.0, 2.0], 3, threading.Event())
    assert squares == [1, 4, 9]


def test_the_most_costly_items_start_first():
    started = []
    map_parallel(started.append, ["a", "b", "c"], [1.0, 3.0, 2.0], 1, threading.Event())
    assert started == ["b", "c", "a"]


def test_a_failure_is_raised_and_ends_the_others():
    stop = threading.Event()

    def run(item):
        if item == "fails":
            raise ValueError("the message")
        assert stop.wait(timeout=30)

    with pytest.raises(ValueError, match="the message"):
        map_parallel(run, ["waits", "fails"], [1.0, 1.0], 2, stop)
    assert stop.is_set()
