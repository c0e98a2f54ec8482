"""Frames of any library keep their exact values, and are not changed."""

import datetime
import decimal
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from loading import load, rows

from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import load_source
from wrmf.data.ids import encode_ids

BIG = 2**63 + 1


class Stream:
    """A table that is known to no library, but exports itself to arrow."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Convertible:
    def to_pandas(self):
        return pd.DataFrame({"user": ["ann"], "item": [1]})


def test_pandas_frames_stay_what_they_are():
    ids = [uuid.UUID(int=7), ("a", 1), decimal.Decimal("1.50"), b"x"]
    frame = pd.DataFrame({"item": ids, "n": 1, "user": pd.array([BIG, None, 3, 4], dtype="UInt64")})
    before = frame.copy()
    table = load_source(frame, SourceOptions(columns=("user", "item")))
    assert list(table.columns) == ["user", "item"]
    assert table["item"].tolist() == ids
    assert table["user"].dtype == "UInt64"
    assert table["user"].iloc[0] == BIG
    pd.testing.assert_frame_equal(frame, before)


def test_named_levels_of_an_index_are_columns():
    counts = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 1, 2]}).groupby(["user", "item"])
    assert rows(counts.size(), "user", "item", "value") == [("a", 1, 2), ("b", 2, 1)]
    assert rows(counts.size().rename("n"), "n", "item") == [(2, 1), (1, 2)]
    assert rows(pd.DataFrame({"item": [5]}, index=pd.Index(["u"], name="user"))) == [("u", 5)]


@pytest.mark.parametrize("lazy", [False, True])
def test_polars_frames_keep_exact_values(lazy):
    pl = pytest.importorskip("polars")
    moment = datetime.datetime(2026, 11, 26, 1, tzinfo=datetime.timezone.utc)
    frame = pl.DataFrame(
        {
            "text": ["007", None],
            "category": pl.Series(["x", "y"], dtype=pl.Categorical),
            "choice": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x"])),
            "unsigned": pl.Series([BIG, None], dtype=pl.UInt64),
            "signed": [2**60 + 1, None],
            "money": pl.Series([decimal.Decimal("1.50"), None], dtype=pl.Decimal(10, 2)),
            "at": [moment, None],
            "raw": [b"1", b"2"],
            "nested": [{"id": 7}, None],
        }
    )
    expected = frame.to_dict(as_series=False)
    del expected["nested"]
    expected["nested.id"] = [7, None]
    assert load(frame.lazy() if lazy else frame, *expected) == expected


@pytest.mark.parametrize("lazy", [False, True])
def test_polars_columns_that_arrow_cannot_hold_stay_objects(lazy):
    pl = pytest.importorskip("polars")
    objects = [("a", 1), frozenset("b")]
    frame = pl.DataFrame(
        {
            "user": pl.Series(objects, dtype=pl.Object),
            "item": pl.Series([2**100, None], dtype=pl.Int128),
        }
    )
    assert load(frame.lazy() if lazy else frame) == {"user": objects, "item": [2**100, None]}


def test_only_the_wanted_columns_of_lazy_frames_are_computed():
    pl = pytest.importorskip("polars")

    def fail(_):
        raise AssertionError("an unwanted column was computed")

    lazy = pl.LazyFrame({"user": ["a"], "item": [1], "n": [1]}).with_columns(
        n=pl.col("n").map_batches(fail, return_dtype=pl.Int64)
    )
    assert rows(lazy) == [("a", 1)]


def test_relations_and_connections_of_duckdb_are_read():
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    query = """select '007' as "user", 18446744073709551615::UBIGINT as item, 2 as n"""
    assert rows(connection.sql(query)) == [("007", 2**64 - 1)]
    assert rows((connection, query), "item", "user") == [(2**64 - 1, "007")]
    connection.execute(f"create table likes as {query}")
    assert rows((connection, "likes")) == [("007", 2**64 - 1)]


TABLE = pa.table({"user": ["007"], "item": pa.array([BIG], pa.uint64()), "n": [1]})


@pytest.mark.parametrize(
    "source",
    [TABLE, TABLE.to_batches()[0], TABLE.to_reader(), Stream(TABLE)],
    ids=lambda s: type(s).__name__,
)
def test_whatever_exports_itself_to_arrow_is_read(source):
    assert rows(source) == [("007", BIG)]


def test_columns_of_arrow_are_made_plain():
    views = pa.table(
        {
            "user": pa.array(["a", "b"], pa.string_view()),
            "item": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), [7]),
            "kind": pa.DictionaryArray.from_arrays([0, 1], pa.array(["x", None])),
        }
    )
    table = load_source(views, SourceOptions(columns=("user", "item", "kind")))
    assert table.schema.types == [pa.large_string(), pa.int64(), pa.string()]
    assert table.to_pydict() == {"user": ["a", "b"], "item": [7, 7], "kind": ["x", None]}


def test_dictionaries_of_several_chunks_become_one():
    chunks = [pa.array(["x", "y"]).dictionary_encode(), pa.array(["z", "x"]).dictionary_encode()]
    table = pa.table({"user": pa.chunked_array(chunks)})
    column = load_source(table, SourceOptions()).column("user")
    assert column.to_pylist() == ["x", "y", "z", "x"]
    codes, ids = encode_ids(column, "user")
    assert (codes.tolist(), ids.tolist()) == ([0, 1, 2, 0], ["x", "y", "z"])
    assert codes.dtype == np.int32


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        (Convertible(), ("user", "item")),
        ({"user": ["ann"], "item": [1]}, ("user", "item")),
        ([("ann", 1)], (0, 1)),
        ([{"user": "ann", "item": 1}], ("user", "item")),
        (np.array([("ann", 1)], dtype=[("user", object), ("item", int)]), ("user", "item")),
        (np.array([["ann", 1]], dtype=object), (0, 1)),
    ],
)
def test_records_dicts_and_arrays_are_tables(source, columns):
    assert rows(source, *columns) == [("ann", 1)]


def test_records_with_nulls_keep_large_ints():
    assert rows([{"user": 2**60 + 1, "item": "a"}, {"user": None, "item": "b"}]) == [
        (2**60 + 1, "a"),
        (None, "b"),
    ]


def test_several_frames_of_different_libraries_are_joined():
    first = pd.DataFrame({"n": [1], "user": pd.array([2**60 + 1], dtype="Int64")})
    second = pa.table({"user": pa.array([None, 5], pa.int32())})
    assert load([first, second], "user") == {"user": [2**60 + 1, None, 5]}


def test_several_frames_with_objects_keep_them():
    tuples = pd.DataFrame({"user": [("a", 1)]})
    assert load([tuples, tuples, pd.DataFrame({"user": ["b"]})], "user") == {
        "user": [("a", 1), ("a", 1), "b"]
    }


def test_frames_of_different_kinds_are_an_error():
    with pytest.raises(
        ValueError, match=r"column 'user' is .*string in source 1, but int64 in sour"
    ):
        load([pd.DataFrame({"user": [1]}), pd.DataFrame({"user": ["1"]})], "user")


@pytest.mark.parametrize(
    ("source", "columns", "error"),
    [
        (pd.DataFrame({"uid": [1]}), ("user",), r"no column 'user'; the columns are \['uid'\]"),
        (TABLE, ("uid",), "no column 'uid'"),
        (TABLE, (3,), "no column 3 .*counted from 0, there are 3"),
        (TABLE, (-1,), "no column -1"),
        (pd.DataFrame([[1, 2]], columns=["user", "user"]), ("user",), "two columns are called"),
        (pa.table([[1], [2]], names=["user", "user"]), ("user",), "two columns are called"),
    ],
)
def test_missing_and_repeated_columns_are_errors(source, columns, error):
    with pytest.raises(ValueError, match=error):
        load(source, *columns)


def test_repeated_names_may_be_told_by_position():
    assert rows(pa.table([[1], [2]], names=["user", "user"]).to_reader(), 1) == [(2,)]
    frame = pd.DataFrame([[1, 2]], columns=["user", "user"])
    assert load_source(frame, SourceOptions(columns=(1,))).iloc[0, 0] == 2


@pytest.mark.parametrize("source", [7, None, [], (), np.arange(3), np.array(1), b"x.csv", object()])
def test_what_is_no_table_is_a_type_error(source):
    with pytest.raises(TypeError, match=r"source must be a path or a data frame|is an array of sh"):
        load(source)
