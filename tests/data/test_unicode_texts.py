"""Texts that UTF-8 cannot hold are refused at every way in, by one error that says what to type."""

import numpy as np
import pandas as pd
import pytest

import wrmf

# As a name of a file in Latin 1 has it, where Python expects UTF-8.
LONE = "caf\udce9"
MESSAGE = r"holds 'caf\\udce9', which is no text of Unicode: replace .* as text\.encode\(errors="
IDS = ["ann", "bob", LONE]
LIKES = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]])
FORMS = {
    "list": list,
    "array": lambda ids: np.array(ids, dtype=object),
    "array of texts": np.array,
    "series": lambda ids: pd.Series(ids, dtype=object),
    "index": lambda ids: pd.Index(ids, dtype=object),
    "ids of several types": lambda ids: [1, *ids[1:]],
}


@pytest.fixture
def model():
    data = wrmf.Interactions.from_matrix(LIKES, users=list("abc"), items=list("xyz"))
    return wrmf.WRMF(2, iterations=2, random_state=0).fit(data, progress=False)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("axis", ["users", "items"])
def test_ids_of_an_axis_are_refused(form, axis):
    with pytest.raises(ValueError, match=f"column '{axis}' {MESSAGE}"):
        wrmf.Interactions.from_matrix(LIKES, **{axis: form(IDS)})
    frame = pd.DataFrame({"user": ["ann"], "item": ["x"]})
    with pytest.raises(ValueError, match=MESSAGE):
        wrmf.read_interactions(frame, unknown="drop", **{axis: form(IDS)})


@pytest.mark.parametrize("column", ["user", "item", "name", "event", "time"])
@pytest.mark.parametrize("others", ["ann", 1], ids=["texts", "mixed"])
def test_columns_of_a_frame_are_refused(column, others):
    if column == "time":
        others = "2026-01-31"
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4]})
    frame[column] = pd.Series([others, LONE], dtype=object)
    settings = {
        "name": {"item_name": "name"},
        "event": {"event": "event", "value": {others: 1.0, LONE: 1.0}},
        "time": {"time": "time"},
    }
    with pytest.raises(ValueError, match=MESSAGE):
        wrmf.read_interactions(frame, **settings.get(column, {}))


def test_a_mapping_of_columns_is_refused():
    # Here, some versions of pandas refuse it themselves.
    with pytest.raises(ValueError, match=MESSAGE):
        wrmf.read_interactions({"user": ["ann", LONE], "item": ["x", "y"]})


@pytest.mark.parametrize("histories", [{LONE: ["x"]}, {"a": [LONE]}], ids=["user", "item"])
@pytest.mark.parametrize("method", ["fit", "update"])
def test_histories_are_refused(histories, method, model):
    with pytest.raises(ValueError, match=MESSAGE):
        getattr(model, method)(histories)


def test_the_name_of_a_visitor_is_refused(model):
    with pytest.raises(ValueError, match=MESSAGE):
        model.recommend_new({LONE: ["x"]})


def test_names_of_items_are_refused(model):
    with pytest.raises(ValueError, match=f"item_names {MESSAGE}"):
        wrmf.Interactions.from_matrix(LIKES, item_names=IDS)
    data = wrmf.Interactions.from_matrix(LIKES, items=list("xyz"))
    for names in ({"x": LONE}, pd.Series([LONE], index=["x"], dtype=object)):
        with pytest.raises(ValueError, match=MESSAGE):
            data.with_names(names, missing="id")


@pytest.mark.parametrize("ask", ["recommend", "similar_items", "forget_users", "explain"])
def test_questions_about_such_an_id_find_nobody(ask, model):
    arguments = {"explain": (LONE, "x")}.get(ask, ([LONE],))
    with pytest.raises(ValueError, match=r"unknown id among (users|items): 'caf\\udce9'"):
        getattr(model, ask)(*arguments)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_unknown_users_that_no_table_can_hold_are_refused(ending, model, tmp_path):
    with pytest.raises(ValueError, match=MESSAGE) as error:
        model.recommend_to(tmp_path / f"lists.{ending}", ["a", LONE], unknown="popular")
    assert not isinstance(error.value, UnicodeError)
    assert not list(tmp_path.iterdir())
    lists = model.recommend(["a", LONE], unknown="popular")
    with pytest.raises(ValueError, match=MESSAGE):
        lists.to_frame("pyarrow")


def test_unicode_of_every_kind_is_accepted(tmp_path):
    ids = ["é", "名前", "\U0001f600"]
    data = wrmf.Interactions.from_matrix(LIKES, users=ids, items=ids, item_names=ids)
    model = wrmf.WRMF(2, iterations=2, random_state=0).fit(data, progress=False)
    model.save(tmp_path / "m")
    assert wrmf.load(tmp_path / "m").items.tolist() == ids
    assert set(model.recommend(n=1).to_frame()["user"]) == set(ids)
