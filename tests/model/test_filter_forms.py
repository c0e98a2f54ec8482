"""Filters in their forms: masks, tables of items, unknown ids, neighbours and baskets."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from reference_lists import basket_direction, best_items, cosine
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model.filter_forms import split_filters
from wrmf.model.state import Factors

GENRES = np.array(["jazz", "rock", None, "folk"], dtype=object)[np.arange(200) % 4]


@pytest.fixture
def model(likes, small):
    items = [f"i{column}" for column in range(200)]
    names = [f"Item {column}" for column in range(200)]
    return small().fit(Interactions.from_matrix(likes, items=items, item_names=names))


def assert_same(a, b):
    for part in ("users", "ids", "rows", "scores", "counts"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


def test_a_list_is_one_filter_unless_it_holds_filters():
    mask, matrix = np.ones(3, bool), sparse.csr_matrix((2, 3))
    for ids in (
        ["x", ("a", 1)],
        [],
        "x",
        ("x", "y"),
        mask,
        matrix,
        {"ann": ["x"]},
        {"x"},
        [7, None],
    ):
        assert len(split_filters(ids)) == 1
    for filters in ([mask], [["x"], "y"], [matrix, mask], [{"ann": ["x"]}, "x"], [pd.Series([1])]):
        assert split_filters(filters) is filters
    assert split_filters(None) == []


def test_masks_of_every_library_are_the_ids_that_they_select(model):
    mask = np.arange(200) % 3 == 0
    expected = model.recommend(range(20), items=model.items[mask])
    columns = [
        mask,
        np.repeat(mask, 2)[::2],
        pd.Series(mask),
        pd.array(mask, dtype="boolean"),
        pd.Index(mask),
    ]
    columns.append(pd.Series(mask, index=model.items).sample(frac=1, random_state=0))
    columns.append(pytest.importorskip("polars").Series(mask))
    columns.append(pytest.importorskip("pyarrow").array(mask.tolist()))
    for column in columns:
        assert_same(model.recommend(range(20), items=column), expected)
        assert_same(model.recommend(range(20), exclude=[~mask]), expected)
    assert mask.sum() == 67


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"exclude": np.ones(3, bool)},
            "exclude must have one value for each of the 200 model.items",
        ),
        ({"items": {0: np.ones(3, bool)}}, "a mask in items must have one value"),
        ({"items": pd.array([True, None] * 100, dtype="boolean")}, "a mask must have no nulls"),
        (
            {"exclude": sparse.csr_matrix((3, 200))},
            r"a row for each of the 2 users .*got \(3, 200\)",
        ),
        ({"exclude": np.ones((2, 200))}, r"of booleans .* got \(2, 200\) of float64"),
        ({"items": sparse.csr_matrix(-np.ones((2, 200)))}, "negative"),
        ({"items": {0: {"x": ["i1"]}}}, "a mapping in items must have ids or a mask for each user"),
        ({"unknown_items": "drop"}, "unknown_items must be one of"),
        ({"min_score": "1"}, "min_score must be a number, got a str"),
        ({"min_score": float("nan")}, "min_score must be a number, got NaN"),
        ({"diversify": 1}, "diversify must be at least 0 and below 1, got 1"),
        ({"diversify": None}, "diversify must be at least 0 and below 1"),
        ({"item_offset": [1.0, 2.0]}, r"each of the 200 model.items, got shape \(2,\)"),
        ({"item_offset": {"i1": np.inf}}, "item_offset must be finite in float32, got inf"),
        ({"item_offset": np.full(200, 1e300)}, "item_offset must be finite in float32"),
        ({"item_offset": {"i1": "a"}}, "item_offset must be numbers"),
        ({"item_offset": {"new": 1.0}}, "unknown id among items: 'new'"),
        ({"exclude": [["i1"], {"x": ["i1"]}]}, "exclude names 'x', but this call is for 2 other"),
        ({"where": {"genre": "jazz"}}, "assign one to model.item_table"),
    ],
)
def test_filters_that_do_not_fit_are_errors(model, options, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        model.recommend([0, 1], **options)
    path = tmp_path / "lists.csv"
    with pytest.raises((TypeError, ValueError), match=message):
        model.recommend_to(path, [0, 1], **options)
    assert not path.exists()


def test_unknown_items_in_filters_are_skipped_and_counted_on_request(model, tmp_path):
    options = {
        "exclude": [["i1", "new"], {0: ["i2", "other"]}],
        "items": ["Item 1", "i2", "i3", "i4", 7],
        "item_offset": {"i3": 2.0, "gone": 1.0},
    }
    known = {"exclude": [["i1"], {0: ["i2"]}], "items": ["i1", "i2", "i3", "i4"]}
    expected = model.recommend([0, 1], item_offset={"i3": 2.0}, **known)
    with pytest.raises(ValueError, match=r'unknown id among items: .*pass unknown_items="skip"'):
        model.recommend([0, 1], **options)
    message = "filters are applied without unknown id among items: 7 and 3 more"
    with pytest.warns(UserWarning, match=message) as caught:
        lists = model.recommend([0, 1], unknown_items="skip", **options)
    assert caught[0].filename == __file__
    assert_same(lists, expected)
    with pytest.warns(UserWarning, match=message) as caught:
        model.recommend_to(tmp_path / "lists.csv", [0, 1], unknown_items="skip", **options)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.recommend([0, 1], unknown_items="skip", **known)
    with pytest.warns(UserWarning):
        nothing = model.recommend([0], items=["new"], unknown_items="skip")
    assert nothing.counts.tolist() == [0]


def tables():
    """Return tables of items of several libraries, in another order than the model's."""
    order = np.random.default_rng(0).permutation(200)
    columns = {
        "item": [f"i{column}" for column in order],
        "genre": GENRES[order].tolist(),
        "price": order.tolist(),
    }
    frame = pd.DataFrame(columns)
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    return {
        "dict": columns,
        "pandas": frame,
        "index": frame.set_index("item"),
        "polars": polars.DataFrame(columns),
        "lazy": polars.DataFrame(columns).lazy(),
        "arrow": arrow.table(columns),
    }


