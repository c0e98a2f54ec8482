"""Long computations without signal handling end at once where a signal raises."""

import os
import signal
import threading

import numpy as np
import pytest

from wrmf.numerics import interrupts
from wrmf.numerics.interrupts import interruptible

MATRIX = np.eye(3)


@pytest.fixture(autouse=True)
def small_matrices_count_as_large(monkeypatch):
    monkeypatch.setattr(interrupts, "LEAST_ROWS", 2)


def test_the_result_is_that_of_the_function():
    assert interruptible(lambda matrix, more: matrix.sum() + more, MATRIX, 4) == 7


def test_an_error_is_raised_as_it_was():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        interruptible(lambda matrix: np.linalg.inv(matrix), np.zeros((3, 3)))


def test_a_small_matrix_and_another_thread_need_no_thread_of_their_own(monkeypatch):
    threads = []

    def compute(matrix):
        threads.append(threading.current_thread())

    other = threading.Thread(target=interruptible, args=(compute, MATRIX))
    other.start()
    other.join()
    monkeypatch.setattr(interrupts, "LEAST_ROWS", 4)
    interruptible(compute, MATRIX)
    assert threads == [other, threading.main_thread()]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_ends_the_wait_before_the_computation_ends():
    is_running, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def compute(matrix):
        is_running.set()
        may_end.wait(60)
        ended.set()

    def send():
        is_running.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    # Processes that a shell starts in the background ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            interruptible(compute, MATRIX)
        assert not ended.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
    may_end.set()
    sender.join()
    assert ended.wait(60)
