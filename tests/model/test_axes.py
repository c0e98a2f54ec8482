"""Data is matched to the axes of a model by id, in whatever order it comes."""

import numpy as np
import pytest

from wrmf import Interactions


@pytest.fixture
def data(likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    return Interactions.from_matrix(likes, users, items)


def shuffled(data, seed=0):
    """Return the same interactions with users and items in another order."""
    generator = np.random.default_rng(seed)
    rows, columns = (generator.permutation(n) for n in data.shape)
    return Interactions.from_matrix(
        data.matrix[rows][:, columns], data.users[rows], data.items[columns]
    )


def test_loss_and_partial_fit_take_the_same_ids_in_any_order(data, small):
    model, again = small().fit(data), small().fit(data)
    assert model.loss(shuffled(data)) == model.loss(data)
    model.partial_fit(shuffled(data), iterations=2)
    again.partial_fit(data, iterations=2)
    assert np.array_equal(model.user_factors, again.user_factors)
    assert (model.train_matrix != data.matrix).nnz == 0


def test_a_matrix_is_in_the_order_of_the_model(data, small):
    model = small().fit(data)
    assert model.loss(model.train_matrix) == model.loss(data)
    model.partial_fit(model.train_matrix, iterations=1)


def test_other_ids_are_an_error_that_names_one(data, small):
    model = small().fit(data)
    users = data.users.copy()
    users[3] = "new"
    other = Interactions.from_matrix(data.matrix, users, data.items)
    for use in (model.loss, model.partial_fit):
        with pytest.raises(ValueError, match=r"other user or item ids .*'new'.*call fit"):
            use(other)
    numbered = small().fit(data.matrix)
    with pytest.raises(ValueError, match="or pass the matrix of the data"):
        numbered.loss(data)


def test_fold_in_matches_the_other_side_by_id(data, small):
    model = small().fit(data)
    mixed = shuffled(data)
    rows = [data.users.tolist().index(user) for user in mixed.users]
    columns = [data.items.tolist().index(item) for item in mixed.items]
    np.testing.assert_array_equal(model.fold_in_users(mixed), model.fold_in_users(data)[rows])
    np.testing.assert_array_equal(model.fold_in_items(mixed), model.fold_in_items(data)[columns])
    new = model.recommend_new(mixed, n=5)
    assert new.users.tolist() == mixed.users.tolist()
    expected = model.recommend(mixed.users, n=5)
    np.testing.assert_array_equal(new.ids, expected.ids)


def test_new_items_of_a_part_of_the_users_are_folded_in(data, small):
    model = small().fit(data)
    matrix = np.zeros((data.n_users, 2))
    matrix[[2, 5], [0, 1]] = 1
    part = Interactions.from_matrix(matrix[[5, 2]], ["u5", "u2"], ["new", "newer"])
    np.testing.assert_array_equal(model.fold_in_items(part), model.fold_in_items(matrix))
    unknown = Interactions.from_matrix(matrix[[5, 2]], ["u5", "nobody"], ["new", "newer"])
    with pytest.raises(ValueError, match="unknown id among users: 'nobody'"):
        model.fold_in_items(unknown)


def test_partial_fit_takes_names_that_the_model_lacks(data, small):
    model = small().fit(data)
    names = {item: f"name of {item}" for item in data.items.tolist()}
    named = shuffled(data).with_names(names)
    model.partial_fit(named, iterations=1)
    assert model.item_names.tolist() == [names[item] for item in model.items.tolist()]
    renamed = data.with_names(dict.fromkeys(names, "other"))
    assert model.partial_fit(renamed, iterations=1).item_names[0] == names[model.items[0]]
    assert model.partial_fit(data, iterations=1).item_names[0] == names[model.items[0]]
