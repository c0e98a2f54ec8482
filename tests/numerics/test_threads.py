"""The number of kernel threads, and the limit of one BLAS thread while kernels run."""

import os

import pytest
from threadpoolctl import threadpool_info

from wrmf.numerics.threads import available_threads, kernel_threads, single_threaded_blas


def blas_threads():
    """Return the number of threads of each BLAS library in this process."""
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("num_threads", [1, 3, 1000])
def test_a_positive_number_of_threads_is_taken_as_it_is(num_threads):
    assert available_threads(num_threads) == num_threads
    assert kernel_threads(num_threads) == num_threads


def test_a_negative_number_of_threads_is_refused():
    for threads in (available_threads, kernel_threads):
        with pytest.raises(ValueError, match="num_threads must be at least 0, got -1"):
            threads(-1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs an affinity mask")
def test_the_affinity_mask_limits_the_threads(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5})
    assert available_threads() == 1


def test_at_least_one_thread_is_available():
    assert 1 <= available_threads() <= (os.cpu_count() or 1)


def test_blas_gets_its_threads_back_when_the_outer_block_ends():
    before = blas_threads()
    with single_threaded_blas():
        with single_threaded_blas():
            assert set(blas_threads()) <= {1}
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before


def test_blas_gets_its_threads_back_after_an_error():
    before = blas_threads()
    with pytest.raises(RuntimeError, match="in the block"), single_threaded_blas():
        raise RuntimeError("in the block")
    assert blas_threads() == before
