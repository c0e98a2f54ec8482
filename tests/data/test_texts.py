"""Texts as bytes and offsets: equal to arrays of texts, and damage is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf.data import texts as module
from wrmf.data.id_index import IdIndex
from wrmf.data.texts import TextArray, TextIds

# UTF-8 cannot hold lone surrogates, the category Cs.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
lists = st.lists(words, unique=True, min_size=1, max_size=30)


def as_objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@given(lists, st.data())
def test_indexing_equals_that_of_an_object_array(values, data):
    plain, texts = as_objects(values), TextIds.of(values)
    n = len(values)
    rows = data.draw(st.lists(st.integers(-n, n - 1), max_size=6))
    mask = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    for index in (np.array(rows, dtype=np.int64), np.array(mask), slice(1, None, 2)):
        assert texts[index].tolist() == plain[index].tolist()
        assert texts[index].dtype == object
    if rows:
        assert texts[rows[0]] == plain[rows[0]]
        assert texts[np.array([rows])].shape == (1, len(rows))
    assert (len(texts), texts.shape, texts.size) == (n, plain.shape, n)
    assert texts.tolist() == list(texts) == values
    assert np.array_equal(np.asarray(texts), plain)


@given(lists, st.lists(words | st.integers() | st.none() | st.tuples(words), max_size=8))
def test_lookup_equals_that_of_a_dictionary(values, others):
    texts = TextIds.of(values)
    places = {value: place for place, value in enumerate(values)}
    wanted = [*values, *others]
    expected = [places.get(value, -1) for value in wanted]
    assert texts.get_indexer(wanted).tolist() == expected
    assert [value in texts for value in wanted] == [place >= 0 for place in expected]
    texts.check()


def test_many_texts_are_looked_up_as_few_are(monkeypatch):
    values = [f"id {number}" for number in range(50)]
    wanted = [*values, "id", 7, "\ud800", None, ""]
    few = TextIds.of(values).get_indexer(wanted)
    monkeypatch.setattr(module, "MANY", 1)
    assert TextIds.of(values).get_indexer(wanted).tolist() == few.tolist()


def test_ids_that_cannot_be_hashed_are_refused_as_by_pandas():
    with pytest.raises(TypeError, match="ids of users must be hashable"):
        IdIndex(TextIds.of(["a"]), "users").find([["a"]])
    with pytest.raises(ValueError, match="unknown id among users: 'b'; there are 1, such as 'a'"):
        IdIndex(TextIds.of(["a"]), "users").find(["b"])


@pytest.mark.parametrize("index", [3, -4, [0, 3], [-4], np.ones(2, dtype=bool)])
def test_positions_outside_the_array_are_refused(index):
    with pytest.raises(IndexError):
        TextArray.of(["a", "b", "c"])[index]


def test_pandas_and_numpy_take_the_array():
    texts = TextArray.of(["a", "b", "a"])
    assert pd.Index(texts).isin(["a"]).tolist() == [True, False, True]
    assert np.concatenate([texts, ["c"]]).tolist() == ["a", "b", "a", "c"]
    assert np.asarray(texts, dtype=str).dtype.kind == "U"
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(texts)[0] = "x"
    assert np.array(texts, copy=True).flags.writeable


def test_a_copy_by_pickle_is_equal():
    texts = TextIds.of(["b", "ä", ""])
    texts.get_indexer(["b"])
    again = pickle.loads(pickle.dumps(texts))
    assert again.tolist() == texts.tolist()
    assert again.get_indexer(["ä"]).tolist() == [1]


def arrays(content=b"abc", offsets=(0, 1, 3), order=(0, 1)):
    return (
        np.frombuffer(content, np.uint8),
        np.array(offsets, dtype=np.int64),
        np.array(order, dtype=np.int32),
    )


@pytest.mark.parametrize(
    "offsets", [(), (1, 3), (0, 2), (0, 4), (0, 2, 1, 3), (0, -1, 3), (0, 2**62, 3)]
)
def test_offsets_beyond_the_bytes_are_refused(offsets):
    with pytest.raises(ValueError, match="offsets of texts"):
        TextArray(*arrays(offsets=offsets)[:2])


@pytest.mark.parametrize("part", [0, 1, 2], ids=["bytes", "offsets", "order"])
def test_arrays_of_other_types_are_refused(part):
    parts = list(arrays())
    parts[part] = parts[part].astype(np.float32)
    with pytest.raises(ValueError, match="texts"):
        TextIds(*parts)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"content": b"\xffbc"}, "not valid"),
        ({"order": (1, 0)}, "not in the stated order"),
        ({"order": (0, 0)}, "not in the stated order"),
        ({"order": (0, 2)}, "positions that do not exist"),
        ({"order": (-1, 0)}, "positions that do not exist"),
        ({"content": b"aa", "offsets": (0, 1, 2)}, "repeated"),
    ],
)
def test_a_check_of_all_texts_detects_damage(changes, error):
    with pytest.raises(ValueError, match=error):
        TextIds(*arrays(**changes)).check()


def test_a_lookup_in_a_damaged_order_is_an_error():
    with pytest.raises(ValueError, match="damaged"):
        TextIds(*arrays(order=(9, -9))).get_indexer(["a"])
