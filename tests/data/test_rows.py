"""Rows of the same pair are merged by each rule as a slow loop does, and every row is counted."""

from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf import Interactions, read_interactions
from wrmf.data.merging import Pairs
from wrmf.data.rows import DUPLICATES, RowCounts, Rows

USERS, ITEMS = np.arange(3), np.array(["a", "b"], dtype=object)


@st.composite
def rows_of_pairs(draw, timed=None):
    """Rows with repeated pairs, values of 0 and equal times."""
    events = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.integers(0, 1),
                st.sampled_from([0, 0.5, 1, 3]),
                st.integers(0, 4),
            ),
            min_size=1,
            max_size=15,
        )
    )
    users, items, values, times = (np.array(column) for column in zip(*events, strict=True))
    valued = draw(st.booleans())
    timed = draw(st.booleans()) if timed is None else timed
    return Rows(
        USERS,
        ITEMS,
        users,
        items,
        values.astype(float) if valued else None,
        times if timed else None,
    )


def events_by_pair(rows):
    """Return a list of (value, time) in the order of the rows for each pair."""
    times = [0] * len(rows) if rows.times is None else rows.times.tolist()
    events = {}
    for user, item, value, time in zip(
        rows.user_codes.tolist(), rows.item_codes.tolist(), rows.filled_values(), times, strict=True
    ):
        events.setdefault((user, item), []).append((value, time))
    return events


def merged_slowly(rows, duplicates):
    """Return the value of each pair, those of value 0 left out."""
    merged = {}
    for pair, events in events_by_pair(rows).items():
        values = [value for value, _ in events]
        latest = max(range(len(events)), key=lambda i: (events[i][1], i))
        merged[pair] = {
            "sum": sum(values),
            "drop": values[0],
            "last": values[latest],
            "max": max(values),
            "mean": sum(values) / len(values),
            "count": sum(value > 0 for value in values),
        }[duplicates]
    return {pair: value for pair, value in merged.items() if value > 0}


def as_dict(matrix):
    coordinates = matrix.tocoo()
    return {
        (int(row), int(column)): value
        for row, column, value in zip(
            coordinates.row, coordinates.col, coordinates.data, strict=True
        )
    }


@given(rows=rows_of_pairs(), duplicates=st.sampled_from(DUPLICATES[:-1]))
def test_each_rule_merges_as_the_slow_loop(rows, duplicates):
    assert as_dict(rows.merge(duplicates).matrix) == pytest.approx(merged_slowly(rows, duplicates))


@given(rows=rows_of_pairs(), duplicates=st.sampled_from(DUPLICATES[:-1]))
def test_every_row_is_in_one_count(rows, duplicates):
    merged = rows.merge(duplicates)
    read, *reasons = astuple(merged.counts)
    assert read == len(rows) == sum(reasons)
    assert merged.counts.kept == merged.matrix.nnz


@given(rows=rows_of_pairs(timed=True), duplicates=st.sampled_from(DUPLICATES[:-1]))
def test_the_rows_that_are_kept_merge_to_the_same_matrix(rows, duplicates):
    merged = rows.merge(duplicates)
    again = merged.rows.merge(duplicates)
    assert (again.matrix != merged.matrix).nnz == 0
    assert len(again.rows) == len(merged.rows)


def test_merging_without_values_counts_each_row_as_one():
    rows = Rows(USERS, ITEMS, np.array([0, 0, 1]), np.array([1, 1, 0]))
    assert as_dict(rows.merge("sum").matrix) == {(0, 1): 2, (1, 0): 1}
    for rule in ("drop", "last", "max", "mean"):
        assert as_dict(rows.merge(rule).matrix) == {(0, 1): 1, (1, 0): 1}


def test_values_of_small_integers_do_not_overflow():
    values = np.full(300, 100, dtype=np.int8)
    rows = Rows(USERS, ITEMS, np.zeros(300, int), np.zeros(300, int), values, np.arange(300))
    for rule, expected in (("sum", 30_000), ("mean", 100), ("max", 100), ("drop", 100)):
        assert rows.merge(rule).matrix[0, 0] == expected
        assert replace(rows, times=None).merge(rule).matrix[0, 0] == expected


def test_a_first_row_of_value_zero_decides_and_is_counted():
    rows = Rows(USERS, ITEMS, np.array([0, 0, 1]), np.array([1, 1, 0]), np.array([0.0, 5, 2]))
    dropped, added = rows.merge("drop"), rows.merge("sum")
    assert as_dict(dropped.matrix) == {(1, 0): 2}
    assert dropped.counts == RowCounts(read=3, zero=1, repeated=1, kept=1)
    assert as_dict(added.matrix) == {(0, 1): 5, (1, 0): 2}
    assert added.counts == RowCounts(read=3, zero=1, kept=2)


def test_the_time_of_a_pair_is_that_of_the_rows_that_decide():
    events = pd.DataFrame({"user": 1, "item": "a", "n": [1, 2, 3], "t": [5, 9, 7]})
    for rule, value, time in (("sum", 6, 9), ("drop", 1, 5), ("last", 2, 9), ("mean", 2, 9)):
        data = read_interactions(events, value="n", time="t", duplicates=rule)
        assert data.matrix[0, 0] == value, rule
        assert data.times.tolist() == [time], rule


def test_without_times_the_last_row_is_the_last_of_the_source():
    rows = Rows(USERS, ITEMS, np.array([0, 0]), np.array([1, 1]), np.array([5.0, 3]))
    assert rows.merge("last").matrix[0, 1] == 3


