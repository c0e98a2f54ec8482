"""Models and splits are matched by id, and an evaluation says what has no training data."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf import Interactions, Split, evaluate
from wrmf.evaluation.evaluate import evaluate_sides

METRICS = ["precision@5", "recall@20", "ndcg@100", "mrr", "auc", "mse"]


@pytest.fixture(scope="module")
def split(likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, users, items)
    return wrmf.split_interactions(data, test_size=0.3, random_state=0)


@pytest.fixture(scope="module")
def model(split):
    return wrmf.WRMF(factors=8, iterations=3, regularization=1.0, random_state=0).fit(split.train)


def exported_again(split, seed=0):
    """Return the same split with users and items in another order."""
    generator = np.random.default_rng(seed)
    rows, columns = (generator.permutation(n) for n in split.train.shape)

    def moved(part):
        matrix = part.matrix[rows][:, columns]
        return Interactions.from_matrix(matrix, part.users[rows], part.items[columns])

    users = np.flatnonzero(np.isin(rows, split.users))
    fold_in = None if split.fold_in is None else moved(split.fold_in)
    return Split(moved(split.train), moved(split.test), users, fold_in)


def both(split):
    return split.train, split.test


def test_a_split_exported_again_in_another_order_scores_the_same(split, model):
    expected = evaluate(model, split, METRICS, per_user=True)
    evaluation = evaluate(model, exported_again(split), METRICS, per_user=True)
    assert dict(evaluation) == pytest.approx(dict(expected), rel=1e-9)
    values, again = (e.per_user.set_index("user").sort_index() for e in (expected, evaluation))
    np.testing.assert_allclose(again, values, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, list, pd.Index, pd.Series])
def test_any_model_with_ids_is_matched_by_them(split, model, kind):
    other = SimpleNamespace(
        user_factors=model.user_factors,
        item_factors=model.item_factors,
        users=kind(model.users),
        items=kind(model.items),
    )
    expected = dict(evaluate(model, split, METRICS))
    assert dict(evaluate(other, exported_again(split), METRICS)) == pytest.approx(expected)


def test_held_out_users_of_another_order_of_items_score_the_same(split):
    data = Interactions.from_matrix(split.train.matrix, split.train.users, split.train.items)
    held_out = wrmf.split_users(data, n_test=40, random_state=0)
    model = wrmf.WRMF(factors=8, iterations=2, random_state=0).fit(held_out.train)
    expected = dict(evaluate(model, held_out, METRICS))
    assert dict(evaluate(model, exported_again(held_out), METRICS)) == pytest.approx(expected)


def test_other_ids_are_an_error_that_names_one(split, model):
    for axis in ("users", "items"):
        parts = []
        for part in both(split):
            ids = {"users": part.users.copy(), "items": part.items.copy()}
            ids[axis][split.users[0]] = "new"
            parts.append(Interactions(part.matrix, ids["users"], ids["items"]))
        with pytest.raises(ValueError, match=f"does not know 'new' among the {axis} of the split"):
            evaluate(model, Split(*parts, split.users))


def test_numbers_that_are_ids_are_not_taken_for_positions(likes):
    data = Interactions.from_matrix(likes, items=np.arange(1, likes.shape[1] + 1))
    model = wrmf.WRMF(factors=2, iterations=1, random_state=0)
    numbered = Split(likes, likes)
    with pytest.raises(ValueError, match="does not know 0 among the items of the split; it has"):
        evaluate(model.fit(data), numbered)


def test_where_one_side_has_no_ids_positions_count(split, model, likes):
    expected = dict(evaluate(model, split, METRICS))
    by_matrix = wrmf.WRMF(**model.get_params()).fit(split.train.matrix)
    assert dict(evaluate(by_matrix, split, METRICS)) == expected
    without_ids = Split(split.train.matrix, split.test.matrix, split.users)
    assert dict(evaluate(model, without_ids, METRICS)) == expected
    plain = SimpleNamespace(user_factors=model.user_factors, item_factors=model.item_factors)
    assert dict(evaluate(plain, split, METRICS)) == expected
    # Whole numbers as ids, too: the model has none that could differ.
    shifted = [
        Interactions(part.matrix, np.arange(1, likes.shape[0] + 1), np.arange(likes.shape[1]) + 5)
        for part in both(split)
    ]
    assert dict(evaluate(by_matrix, Split(*shifted, split.users), METRICS)) == expected


def test_a_saved_model_without_ids_still_has_none(split, tmp_path):
    model = wrmf.WRMF(factors=2, iterations=1, random_state=0).fit(split.train.matrix)
    model.save(tmp_path / "m")
    assert dict(evaluate(wrmf.load(tmp_path / "m"), split)) == dict(evaluate(model, split))


def test_models_of_more_users_than_the_split_are_evaluated(split, model):
    part = slice(20, 120)
    smaller = [
        Interactions(side.matrix[part], side.users[part], side.items) for side in both(split)
    ]
    rows = np.arange(100)
    expected = evaluate(model, Split(*both(split), rows + 20), ["precision@5"])
    assert dict(evaluate(model, Split(*smaller, rows), ["precision@5"])) == dict(expected)


@pytest.fixture
def cold_split():
    """Users 0 and 1 and items 4 and 5 have no training data; user 5 has no test data."""
    train = np.zeros((6, 6))
    train[2:, :4] = np.random.default_rng(0).integers(1, 3, (4, 4))
    train[2:, 3] = [1, 1, 1, 0]
    train[2:4, 0] = 0
    test = np.zeros((6, 6))
    test[[0, 1, 2, 3, 4, 2, 5], [0, 1, 4, 0, 5, 0, 3]] = 1
    users = [f"u{row}" for row in range(6)]
    data = Interactions.from_matrix(train, users=users)
    return Split(data, Interactions.from_matrix(test, users=users), np.arange(6))


@pytest.fixture
def cold_model(cold_split):
    return wrmf.WRMF(factors=2, regularization=0.1, random_state=0).fit(cold_split.train)


def test_cold_users_and_items_are_counted(cold_split, cold_model):
    evaluation = evaluate(cold_model, cold_split, ["recall@2"])
    assert (evaluation.n_cold_users, evaluation.n_cold_items) == (2, 2)
    assert "n_skipped=0, n_cold_users=2, n_cold_items=2" in repr(evaluation)
    assert "cold" not in repr(replace(evaluation, n_cold_users=0, n_cold_items=0))


def test_nothing_is_found_for_cold_users(cold_split, cold_model):
    metrics = ["recall@6", "mrr", "auc"]
    table = evaluate(cold_model, cold_split, metrics, per_user=True).per_user.set_index("user")
    assert (table.loc[["u0", "u1"]] == 0).all(axis=None)
    assert (table.loc["u3"] > 0).all()
    assert cold_model.recommend("u0").counts.tolist() == [0]


def test_cold_users_and_items_are_left_out_on_request(cold_split, cold_model):
    metrics = ["recall@3", "mrr", "auc", "mse"]
    evaluation = evaluate(cold_model, cold_split, metrics, per_user=True, cold="drop")
    test = cold_split.test.matrix.toarray()
    test[:, 4:] = 0
    warm = Split(cold_split.train.matrix, test, [2, 3, 4, 5])
    expected = evaluate(cold_model, warm, metrics)
    assert dict(evaluation) == dict(expected)
    assert evaluation.per_user["user"].tolist() == ["u2", "u3", "u5"]
    # User 4 has cold items only.
    assert (evaluation.n_users, evaluation.n_skipped) == (3, 1)
    assert (evaluation.n_cold_users, evaluation.n_cold_items) == (2, 2)
    sides = evaluate_sides(cold_model, cold_split, metrics, cold="drop")
    assert dict(sides[1]) == dict(evaluation)


def test_cold_users_and_items_are_an_error_on_request(cold_split, cold_model):
    error = "2 users and 2 items of the test part have no training data, such as the user 'u0'"
    with pytest.raises(ValueError, match=error):
        evaluate(cold_model, cold_split, ["mrr"], cold="error")
    items_only = Split(cold_split.train, cold_split.test, [2, 3])
    with pytest.raises(ValueError, match=r"0 users and 1 items .* such as the item 4: pass cold="):
        evaluate(cold_model, items_only, ["mrr"], cold="error")
    warm = Split(cold_split.train, cold_split.test, [3, 5])
    assert evaluate(cold_model, warm, ["mrr"], cold="error").n_users == 2
    with pytest.raises(ValueError, match=r"cold must be one of .*, got 'ignore'"):
        evaluate(cold_model, warm, ["mrr"], cold="ignore")
    with pytest.raises(ValueError, match="none of the 2 test users has training data"):
        evaluate(cold_model, Split(cold_split.train, cold_split.test, [0, 1]), ["mrr"], cold="drop")
