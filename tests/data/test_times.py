"""Times of any form become datetime64[us] in UTC, or stay the numbers that they are."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wrmf.data.times import parse_cutoff, parse_duration, parse_times

EAST = datetime.timezone(datetime.timedelta(hours=2))
NOON = datetime.datetime(2024, 1, 31, 12)
NOON_IN_UTC = np.array(["2024-01-31T12:00"], dtype="datetime64[us]")
MIDNIGHT = np.array(["2024-01-31"], dtype="datetime64[us]")


def as_arrow_pandas(values, kind):
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


@pytest.mark.parametrize(
    "column",
    [
        [NOON],
        [pd.Timestamp(NOON)],
        [datetime.datetime(2024, 1, 31, 14, tzinfo=EAST)],
        [np.datetime64(NOON)],
        np.array([NOON], dtype="datetime64[s]"),
        ["2024-01-31T12:00"],
        ["2024-01-31 12:00:00"],
        ["2024-01-31T12:00:00Z"],
        ["2024-01-31T14:00:00+02:00"],
        ["2024-01-31 07:00:00-05"],
        ["2024-01-31 12:00:00 UTC"],
        [" 2024-01-31 12:00:00 "],
        ["2024-01-31 12:00:00.000000000"],
        ["20240131T120000Z"],
        np.array(["2024-01-31T12:00"]),
        pd.Series(["2024-01-31T12:00"], dtype="string"),
        pd.Series(["2024-01-31T12:00"], dtype="category"),
        pd.Series([pd.Timestamp(NOON, tz="UTC")]).dt.tz_convert("Asia/Tokyo"),
        pd.DatetimeIndex([NOON]),
        pd.Series(pd.PeriodIndex(["2024-01-31 12:00"], freq="h")),
        [pd.Period("2024-01-31 12:00", freq="h")],
        pa.array(["2024-01-31T12:00"]),
        pa.array(["2024-01-31T12:00"]).dictionary_encode(),
        pa.chunked_array([["2024-01-31T12:00:00Z"]]),
        pa.array([NOON], pa.timestamp("ns")),
        pa.array([NOON], pa.timestamp("s", "Asia/Tokyo")),
        as_arrow_pandas([NOON], pa.timestamp("ms")),
        as_arrow_pandas(["2024-01-31T12:00"], pa.string()),
    ],
    ids=repr,
)
def test_times_of_any_type_become_microseconds_in_utc(column):
    times = parse_times(column)
    assert times.dtype == "datetime64[us]"
    assert np.array_equal(times, NOON_IN_UTC)


@pytest.mark.parametrize(
    "column",
    [
        [datetime.date(2024, 1, 31)],
        ["2024-01-31"],
        ["2024/01/31"],
        np.array(["2024-01-31"], dtype="datetime64[D]"),
        pa.array([datetime.date(2024, 1, 31)]),
        pd.Series(pd.PeriodIndex(["2024-01-31"], freq="D")),
    ],
    ids=repr,
)
def test_a_date_is_its_first_moment(column):
    assert np.array_equal(parse_times(column), MIDNIGHT)


@pytest.mark.parametrize(
    ("column", "time_format"),
    [
        ([1706702400], "s"),
        ([1706702400.0], "s"),
        (["1706702400"], "s"),
        ([1706702400000], "ms"),
        ([1706702400000000], "us"),
        (np.array([1706702400000000000]), "ns"),
        (pa.array([1706702400]), "s"),
        (pd.Series([1706702400], dtype="Int64"), "s"),
        (["31.01.2024 12:00"], "%d.%m.%Y %H:%M"),
        (["31/Jan/2024:14:00:00 +0200"], "%d/%b/%Y:%H:%M:%S %z"),
        ([2024013112], "%Y%m%d%H"),
        ([2024013112.0], "%Y%m%d%H"),
        ([NOON], "s"),
    ],
    ids=repr,
)
def test_time_format_says_how_numbers_and_text_are_written(column, time_format):
    assert np.array_equal(parse_times(column, time_format=time_format), NOON_IN_UTC)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([3, 1], np.array([3, 1])),
        (["3", "1"], np.array([3, 1])),
        (["3.5", "1"], np.array([3.5, 1])),
        (np.array([3, 1], np.uint8), np.array([3, 1])),
        (pd.Series([3, 1], dtype="Int32"), np.array([3, 1])),
        (pd.Series([3, 1], dtype="category"), np.array([3, 1])),
        ([decimal.Decimal("3.5"), decimal.Decimal(1)], np.array([3.5, 1])),
        (pa.array([3.5, 1]), np.array([3.5, 1])),
        (np.array([2**62 + 1, 1]), np.array([2**62 + 1, 1])),
    ],
    ids=repr,
)
def test_plain_numbers_stay_numbers_without_a_format(column, expected):
    times = parse_times(column)
    assert times.dtype == expected.dtype
    assert np.array_equal(times, expected)


@pytest.mark.parametrize(
    ("column", "error"),
    [
        (["2024-01-31", None], "row 1: the time is missing"),
        (["2024-01-31", ""], "row 1: the time is missing"),
        ([1.0, np.nan], "row 1: the time is missing"),
        (pa.array([1, None]), "row 1: the time is missing"),
        (pd.Series([1, None], dtype="Int64"), "row 1: the time is missing"),
        (np.array(["2024", "NaT"], dtype="datetime64[D]"), "row 1: the time is missing"),
        ([1, np.inf], "row 1: the time is infinite"),
        (["2024-01-31", "soon"], "row 1: 'soon' is no time in ISO 8601 .* pass time_format="),
        (["01/02/2024"], "row 0: '01/02/2024' is no time in ISO 8601"),
        (["2024-01-31T12:00Z", "2024-01-31T12:00"], "row 1: the time has no time zone"),
        ([NOON.replace(tzinfo=EAST), NOON], "row 1: the time has no time zone"),
        (["2024-01-31", 3], "stands among values of other types"),
        ([NOON, "2024-01-31"], "row 1: '2024-01-31'"),
        ([True, False], "must hold dates, datetimes, ISO text or numbers, got bool"),
        ([datetime.time(12)], "must hold dates, .* got time"),
        ([datetime.timedelta(1)], "must hold dates, .* got timedelta"),
        (np.array([1], dtype="timedelta64[s]"), "must hold dates, .* got timedelta"),
        (pa.array([datetime.time(12)]), "must hold dates, .* got time"),
        (np.array([1j]), "must hold dates, .* got complex"),
        ([object()], "must hold dates, .* got object"),
        (np.ones((2, 2)), "must be 1-d"),
        (np.array([2**63], np.uint64), "beyond the range of int64"),
        (np.array([2**60], dtype="datetime64[s]"), "lies in the year"),
    ],
    ids=repr,
)
def test_what_is_no_time_is_an_error_that_names_the_row(column, error):
    with pytest.raises((TypeError, ValueError), match=f"column 'day'.*{error}"):
        parse_times(column, "day")


@pytest.mark.parametrize(
    ("column", "time_format", "error"),
    [
        ([1], "years", "time_format must be one of"),
        ([1706702400000], "s", "beyond the year 9999: which unit"),
        (["2024-01-31"], "s", "must hold numbers for time_format='s'"),
        (["31.01.2024", "2024-01-31"], "%d.%m.%Y", "row 1: '2024-01-31' is not in the time_format"),
    ],
)
def test_times_that_are_not_in_their_format_are_errors(column, time_format, error):
    with pytest.raises(ValueError, match=error):
        parse_times(column, time_format=time_format)


def test_a_polars_series_is_read_like_the_others():
    polars = pytest.importorskip("polars")
    assert np.array_equal(parse_times(polars.Series([NOON])), NOON_IN_UTC)
    assert np.array_equal(parse_times(polars.Series(["2024-01-31T12:00"])), NOON_IN_UTC)


def test_inputs_are_not_changed_by_parsing():
    numbers, dates = np.array([3, 1]), MIDNIGHT.copy()
    parse_times(numbers, time_format="s")
    # What is returned is never the input itself.
    parse_times(numbers)[:] = 0
    parse_times(dates)[:] = NOON
    assert numbers.tolist() == [3, 1]
    assert np.array_equal(dates, MIDNIGHT)


@pytest.mark.parametrize(
    "cutoff",
    [
        "2024-01-31",
        "2024-01-31T02:00:00+02:00",
        datetime.date(2024, 1, 31),
        datetime.datetime(2024, 1, 31, 2, tzinfo=EAST),
        pd.Timestamp("2024-01-31"),
        pd.Timestamp("2024-01-31", tz="UTC"),
        pd.Period("2024-01-31"),
        np.datetime64("2024-01-31"),
    ],
    ids=repr,
)
def test_a_cutoff_of_any_type_is_compared_with_dates(cutoff):
    assert parse_cutoff(cutoff, NOON_IN_UTC) == MIDNIGHT[0]


@pytest.mark.parametrize("cutoff", [5, 5.0, np.int8(5), "5", decimal.Decimal(5)], ids=repr)
def test_a_cutoff_of_any_number_is_compared_with_numbers(cutoff):
    assert parse_cutoff(cutoff, np.array([1, 9])) == 5


@pytest.mark.parametrize(
    ("cutoff", "times", "error"),
    [
        (5, NOON_IN_UTC, "cutoff 5 is a number, but the times are dates .* pass a date"),
        ("2024", np.array([1, 2030]), None),
        ("2024-01-31", np.array([1, 9]), "is a date, but the times are plain numbers from 1 to 9"),
        (True, np.array([1, 9]), "must be a single date"),
        (None, NOON_IN_UTC, "must be a single date"),
        ([1, 2], np.array([1, 9]), "must be a single date"),
        ("soon", NOON_IN_UTC, "must be a single date"),
        (np.nan, np.array([1, 9]), "must be a single date"),
    ],
)
def test_a_cutoff_of_another_kind_than_the_times_is_an_error(cutoff, times, error):
    if error is None:
        assert parse_cutoff(cutoff, times) == 2024
        return
    with pytest.raises((TypeError, ValueError), match=error):
        parse_cutoff(cutoff, times)


def test_durations_have_the_unit_of_the_times():
    two_days = np.timedelta64(2, "D")
    for duration in ("2 days", datetime.timedelta(2), pd.Timedelta(2, "D"), two_days):
        assert parse_duration(duration, MIDNIGHT, "half_life") == two_days
    assert parse_duration(2, np.array([1]), "half_life") == 2.0


@pytest.mark.parametrize(
    ("duration", "times", "error"),
    [
        (30, MIDNIGHT, "half_life 30 has no unit"),
        ("30", MIDNIGHT, "half_life '30' has no unit"),
        ("soon", MIDNIGHT, "must be a duration"),
        ("-2 days", MIDNIGHT, "above 0"),
        (None, MIDNIGHT, "above 0"),
        ("2 days", np.array([1]), "must be a number above 0"),
        (0, np.array([1]), "must be a number above 0"),
    ],
)
def test_durations_without_a_unit_or_not_above_zero_are_errors(duration, times, error):
    with pytest.raises((TypeError, ValueError), match=error):
        parse_duration(duration, times, "half_life")


def test_times_share_no_memory_with_the_array_behind_an_arrow_column():
    for numbers in (np.array([5, 7]), np.array([0.5, 1.5])):
        before = numbers.tolist()
        whole = pa.array(numbers)
        for column in (whole, pa.chunked_array([whole]), pa.chunked_array([whole, whole])):
            times = parse_times(column)
            times[:] = 0
            assert numbers.tolist() == before
