"""Matrices, tables of every library and histories become the same interactions."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

import wrmf
from wrmf import Interactions
from wrmf.data.inputs import as_interactions, is_matrix

COLUMNS = {"user": ["ann", "ann", "bob"], "item": ["x", "y", "y"], "value": [1.0, 2.0, 5.0]}
HISTORIES = {"ann": {"x": 1, "y": 2.0}, "bob": {"y": np.float32(5)}}


def polars_frame(columns):
    return pytest.importorskip("polars").DataFrame(columns)


def narwhals_frame(columns):
    return pytest.importorskip("narwhals").from_native(polars_frame(columns))


class ArrowStream:
    """A table that only exports to arrow."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def arrow_table(columns):
    return pytest.importorskip("pyarrow").table(columns)


def duckdb_relation(columns):
    duckdb = pytest.importorskip("duckdb")
    # Relations of old versions are lost with their connection; that of the module stays.
    return duckdb.from_arrow(arrow_table(columns))


TABLES = {
    "pandas": pd.DataFrame,
    "index": lambda columns: pd.DataFrame(columns).set_index(["user", "item"]),
    "series": lambda columns: pd.DataFrame(columns).set_index(["user", "item"])["value"],
    "categorical": lambda columns: pd.DataFrame(columns).astype({"user": "category"}),
    "polars": polars_frame,
    "lazy": lambda columns: polars_frame(columns).lazy(),
    "narwhals": narwhals_frame,
    "arrow": arrow_table,
    "stream": lambda columns: ArrowStream(arrow_table(columns)),
    "duckdb": duckdb_relation,
}


def assert_same(data, expected):
    assert data.users.tolist() == expected.users.tolist()
    assert data.items.tolist() == expected.items.tolist()
    assert data.matrix.toarray().tolist() == expected.matrix.toarray().tolist()


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_of_every_library_are_read_by_the_names_of_their_columns(make):
    expected = wrmf.read_interactions(pd.DataFrame(COLUMNS), value="value")
    assert_same(as_interactions(make(COLUMNS)), expected)


def test_a_table_without_values_counts_its_rows_as_1():
    without = {name: COLUMNS[name] for name in ("item", "user")}
    assert as_interactions(pd.DataFrame(without)).matrix.data.tolist() == [1, 1, 1]


@given(interactions())
def test_a_frame_of_interactions_gives_them_back(matrix):
    rows, columns = (np.flatnonzero(np.diff(m.indptr)) for m in (matrix, matrix.T.tocsr()))
    data = Interactions(matrix[rows][:, columns])
    again = as_interactions(data.to_frame())
    assert_same(wrmf.data.interactions.align(again, data.users, data.items), data)


def test_times_and_names_of_a_table_are_kept():
    table = pd.DataFrame({**COLUMNS, "time": [3, 4, 5], "item_name": ["X", "Y", "Y"]})
    data = as_interactions(table)
    assert data.times.tolist() == [3, 4, 5]
    assert data.item_names.tolist() == ["X", "Y"]


def test_histories_of_counts_and_of_items():
    expected = wrmf.read_interactions(pd.DataFrame(COLUMNS), value="value")
    assert_same(as_interactions(HISTORIES), expected)
    for collect in (list, tuple, set, np.array, pd.Series, pd.Index, lambda ids: iter(ids)):
        data = as_interactions({"ann": collect(["x"]), "bob": collect(["y", "x"])})
        position = {item: column for column, item in enumerate(data.items.tolist())}
        dense = data.matrix.toarray()
        assert [dense[0, position["x"]], dense[1, position["x"]]] == [1, 1]
        assert [dense[0, position["y"]], dense[1, position["y"]]] == [0, 1]
    assert as_interactions({7: [1, 1, 2]}).matrix.toarray().tolist() == [[2, 1]]
    assert as_interactions({7: 5}).items.tolist() == [5]
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    for column in (pa.array([4, 5]), pa.chunked_array([[4], [5]]), pl.Series([4, 5])):
        assert as_interactions({7: column}).items.tolist() == [4, 5]


@given(st.dictionaries(st.integers(0, 9), st.lists(st.integers(-3, 6), max_size=5), max_size=6))
def test_histories_equal_the_table_of_their_pairs(histories):
    data = as_interactions(histories, allow_empty=True)
    pairs = [(user, item) for user, items in histories.items() for item in items]
    assert data.users.tolist() == list(histories)
    assert data.matrix.sum() == len(pairs)
    for user, item in pairs:
        row, column = data.user_index(user)[0], data.item_index(item)[0]
        assert data.matrix[row, column] == histories[user].count(item)


def test_a_user_of_histories_may_have_no_items():
    data = as_interactions({"ann": [], "bob": ["x"]})
    assert data.matrix.toarray().tolist() == [[0], [1]]
    assert as_interactions({"ann": [], "bob": {}}, allow_empty=True).shape == (2, 0)
    with pytest.raises(ValueError, match="the histories of 2 users hold no item"):
        as_interactions({"ann": [], "bob": {}})


