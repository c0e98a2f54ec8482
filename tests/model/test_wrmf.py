"""Training: what it gives, that it repeats, continues and stops, and what it accepts."""

import itertools
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info

import wrmf
from wrmf import WRMF


def test_a_checkerboard_is_completed(checkerboard, small):
    matrix = checkerboard.tolil()
    matrix[0, 1] = matrix[3, 4] = 0
    model = small(factors=2, alpha=5.0, iterations=20).fit(matrix)
    lists = model.recommend([0, 3], n=1)
    assert lists.ids[:, 0].tolist() == [1, 4]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", ["wrmf", "ials"])
def test_loss_never_rises(likes, small, dtype, objective):
    losses = []
    small(factors=12, dtype=dtype, objective=objective, iterations=8).fit(
        likes, callback=lambda model, _: losses.append(model.loss(likes))
    )
    slack = 1e-6 if dtype == "float32" else 1e-12
    assert all(b <= a * (1 + slack) for a, b in itertools.pairwise(losses))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_fit_is_bitwise_the_same_at_any_thread_count(likes, small, threads):
    serial, parallel = small().fit(likes), small(num_threads=threads).fit(likes)
    assert np.array_equal(serial.user_factors, parallel.user_factors)
    assert np.array_equal(serial.item_factors, parallel.item_factors)


def test_partial_fit_continues_where_fit_stopped(likes, small):
    at_once = small(iterations=5).fit(likes)
    continued = small(iterations=2).fit(likes).partial_fit(likes, iterations=3)
    assert np.array_equal(at_once.user_factors, continued.user_factors)
    assert continued.iterations_done == 5


def test_partial_fit_of_an_unfitted_model_starts_as_fit_does(likes, small):
    continued, fresh = small().partial_fit(likes, 3), small(iterations=3).fit(likes)
    assert np.array_equal(continued.item_factors, fresh.item_factors)


def test_fit_starts_over_even_on_a_larger_matrix(likes, checkerboard, small):
    model = small().fit(checkerboard).fit(likes)
    assert np.array_equal(model.user_factors, small().fit(likes).user_factors)


def test_callback_stops_training(likes, small):
    model = small(iterations=9).fit(likes, callback=lambda _, done: done == 2)
    assert model.iterations_done == 2


@pytest.mark.parametrize(
    "make_seed", [lambda: 3, lambda: np.random.default_rng(3), lambda: np.random.RandomState(3)]
)
def test_equal_seeds_of_every_kind_give_equal_factors(likes, small, make_seed):
    first, second = (small(random_state=make_seed()).fit(likes) for _ in range(2))
    assert np.array_equal(first.user_factors, second.user_factors)


def test_order_of_coo_entries_does_not_matter(likes, small):
    coo = likes.tocoo()
    shuffled = np.random.default_rng(0).permutation(coo.nnz)
    again = sparse.coo_matrix(
        (coo.data[shuffled], (coo.row[shuffled], coo.col[shuffled])), shape=coo.shape
    )
    assert np.array_equal(small().fit(likes).user_factors, small().fit(again).user_factors)


def test_inputs_are_never_changed(likes, small):
    matrix = likes.tocoo().tocsr()
    matrix.indices, matrix.data = matrix.indices[::-1].copy(), matrix.data[::-1].copy()
    matrix.indptr = (matrix.nnz - matrix.indptr[::-1]).astype(matrix.indptr.dtype)
    before = matrix.copy()
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    model = small().fit(matrix)
    model.recommend_new(matrix)
    model.loss(matrix)
    assert np.array_equal(before.indices, matrix.indices)
    assert np.array_equal(before.data, matrix.data)


def with_int64_indices(matrix):
    return sparse.csr_matrix(
        (matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)),
        shape=matrix.shape,
    )


@pytest.mark.parametrize(
    "convert",
    [
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        sparse.lil_matrix,
        sparse.dok_matrix,
        sparse.bsr_matrix,
        lambda matrix: matrix.toarray(),
        lambda matrix: matrix.astype(np.int64),
        with_int64_indices,
    ],
)
def test_every_matrix_format_gives_the_same_model(likes, small, convert):
    expected = small().fit(likes).user_factors
    assert np.array_equal(small().fit(convert(likes)).user_factors, expected)


def test_memory_mapped_matrices_are_accepted(likes, small, tmp_path):
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(likes, name))
    data, indices, indptr = (
        np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")
    )
    mapped = sparse.csr_matrix((data, indices, indptr), shape=likes.shape)
    assert np.array_equal(small().fit(mapped).user_factors, small().fit(likes).user_factors)


def test_blas_threads_are_restored(likes, small):
    def limits():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = limits()
    small(num_threads=2).fit(likes)
    assert limits() == before


def _fit_and_send(pipe, model, matrix):
    pipe.send(model.fit(matrix).user_factors)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_fit_after_its_parent(likes, small):
    expected = small(num_threads=2).fit(likes).user_factors
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_fit_and_send, args=(theirs, small(num_threads=2), likes))
    child.start()
    try:
        assert ours.poll(60), "the child hangs"
        assert np.array_equal(ours.recv(), expected)
    finally:
        child.kill()
        child.join()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_leaves_a_usable_model(likes, small):
    model = small(iterations=10**6)
    # A shell that starts the tests in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(likes)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 30
    assert np.isfinite(model.user_factors).all()
    done = model.iterations_done
    assert model.partial_fit(likes, iterations=1).iterations_done == done + 1


def test_huge_alpha_and_counts_stay_finite(likes, small):
    model = small(alpha=1e6, regularization=1e-8, factors=16).fit(likes * 1e6)
    assert np.isfinite(model.user_factors).all()
    assert np.isfinite(model.item_factors).all()


def test_more_factors_than_items_without_regularisation_stay_finite(checkerboard, small):
    model = small(factors=30, regularization=0.0).fit(checkerboard)
    assert np.isfinite(model.user_factors).all()
    assert model.loss(checkerboard) < 1.0


def test_too_much_regularization_ends_at_zeros_with_a_warning():
    """On the way the factors become subnormal numbers, which the kernels take for zeros."""
    board = np.indices((40, 40)).sum(axis=0) % 2
    for solver in ("exact", "cg"):
        model = WRMF(8, 1000.0, 1.0, iterations=40, objective="wrmf", solver=solver, random_state=0)
        with pytest.warns(UserWarning, match="regularization=1000.0 outweighs this data"):
            model.fit(board)
        assert np.abs(model.user_factors).max() < (1e-15 if solver == "cg" else 1e-37)
        assert model.loss(board) == board.sum() * 2


def test_public_names_exist():
    assert all(hasattr(wrmf, name) for name in wrmf.__all__)
