"""A model that was fitted on test pairs is reported."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

import wrmf
from wrmf import Interactions, Split, evaluate
from wrmf.evaluation.cold import TestPart
from wrmf.evaluation.leakage import count_trained_on


class Fitted:
    """What is known of a fitted model's training data."""

    def __init__(self, data, with_ids=True):
        self.train_matrix = data.matrix
        if with_ids:
            self.users, self.items = data.users, data.items


def cells(data):
    """Return the pairs of ids of interactions."""
    frame = data.to_frame()
    return set(zip(frame["user"].tolist(), frame["item"].tolist(), strict=True))


@given(interactions(), st.integers(0, 99))
def test_trained_pairs_are_counted_by_id(matrix, seed):
    generator = np.random.default_rng(seed)
    users = [f"u{row}" for row in range(matrix.shape[0])]
    items = [f"i{column}" for column in range(matrix.shape[1])]
    dense = matrix.toarray() > 0
    in_train, in_test, fitted_on = (dense & (generator.random(dense.shape) < 0.6) for _ in "abc")
    in_train[0, 0] = fitted_on[0, 0] = in_test[0, -1] = True
    train = Interactions(in_train.astype(int), users, items)
    split = Split(train, train.with_matrix(in_test.astype(int)))
    part = TestPart.of(split)
    rows, columns = generator.permutation(dense.shape[0]), generator.permutation(dense.shape[1])
    shuffled = Interactions(
        fitted_on[rows][:, columns].astype(int),
        [users[row] for row in rows],
        [items[column] for column in columns],
    )
    expected = len((cells(shuffled) & cells(split.test)) - cells(split.train))
    assert count_trained_on(Fitted(shuffled), split, part) == expected
    by_position = Fitted(Interactions(fitted_on.astype(int)), with_ids=False)
    assert count_trained_on(by_position, split, part) == expected
    used = shuffled.on_used_axes()
    assert count_trained_on(Fitted(used), split, part) == expected


@pytest.mark.filterwarnings("error")
def test_a_model_of_the_training_part_is_not_reported(likes, tmp_path):
    for split in (
        wrmf.leave_k_out(likes, 2, random_state=0),
        wrmf.split_users(likes, n_test=20, random_state=0),
    ):
        model = wrmf.WRMF(factors=2, iterations=1, random_state=0).fit(split.train)
        model.save(tmp_path / "model.wrmf")
        for fitted in (model, wrmf.load(tmp_path / "model.wrmf")):
            assert evaluate(fitted, split, ["mrr"]).n_trained_on == 0
        by_matrix = wrmf.WRMF(factors=2, iterations=1, random_state=0).fit(split.train.matrix)
        assert evaluate(by_matrix, split, ["mrr"]).n_trained_on == 0


def test_a_model_of_all_data_is_reported(likes):
    split = wrmf.leave_k_out(likes, 2, random_state=0)
    model = wrmf.WRMF(factors=2, iterations=1, random_state=0).fit(likes)
    n = split.test.n_interactions
    with pytest.warns(
        UserWarning, match=f"{n} of {n} test pairs are in the data.*fit it on split"
    ) as caught:
        evaluation = evaluate(model, split, ["mrr"])
    assert caught[0].filename == __file__
    assert evaluation.n_trained_on == n
    assert f"n_trained_on={n}" in repr(evaluation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate(model, split, ["mrr"], on="train").n_trained_on == 0


@pytest.mark.filterwarnings("error")
def test_pairs_that_the_split_has_in_both_parts_are_not_reported():
    split = Split(np.array([[1, 1, 0]]), np.array([[1, 0, 1]]))
    model = wrmf.WRMF(factors=1, random_state=0).fit(np.array([[1, 1, 0]]))
    assert evaluate(model, split, ["mrr"]).n_trained_on == 0


@pytest.mark.filterwarnings("error")
def test_a_matrix_of_another_shape_without_ids_is_not_compared():
    split = Split(np.eye(3), np.roll(np.eye(3), 1, axis=1))
    fitted = Fitted(Interactions(np.ones((4, 3))), with_ids=False)
    assert count_trained_on(fitted, split, TestPart.of(split)) == 0
    fitted.train_matrix = sparse.csr_matrix((3, 3))
    assert count_trained_on(fitted, split, TestPart.of(split)) == 0


def test_test_pairs_that_train_has_are_warned_of_where_nothing_is_found():
    likes = np.indices((6, 6)).sum(axis=0) % 2
    model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
    twice = Split(likes, likes)
    with pytest.warns(UserWarning, match="18 of 18 test pairs are in the training data, too"):
        assert evaluate(model, twice, ["recall@3"])["recall@3"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate(model, twice, ["recall@3"], exclude_seen=False)["recall@3"] == 1
