"""The index of ids against a plain search."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf.data.axes import as_ids
from wrmf.data.id_index import IdIndex, object_array

# More look-ups than are taken together.
MANY = 150

AXES = {
    "int": np.array([5, -3, 2**53 + 1], dtype=np.int64),
    "range": np.arange(7),
    "str": object_array(["5", "a", "ä", "a b"]),
    "tuple": object_array([(1, 2), ("1", 2)]),
    "mixed": object_array([5, "7", (1, 2), b"x", 2**70, Decimal("2.5")]),
    "date": object_array([dt.date(2020, 1, 1), dt.date(2021, 1, 1)]),
    "time": object_array([pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")]),
    "empty": object_array([]),
}
WANTED = st.one_of(
    st.integers(-4, 8),
    st.sampled_from([5.0, 2.5, 5j, float("nan"), float("inf"), None, 2**53 + 1, 2.0**53, 2**70]),
    st.sampled_from(["5", "7", "a", "", b"x", (1, 2), ("1", 2), True, Decimal(5), np.int8(5)]),
    st.sampled_from([np.float32(5), np.str_("a"), np.True_, 2**64 + 5]),
)


def position_of(ids, wanted):
    """Return the position of the id that is equal to ``wanted``; True and False equal no int."""
    if isinstance(wanted, (bool, np.bool_)):
        return -1
    equal = [
        place
        for place, id_ in enumerate(ids.tolist())
        if hash(id_) == hash(wanted) and id_ == wanted
    ]
    return equal[0] if equal else -1


@pytest.mark.parametrize("axis", ["int", "range", "str", "tuple", "mixed", "empty"])
@given(wanted=st.lists(WANTED, max_size=6), times=st.sampled_from([1, MANY]))
def test_an_id_is_found_where_a_plain_search_finds_it(axis, wanted, times):
    ids = AXES[axis]
    expected = [position_of(ids, value) for value in wanted] * times
    assert IdIndex(ids, "items").positions(wanted * times).tolist() == expected


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("copies", [1, MANY])
def test_every_id_of_an_axis_is_found(axis, copies):
    ids = AXES[axis]
    index = IdIndex(ids, "items")
    expected = np.arange(len(ids))
    for wanted in (ids, ids.tolist(), pd.Series(ids), iter(ids)):
        assert index.find(wanted).tolist() == expected.tolist()
    assert index.find(ids.tolist() * copies).tolist() == expected.tolist() * copies
    for place, id_ in enumerate(ids.tolist()):
        assert index.find([id_]).tolist() == [place]


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.int64, ">i4"])
@pytest.mark.parametrize("copies", [1, MANY])
def test_arrays_of_any_whole_type_are_looked_up(dtype, copies):
    index = IdIndex(AXES["int"], "users")
    assert index.find(np.array([5] * copies, dtype=dtype)).tolist() == [0] * copies


@pytest.mark.parametrize("copies", [1, MANY])
def test_unknown_ids_are_named_and_counted(copies):
    index = IdIndex(AXES["str"], "items")
    with pytest.raises(ValueError, match=r"unknown id among items: 7.*; there are 4, such as '5'"):
        index.find([7] * copies + ["a"])
    with pytest.raises(ValueError, match=r"unknown id among users: 9 and 1 more"):
        IdIndex(AXES["int"], "users").find(np.array([9, 5, 8]))
    with pytest.raises(TypeError, match="ids of items must be hashable"):
        index.find([["a"]] * copies)


def test_the_size_of_the_table_is_stated():
    assert 12 * 10**6 < IdIndex(np.arange(10**6)[::-1], "users").nbytes < 24 * 10**6
    assert IdIndex(np.arange(10**6), "users").nbytes == 0


@pytest.mark.parametrize("kind", ["int", "str"])
def test_ids_that_share_slots_are_told_apart(kind):
    generator = np.random.default_rng(0)
    values = np.unique(generator.integers(-(10**6), 10**6, 5000))
    generator.shuffle(values)
    ids = values if kind == "int" else object_array([f"id {value}" for value in values])
    known, unknown = ids[:3000], ids[3000:]
    index = IdIndex(known, "users")
    # Texts are compared by what they say, not by where they are.
    wanted = [f"{id_}" for id_ in ids] if kind == "str" else ids
    expected = [*range(3000), *[-1] * len(unknown)]
    assert index.positions(wanted).tolist() == expected
    assert [index.positions([id_])[0] for id_ in list(wanted)[2990:3010]] == expected[2990:3010]


@pytest.mark.parametrize("ids", [np.array([3, 4, 3]), object_array(["a", "b", "".join("a")])])
def test_an_id_that_is_there_twice_is_an_error(ids):
    with pytest.raises(ValueError, match="users hold an id twice"):
        IdIndex(ids, "users")


def test_a_text_of_a_subclass_is_found_by_what_it_says():
    class Name(str):
        def __hash__(self):
            return 7

        def __eq__(self, other):
            return True

    ids = object_array(["a", Name("b"), np.str_("c")])
    index = IdIndex(ids, "users")
    assert index.positions([Name("a"), "b", Name("c"), Name("d")]).tolist() == [0, 1, 2, -1]


def test_ids_that_are_written_to_later_crash_nothing():
    ids = object_array([f"id {place}" for place in range(100)])
    index = IdIndex(ids, "users")
    ids[3], ids[4] = None, "another"
    assert index.positions(["id 3", "id 4", "id 5"]).tolist() == [-1, -1, 5]


@pytest.mark.parametrize(
    ("ids", "asked", "near"),
    [
        (["Emma", "Dune"], "emma", "'Emma'"),
        (["ann", "bob"], " Bob ", "'bob'"),
        (["7", "8"], 8, "'8'"),
        (["7", "8"], np.int64(8), "'8'"),
        ([7, 8], "8", "8"),
    ],
)
def test_an_id_of_another_type_or_with_other_capitals_is_named(ids, asked, near):
    index = IdIndex(as_ids(ids, None, "items"), "items")
    with pytest.raises(ValueError, match=rf"\(did you mean {near}\?\); there are 2, such as"):
        index.find([asked])


@pytest.mark.parametrize("asked", ["08", "Ann Lee", 9, 2.5, ("7",), None, "٧"])
def test_an_id_that_is_like_none_is_named_alone(asked):
    with pytest.raises(ValueError, match=r"^unknown id among items: [^?]*; there are 2"):
        IdIndex(as_ids([7, 8], None, "items"), "items").find([asked])


def test_a_long_id_does_not_fill_a_message():
    with pytest.raises(
        ValueError, match=r"among users: '[x]{99}… \(5,002 characters\); there are 1"
    ):
        index = IdIndex(np.array(["y" * 5000], dtype=object), "users")
        index.refuse_unknown(["x" * 5000], np.array([-1]))
