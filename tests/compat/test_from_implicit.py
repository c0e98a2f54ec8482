"""Fitted models of implicit become models of this library, with the same answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from implicit_programs import fitted, make_data

import wrmf
from wrmf.compat import implicit as compat


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(params=["compat", "implicit"])
def package(request):
    return compat if request.param == "compat" else pytest.importorskip("implicit")


def test_lists_neighbours_and_folding_in_are_those_of_the_model(package, data):
    theirs = fitted(package, data)
    model = wrmf.from_implicit(theirs, data.user_items)
    ids, scores = theirs.recommend([2, 5], data.user_items[[2, 5]], N=5)
    lists = model.recommend([2, 5], n=5)
    assert np.array_equal(lists.ids, ids)
    np.testing.assert_allclose(lists.scores, scores, rtol=1e-6)
    assert np.array_equal(model.similar_items(3, n=4).ids[0], theirs.similar_items(3, N=5)[0][1:])
    np.testing.assert_allclose(
        model.fold_in_users(data.user_items[4]),
        theirs.recalculate_user([4], data.user_items[4]),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        model.fold_in_items(data.ratings[4].T),
        theirs.recalculate_item([4], data.ratings[4]),
        rtol=1e-6,
    )


def test_dislikes_are_converted(package, data):
    signed = data.user_items.copy()
    signed.data[::3] *= -1
    theirs = package.als.AlternatingLeastSquares(factors=4, alpha=2.0, random_state=0)
    theirs.fit(signed, show_progress=False)
    model = wrmf.from_implicit(theirs, signed)
    np.testing.assert_allclose(
        model.fold_in_users(signed[[4]]),
        theirs.recalculate_user([4], signed[[4]]),
        rtol=1e-3,
        atol=1e-5,
    )


def test_training_continues_and_is_saved(data, tmp_path):
    model = wrmf.from_implicit(fitted(compat, data), data.user_items)
    before = model.loss(data.user_items)
    assert model.partial_fit(data.user_items, iterations=2).loss(data.user_items) < before
    model.save(tmp_path / "model.wrmf")
    loaded = wrmf.load(tmp_path / "model.wrmf")
    assert loaded.confidence == "raw"
    assert np.array_equal(loaded.item_factors, model.item_factors)


def test_ids_and_names_are_kept(data):
    users = [f"user {row}" for row in range(60)]
    names = [f"item {column}" for column in range(80)]
    model = wrmf.from_implicit(fitted(compat, data), data.user_items, users, item_names=names)
    assert model.recommend("user 3", n=2).names.shape == (1, 2)
    assert model.users[3] == "user 3"


def test_the_model_is_copied(data):
    theirs = fitted(compat, data)
    ours = wrmf.from_implicit(theirs)
    before = ours.user_factors.copy()
    theirs.user_factors[:] = 0
    assert np.array_equal(ours.user_factors, before)


def test_a_model_from_before_version_0_5_takes_its_items_times_users(data):
    theirs = fitted(compat, data, alpha=1.0)
    old = SimpleNamespace(
        user_factors=theirs.user_factors,
        item_factors=theirs.item_factors,
        regularization=theirs.regularization,
        cg_steps=3,
        iterations=4,
    )
    model = wrmf.from_implicit(old, data.ratings)
    assert (abs(model.train_matrix - data.user_items)).nnz == 0
    np.testing.assert_allclose(
        model.fold_in_users(data.user_items[4]), [theirs.recalculate_user(4, data.user_items[4])]
    )


def test_factors_on_a_gpu_are_copied_to_the_cpu(data):
    class Matrix:
        def __init__(self, array):
            self.array = array

        def to_numpy(self):
            return self.array

    theirs = fitted(compat, data)
    on_gpu = SimpleNamespace(
        user_factors=Matrix(theirs.user_factors.astype(np.float16)),
        item_factors=Matrix(theirs.item_factors.astype(np.float16)),
        regularization=0.5,
        alpha=2.0,
        iterations=4,
    )
    assert wrmf.from_implicit(on_gpu).item_factors.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"learning_rate": 0.1}, TypeError, "alternating least squares, got SimpleNamespace"),
        ({"user_factors": None}, ValueError, "not fitted"),
    ],
)
def test_other_models_are_refused(change, error, message):
    fields = {
        "user_factors": np.eye(3),
        "item_factors": np.eye(3),
        "regularization": 1.0,
        "alpha": 1.0,
        **change,
    }
    with pytest.raises(error, match=message):
        wrmf.from_implicit(SimpleNamespace(**fields))


def test_a_matrix_of_another_shape_is_refused(data):
    with pytest.raises(ValueError, match=r"has shape \(80, 60\), the model has 60 users and 80"):
        wrmf.from_implicit(fitted(compat, data), data.ratings)
