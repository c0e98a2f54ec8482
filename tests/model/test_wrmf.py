import itertools
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
import reference
from scipy import sparse
from sklearn.base import clone
from threadpoolctl import threadpool_info

import wrmf
from wrmf import WRMF, Interactions


def small(**params):
    return WRMF(
        **{
            "factors": 4,
            "regularization": 0.1,
            "alpha": 40.0,
            "iterations": 4,
            "random_state": 0,
            "num_threads": 1,
            **params,
        }
    )


def test_a_checkerboard_is_completed(checkerboard):
    matrix = checkerboard.tolil()
    matrix[0, 1] = matrix[3, 4] = 0
    model = small(factors=2, alpha=5.0, iterations=20).fit(matrix)
    found = model.recommend([0, 3], n=1)
    assert found.ids[:, 0].tolist() == [1, 4]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", ["wrmf", "ials"])
def test_loss_never_rises(likes, dtype, objective):
    losses = []
    small(factors=12, dtype=dtype, objective=objective, iterations=8).fit(
        likes, callback=lambda model, _: losses.append(model.loss(likes))
    )
    slack = 1e-6 if dtype == "float32" else 1e-12
    assert all(b <= a * (1 + slack) for a, b in itertools.pairwise(losses))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_fit_is_bitwise_the_same_at_any_thread_count(likes, threads):
    one, many = small().fit(likes), small(num_threads=threads).fit(likes)
    assert np.array_equal(one.user_factors, many.user_factors)
    assert np.array_equal(one.item_factors, many.item_factors)


def test_partial_fit_continues_where_fit_left_off(likes):
    whole = small(iterations=5).fit(likes)
    parts = small(iterations=2).fit(likes).partial_fit(likes, iterations=3)
    assert np.array_equal(whole.user_factors, parts.user_factors)
    assert parts.iterations_done == 5


def test_partial_fit_starts_a_fresh_model(likes):
    assert np.array_equal(
        small().partial_fit(likes, 3).item_factors, small(iterations=3).fit(likes).item_factors
    )


def test_fit_starts_over_even_on_a_larger_matrix(likes, checkerboard):
    model = small().fit(checkerboard).fit(likes)
    assert np.array_equal(model.user_factors, small().fit(likes).user_factors)


def test_callback_stops_training(likes):
    assert small(iterations=9).fit(likes, callback=lambda _, done: done == 2).iterations_done == 2


@pytest.mark.parametrize(
    "make", [lambda: 3, lambda: np.random.default_rng(3), lambda: np.random.RandomState(3)]
)
def test_every_kind_of_seed_repeats(likes, make):
    first, second = (small(random_state=make()).fit(likes) for _ in range(2))
    assert np.array_equal(first.user_factors, second.user_factors)


def test_order_of_coo_entries_does_not_matter(likes):
    coo = likes.tocoo()
    shuffled = np.random.default_rng(0).permutation(coo.nnz)
    again = sparse.coo_matrix(
        (coo.data[shuffled], (coo.row[shuffled], coo.col[shuffled])), shape=coo.shape
    )
    assert np.array_equal(small().fit(likes).user_factors, small().fit(again).user_factors)


def test_fold_in_users_gives_back_the_trained_factors(likes):
    model = small(dtype="float64").fit(likes)
    np.testing.assert_array_equal(model.fold_in_users(likes), model.user_factors)


def test_fold_in_items_is_the_exact_item_solution(likes):
    model = small(dtype="float64").fit(likes)
    lambdas = np.full(likes.shape[1], float(model.regularization))
    expected = reference.half_sweep(likes.T.tocsr(), model.user_factors, lambdas, alpha=40.0)
    np.testing.assert_allclose(model.fold_in_items(likes), expected, rtol=1e-8, atol=1e-10)
    assert model.fold_in_items(likes[:, :7]).shape == (7, 4)


