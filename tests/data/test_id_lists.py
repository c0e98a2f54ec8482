"""Ids are taken from lists, sets, arrays and columns of every library, by one function."""

import datetime

import numpy as np
import pandas as pd
import pytest

from wrmf import Interactions
from wrmf.data.id_index import IdIndex, object_array
from wrmf.data.id_lists import as_id_list


def polars_series(ids):
    return pytest.importorskip("polars").Series(ids)


def arrow_array(ids):
    return pytest.importorskip("pyarrow").array(ids)


def arrow_chunks(ids):
    return pytest.importorskip("pyarrow").chunked_array([ids[:1], ids[1:]])


# Everything that holds ids in an order.
COLLECTIONS = {
    "list": list,
    "tuple": tuple,
    "generator": lambda ids: (entry for entry in ids),
    "dict_keys": lambda ids: dict.fromkeys(ids).keys(),
    "ndarray": np.array,
    "objects": lambda ids: np.array(ids, dtype=object),
    "Series": pd.Series,
    "Index": pd.Index,
    "Categorical": pd.Categorical,
    "categories": lambda ids: pd.Series(pd.Categorical(ids)),
    "polars": polars_series,
    "arrow": arrow_array,
    "chunks": arrow_chunks,
    "dictionary": lambda ids: arrow_array(ids).dictionary_encode(),
}
every_collection = pytest.mark.parametrize("collect", COLLECTIONS.values(), ids=COLLECTIONS)


@every_collection
@pytest.mark.parametrize("ids", [[3, 1, 2], ["b", "a", "c"]])
def test_every_collection_gives_the_same_list(collect, ids):
    listed = as_id_list(collect(ids))
    assert listed == ids
    assert {type(entry) for entry in listed} == {type(ids[0])}


@pytest.mark.parametrize("collect", [set, frozenset])
def test_sets_are_taken_where_order_does_not_matter(collect):
    assert sorted(as_id_list(collect([3, 1]))) == [1, 3]
    assert as_id_list(range(3)) == [0, 1, 2]


@pytest.mark.parametrize("single", ["ann", b"ann", 7, 1.5, None, datetime.date(2026, 1, 2)])
def test_a_single_id_is_a_list_of_one(single):
    assert as_id_list(single) == [single]


def test_scalars_of_arrays_and_of_arrow_are_ids():
    assert as_id_list(np.int64(3)) == [3]
    assert as_id_list(np.array(3)) == [3]
    for entry in ("ann", 3):
        assert as_id_list(arrow_array([entry])[0]) == [entry]


def test_a_tuple_is_one_id_only_where_the_axis_has_it():
    index = IdIndex(object_array([("a", 1), ("b", 2), "a"]), "users")
    assert index.find(("b", 2)).tolist() == [1]
    assert index.find([("b", 2), ("a", 1)]).tolist() == [1, 0]
    assert index.find((("b", 2), "a")).tolist() == [1, 2]
    assert IdIndex(np.array([4, 5]), "users").find((5, 4)).tolist() == [1, 0]
    with pytest.raises(TypeError, match="ids of users must be hashable"):
        index.find(([1], "a"))


def test_times_stay_times():
    days = np.array(["2026-01-02"], dtype="M8[ns]")
    assert as_id_list(days) == [pd.Timestamp("2026-01-02")]


@pytest.mark.parametrize("kind", ["dict", "pandas", "polars", "lazy", "arrow", "matrix"])
def test_tables_are_no_ids(kind):
    columns = {"user": [1, 2]}
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    table = {
        "dict": columns,
        "pandas": pd.DataFrame(columns),
        "polars": pl.DataFrame(columns),
        "lazy": pl.LazyFrame(columns),
        "arrow": pa.table(columns),
        "matrix": np.eye(2),
    }[kind]
    with pytest.raises(TypeError, match="users must be ids"):
        as_id_list(table, "users")


@pytest.mark.parametrize("mask", [[True, False], np.array([True, False]), (np.True_, np.False_)])
def test_booleans_are_not_taken_for_the_ids_0_and_1(mask):
    with pytest.raises(TypeError, match="users must be ids, got booleans"):
        Interactions(np.eye(2)).user_index(mask)
    assert Interactions(np.eye(2), users=[True, "x"]).user_index([True]).tolist() == [0]


def test_an_array_of_ints_is_found_like_a_list():
    ids = np.array([9, 7, 8])
    for dtype in ("i1", "i4", "i8", "u1", "u8", "f8"):
        positions = IdIndex(ids, "users").find(ids[::-1].astype(dtype))
        assert positions.tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="unknown id among users: 3"):
        IdIndex(ids, "users").find(np.array([3]))
