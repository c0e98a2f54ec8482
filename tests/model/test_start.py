"""The factors that training starts from, and the memory that training needs."""

import copy
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from wrmf import WRMF, Interactions
from wrmf.model import start
from wrmf.model.start import random_factors, warm_factors


@pytest.mark.parametrize("block", [1, 7, 64, 10**6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_drawing_in_blocks_gives_the_stream_of_one_draw(monkeypatch, block, dtype):
    monkeypatch.setattr(start, "BLOCK", block)
    params = WRMF(factors=5, dtype=dtype, init_scale=0.3).check_params()
    drawn = random_factors(13, params, np.random.default_rng(4))
    at_once = np.random.default_rng(4).standard_normal((13, 5)) * 0.3
    np.testing.assert_array_equal(drawn, at_once.astype(dtype))


@pytest.mark.parametrize("shape", [(60_000, 2_000), (2_000, 60_000), (30_000, 30_000)])
def test_fit_needs_twice_the_factors_and_the_data(shape):
    generator = np.random.default_rng(0)
    pairs = [generator.integers(n, size=20_000) for n in shape]
    matrix = sparse.csr_matrix((np.ones(20_000, np.float32), pairs), shape=shape)
    model = WRMF(factors=128, iterations=1, random_state=0, num_threads=1)
    model.fit(np.eye(3), progress=False)
    tracemalloc.start()
    try:
        model.fit(matrix, progress=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    factors = model.user_factors.nbytes + model.item_factors.nbytes
    data = 60 * (matrix.nnz + sum(shape))
    scratch_of_a_thread = 6e6
    assert peak < 2 * factors + data + scratch_of_a_thread


@pytest.fixture
def fitted(likes, small):
    return small(dtype="float64", iterations=8).fit(Interactions.from_matrix(likes))


def test_a_warm_start_matches_ids_in_any_order(likes, fitted, small):
    users, items = (np.random.default_rng(1).permutation(n) for n in likes.shape)
    data = Interactions.from_matrix(likes[users][:, items], users.tolist(), items.tolist())
    warm = small(dtype="float64", iterations=1, random_state=9).fit(data, start=fitted)
    fitted.partial_fit(likes, iterations=1)
    np.testing.assert_allclose(warm.user_factors, fitted.user_factors[users], rtol=1e-9)
    np.testing.assert_allclose(warm.item_factors, fitted.item_factors[items], rtol=1e-9)
    assert warm.iterations_done == 1


def test_a_warm_start_copies_the_factors(likes, fitted, small):
    before = copy.deepcopy(fitted.state)
    small(dtype="float64").fit(likes, start=fitted)
    assert np.array_equal(fitted.user_factors, before.user_factors)
    assert np.array_equal(fitted.item_factors, before.item_factors)


def test_a_state_and_the_model_itself_are_starts(likes, fitted, small):
    expected = small(dtype="float64").fit(likes, start=fitted).user_factors
    of_state = small(dtype="float64").fit(likes, start=fitted.state)
    assert np.array_equal(of_state.user_factors, expected)
    fitted.set_params(iterations=4).fit(likes, start=fitted)
    assert np.array_equal(fitted.user_factors, expected)


def test_rows_without_a_match_are_random_as_without_start(likes, fitted, small):
    """New users are solved once, as an item that has factors would lose them otherwise."""
    data = Interactions.from_matrix(
        likes, [*range(290), *range(500, 510)], [*range(195), *range(500, 505)]
    )
    params = fitted.check_params()
    users, items = warm_factors(fitted.state, data, params, np.random.default_rng(3))
    generator = np.random.default_rng(3)
    random_factors(300, params, generator)
    assert np.array_equal(users[:290], fitted.user_factors[:290])
    assert np.array_equal(items[:195], fitted.item_factors[:195])
    assert np.array_equal(items[195:], random_factors(200, params, generator)[195:])
    solved = fitted.from_factors(replace(fitted.state, item_factors=items))
    assert np.array_equal(users[290:], solved.fold_in_users(likes[290:]))


def test_a_warm_fit_begins_where_the_other_ended(likes, fitted, small):
    losses = []
    small(dtype="float64", iterations=2).fit(
        likes, callback=lambda model, _: losses.append(model.loss(likes)), start=fitted
    )
    assert losses[1] < losses[0] < fitted.loss(likes)


def test_users_alone_or_items_alone_may_match(likes, fitted, small):
    shifted = np.arange(1000, 1000 + 300), np.arange(1000, 1000 + 200)
    for users, items in ((None, shifted[1]), (shifted[0], None)):
        data = Interactions.from_matrix(likes, users, items)
        warm = small(dtype="float64", iterations=2).fit(data, start=fitted)
        assert warm.loss(data) < 1.05 * fitted.loss(likes)
    with pytest.raises(ValueError, match="start has none of the users and items of the data"):
        small(dtype="float64").fit(Interactions.from_matrix(likes, *shifted), start=fitted)


def test_a_start_of_another_dtype_is_converted(likes, fitted, small):
    warm = small(iterations=1).fit(likes, start=fitted)
    fitted.partial_fit(likes, iterations=1)
    assert warm.user_factors.dtype == np.float32
    np.testing.assert_allclose(warm.user_factors, fitted.user_factors, atol=1e-3)


def huge_model(likes):
    model = WRMF(4, dtype="float64").fit(likes)
    model.item_factors = model.item_factors * 1e300
    return model


@pytest.mark.parametrize(
    ("make_start", "error"),
    [
        (
            lambda likes: WRMF(5).fit(likes),
            "start has 5 factors, now 4 are asked for: pass factors",
        ),
        (lambda likes: WRMF(4), "not fitted yet"),
        (huge_model, 'start has factors beyond the range of float32: pass dtype="float64"'),
        (lambda likes: np.ones((3, 4)), "start must be a fitted model or Factors, got ndarray"),
        (
            lambda likes: WRMF(4).fit(Interactions.from_matrix(likes, map(str, range(300)))),
            "the data names users by int, such as 0, the model by str, such as '0'",
        ),
    ],
)
def test_a_start_that_does_not_fit_leaves_the_model(likes, small, make_start, error):
    start, model = make_start(likes), small().fit(likes)
    before = model.state
    with pytest.raises((TypeError, ValueError), match=error):
        model.fit(likes, start=start)
    assert model.state is before