def test_repeated_pairs_are_an_error_where_none_may_be():
    rows = Rows(USERS, ITEMS, np.array([0, 2, 2, 2]), np.array([1, 0, 0, 0]))
    with pytest.raises(ValueError, match=r"2 rows repeat .* \(2, 'a'\).*duplicates=\"sum\""):
        rows.merge("error")
    with pytest.raises(ValueError, match="duplicates must be one of"):
        rows.merge("first")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"user_codes": np.array([0, 3])}, "user_codes must lie in 0 … 2"),
        ({"user_codes": np.array([0, -1])}, "user_codes must lie in 0 … 2"),
        ({"item_codes": np.array([0, 2])}, "item_codes must lie in 0 … 1"),
        ({"item_codes": np.array([0])}, "item_codes must hold 2 values"),
        ({"item_codes": np.array([0.0, 1.0])}, "item_codes must be an integer array"),
        ({"values": np.array([1.0])}, "values must hold 2 values"),
        ({"values": np.array([1, -1.0])}, "finite numbers ≥ 0, row 1 holds -1"),
        ({"values": np.array([np.nan, 1])}, "finite numbers ≥ 0, row 0 holds nan"),
        ({"values": np.array([1, np.inf])}, "finite numbers ≥ 0, row 1 holds inf"),
        ({"values": np.array(["2020", "2021"], "datetime64[D]")}, "values must be numbers"),
        ({"values": np.array([1, 2], "timedelta64[s]")}, "values must be numbers"),
        ({"times": np.array([1, 2, 3])}, "times must hold 2 values"),
        ({"item_names": np.array(["x"], object)}, "item_names must hold 2 names"),
    ],
)
def test_rows_that_do_not_fit_their_axes_are_errors(changes, error):
    arrays = {"user_codes": np.array([0, 1]), "item_codes": np.array([0, 1]), **changes}
    with pytest.raises((TypeError, ValueError), match=error):
        Rows(USERS, ITEMS, **arrays)


def test_the_summary_has_a_line_for_each_count_that_is_not_zero():
    counts = RowCounts(read=12, null=2, negative=1, small=3)
    rows = Rows(
        USERS, ITEMS, np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 1, 0]),
        np.array([1.0, 2, 0, 1, 1, 1]), counts=counts,
    )  # fmt: skip
    data = Interactions.from_rows(rows)
    assert str(data.summary()).split("\n")[4:] == [
        "Rows read: 12",
        "Rows with nulls, dropped: 2",
        "Rows of negative value, dropped: 1",
        "Rows of value 0, dropped: 1",
        "Rows of too small value, dropped: 3",
        "Rows that repeat a pair, merged: 1",
        "Rows kept: 4",
    ]
    assert data.summary().duplicate_rows == data.n_duplicates == 1
    assert sum(astuple(data.counts)[1:]) == data.counts.read


def test_rows_that_are_all_interactions_need_no_lines():
    rows = Rows(USERS, ITEMS, np.array([0, 1, 2]), np.array([0, 1, 0]))
    assert len(str(Interactions.from_rows(rows).summary()).split("\n")) == 4


def test_counts_of_what_was_dropped_stand_in_the_error_if_nothing_is_left():
    rows = Rows(USERS, ITEMS, np.array([0]), np.array([0]), np.zeros(1))
    with pytest.raises(ValueError, match=r"no entries are left of 1 rows: .*value 0, dropped: 1"):
        Interactions.from_rows(rows)


def test_inputs_are_not_changed_by_merging():
    codes, values, times = np.array([0, 0]), np.array([0.0, 3]), np.array([9, 4])
    Interactions.from_rows(Rows(USERS, ITEMS, codes, codes, values, times))
    assert (codes.tolist(), values.tolist(), times.tolist()) == ([0, 0], [0, 3], [9, 4])


@pytest.mark.parametrize("times", [[1, np.nan], ["2024-01-01", "NaT"], [1, np.inf]])
def test_missing_times_are_an_error_whoever_made_the_rows(times):
    array = np.array(times, "datetime64[us]" if isinstance(times[0], str) else float)
    codes = np.array([0, 1])
    with pytest.raises(ValueError, match="row 1: the time is"):
        Interactions.from_rows(Rows(USERS, ITEMS, codes, codes, times=array))


def test_times_that_were_not_parsed_are_parsed():
    codes, times = np.array([0, 1]), np.array(["2024-01-01", "2024-01-02"], dtype=object)
    data = Interactions.from_rows(Rows(USERS, ITEMS, codes, codes, times=times))
    assert data.times.dtype == "datetime64[us]"


@given(rows=rows_of_pairs())
def test_counting_pairs_equals_grouping_their_rows(rows):
    for kind in (np.uint8, np.int32, np.int64, np.uint64):
        users, items = rows.user_codes.astype(kind), rows.item_codes.astype(kind)
        counted, groups = Pairs.count(users, items, rows.shape), rows.pairs()
        for name in ("indptr", "indices", "sizes"):
            np.testing.assert_array_equal(getattr(counted, name), getattr(groups, name))


def test_pairs_at_the_far_ends_of_the_largest_axes_are_told_apart():
    n = 2**31 - 1
    codes = np.array([n - 1, 0, n - 1, 0], dtype=np.int32)
    pairs = Pairs.count(np.zeros(4, dtype=np.int32), codes, (1, n))
    assert (pairs.indices.tolist(), pairs.sizes.tolist()) == ([0, n - 1], [2, 2])


@given(
    rows=rows_of_pairs(timed=True),
    duplicates=st.sampled_from([rule for rule in DUPLICATES if rule not in ("last", "error")]),
)
def test_times_change_no_value_unless_they_choose_it(rows, duplicates):
    timed, untimed = rows.merge(duplicates), replace(rows, times=None).merge(duplicates)
    assert timed.counts == untimed.counts
    np.testing.assert_array_equal(timed.matrix.data, untimed.matrix.data)
    np.testing.assert_array_equal(timed.matrix.indices, untimed.matrix.indices)
