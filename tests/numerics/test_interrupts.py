"""Long computations without signal handling end at once where a signal raises."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from wrmf._lapack import invert_definite

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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_inverse_of_a_definite_matrix_lets_other_threads_run(dtype):
    half = np.random.default_rng(0).standard_normal((2000, 2000))
    matrix = np.asfortranarray((half @ half.T + 2000 * np.eye(2000)).astype(dtype))
    inverse, moments = matrix.copy(order="F"), []
    thread = threading.Thread(target=lambda: moments.append(invert_definite(inverse, 0.0)))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(1e-4)
        turns += 1
    assert moments == [True]
    assert turns > 3
    lower = np.tril(inverse)
    product = matrix @ (lower + np.tril(lower, -1).T)
    np.testing.assert_allclose(product, np.eye(2000), atol=1e-4 if dtype == np.float32 else 1e-12)


def test_a_matrix_that_is_not_definite_has_no_inverse():
    for matrix in (-np.eye(2), np.ones((2, 2)), np.full((2, 2), np.nan)):
        assert not invert_definite(np.asfortranarray(matrix), 1e-12)