def test_fold_in_maps_item_ids(likes):
    data = Interactions.from_matrix(likes, items=[f"i{c}" for c in range(likes.shape[1])])
    model = small().fit(data)
    turned = Interactions.from_matrix(likes[:5, ::-1], items=data.items[::-1])
    np.testing.assert_array_equal(model.fold_in_users(turned), model.fold_in_users(likes[:5]))


def test_predict_is_the_dot_product_of_ids(likes):
    data = Interactions.from_matrix(likes, users=[f"u{r}" for r in range(likes.shape[0])])
    model = small().fit(data)
    expected = model.item_factors[[4, 9]] @ model.user_factors[2]
    np.testing.assert_allclose(model.predict("u2", [4, 9]), expected, rtol=1e-6)


def test_recommend_is_the_plain_sort_without_what_was_seen(likes):
    model = small().fit(likes)
    scores = model.user_factors @ model.item_factors.T
    scores[likes.toarray() > 0] = -np.inf
    found = model.recommend(n=6)
    for row in range(likes.shape[0]):
        count = min(6, int(np.isfinite(scores[row]).sum()))
        expected = np.argsort(-scores[row], kind="stable")[:count]
        assert found.counts[row] == count
        np.testing.assert_allclose(
            scores[row][found.rows[row, :count]], scores[row][expected], rtol=1e-5
        )


def test_recommendations_are_short_rather_than_made_up(likes):
    liked = likes[:, np.delete(np.arange(likes.shape[1]), 11)]
    everything_seen = small().fit(liked).recommend(3, n=10)
    assert everything_seen.counts.tolist() == [0]
    assert (everything_seen.rows == -1).all()
    assert np.isnan(everything_seen.scores).all()
    assert len(everything_seen.to_frame()) == 0
    frame = small().fit(likes).recommend(0, n=10_000).to_frame()
    assert len(frame) == likes.shape[1] - likes[[0]].nnz
    assert frame["item"].is_unique


def test_block_and_allow_lists_for_all_and_for_each(likes):
    model = small().fit(likes)
    assert set(model.recommend([0, 1], n=50, items=[7, 8, 9]).to_frame()["item"]) <= {7, 8, 9}
    assert 7 not in set(model.recommend([0], n=200, exclude=[7]).to_frame()["item"])
    each = model.recommend([0, 1], n=200, exclude_seen=False, exclude={0: [7, 8]}).to_frame()
    assert 7 not in set(each[each["user"] == 0]["item"])
    assert 7 in set(each[each["user"] == 1]["item"])
    only = model.recommend([0, 1], n=200, exclude_seen=False, items={1: [4, 2]}).to_frame()
    assert set(only[only["user"] == 1]["item"]) == {2, 4}
    assert (only["user"] == 0).sum() == likes.shape[1]


def test_recommend_new_equals_recommend_for_the_same_rows(likes):
    model = small().fit(likes)
    np.testing.assert_array_equal(
        model.recommend_new(likes[:4], n=5).rows, model.recommend([0, 1, 2, 3], n=5).rows
    )


def test_similar_items_are_by_cosine_without_the_item_itself(likes):
    model = small().fit(likes)
    cosine = model.item_similarity()
    found = model.similar_items([4], n=3)
    expected = [c for c in np.argsort(-cosine[4], kind="stable") if c not in (4, 11)][:3]
    assert found.rows[0].tolist() == expected
    assert model.similar_items([11], n=3).counts.tolist() == [0]
    assert model.similar_users([0, 1], n=2).rows.shape == (2, 2)


def test_item_similarity_has_a_guard(likes):
    model = small().fit(likes)
    np.testing.assert_allclose(np.delete(np.diag(model.item_similarity()), 11), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="similar_items"):
        model.item_similarity(max_bytes=1000)


def test_contributions_sum_to_the_score_of_unfinished_factors(likes):
    model = small(dtype="float64", solver="cg", cg_steps=1, iterations=1).fit(likes)
    told = model.explain(2, 20, n=300)
    score = model.predict(2, 20)[0]
    assert told.attrs["score"] == pytest.approx(score, rel=1e-12)
    assert told["contribution"].sum() + told.attrs["rest"] == pytest.approx(score, rel=1e-12)
    assert abs(told.attrs["rest"]) > 1e-6


