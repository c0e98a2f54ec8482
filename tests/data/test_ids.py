"""Ids come in exactly as they are: never rounded, merged or wrapped, and nulls are no ids."""

import uuid
from decimal import Decimal
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf.data.ids import NULL_TEXTS, encode_all, encode_ids, own_form_ints


def ids_of(column, **options):
    """Return the id of each row, None for null."""
    codes, ids = encode_ids(column, "user", **options)
    assert codes.dtype in (np.int32, np.int64)
    assert set(codes.tolist()) - {-1} == set(range(len(ids)))
    return [None if code < 0 else ids.tolist()[code] for code in codes]


SAME = [
    ["b", "a", "b", None],
    [7, 3, 7],
    [2**63 - 1, -(2**63), 0],
    [True, False, True],
    [b"x", b"y", b"x"],
    [Decimal("1.5"), Decimal("2.5")],
    ["é", "e\u0301", " a", "a"],
]


@pytest.mark.parametrize("ids", SAME)
def test_typed_ids_stay_what_they_are_in_every_container(ids):
    assert ids_of(pd.Series(ids, dtype=object)) == ids
    assert ids_of(pa.array(ids)) == ids
    assert ids_of(pa.chunked_array([pa.array(ids), pa.array(ids)])) == ids * 2
    assert ids_of(pa.array(ids).dictionary_encode()) == ids
    assert ids_of(pd.Series(ids, dtype=object).astype("category")) == ids


def test_ids_are_numbered_by_first_appearance_whatever_the_order_of_categories():
    column = pd.Series(["z", "a", "z"], dtype=pd.CategoricalDtype(["a", "unused", "z"]))
    for ids in (column, pa.array(column), column.astype(str), column.astype("string")):
        codes, distinct = encode_ids(ids, "user")
        assert codes.tolist() == [0, 1, 0]
        assert distinct.tolist() == ["z", "a"]


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", object])
def test_ints_above_2_to_53_survive_a_null_in_their_column(dtype):
    ids = [2**53, 2**53 + 1, None]
    assert ids_of(pd.Series(ids, dtype=dtype)) == ids


@pytest.mark.parametrize("dtype", ["uint64", "UInt64", "uint64[pyarrow]", object])
def test_unsigned_ids_do_not_wrap_to_negative_ones(dtype):
    assert ids_of(pd.Series([2**64 - 1, 5], dtype=dtype)) == [2**64 - 1, 5]
    small = encode_ids(pd.Series([5, 6], dtype=dtype), "user")[1]
    assert small.dtype == np.int64


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "double[pyarrow]", object])
def test_whole_floats_become_ints(dtype):
    assert ids_of(pd.Series([7.0, None, 9.0], dtype=dtype)) == [7, None, 9]
    assert ids_of(pa.array([7.0, None, -0.0, 0.0])) == [7, None, 0, 0]


@pytest.mark.parametrize("value", [0.5, np.inf, 2.0**53, 1e300])
@pytest.mark.parametrize("make", [pd.Series, pa.array, lambda ids: pd.Series(ids, dtype=object)])
def test_floats_that_are_not_exact_ids_are_refused(make, value):
    with pytest.raises(ValueError, match=r"column 'user' holds the float .*text"):
        ids_of(make([1.0, value]))


def test_objects_without_a_type_of_their_own_in_arrow_stay_objects():
    ids = [uuid.UUID(int=1), ("a", 1), pd.Timestamp("2026-01-01"), "x", 7]
    assert ids_of(pd.Series(ids, dtype=object)) == ids
    assert ids_of(pd.Series(pd.to_datetime(["2026-01-01"]))) == [pd.Timestamp("2026-01-01")]
    assert encode_ids(pd.Series([True, 1], dtype=object), "user")[0].tolist() == [0, 1]


def test_equal_decimals_are_one_id():
    assert encode_ids(pd.Series([Decimal("1.0"), Decimal(1)]), "user")[0].tolist() == [0, 0]


def test_a_number_beside_its_text_is_refused():
    # pandas guesses the type of each chunk of a large file, so that one id becomes two.
    with pytest.raises(ValueError, match=r"holds both 1000 and '1000'.*astype\(str\)"):
        ids_of(pd.Series([1000, "x", "1000"], dtype=object))


@pytest.mark.parametrize("text", NULL_TEXTS)
def test_texts_that_mean_null_are_no_ids(text):
    for column in (pa.array(["a", text]), pd.Series(["a", text]), pd.Series(["a", 1, text])):
        assert ids_of(column)[-1] is None
    assert ids_of(pa.array(["a", text]), null_texts=("no",)) == ["a", text]


@pytest.mark.parametrize("ids", [["7", "07", "007"], ["1e2", "100"], ["1.0", "1"], ["+1", "1"]])
def test_texts_of_the_same_number_are_different_ids(ids):
    assert ids_of(pa.array(ids), typed=False) == ids