class Tensor:
    """An array of another library."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array.astype(dtype or self.array.dtype)


def test_matrices_have_positions_in_place_of_ids():
    dense = np.array([[1.0, 0], [2, 3]])
    for matrix in (dense, sparse.csc_array(dense), Tensor(dense), np.ma.masked_array(dense)):
        assert is_matrix(matrix)
        data = as_interactions(matrix)
        assert data.matrix.toarray().tolist() == dense.tolist()
        assert data.users.tolist() == [0, 1]
    for other in (pd.DataFrame(COLUMNS), polars_frame(COLUMNS), HISTORIES, Interactions(dense)):
        assert not is_matrix(other)


def test_inputs_are_not_changed():
    frame, histories = pd.DataFrame(COLUMNS), {"ann": {"x": 1}, "bob": ["y", "y"]}
    as_interactions(frame)
    as_interactions(histories)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(COLUMNS))
    assert histories == {"ann": {"x": 1}, "bob": ["y", "y"]}


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (
            [("ann", "x")],
            TypeError,
            r"got list \[\('ann', 'x'\)\]; read files with wrmf.read_inter",
        ),
        ("likes.csv", TypeError, "got str 'likes.csv'; read files"),
        (None, TypeError, "must be Interactions, a users × items matrix .* a table .*got NoneType"),
        (pd.DataFrame({"uid": [1], "item": [2]}), ValueError, "no column 'user'; it has uid, item"),
        (pd.DataFrame(np.eye(2)), ValueError, "no column 'user'; it has 0, 1: .* as an array"),
        ({"user": [1], "item": [2]}, ValueError, "columns or histories: pass columns as a frame"),
        (
            {"ann": {"x": "much"}},
            TypeError,
            "history of 'ann' must map items to counts, .*got 'much'",
        ),
        ({"ann": {"x": True}}, TypeError, r"got True \(bool\)"),
        ({"ann": {"x": -1}}, ValueError, "history of 'ann' .* ≥ 0, got -1"),
        ({"ann": {"x": float("nan")}}, ValueError, "got nan"),
        ({"ann": ["x"], "bob": [None]}, ValueError, "the history of 'bob' holds a null id"),
        ({"ann": pd.DataFrame(COLUMNS)}, TypeError, "the history of 'ann' must be ids, got a Data"),
        ({None: ["x"]}, ValueError, "users holds a null id"),
        ({"ann": {"x": 10**400}}, OverflowError, "too large"),
        ({}, ValueError, "the histories of 0 users hold no item"),
    ],
)
def test_other_data_is_an_error_that_says_what_came(data, kind, message):
    with pytest.raises(kind, match=message):
        as_interactions(data)


def test_decimal_counts_are_numbers_or_explained():
    with pytest.raises(TypeError, match="must map items to counts"):
        as_interactions({"ann": {"x": Decimal(1)}})


@pytest.mark.parametrize("make", [pd.DataFrame, polars_frame], ids=["pandas", "polars"])
def test_splits_take_tables_and_histories(make):
    columns = {"user": [1, 1, 1, 1, 2, 2, 2, 2], "item": [1, 2, 3, 4, 1, 2, 3, 4]}
    histories = {1: [1, 2, 3, 4], 2: [1, 2, 3, 4]}
    expected = wrmf.leave_k_out(wrmf.read_interactions(pd.DataFrame(columns)), 1, random_state=0)
    for data in (make(columns), histories):
        split = wrmf.leave_k_out(data, 1, random_state=0)
        assert_same(split.train, expected.train)
        assert_same(split.test, expected.test)
    split = wrmf.Split(make(columns), {1: [2], 2: []})
    assert split.users.tolist() == [0]
    assert len(list(wrmf.k_folds(histories, 2, random_state=0))) == 2


@pytest.mark.parametrize(
    "make",
    [pd.DataFrame, polars_frame, lambda c: polars_frame(c).lazy(), arrow_table, duckdb_relation],
    ids=["pandas", "polars", "lazy", "arrow", "duckdb"],
)
def test_names_of_items_are_taken_from_tables_of_every_library(make):
    table = make({"id": ["y", "x"], "title": ["Lamp", "Chair"]})
    data = Interactions(np.eye(2), items=["x", "y"]).with_names(table)
    assert data.item_names.tolist() == ["Chair", "Lamp"]
    stream = ArrowStream(arrow_table({"id": ["y", "x"], "title": ["Lamp", "Chair"]}))
    assert data.with_names(stream).item_names.tolist() == ["Chair", "Lamp"]


@pytest.mark.parametrize(
    "make", [pd.DataFrame, polars_frame, lambda c: polars_frame(c).lazy(), arrow_table]
)
def test_a_table_is_no_axis(make):
    with pytest.raises(TypeError, match="users must be a sequence of ids in the order of the axis"):
        Interactions(np.eye(2), users=make({"id": ["y", "x"]}))
    columns = (pd.Series(["x", "y"]), polars_frame({"id": ["x", "y"]})["id"])
    for ids in (*columns, arrow_table({"id": ["x", "y"]})["id"]):
        assert Interactions(np.eye(2), users=ids).users.tolist() == ["x", "y"]