@pytest.mark.parametrize("objective", ["wrmf", "ials"])
def test_contributions_sum_to_the_score(likes, objective):
    model = small(dtype="float64", objective=objective).fit(likes)
    for item in (0, 20, 150):
        told = model.explain(2, item, n=3)
        score = model.predict(2, item)[0]
        assert told.attrs["score"] == pytest.approx(score, rel=1e-8, abs=1e-10)
        total = told["contribution"].sum() + told.attrs["rest"]
        assert total == pytest.approx(score, rel=1e-8, abs=1e-10)
        assert model.explain(2, item, n=300).attrs["rest"] == pytest.approx(0, abs=1e-9)


def test_inputs_are_never_changed(likes):
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


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        sparse.lil_matrix,
        sparse.dok_matrix,
        sparse.bsr_matrix,
        lambda m: m.toarray(),
        lambda m: m.astype(np.int64),
        lambda m: sparse.csr_matrix(
            (m.data, m.indices.astype(np.int64), m.indptr.astype(np.int64)), shape=m.shape
        ),
    ],
)
def test_every_sparse_format_gives_the_same_model(likes, form):
    expected = small().fit(likes).user_factors
    assert np.array_equal(small().fit(form(likes)).user_factors, expected)


def test_memory_mapped_buffers_are_read(likes, tmp_path):
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(likes, name))
    data, indices, indptr = (
        np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")
    )
    mapped = sparse.csr_matrix((data, indices, indptr), shape=likes.shape)
    assert np.array_equal(small().fit(mapped).user_factors, small().fit(likes).user_factors)


def test_scikit_learn_can_clone_it():
    model = WRMF(factors=7, regularization=(0.1, 0.2))
    assert clone(model).get_params() == model.get_params()
    assert repr(model) == "WRMF(factors=7, regularization=(0.1, 0.2))"
    with pytest.raises(ValueError, match="unknown parameter 'factor'"):
        model.set_params(factor=3)


def test_blas_threads_are_restored(likes):
    def limits():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = limits()
    small(num_threads=2).fit(likes)
    assert limits() == before


def _fit_and_send(pipe, matrix):
    pipe.send(small(num_threads=2).fit(matrix).user_factors)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_fit_after_its_parent(likes):
    expected = small(num_threads=2).fit(likes).user_factors
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_fit_and_send, args=(theirs, likes))
    child.start()
    try:
        assert ours.poll(60), "the child hangs"
        assert np.array_equal(ours.recv(), expected)
    finally:
        child.kill()
        child.join()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_leaves_a_usable_model(likes):
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


def test_rising_alpha_and_count_stays_finite(likes):
    model = small(alpha=1e6, regularization=1e-8, factors=16).fit(likes * 1e6)
    assert np.isfinite(model.user_factors).all()
    assert np.isfinite(model.item_factors).all()


def test_more_factors_than_items_without_regularisation(checkerboard):
    model = small(factors=30, regularization=0.0).fit(checkerboard)
    assert np.isfinite(model.user_factors).all()
    assert model.loss(checkerboard) < 1.0


def test_public_names_exist():
    assert all(hasattr(wrmf, name) for name in wrmf.__all__)


def test_a_model_that_vanishes_ends_at_zeros():
    """On its way it passes through subnormal numbers, which the kernels take for zeros."""
    board = np.indices((40, 40)).sum(axis=0) % 2
    for solver in ("exact", "cg"):
        model = WRMF(8, 1000.0, 1.0, iterations=40, solver=solver, random_state=0)
        with pytest.warns(UserWarning, match="regularization=1000.0 outweighs this data"):
            model.fit(board)
        assert np.abs(model.user_factors).max() < (1e-15 if solver == "cg" else 1e-37)
        assert model.loss(board) == board.sum() * 2
