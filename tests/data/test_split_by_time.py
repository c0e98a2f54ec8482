"""Time splits work on rows: no history leaks, and each part can be split again."""

import datetime
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf import Interactions, read_interactions, split_by_time, split_last


def assert_parts_add_up(data, *parts):
    """Assert that the parts add up to the data, values included, and share no pair."""
    assert (sum(part.matrix for part in parts) != data.matrix).nnz == 0
    assert sum(part.n_interactions for part in parts) == data.n_interactions


def test_split_by_time_moves_the_latest_interactions(likes):
    data = Interactions.from_matrix(likes)
    times = np.random.default_rng(0).integers(0, 50, data.n_interactions)
    split = split_by_time(data, times, test_size=0.1)
    assert_parts_add_up(data, split.train, split.test)
    cutoff = np.sort(times)[-int(0.1 * len(times))]
    assert split.test.n_interactions == (times >= cutoff).sum()
    dates = np.datetime64("2020-01-01") + times
    by_date = split_by_time(data, dates, cutoff="2020-02-01")
    assert by_date.test.n_interactions == (times >= 31).sum()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "there are no times"),
        ({"time": [1, 2]}, "must hold 4 values"),
        ({"time": [1, 2, 3, np.nan], "cutoff": 2}, "row 3: the time is missing"),
        ({"time": list("abcd"), "cutoff": 2}, "row 0: 'a' is no time"),
        ({"time": [1, 2, 3, 4]}, "either test_size or cutoff"),
        ({"time": [1, 2, 3, 4], "cutoff": 9}, "times run from 1 to 4"),
        ({"time": [1, 2, 3, 4], "cutoff": 0}, "times run from 1 to 4"),
    ],
)
def test_errors_name_what_is_wrong_with_times(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        split_by_time(Interactions.from_matrix(np.ones((2, 2))), **options)


@st.composite
def purchases(draw):
    """Rows of a shop, in which users buy the same items again."""
    events = draw(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(0, 9)),
            min_size=2,
            max_size=25,
        )
    )
    return pd.DataFrame(events, columns=["user", "item", "n", "t"])


def as_counts(data):
    frame = data.to_frame()
    return dict(zip(zip(frame["user"], frame["item"], strict=True), frame["value"], strict=True))


@given(table=purchases(), cutoff=st.integers(1, 9))
def test_what_happened_before_the_cut_is_in_train_whatever_happened_later(table, cutoff):
    early, late = table[table["t"] < cutoff], table[table["t"] >= cutoff]
    data = read_interactions(table, value="n", time="t")
    if not len(early) or not len(late):
        with pytest.raises(ValueError, match="times run from"):
            split_by_time(data, cutoff=cutoff)
        return
    split = split_by_time(data, cutoff=cutoff)
    for part, rows in ((split.train, early), (split.test, late)):
        assert as_counts(part) == rows.groupby(["user", "item"])["n"].sum().to_dict()
        assert part.users is data.users
        assert part.items is data.items
    assert (split.train.matrix + split.test.matrix != data.matrix).nnz == 0


@given(table=purchases(), cutoff=st.integers(1, 9), rule=st.sampled_from(["max", "mean"]))
def test_each_part_is_merged_by_the_rule_of_the_data(table, cutoff, rule):
    early, late = table[table["t"] < cutoff], table[table["t"] >= cutoff]
    if not len(early) or not len(late):
        return
    data = read_interactions(table, value="n", time="t", duplicates=rule)
    split = split_by_time(data, cutoff=cutoff)
    for part, rows in ((split.train, early), (split.test, late)):
        expected = rows.groupby(["user", "item"])["n"].agg(rule).to_dict()
        assert as_counts(part) == pytest.approx(expected)


@given(table=purchases(), cutoff=st.integers(1, 9), rule=st.sampled_from(["drop", "last"]))
def test_rows_that_a_rule_drops_are_in_no_part(table, cutoff, rule):
    data = read_interactions(table, value="n", time="t", duplicates=rule)
    try:
        split = split_by_time(data, cutoff=cutoff)
    except ValueError as error:
        assert "times run from" in str(error)
        return
    assert_parts_add_up(data, split.train, split.test)


def test_a_pair_that_was_met_again_stays_in_train():
    table = pd.DataFrame({"user": 1, "item": ["a", "b", "a"], "t": [1, 2, 9]})
    data = read_interactions(table, time="t")
    split = split_by_time(data, cutoff=5)
    assert as_counts(split.train) == {(1, "a"): 1, (1, "b"): 1}
    assert as_counts(split.test) == {(1, "a"): 1}


