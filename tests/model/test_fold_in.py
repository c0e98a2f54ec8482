"""Factors and recommendations of users and items that were not in the training data."""

import numpy as np
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
