"""Weights that the precision of the factors cannot hold are an error before training."""

import warnings

import numpy as np
import pytest
from scipy import sparse


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("use", ["fit", "fold_in_users", "fold_in_items", "recommend_new"])
def test_counts_that_are_too_large_are_named_with_what_to_do(likes, small, solver, use):
    model = small(alpha=30.0, solver=solver)
    if use != "fit":
        model.fit(likes)
    error = (
        r"the largest count is 8e\+37; with alpha=30 its weight is 2.4e\+39, and float32 holds at "
        r"most 3.4e\+38: scale the counts down, lower alpha, pass confidence=.log. or pass dtype="
    )
    with pytest.raises(ValueError, match=error):
        getattr(model, use)(likes * 2e37)


def test_the_same_counts_are_trained_on_in_float64(likes, small):
    model = small(alpha=30.0, dtype="float64", iterations=1).fit(likes * 2e37)
    assert np.isfinite(model.user_factors).all()


def test_the_largest_counts_that_float32_holds_are_trained_on(likes, small):
    model = small(alpha=1.0, iterations=1).fit(likes * (3.3e38 / likes.data.max()))
    assert np.isfinite(model.user_factors).all()


def test_any_exponent_leaves_a_regularization_of_zero_zero(likes, small):
    plain = small(regularization=0.0, iterations=1, regularization_exponent=0.0).fit(likes)
    huge = small(regularization=0.0, iterations=1, regularization_exponent=300.0).fit(likes)
    rows = likes[:3]
    np.testing.assert_allclose(
        rows @ huge.item_factors, rows @ plain.item_factors, rtol=1e-3, atol=1e-4
    )
    assert np.isfinite(huge.fold_in_users(rows)).all()


def test_an_exponent_that_only_larger_rows_would_exceed_is_trained_with(small):
    # Users have one item and items one user, but a row of all 300 columns would have 300**200.
    likes = sparse.identity(300, format="csr", dtype=np.float32)
    options = {"regularization_exponent": 200.0, "regularization_counts": "observed"}
    model = small(iterations=1, **options).fit(likes)
    assert np.isfinite(model.fold_in_users(likes[:2])).all()
    with pytest.raises(ValueError, match="regularization_exponent=200"):
        model.fold_in_users(np.ones((1, 300)))


def test_factors_that_cannot_lower_the_loss_are_named_before_training(likes, small):
    most = min(likes.shape)
    message = rf"factors=300 is more than this data can use, .* factors={most} or fewer will do"
    with pytest.warns(UserWarning, match=message):
        idle = small(factors=300, iterations=30, dtype="float64").fit(likes)
    enough = small(factors=most, iterations=30, dtype="float64").fit(likes)
    assert idle.loss(likes) >= enough.loss(likes) * (1 - 1e-3)
    assert idle.user_factors.shape[1] == 300


def test_the_default_number_of_factors_is_fine_for_small_data(likes, small):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(factors=256, iterations=1).fit(likes)


@pytest.mark.parametrize(
    "options", [{"factors": 10**7}, {"factors": 2**31 - 1}, {"factors": 4, "n_models": 2**31 - 1}]
)
def test_factors_that_do_not_fit_into_memory_are_an_error_with_the_figure(likes, small, options):
    with pytest.raises(MemoryError, match=r"factors .* take \d+\.\d GB, and .* are available: use"):
        small(**options).fit(likes)


@pytest.mark.parametrize("name", ["factors", "n_models"])
def test_numbers_that_c_cannot_hold_are_refused(likes, small, name):
    with pytest.raises(ValueError, match=f"{name} must be at most 2147483647, got 10"):
        small(**{name: 10**30}).fit(likes)
