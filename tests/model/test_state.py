"""The fitted state: its checks, reading and assigning factors, copies."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from sklearn.base import clone

from wrmf import WRMF
from wrmf.model.state import Factors


@pytest.fixture
def fitted(likes, small):
    return small().fit(likes)


def test_an_unfitted_model_has_no_factors():
    model = WRMF()
    for name in ("user_factors", "item_factors", "users", "items", "train_matrix"):
        assert not hasattr(model, name)
    assert model.iterations_done == 0
    assert not model.is_fitted


def test_using_an_unfitted_model_names_fit():
    for use in (
        lambda m: m.recommend(),
        lambda m: m.predict(0, 0),
        lambda m: m.similar_items(0),
        lambda m: m.fold_in_users(np.ones((1, 1))),
        lambda m: m.loss(np.ones((1, 1))),
        lambda m: m.explain(0, 0),
        lambda m: m.user_factors,
        lambda m: setattr(m, "item_factors", np.ones((1, 1))),
    ):
        with pytest.raises(ValueError, match=r"not fitted yet: call fit\(data\)"):
            use(WRMF())


def test_the_state_is_frozen_and_follows_training(likes, fitted):
    before = fitted.state
    with pytest.raises(FrozenInstanceError):
        before.iterations_done = 0
    fitted.partial_fit(likes, iterations=1)
    assert (before.iterations_done, fitted.iterations_done) == (4, 5)
    assert np.shares_memory(fitted.user_factors, before.user_factors)


def test_factors_of_the_same_shape_can_be_assigned(likes, fitted, small):
    target = small(random_state=1).fit(likes)
    target.user_factors, target.item_factors = fitted.user_factors, fitted.item_factors
    assert np.array_equal(target.recommend(n=3).ids, fitted.recommend(n=3).ids)
    assert target.loss(likes) == fitted.loss(likes)
    # The kernels need writable rows of the model's dtype.
    column_major = np.asfortranarray(fitted.user_factors.astype(np.float64))
    column_major.flags.writeable = False
    target.user_factors = column_major
    assert target.user_factors.dtype == np.float32
    target.partial_fit(likes, iterations=1)
    fitted.partial_fit(likes, iterations=1)
    assert np.array_equal(target.user_factors, fitted.user_factors)


def test_factors_of_another_shape_cannot_be_assigned(fitted):
    with pytest.raises(ValueError, match=r"user_factors must keep the shape \(300, 4\), got"):
        fitted.user_factors = fitted.user_factors[:-1]
    with pytest.raises(ValueError, match=r"item_factors must keep the shape \(200, 4\), got"):
        fitted.item_factors = np.ones((200, 5))


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_keep_parameters_and_state(likes, fitted, duplicate):
    again = duplicate(fitted)
    assert again.get_params() == fitted.get_params()
    assert again.iterations_done == fitted.iterations_done
    assert np.array_equal(again.fold_in_users(likes), fitted.user_factors)
    assert not duplicate(WRMF()).is_fitted


def test_training_a_deep_copy_leaves_the_original_unchanged(likes, fitted):
    before = fitted.user_factors.copy()
    copy.deepcopy(fitted).partial_fit(likes, iterations=2)
    assert np.array_equal(fitted.user_factors, before)


def test_scikit_learn_can_clone_it(fitted):
    model = WRMF(factors=7, regularization=(0.1, 0.2))
    assert clone(model).get_params() == model.get_params()
    assert not clone(fitted).is_fitted


def test_from_factors_continues_as_the_original(likes, fitted):
    params = fitted.get_params()
    again = WRMF.from_factors(copy.deepcopy(fitted.state), **params)
    assert np.array_equal(again.recommend(n=3).ids, fitted.recommend(n=3).ids)
    again.partial_fit(likes, iterations=2)
    fitted.partial_fit(likes, iterations=2)
    assert np.array_equal(again.item_factors, fitted.item_factors)
    assert again.iterations_done == 6


def test_from_factors_takes_factors_and_dtype_from_the_arrays(fitted):
    model = WRMF.from_factors(fitted.state, alpha=3.0)
    assert (model.factors, model.dtype, model.alpha) == (4, "float32", 3.0)
    with pytest.raises(ValueError, match="the state has 4 factors of float32"):
        WRMF.from_factors(fitted.state, factors=5)
    broken = replace(fitted.state, user_factors=np.full_like(fitted.user_factors, np.nan))
    with pytest.raises(ValueError, match="user factors hold NaN"):
        WRMF.from_factors(broken)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"user_factors": np.ones((3, 4))}, r"user factors must be float32 or float64 of shape"),
        ({"user_factors": np.ones((300, 4))}, "same k and dtype, got 4 factors of float64"),
        ({"item_factors": np.ones((200, 5), np.float32)}, "5 of float32 for items"),
        ({"item_factors": np.ones((200, 4), np.int64)}, r"got int64 \(200, 4\)"),
        ({"item_names": np.array(["a"], dtype=object)}, "there are 1 item names for 200 items"),
        ({"users": np.arange(2)}, "there are 2 user ids for 300 rows"),
        ({"items": np.arange(2)}, "there are 2 item ids for 200 rows"),
        ({"train_matrix": np.ones((300, 200))}, "must be a CSR matrix, got ndarray"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(fitted, changes, error):
    with pytest.raises((TypeError, ValueError), match=error):
        replace(fitted.state, **changes)


def test_set_params_after_fit_changes_no_answer(likes, fitted):
    def answers():
        return [
            fitted.loss(likes),
            *fitted.fold_in_users(likes[:5]).ravel(),
            *fitted.fold_in_items(likes[:, :5]).ravel(),
            *fitted.recommend_new(likes[:5], n=3).scores.ravel(),
            *fitted.explain(3, 2)["contribution"],
        ]

    before, rows = answers(), fitted.recommend(n=3).rows
    fitted.set_params(
        factors=9,
        alpha=1.0,
        regularization=(5.0, 7.0),
        unobserved_weight=0.1,
        regularization_exponent=1.0,
        objective="ials",
        confidence="log",
        epsilon=0.1,
        dtype="float64",
        num_threads=2,
    )
    np.testing.assert_array_equal(answers(), before)
    fitted.alpha = -1
    np.testing.assert_array_equal(answers(), before)
    assert np.array_equal(fitted.recommend(n=3).rows, rows)
    with pytest.raises(ValueError, match="alpha must be finite"):
        fitted.partial_fit(likes)


def test_training_on_takes_the_present_parameters(likes, fitted):
    loss = fitted.loss(likes)
    fitted.set_params(alpha=3.0).partial_fit(likes, iterations=1)
    assert fitted.state.params["alpha"] == 3.0
    assert fitted.loss(likes) < loss / 2


def test_a_list_of_regularizations_changed_in_place_changes_no_answer(likes, small):
    strengths = [0.1, 0.2]
    model = small(regularization=strengths).fit(likes)
    loss = model.loss(likes)
    strengths[0] = 1e6
    assert model.loss(likes) == loss


def test_a_fit_that_fails_leaves_the_model_as_it_was(likes, fitted):
    before = fitted.state
    for use in (fitted.fit, fitted.partial_fit):
        with pytest.raises(ValueError, match="the largest count is"):
            use(likes * 1e37)
    assert fitted.state is before


def test_repr_shows_sizes(fitted):
    assert isinstance(fitted.state, Factors)
    expected = "Factors(300 users × 200 items, k=4, float32, iterations_done=4)"
    assert repr(fitted.state) == expected


@pytest.fixture
def without_counts(small, likes):
    """A fitted model, and the same model without its training data and with only its pairs."""
    model = small(factors=3, iterations=2).fit(likes)
    matrices = None, model.train_matrix.astype(bool)
    # Training updates factors in place, so each model has its own.
    states = [replace(copy.deepcopy(model.state), train_matrix=matrix) for matrix in matrices]
    return model, *map(WRMF.from_factors, states)


def test_a_model_without_training_data_answers_what_does_not_need_it(without_counts, likes):
    model, no_data, pairs = without_counts
    for other in (no_data, pairs):
        lists = other.recommend(n=4, exclude_seen=False)
        expected = model.recommend(n=4, exclude_seen=False)
        assert np.array_equal(lists.rows, expected.rows)
        assert other.loss(likes) == model.loss(likes)
        assert np.array_equal(other.fold_in_users(likes[:2]), model.fold_in_users(likes[:2]))
    seen = pairs.recommend(n=4, fallback="popular")
    assert np.array_equal(seen.rows, model.recommend(n=4, fallback="popular").rows)


def test_what_needs_training_data_says_that_it_was_not_saved(without_counts, likes):
    _, no_data, pairs = without_counts
    with pytest.raises(ValueError, match="saved without its training data: pass exclude_seen=Fal"):
        no_data.recommend([0])
    with pytest.raises(ValueError, match="no item is known to be popular"):
        no_data.recommend_new(likes[:1] * 0, fallback="popular")
    with pytest.raises(ValueError, match="without its training data: use a file saved with train="):
        no_data.explain(0, 1)
    with pytest.raises(ValueError, match="without the counts of its training data"):
        pairs.explain(0, 1)


def test_training_continues_with_new_data_where_none_was_saved(without_counts, likes):
    model, no_data, pairs = without_counts
    model.partial_fit(likes, iterations=1)
    for other in (no_data, pairs):
        other.partial_fit(likes, iterations=1)
        assert np.array_equal(other.user_factors, model.user_factors)
        assert other.explain(0, 1).equals(model.explain(0, 1))


def test_factors_at_odd_bytes_are_those_at_even_ones():
    def at_odd_bytes(array):
        return np.ndarray(array.shape, array.dtype, b"x" + array.tobytes(), offset=1)

    likes = np.indices((30, 20)).sum(axis=0) % 3 == 0
    expected = WRMF(factors=5, random_state=0).fit(likes, progress=False)
    names = "user_factors", "item_factors"
    moved = {name: at_odd_bytes(getattr(expected.state, name)) for name in names}
    state = replace(expected.state, **moved)
    assert not moved["user_factors"].flags.aligned
    assert state.user_factors.flags.aligned
    assert state.item_factors.flags.aligned
    model = WRMF.from_factors(state, factors=5)
    np.testing.assert_array_equal(model.recommend(n=5).ids, expected.recommend(n=5).ids)
    np.testing.assert_array_equal(model.fold_in_users(likes), expected.fold_in_users(likes))
    assert model.loss(likes) == expected.loss(likes)
