"""Users and items that a model forgets: nothing of them is left."""

import copy

import numpy as np
import pytest
import reference
from scipy import sparse

import wrmf
from wrmf import Interactions

KEPT = np.delete(np.arange(300), [3, 20])


@pytest.fixture
def data(likes):
    users = [f"user-{row}-" for row in range(likes.shape[0])]
    items = [f"item-{column}-" for column in range(likes.shape[1])]
    return Interactions.from_matrix(likes, users, items, [f"Name of {item}" for item in items])


@pytest.fixture
def fitted(data, small):
    return small(dtype="float64").fit(data)


def test_forgotten_users_leave_no_row_and_no_entry(likes, fitted):
    before = fitted.state
    fitted.forget_users(["user-3-", "user-20-"])
    assert (fitted.train_matrix != likes[KEPT]).nnz == 0
    assert np.array_equal(fitted.users, before.users[KEPT])
    assert np.array_equal(fitted.user_factors, before.user_factors[KEPT])
    assert not fitted.knows_users(["user-3-", "user-20-"]).any()


def test_items_of_forgotten_users_are_solved_without_them(likes, fitted):
    y = fitted.item_factors.copy()
    report = fitted.forget_users("user-20-").last_update
    touched = likes[[20]].indices
    left = np.delete(np.arange(300), 20)
    y[touched] = reference.half_sweep(
        likes[left][:, touched].T.tocsr(),
        fitted.user_factors,
        np.full(len(touched), 0.1),
        alpha=40.0,
    )
    np.testing.assert_allclose(fitted.item_factors, y, rtol=1e-8, atol=1e-10)
    assert report.changed_items.tolist() == fitted.items[touched].tolist()
    assert report.pairs_removed == len(touched)
    assert str(report).startswith(f"Changed items: {len(touched)}\nPairs removed: {len(touched)}")


def test_forgotten_items_leave_no_column_and_no_name(likes, fitted):
    x = fitted.user_factors.copy()
    names = fitted.item_names
    fitted.forget_items(["item-5-", "Name of item-8-"])
    left = np.delete(np.arange(200), [5, 8])
    assert (fitted.train_matrix != likes[:, left]).nnz == 0
    assert np.array_equal(fitted.item_names, names[left])
    had = np.flatnonzero(likes[:, [5, 8]].sum(axis=1))
    x[had] = reference.half_sweep(
        likes[had][:, left], fitted.item_factors, np.full(len(had), 0.1), alpha=40.0
    )
    np.testing.assert_allclose(fitted.user_factors, x, rtol=1e-8, atol=1e-10)


def test_a_user_whose_items_are_all_forgotten_has_no_factors(data, small):
    matrix = sparse.csr_matrix(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]]))
    model = small().fit(matrix).forget_items(0)
    assert not model.user_factors[0].any()
    assert model.recommend(0, n=1).counts.tolist() == [0]


def test_nothing_of_the_forgotten_is_in_the_file(fitted, tmp_path):
    secret = events = Interactions.from_matrix(
        np.ones((1, 2)), ["secret-user"], ["secret-item", "item-1-"], ["Secret name", "x"]
    )
    fitted.update(events)
    x, y = fitted.user_factors[-1].tobytes(), fitted.item_factors[-1].tobytes()
    for path, is_left in ((tmp_path / "before", True), (tmp_path / "after", False)):
        fitted.save(path)
        content = path.read_bytes()
        for trace in (b"secret-user", b"secret-item", b"Secret name", x, y):
            assert (trace in content) == is_left
        if is_left:
            fitted.forget_users(secret.users).forget_items("secret-item")
    assert "secret" not in repr(vars(fitted)) + repr(vars(fitted.last_update))
    again = wrmf.load(tmp_path / "after")
    assert np.array_equal(again.recommend(n=3).ids, fitted.recommend(n=3).ids)


def test_forgotten_items_are_neither_recommended_nor_known(fitted):
    assert "item-130-" in fitted.recommend(n=5).ids
    fitted.similar_items("item-1-")
    fitted.forget_items("item-130-")
    assert "item-130-" not in fitted.recommend(n=5, fallback="popular").ids
    assert "item-130-" not in fitted.similar_items("item-1-", n=198).ids
    with pytest.raises(ValueError, match="unknown id among items: 'item-130-'"):
        fitted.similar_items("item-130-")


def test_forgetting_again_is_an_error_that_names_the_id(fitted):
    fitted.forget_users("user-3-")
    before = fitted.state
    with pytest.raises(ValueError, match="unknown id among users: 'user-3-'"):
        fitted.forget_users(["user-4-", "user-3-"])
    assert fitted.state is before


def test_forgetting_everything_is_an_error(fitted):
    for forget, ids in ((fitted.forget_users, fitted.users), (fitted.forget_items, fitted.items)):
        with pytest.raises(ValueError, match=r"no interaction would be left of \d+: fit a new"):
            forget(ids)


def test_a_model_of_positions_has_ids_afterwards(likes, small):
    model = small().fit(likes)
    model.forget_users([299])
    assert model.state.numbered
    model.forget_users([0])
    assert not model.state.numbered
    with pytest.raises(TypeError, match="the model has ids, such as the user 1"):
        model.update(likes)


def test_forgetting_and_coming_back_gives_the_training_data_back(data, fitted):
    back = data.filter(users=["user-20-"])
    fitted.forget_users("user-20-").update(back)
    assert fitted.users[-1] == "user-20-"
    assert fitted.train_matrix.nnz == data.n_interactions


def test_earlier_states_are_never_changed(fitted):
    before, state = copy.deepcopy(fitted.state), fitted.state
    fitted.forget_users("user-3-").forget_items("item-5-")
    assert np.array_equal(state.item_factors, before.item_factors)
    assert np.array_equal(state.user_factors, before.user_factors)
    assert (state.train_matrix != before.train_matrix).nnz == 0


def test_knows_users_takes_one_or_several_ids(fitted):
    assert fitted.knows_users("user-3-").tolist() == [True]
    assert fitted.knows_users(["user-3-", "nobody", 3]).tolist() == [True, False, False]
    assert fitted.knows_users([]).tolist() == []


@pytest.mark.parametrize("train", [False, "seen"])
def test_a_model_without_counts_forgets_and_says_what_it_does_not_solve(fitted, tmp_path, train):
    path = tmp_path / "model.wrmf"
    fitted.save(path, train=train)
    model = wrmf.load(path)
    before = model.state
    with pytest.warns(UserWarning, match="the factors of items stay as they are") as caught:
        model.forget_users(["user-3-", "user-20-"])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="the factors of users stay as they are"):
        model.forget_items("Name of item-8-")
    left = np.delete(np.arange(200), 8)
    assert np.array_equal(model.users, before.users[KEPT])
    assert np.array_equal(model.user_factors, before.user_factors[KEPT])
    assert np.array_equal(model.item_factors, before.item_factors[left])
    assert np.array_equal(model.item_names, before.item_names[left])
    if train == "seen":
        assert (model.train_matrix != before.train_matrix[KEPT][:, left]).nnz == 0
    lists = model.recommend(["user-0-"], n=3, exclude_seen=train == "seen")
    assert lists.counts.tolist() == [3]
    model.save(path)
    for secret in ("user-3-", "item-8-"):
        assert secret.encode() not in path.read_bytes()
    with pytest.raises(ValueError, match=r"no (users|interaction) would be left of \d+"):
        model.forget_users(model.users)