def test_texts_become_ints_only_where_all_are_the_texts_of_their_ints():
    assert ids_of(pa.array(["7", "-3", "0", None]), typed=False) == [7, -3, 0, None]
    assert ids_of(pa.array(["7", "x"]), typed=False) == ["7", "x"]
    assert ids_of(pa.array(["7", "8"])) == ["7", "8"]
    assert ids_of(pa.array([str(2**63), "1"]), typed=False) == [str(2**63), "1"]


@given(
    st.lists(st.text(st.sampled_from("0123456789-+eE._ ٣"), min_size=1), min_size=1, unique=True)
)
def test_ints_of_texts_give_the_texts_back(texts):
    ints = own_form_ints(pa.array(texts))
    if ints is not None:
        assert [str(number) for number in ints.tolist()] == texts


def test_ids_that_cannot_be_hashed_name_their_row():
    for column in (pd.Series(["a", [1]]), pa.array([[1], [2]])):
        with pytest.raises(TypeError, match=r"in row \d, which cannot be hashed"):
            encode_ids(column, "user")


@pytest.mark.parametrize(
    "column", [pa.nulls(2), pd.Series([None, np.nan]), pa.array([None, None], pa.string())]
)
def test_columns_of_nulls_have_no_ids(column):
    codes, ids = encode_ids(column, "user")
    assert codes.tolist() == [-1, -1]
    assert len(ids) == 0


@pytest.mark.parametrize(
    "column",
    [pa.array([], pa.string()), pa.chunked_array([], pa.int64()), pd.Series([], dtype=str)],
)
def test_empty_columns_have_no_codes(column):
    assert [len(part) for part in encode_ids(column, "user")] == [0, 0]


def test_a_dictionary_with_repeated_and_null_values_is_resolved():
    repeated = pa.DictionaryArray.from_arrays([2, 0, 1, 3], pa.array(["a", "a", "b", None]))
    assert ids_of(repeated) == ["b", "a", "a", None]
    numbers = pa.DictionaryArray.from_arrays([1, 0, None], pa.array([5, 6]))
    assert ids_of(numbers) == [6, 5, None]


def test_dictionaries_of_several_chunks_are_matched_even_if_they_hold_nulls_and_repeats():
    odd = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, 2, 3], pa.int32()), pa.array(["a", "b", None, "b"])
    )
    column = pa.chunked_array([pa.array(["x", "b"]).dictionary_encode(), odd])
    assert ids_of(column) == ["x", "b", "b", "a", None, "b"]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=5),
            st.lists(st.none() | st.integers(0, 4), max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_dictionaries_are_encoded_as_their_texts(parts):
    chunks = [
        pa.DictionaryArray.from_arrays(
            pa.array([code for code in codes if code is None or code < len(ids)], pa.int32()),
            pa.array(ids, pa.string()),
        )
        for ids, codes in parts
    ]
    column = pa.chunked_array(chunks)
    # Parts of the codes are checked in turn, so short parts meet more cases.
    with mock.patch("wrmf.data.ids.PART", 2):
        assert ids_of(column) == column.cast(pa.string()).to_pylist()
        codes, _ = encode_ids(column, "user")
    texts = encode_ids(pd.Series(column.to_pylist(), dtype=object), "user")[0]
    np.testing.assert_array_equal(codes, texts)


def test_codes_of_dictionaries_take_4_bytes():
    texts = pa.array(["b", "a", "NULL", "b"])
    for column in (texts, texts.dictionary_encode(), pa.array([2, 1, 2]).dictionary_encode()):
        assert encode_ids(column, "user")[0].dtype == np.int32


@pytest.mark.parametrize("make", [pa.array, pd.Series])
def test_columns_encoded_at_the_same_time_equal_those_encoded_in_turn(make):
    columns = [(make(["b", "a", "b"]), "user"), (make(["7", "NULL", "8"]), "item")]
    together = encode_all(columns, typed=False)
    for (column, name), (codes, ids) in zip(columns, together, strict=True):
        expected_codes, expected_ids = encode_ids(column, name, typed=False)
        np.testing.assert_array_equal(codes, expected_codes)
        np.testing.assert_array_equal(ids, expected_ids)


def test_of_several_columns_the_first_with_invalid_ids_is_named():
    columns = [(pa.array([name == "good" or 0.5]), name) for name in ("good", "bad", "worse")]
    with pytest.raises(ValueError, match="column 'bad' holds the float"):
        encode_all(columns)


def test_inputs_are_not_changed():
    column = pd.Series([1.0, None, "x"], dtype=object)
    before = column.copy()
    encode_ids(column, "user")
    pd.testing.assert_series_equal(column, before)