def test_pairs_seen_in_train_can_be_dropped_and_are_counted():
    table = pd.DataFrame({"user": 1, "item": ["a", "b", "a", "a", "c"], "t": [1, 2, 8, 9, 9]})
    data = read_interactions(table, time="t")
    split = split_by_time(data, cutoff=5, seen="drop")
    assert as_counts(split.train) == {(1, "a"): 1, (1, "b"): 1}
    assert as_counts(split.test) == {(1, "c"): 1}
    assert split.test.counts.seen == 2
    assert "Rows of pairs seen in training, dropped: 2" in str(split.test.summary())
    assert split.test.counts.read == sum(astuple(split.test.counts)[1:])
    with pytest.raises(ValueError, match="1 of pairs that train has"):
        split_by_time(data.filter(items=["a", "b"]), cutoff=9, seen="drop")
    with pytest.raises(ValueError, match=r"seen must be one of \('keep', 'drop'\)"):
        split_by_time(data, cutoff=5, seen="maybe")


@given(table=purchases())
def test_a_train_part_can_be_split_again(table):
    data = read_interactions(table, value="n", time="t")
    times = np.unique(table["t"])
    if len(times) < 3:
        return
    outer = split_by_time(data, cutoff=times[-1])
    inner = split_by_time(outer.train, cutoff=times[-2])
    for part, kept in (
        (inner.train, table["t"] < times[-2]),
        (inner.test, table["t"] == times[-2]),
        (outer.test, table["t"] == times[-1]),
    ):
        expected = table[kept].groupby(["user", "item"])["n"].sum().to_dict()
        assert as_counts(part) == expected
        assert sorted(part.row_times()) == sorted(table["t"][kept])


@pytest.mark.parametrize(
    "cutoff",
    [
        "2024-02-01",
        "2024-02",
        "2024-02-01T01:00:00+01:00",
        datetime.date(2024, 2, 1),
        datetime.datetime(2024, 2, 1, tzinfo=datetime.timezone.utc),
        np.datetime64("2024-02-01"),
        pd.Timestamp("2024-02-01 01:00", tz="Europe/Berlin"),
        pd.Period("2024-02"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-31", "2024-02-01"],
        [datetime.date(2024, 1, 31), datetime.date(2024, 2, 1)],
        pd.to_datetime(["2024-01-31", "2024-02-01"]),
        pd.to_datetime(["2024-01-31", "2024-02-01"]).tz_localize("UTC"),
        pd.PeriodIndex(["2024-01-31", "2024-02-01"], freq="D"),
    ],
    ids=["text", "dates", "datetimes", "zone", "periods"],
)
def test_cutoffs_of_any_kind_go_with_times_of_any_kind(times, cutoff):
    table = pd.DataFrame({"user": [1, 2], "item": [3, 4], "t": times})
    split = split_by_time(read_interactions(table, time="t"), cutoff=cutoff)
    assert split.test.to_frame()["user"].tolist() == [2]


def test_text_that_is_no_time_is_an_error_when_it_is_read():
    table = pd.DataFrame({"user": [1, 2], "item": [3, 4], "t": ["2024-01-31", "soon"]})
    with pytest.raises(ValueError, match="row 1: 'soon' is no time"):
        read_interactions(table, time="t")


def test_a_number_is_no_cutoff_of_dates():
    data = Interactions(np.eye(2), times=["2024-01-31", "2024-02-01"])
    with pytest.raises(TypeError, match="cutoff 5 is a number, but the times are dates"):
        split_by_time(data, cutoff=5)


@given(table=purchases(), k=st.integers(1, 3))
def test_split_last_moves_the_last_rows_of_each_user(table, k):
    data = read_interactions(table, value="n", time="t")
    ordered = table.sort_values("t", kind="stable")
    sizes = table.groupby("user")["t"].transform("size")
    is_last = ordered.groupby("user").cumcount(ascending=False) < k
    late = ordered[is_last & (sizes[ordered.index] > k)]
    if not len(late):
        with pytest.raises(ValueError, match="no user has at least"):
            split_last(data, k)
        return
    split = split_last(data, k)
    assert as_counts(split.test) == late.groupby(["user", "item"])["n"].sum().to_dict()
    assert (split.train.matrix + split.test.matrix != data.matrix).nnz == 0
    assert len(split.train.rows) + len(split.test.rows) == len(table)


def test_split_last_takes_a_share_of_each_user():
    data = Interactions(np.ones((2, 5)), times=np.arange(10))
    split = split_last(data, 0.4)
    assert split.test.matrix.toarray().tolist() == [[0, 0, 0, 1, 1]] * 2
    assert split.test.times.tolist() == [3, 4, 8, 9]


def test_split_last_leaves_users_with_few_rows_in_train():
    matrix = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    data = Interactions(matrix, times=np.arange(6))
    assert split_last(data).users.tolist() == [0, 1]
    assert split_last(data, min_interactions=3).users.tolist() == [0]
    assert split_last(matrix, time=np.arange(6)).users.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": 1.5}, "k must be a share"),
        ({"k": 3}, "no user has at least 4 rows"),
        ({"k": 0.1}, "no user has at least 2 rows of which 0.1"),
        ({"k": 2, "min_interactions": 2}, "min_interactions must be at least 3"),
        ({"seen": "x"}, "seen must be"),
        ({"time": None}, "there are no times"),
    ],
)
def test_errors_name_the_wrong_argument_of_split_last(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        split_last(np.ones((2, 3)), **{"time": np.arange(6), **options})
