"""Factors and recommendations of users and items that were not in the training data."""

import numpy as np
import pytest
import reference

from wrmf import Interactions


def test_fold_in_users_returns_the_trained_factors(likes, small):
    model = small(dtype="float64").fit(likes)
    np.testing.assert_array_equal(model.fold_in_users(likes), model.user_factors)


def test_fold_in_items_is_the_exact_item_solution(likes, small):
    model = small(dtype="float64").fit(likes)
    lambdas = np.full(likes.shape[1], float(model.regularization))
    expected = reference.half_sweep(likes.T.tocsr(), model.user_factors, lambdas, alpha=40.0)
    np.testing.assert_allclose(model.fold_in_items(likes), expected, rtol=1e-8, atol=1e-10)
    assert model.fold_in_items(likes[:, :7]).shape == (7, 4)


def test_fold_in_maps_item_ids(likes, small):
    items = [f"i{column}" for column in range(likes.shape[1])]
    model = small().fit(Interactions.from_matrix(likes, items=items))
    reversed_columns = Interactions.from_matrix(likes[:5, ::-1], items=items[::-1])
    np.testing.assert_array_equal(
        model.fold_in_users(reversed_columns), model.fold_in_users(likes[:5])
    )


def test_recommend_new_equals_recommend_for_the_same_rows(likes, small):
    model = small().fit(likes)
    np.testing.assert_array_equal(
        model.recommend_new(likes[:4], n=5).rows, model.recommend([0, 1, 2, 3], n=5).rows
    )


def named(matrix):
    """Return interactions whose users are u0, u1, … and whose items are i0, i1, …."""
    n_users, n_items = matrix.shape
    items = [f"i{column}" for column in range(n_items)]
    return Interactions.from_matrix(matrix, [f"u{row}" for row in range(n_users)], items)


def test_unknown_items_of_a_history_are_skipped_on_request_and_counted(likes, small):
    model = small().fit(named(likes[:, :190]))
    history = named(likes[:6])
    with pytest.raises(ValueError, match=r'unknown id among items.*pass unknown="skip"'):
        model.fold_in_users(history)
    n_unknown = likes[:6, 190:].nnz
    warning = f"{n_unknown} of {likes[:6].nnz} interactions are left out.* does not have, such as"
    with pytest.warns(UserWarning, match=warning) as caught:
        factors = model.fold_in_users(history, unknown="skip")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(factors, model.fold_in_users(likes[:6, :190]))
    with pytest.warns(UserWarning, match=warning):
        lists = model.recommend_new(history, n=5, unknown="skip")
    expected = model.recommend_new(named(likes[:6, :190]), n=5)
    np.testing.assert_array_equal(lists.ids, expected.ids)
    assert lists.users.tolist() == history.users.tolist()


def test_unknown_users_of_new_items_are_skipped_on_request(likes, small):
    model = small().fit(named(likes[:290]))
    with pytest.warns(UserWarning, match="10 users that the model does not have, such as 'u290'"):
        factors = model.fold_in_items(named(likes[:, [3, 5]]), unknown="skip")
    np.testing.assert_array_equal(factors, model.fold_in_items(likes[:290, [3, 5]]))


def test_a_user_of_only_unknown_items_gets_zeros_and_an_empty_list(likes, small):
    model = small().fit(named(likes))
    history = Interactions.from_matrix(np.eye(2), ["a", "b"], ["i3", "other"])
    with pytest.warns(UserWarning, match="1 of 2 interactions are left out"):
        assert not model.fold_in_users(history, unknown="skip")[1].any()
    with pytest.warns(UserWarning):
        assert model.recommend_new(history, n=3, unknown="skip").counts.tolist() == [3, 0]


def test_items_of_another_type_are_an_error_and_not_unknown(likes, small):
    model = small().fit(named(likes))
    with pytest.raises(TypeError, match="names items by int, such as 0, the model by str"):
        model.fold_in_users(Interactions.from_matrix(likes), unknown="skip")


def test_no_warning_where_every_item_is_known(likes, small, recwarn):
    model = small().fit(named(likes))
    reversed_items = Interactions.from_matrix(likes[:3, ::-1], items=model.items[::-1])
    skipped = model.fold_in_users(reversed_items, unknown="skip")
    np.testing.assert_array_equal(skipped, model.fold_in_users(likes[:3]))
    assert not recwarn.list


@pytest.mark.parametrize("method", ["fold_in_users", "fold_in_items", "recommend_new"])
def test_unknown_must_be_one_of_its_values(likes, small, method):
    model = small().fit(likes)
    with pytest.raises(ValueError, match=r"unknown must be one of \('raise', 'skip'\), got 'drop'"):
        getattr(model, method)(likes, unknown="drop")
