"""A model of several members is the mean of models that differ only in their random start."""

import copy

import numpy as np
import pytest
from scipy import sparse

import wrmf
from wrmf.model.members import joined, members_of

SETTINGS = {"factors": 5, "regularization": 0.3, "alpha": 4.0, "iterations": 3}


@pytest.fixture(scope="module")
def likes():
    generator = np.random.default_rng(0)
    counts = (generator.random((60, 40)) < 0.15) * generator.integers(1, 5, (60, 40))
    counts[7] = 0
    return sparse.csr_matrix(counts.astype(np.float32))


def fitted(likes, n_models=4, **params):
    settings = {**SETTINGS, "random_state": 0, **params}
    return wrmf.WRMF(n_models=n_models, **settings).fit(likes)


@pytest.fixture(scope="module")
def model(likes):
    return fitted(likes)


@pytest.fixture(scope="module")
def singles(likes):
    """The members, each trained by itself; they take their starts from one generator."""
    generator = np.random.default_rng(0)
    return [wrmf.WRMF(**SETTINGS, random_state=generator).fit(likes) for _ in range(4)]


def blocks(factors, n=4):
    return np.split(factors, n, axis=1)


def test_members_equal_models_that_are_trained_alone(model, singles):
    for block, single in zip(blocks(model.user_factors), singles, strict=True):
        assert np.array_equal(block, single.user_factors)
    for block, single in zip(blocks(model.item_factors), singles, strict=True):
        assert np.array_equal(block * 4, single.item_factors)


def test_scores_are_the_mean_of_the_members(model, singles):
    scores = [single.user_factors @ single.item_factors.T for single in singles]
    assert np.allclose(
        model.user_factors @ model.item_factors.T, np.mean(scores, axis=0), atol=1e-6
    )


def test_the_loss_is_the_mean_of_the_members(likes, model, singles):
    assert np.isclose(model.loss(likes), np.mean([single.loss(likes) for single in singles]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_models", [2, 3, 4])
def test_folding_in_gives_the_factors_of_training(likes, dtype, n_models):
    model = fitted(likes, n_models, dtype=dtype)
    tolerance = 0 if n_models in (2, 4) else 1e-5
    assert np.allclose(model.fold_in_users(likes), model.user_factors, rtol=0, atol=tolerance)
    assert np.allclose(
        model.fold_in_users(likes[:1]), model.user_factors[:1], rtol=0, atol=tolerance
    )


def test_folded_in_items_are_the_members_items(likes, model, singles):
    together = model.fold_in_items(likes[:, :3])
    for block, single in zip(blocks(together), singles, strict=True):
        assert np.array_equal(block * 4, single.fold_in_items(likes[:, :3]))


def test_contributions_sum_to_the_score(model):
    explained = model.explain(3, 5, n=100)
    assert np.isclose(explained["contribution"].sum(), model.predict(3, 5)[0], atol=1e-5)
    assert abs(explained.attrs["rest"]) < 1e-5


def test_a_new_user_gets_what_a_known_user_gets(likes, model):
    known, new = model.recommend([3], n=5), model.recommend_new(likes[[3]], n=5)
    assert np.array_equal(known.ids, new.ids)
    assert np.array_equal(known.scores, new.scores)


def test_two_runs_equal_one(likes, model):
    two = fitted(likes, iterations=1).partial_fit(likes, iterations=2)
    assert np.array_equal(two.user_factors, model.user_factors)
    assert np.array_equal(two.item_factors, model.item_factors)


def test_a_saved_model_is_the_same(likes, model, tmp_path):
    model.save(tmp_path / "model.wrmf")
    loaded = wrmf.load(tmp_path / "model.wrmf")
    assert loaded.n_models == 4
    assert np.array_equal(loaded.fold_in_users(likes), model.user_factors)


def test_an_update_solves_the_rows_of_every_member(likes, model):
    more = sparse.csr_matrix(([2.0], ([3], [5])), shape=likes.shape)
    changed = copy.deepcopy(model).update(more)
    assert np.array_equal(changed.fold_in_users((likes + more)[[3]])[0], changed.user_factors[3])
    assert not np.array_equal(changed.user_factors[3], model.user_factors[3])
    forgotten = copy.deepcopy(model).forget_users([3])
    assert forgotten.user_factors.shape == (59, 20)


def test_a_warm_start_begins_from_every_member(likes, model):
    again = wrmf.WRMF(**SETTINGS, n_models=4, random_state=1).fit(likes, start=model)
    assert again.loss(likes) < model.loss(likes)
    with pytest.raises(ValueError, match="start has 20 factors, now 5 are asked for"):
        fitted(likes, 1).fit(likes, start=model)


def test_another_number_of_members_needs_a_new_fit(likes, model):
    changed = copy.deepcopy(model).set_params(n_models=2, factors=10)
    with pytest.raises(ValueError, match="n_models=4, now 2 are asked for: call fit"):
        changed.partial_fit(likes)
    assert np.array_equal(changed.fold_in_users(likes), model.user_factors)


@pytest.mark.parametrize("n_models", [0, -1, 1.5, "2", None])
def test_impossible_numbers_of_members_are_refused(likes, n_models):
    with pytest.raises((TypeError, ValueError), match="n_models"):
        fitted(likes, n_models)


def test_members_are_the_same_at_any_number_of_threads(likes, model):
    threaded = fitted(likes, num_threads=3)
    assert np.array_equal(threaded.user_factors, model.user_factors)


def test_the_callback_sees_all_members(likes):
    widths = []
    fitted_model = wrmf.WRMF(**SETTINGS, n_models=2, random_state=0)
    fitted_model.fit(likes, callback=lambda m, done: widths.append(m.item_factors.shape[1]))
    assert widths == [10, 10, 10]


def test_joining_members_inverts_taking_them_apart(model):
    x, y = joined(members_of(model.user_factors, model.item_factors, 4))
    assert np.array_equal(x, model.user_factors)
    assert np.array_equal(y, model.item_factors)