@pytest.mark.parametrize("library", ["dict", "pandas", "index", "polars", "lazy", "arrow"])
def test_conditions_on_a_table_of_items_are_masks(model, library):
    model.item_table = tables()[library]
    price = np.arange(200)
    jazz, none = GENRES == "jazz", np.equal(GENRES, None)
    for where, mask in (
        ({"genre": "jazz"}, jazz),
        ({"genre": ["jazz", "folk"]}, jazz | (GENRES == "folk")),
        ({"genre": None}, none),
        ({"genre": "jazz", "price": range(50)}, jazz & (price < 50)),
        ({"price": 7}, price == 7),
        ({"genre": "polka"}, np.zeros(200, bool)),
        ({}, np.ones(200, bool)),
    ):
        for users in (range(3), range(40)):
            expected = model.recommend(users, n=60, items=mask)
            assert_same(model.recommend(users, n=60, where=where), expected)
            assert_same(model.recommend(users, n=60, where=where), expected)
        expected = model.similar_items(["i2"], n=60, among=mask)
        assert_same(model.similar_items(["i2"], n=60, where=where), expected)
    if library == "arrow":
        return
    cheap = model.recommend([0, 1], items=price < 50)
    table = model.item_table
    for where in (table["price"] < 50, lambda table: table["price"] < 50):
        assert_same(model.recommend([0, 1], where=where), cheap)
    assert_same(model.recommend([0, 1], where={"price": lambda price: price < 50}), cheap)


def test_a_table_of_items_may_have_more_and_fewer_items_than_the_model(model, small, likes):
    frame = pd.DataFrame({"item": ["i4", "i5", "elsewhere"], "genre": ["jazz", "rock", "jazz"]})
    model.item_table = frame
    message = "item_table has no row for 198 of 200 items of the model"
    with pytest.warns(UserWarning, match=message) as caught:
        lists = model.recommend([0], where={"genre": "jazz"}, exclude_seen=False)
    assert caught[0].filename == __file__
    assert lists.ids.tolist()[0][0] == "i4"
    assert lists.counts.tolist() == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.recommend([0], where={"genre": "rock"})
    again = pickle.loads(pickle.dumps(model))
    assert again.item_table.equals(frame)
    # The table stays when the items of the model change.
    model.fit(Interactions.from_matrix(likes[:, :6], items=[f"i{row}" for row in range(6, 0, -1)]))
    with pytest.warns(UserWarning, match="for 4 of 6 items"):
        assert model.recommend([0], where={"genre": "rock"}, exclude_seen=False).ids[0][0] == "i5"
    model.item_table = None
    assert model.item_table is None
    numbered = small().fit(likes)
    numbered.item_table = frame
    with pytest.raises(ValueError, match=r"none of the items .*\['i4'\], the model such as \[0\]"):
        numbered.recommend([0], where={"genre": "jazz"})


