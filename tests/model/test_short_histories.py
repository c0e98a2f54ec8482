"""Histories by id are looked up in the model's index, and give what a matrix of them gives."""

import numpy as np
import pytest

import wrmf
from wrmf import WRMF, Interactions
from wrmf.data.texts import TextIds


@pytest.fixture(params=["texts", "numbers", "typed"])
def model(request, likes):
    make_id = {"texts": "i{}".format, "numbers": lambda n: 3 * n, "typed": lambda n: ("i", n)}
    ids = [make_id[request.param](n) for n in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, items=ids)
    return WRMF(factors=3, regularization=0.1, iterations=2, random_state=1).fit(data)


def test_a_mapping_gives_what_its_matrix_gives(model, likes):
    columns = [5, 40, 3]
    history = {"new": dict(zip(model.items[columns].tolist(), [1.0, 2.0, 4.0], strict=True))}
    row = np.zeros((1, likes.shape[1]))
    row[0, columns] = 1, 2, 4
    assert np.array_equal(model.fold_in_users(history), model.fold_in_users(row))
    lists = model.recommend_new(history, n=4)
    expected = model.recommend_new(row, n=4)
    assert lists.ids.tolist() == expected.ids.tolist()
    assert np.array_equal(lists.scores, expected.scores)
    assert lists.users.tolist() == ["new"]


def test_a_mapping_of_items_to_counts_is_one_history(model):
    items = model.items.tolist()
    history = {items[5]: 1, items[40]: 2.5, items[3]: 4}
    expected = model.recommend_new({0: history}, n=4)
    assert model.recommend_new(history, n=4) == expected
    assert np.array_equal(model.fold_in_users(history), model.fold_in_users({0: history}))
    with pytest.raises(ValueError, match="unknown id among items: 'other'"):
        model.recommend_new({items[5]: 1, "other": 2.5})
    with pytest.raises(ValueError, match="the history of 0 must map items to counts, finite and"):
        model.recommend_new({items[5]: -1, items[40]: 2.5})


def test_counts_that_may_be_items_are_an_error(likes):
    model = WRMF(factors=2, iterations=1).fit(likes)
    assert len(model.recommend_new({5: 1000, 7: 2}, n=3)) == 1
    with pytest.raises(ValueError, match=r"5: 1 may have counts of items.*\{user: \[item\]\}"):
        model.recommend_new({5: 1, 7: 2})
    # Keys that are no items are users, each with one item.
    assert model.recommend_new({"ann": 5, "bob": 7}, n=3).users.tolist() == ["ann", "bob"]


def test_items_repeated_in_a_list_are_added_up(model):
    a, b = model.items[[4, 9]].tolist()
    twice = model.fold_in_users({0: [a, b, a]})
    assert np.array_equal(twice, model.fold_in_users({0: {a: 2, b: 1}}))


def test_histories_and_interactions_in_any_order_give_the_same(model):
    items = model.items[[9, 4, 7]].tolist()
    data = Interactions.from_matrix(np.array([[1, 2, 3], [0, 0, 1]]), ["a", "b"], items)
    histories = {"a": dict(zip(items, [1, 2, 3], strict=True)), "b": [items[2]]}
    assert np.array_equal(model.fold_in_users(data), model.fold_in_users(histories))


@pytest.mark.parametrize("value", [None, float("nan"), np.datetime64("NaT")])
def test_a_null_id_in_a_history_is_an_error(model, value):
    with pytest.raises(ValueError, match="the history of 'a' holds a null id"):
        model.recommend_new({"a": [model.items.tolist()[0], value]})


def test_unknown_items_of_a_mapping_are_counted_where_they_are_skipped(model):
    known = model.items.tolist()[:2]
    other = {str: "other", int: 10**6, tuple: ("i", 10**6)}[type(known[0])]
    with pytest.raises(ValueError, match='pass unknown="skip"'):
        model.recommend_new({0: [*known, other]})
    with pytest.warns(UserWarning, match="2 of 4 interactions are left out: they are with 1 items"):
        lists = model.recommend_new({0: [*known, other, other]}, unknown="skip")
    assert lists == model.recommend_new({0: known})


def test_a_history_of_a_mapped_model_decodes_no_other_ids(likes, tmp_path):
    data = Interactions.from_matrix(likes, items=[f"i{n}" for n in range(likes.shape[1])])
    WRMF(factors=2, iterations=1).fit(data).save(tmp_path / "m")
    mapped = wrmf.load(tmp_path / "m", mmap=True)
    with pytest.warns(UserWarning, match="left out"):
        mapped.recommend_new({0: ["i3", "i4", "?"]}, unknown="skip")
    assert isinstance(mapped.state.items, TextIds)
    assert "_decoded" not in vars(mapped.state.items)


def test_knows_items_takes_one_or_several_ids(model):
    known = model.items.tolist()[3]
    assert model.knows_items([known, "nothing"]).tolist() == [True, False]
    assert model.knows_items([]).tolist() == []