def test_what_is_no_table_or_no_condition_is_explained(model):
    for table, message in (
        (pd.DataFrame({"item": ["i1", "i1"]}), "several rows for 1 items, such as 'i1'"),
        (pytest.importorskip("polars").DataFrame({"id": ["i1"]}), "must have a column 'item'"),
        ([1, 2], "must be a data frame or a dict of columns, got a list"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            model.item_table = table
    model.item_table = table = tables()["index"]
    for where, message in (
        ({"genres": "jazz"}, "no column 'genres'; it has 'genre', 'price'"),
        ("jazz", "where must be a mapping of columns to values"),
        (
            np.ones(3, bool),
            "a boolean for each of the 200 rows of model.item_table, got a ndarray of 3",
        ),
        ({"price": lambda price: price + 1}, "a boolean for each of the 200 rows"),
        ((table["price"] < 5).sort_index(), "must be those of model.item_table, in their order"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            model.recommend([0], where=where)


def of_integers(seed=0):
    generator = np.random.default_rng(seed)
    x, y = (generator.integers(-2, 3, (n, 6)).astype("f4") for n in (5, 120))
    y[7] = 0
    data = Interactions.from_matrix(np.ones((5, 120)))
    return WRMF.from_factors(Factors(x, y, data.users, data.items, data.matrix))


def test_neighbours_under_filters_are_those_of_the_slow_definition():
    model = of_integers()
    y = model.item_factors.astype(float)
    exclude = [[1, 2, 3], {0: [9, 10], 30: [11]}]
    among = [np.arange(120) < 100, {4: range(0, 100, 2), 7: [1]}]
    together = model.similar_items(range(31), n=8, exclude=exclude, among=among, min_score=0.1)
    for item in range(31):
        cosines = np.array([cosine(y[item], row) for row in y])
        left_out = [{1, 2, 3, 7, item}, set(exclude[1].get(item, ()))]
        chosen = [set(range(100)), set(among[1].get(item, range(120)))]
        expected = best_items(cosines, 8, chosen, left_out, 0.1) if item != 7 else []
        count = together.counts[item]
        assert count == len(expected)
        np.testing.assert_allclose(together.scores[item, :count], cosines[expected], rtol=1e-5)
        if item in (0, 3, 4, 7, 30):
            own = [exclude[0]] + [{item: part[item]} for part in exclude[1:] if item in part]
            own_among = [among[0]] + [{item: part[item]} for part in among[1:] if item in part]
            alone = model.similar_items([item], 8, own, own_among, min_score=0.1)
            assert_same(alone, together[[item]])


def test_a_basket_is_the_sum_of_its_directions():
    model = of_integers(1)
    y = model.item_factors.astype(float)
    baskets = {f"basket {row}": [row, (row * 3) % 120, 7, row] for row in range(12)}
    together = model.similar_items(baskets, n=6, basket=True, exclude=[5])
    for row, (name, members) in enumerate(baskets.items()):
        direction = basket_direction(y, members)
        cosines = np.array([cosine(direction, factors) for factors in y])
        expected = best_items(cosines, 6, (), [{5, 7}, set(members)])
        np.testing.assert_allclose(together.scores[row], cosines[expected], rtol=1e-5)
        alone = model.similar_items({name: members}, n=6, basket=True, exclude=[5])
        assert_same(alone, together[[row]])
    one = model.similar_items([3, 9], n=2, basket=True)
    assert one.users.tolist() == [(3, 9)]
    assert list(one.to_frame()) == ["item", "similar_item", "score", "rank"]
    assert_same(model.similar_items([9, 3], n=2, basket=True)[[0]][:0], one[:0])
    assert model.similar_items([9, 3], n=2, basket=True).ids.tolist() == one.ids.tolist()
    for empty in ([7], []):
        assert model.similar_items(empty, n=2, basket=True).counts.tolist() == [0]


def test_an_offset_is_kept_until_it_or_the_factors_change(likes, small):
    model = small().fit(likes).prepare()
    size, offset = model.prepared_bytes, np.zeros(200)
    offset[9] = 1e6
    assert model.recommend([0], n=1, item_offset=offset).ids.tolist() == [[9]]
    kept = model.prepared_bytes
    assert kept > size
    model.recommend([0, 1], item_offset=offset.copy())
    assert model.prepared_bytes == kept
    offset[9], offset[8] = 0, 1e6
    assert model.recommend([0], n=1, item_offset=offset).ids.tolist() == [[8]]
    model.item_factors = model.item_factors
    assert model.prepared_bytes < size


def test_a_model_without_training_data_has_the_filters_that_need_none(model, tmp_path):
    path = tmp_path / "model.wrmf"
    model.save(path, train=False)
    loaded = wrmf.load(path).prepare().prepare(["recommend_users"])
    loaded.item_table = model.item_table = tables()["dict"]
    options = {
        "exclude": [["i1"], {0: ["i2"]}],
        "where": {"genre": "jazz"},
        "item_offset": {"i4": 1.0},
        "min_score": 0.0,
        "diversify": 0.2,
        "exclude_seen": False,
    }
    assert_same(loaded.recommend([0, 1], **options), model.recommend([0, 1], **options))
    users = {"users": range(9), "exclude_seen": False}
    assert_same(loaded.recommend_users("i3", **users), model.recommend_users("i3", **users))
    with pytest.raises(
        ValueError, match="saved without its training data: pass exclude_seen=False"
    ):
        loaded.recommend_users("i3")
