"""Convert times of any form to datetime64[us] in UTC; plain numbers stay numbers."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from wrmf.data.checks import is_number
from wrmf.data.choices import shown
from wrmf.data.pandas_types import is_pandas_index, is_pandas_series
from wrmf.data.unicode_texts import refusing_surrogates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EPOCH_UNITS", "is_parsed", "parse_cutoff", "parse_duration", "parse_times"]

# The number of microseconds in each unit of times since 1970 that ``time_format`` may name.
EPOCH_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
MICROSECONDS = np.dtype("datetime64[us]")
# FIRST and LAST limit the range of Python's datetime, in microseconds since 1970. Times outside of
# it probably come from a wrong unit.
FIRST, LAST = (
    int(np.datetime64(day, "us").astype(np.int64))
    for day in ("0001-01-01", "9999-12-31T23:59:59.999999")
)
# ZONE matches a time zone at the end of a text. TIME_OF_DAY_WITH_ZONE requires a time of day before
# the zone, because the end of a date such as 2024-01-31 looks like a zone.
ZONE = r"(Z|z|[+-]\d{2}(:?\d{2})?)$"
TIME_OF_DAY_WITH_ZONE = r"[T ]\d{2}.*" + ZONE


def parse_times(column: Any, name: str = "time", time_format: str | None = None) -> np.ndarray:
    """Return the times of a column as datetime64[us] in UTC, or as int64 or float64 numbers.

    Parameters
    ----------
    column : pandas or polars Series, arrow array, ndarray or sequence
        Datetimes, with or without a time zone, dates, periods (their start), ISO 8601 text or
        numbers, also as text. Without ``time_format``, numbers stay numbers.
    name : str, default "time"
        What error messages call the column.
    time_format : str, optional
        The unit of epochs, ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``, or a pattern of ``strptime``
        such as ``"%d.%m.%Y %H:%M"``. Datetimes need none.

    Raises
    ------
    TypeError, ValueError
        For missing times, values that are no times, times with and without a zone in one column,
        and an unknown ``time_format``. The row is counted from 0.

    Examples
    --------
    >>> import pandas as pd
    >>> parse_times(pd.Series(["2024-01-31T12:00:00+02:00"]))
    array(['2024-01-31T10:00:00.000000'], dtype='datetime64[us]')
    >>> parse_times([1700000000], time_format="s")
    array(['2023-11-14T22:13:20.000000'], dtype='datetime64[us]')
    """
    if not (time_format is None or time_format in EPOCH_UNITS or "%" in str(time_format)):
        raise ValueError(
            f"time_format must be one of {list(EPOCH_UNITS)} or a pattern such as "
            f"'%Y-%m-%d %H:%M', got {shown(time_format)}"
        )
    values = _as_numpy_or_text(column, name)
    if not isinstance(values, np.ndarray):
        return _parse_text(values, name, time_format)
    if values.dtype.kind == "M":
        return _as_microseconds(values, name)
    if time_format is None:
        return values
    if time_format in EPOCH_UNITS:
        return _from_epoch(values, name, time_format)
    # Dates written as one number, such as 20240131.
    return _parse_text(_text_of_numbers(values), name, time_format)


def is_parsed(times: Any) -> bool:
    """Return whether times have the form that :func:`parse_times` returns, none of them missing."""
    if not isinstance(times, np.ndarray) or times.dtype not in (MICROSECONDS, np.int64, np.float64):
        return False
    return bool(np.isfinite(times).all())


def parse_cutoff(cutoff: Any, times: np.ndarray, name: str = "cutoff") -> Any:
    """Return a cut-off in the form of ``times``, which :func:`parse_times` returned.

    Parameters
    ----------
    cutoff : number, date, datetime, period, or text of one of them
    times : ndarray (n,), not empty
    name : str, default "cutoff"

    Raises
    ------
    TypeError, ValueError
        If ``cutoff`` is none of these, or a number while the times are dates, or vice versa.

    Examples
    --------
    >>> print(parse_cutoff("2024-02", np.array(["2024-01-31"], dtype="datetime64[us]")))
    2024-02-01T00:00:00.000000
    """
    of_dates = times.dtype.kind == "M"
    try:
        if isinstance(cutoff, str) and of_dates:
            # "2024" is a year here, not a number.
            parsed = _parse_iso(_as_arrow_text([cutoff]), name)[0]
        else:
            parsed = parse_times([cutoff], name)[0]
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be a single date, datetime, ISO text or number, got {shown(cutoff)} "
            f"({type(cutoff).__name__})"
        ) from error
    if of_dates != isinstance(parsed, np.datetime64):
        kinds = ("a number", "dates") if of_dates else ("a date", "plain numbers")
        advice = "pass a date" if of_dates else "pass a number, or read with time_format="
        raise TypeError(
            f"{name} {shown(cutoff)} is {kinds[0]}, but the times are {kinds[1]} from "
            f"{times.min()} to {times.max()}: {advice}"
        )
    return parsed


def parse_duration(duration: Any, times: np.ndarray, name: str) -> Any:
    """Return a positive duration in the form of differences of ``times``.

    Parameters
    ----------
    duration : timedelta of any library, or text such as "30 days"; a number for numeric times
    times : ndarray, as :func:`parse_times` returns them
    name : str
        What error messages call the duration.

    Returns
    -------
    numpy.timedelta64 in microseconds, or float for numeric times

    Raises
    ------
    TypeError, ValueError
        For a duration that is not above 0, and one without a unit while the times are dates.

    Examples
    --------
    >>> times = np.array(["2024-01-31"], dtype="datetime64[us]")
    >>> print(parse_duration("2 days", times, "half_life"))
    172800000000 microseconds
    """
    import pandas as pd

    is_bare = is_number(duration) and not isinstance(duration, np.timedelta64)
    if times.dtype.kind != "M":
        if not is_bare or not 0 < float(duration) < np.inf:
            raise ValueError(
                f"{name} must be a number above 0, as the times are plain numbers, got "
                f"{shown(duration)}"
            )
        return float(duration)
    if is_bare or (isinstance(duration, str) and duration.strip().isnumeric()):
        raise TypeError(
            f"{name} {shown(duration)} has no unit, but the times are dates: pass '30 days'"
        )
    try:
        parsed = pd.Timedelta(duration)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} must be a duration as '30 days', got {shown(duration)}"
        ) from error
    # This form of the condition also finds a missing duration, which compares as False.
    if not parsed > pd.Timedelta(0):
        raise ValueError(f"{name} must be a duration above 0, got {shown(duration)}")
    return np.timedelta64(parsed.to_pytimedelta(), "us")


def _fail(name: str, row: int, problem: str) -> NoReturn:
    raise ValueError(f"column {name!r}, row {row}: {problem}")


def _check_present(missing: np.ndarray, name: str) -> None:
    if missing.any():
        _fail(name, int(missing.argmax()), f"the time is missing ({int(missing.sum())} in all)")


def _as_numpy_or_text(column: Any, name: str) -> Any:
    """Return a column as an array of datetimes or of numbers, or as an arrow array of text."""
    if type(column).__module__.partition(".")[0] == "pyarrow":
        return _from_arrow(column, name)
    if isinstance(column, np.ndarray) and column.dtype.kind in "Miuf":
        # Arrays are not converted by pandas, versions of which hold datetimes in nanoseconds only.
        return _from_numpy(column, name)
    is_index = is_pandas_index(column)
    if not (is_index or is_pandas_series(column)) and hasattr(column, "__arrow_c_stream__"):
        return _from_arrow(_as_arrow(column), name)
    import pandas as pd

    series = pd.Series(column) if is_index else column
    if not is_pandas_series(series):
        values = np.empty(len(column), dtype=object)
        values[:] = list(column)
        series = pd.Series(values, dtype=object)
    return _from_pandas(series, name)


def _as_arrow(column: Any) -> Any:
    """Return a column of a library that exports to arrow as an arrow array."""
    import narwhals as nw
    import pyarrow as pa

    # Old versions of polars export some types wrongly as a stream, but not by their own method.
    known = nw.from_native(column, pass_through=True, allow_series=True)
    return known.to_arrow() if isinstance(known, nw.Series) else pa.chunked_array(column)


def _from_numpy(values: np.ndarray, name: str, is_new: bool = False) -> np.ndarray:
    """Return numbers as int64 or float64, copied unless ``is_new``; datetimes as they are."""
    if values.ndim != 1:
        raise TypeError(f"column {name!r} must be 1-d, got shape {values.shape}")
    if values.dtype.kind == "M":
        _check_present(np.isnat(values), name)
        return values
    if values.dtype.kind not in "iuf":
        raise TypeError(_unusable(name, values.dtype))
    if values.dtype.kind == "f":
        _check_present(np.isnan(values), name)
        if np.isinf(values).any():
            _fail(name, int(np.isinf(values).argmax()), "the time is infinite")
        return values.astype(np.float64, copy=not is_new)
    if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
        _fail(name, int(values.argmax()), f"{values.max()} is beyond the range of int64")
    return values.astype(np.int64, copy=not is_new)


def _unusable(name: str, kind: object) -> str:
    return f"column {name!r} must hold dates, datetimes, ISO text or numbers, got {kind}"


def _from_arrow(column: Any, name: str) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if column.null_count:
        _check_present(column.is_null().to_numpy(zero_copy_only=False), name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # Arrow stores times with a zone in UTC, so the zone can be dropped.
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp(kind.unit))
        return _from_numpy(column.to_numpy(zero_copy_only=False), name)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise TypeError(_unusable(name, kind))
    values = column.to_numpy(zero_copy_only=False)
    # Arrow returns either a copy, or a read-only view of its own memory.
    return _from_numpy(values, name, is_new=values.flags.writeable)


def _from_pandas(series: pd.Series, name: str) -> Any:
    import pandas as pd

    _check_present(series.isna().to_numpy(), name)
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_pandas(series.astype(dtype.categories.dtype), name)
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa

        return _as_numpy_or_text(pa.array(series, from_pandas=True), name)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if isinstance(dtype, pd.PeriodDtype):
        return series.dt.to_timestamp().to_numpy()
    if isinstance(dtype, pd.StringDtype):
        return _as_arrow_text(series)
    if dtype.kind == "O":
        return _from_objects(series.to_numpy(), name)
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        if isinstance(dtype, np.dtype):
            return _from_numpy(series.to_numpy(), name)
        raise TypeError(_unusable(name, dtype))
    # A masked dtype such as Int64 names the NumPy dtype of its values.
    of_values: Any = getattr(dtype, "numpy_dtype", dtype)
    return _from_numpy(series.to_numpy(dtype=of_values), name)


def _from_objects(values: np.ndarray, name: str) -> Any:
    """Convert a column of Python objects, none of them missing, to times, numbers or text."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values)
    if kind in ("string", "empty"):
        return _as_arrow_text(values)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        try:
            return _from_numpy(values.astype(np.int64 if kind == "integer" else np.float64), name)
        except OverflowError as error:
            raise ValueError(f"column {name!r} holds a time beyond int64: {error}") from None
    if kind == "period":
        return pd.PeriodIndex(values).to_timestamp().to_numpy()
    is_time = [isinstance(value, (datetime.date, np.datetime64)) for value in values]
    if not all(is_time):
        row = is_time.index(False)
        odd = values[row]
        if isinstance(odd, str) or len(set(is_time)) > 1:
            _fail(name, row, f"{odd!r} ({type(odd).__name__}) stands among values of other types")
        raise TypeError(f"{_unusable(name, type(odd).__name__)}: {odd!r} in row {row}")
    has_zone = [getattr(value, "tzinfo", None) is not None for value in values]
    _check_zones(np.array(has_zone), name)
    if has_zone[:1] != [True]:
        return np.array(values.tolist(), dtype=MICROSECONDS)
    in_utc = [value.astimezone(datetime.timezone.utc).replace(tzinfo=None) for value in values]
    return np.array(in_utc, dtype=MICROSECONDS)


def _check_zones(has_zone: np.ndarray, name: str) -> None:
    """Raise an error if only some of the times have a zone: their order is then unknown."""
    if has_zone.any() and not has_zone.all():
        row = int(has_zone.argmin())
        _fail(name, row, "the time has no time zone, but others in this column have one")


def _as_microseconds(values: np.ndarray, name: str) -> np.ndarray:
    """Return datetimes of any unit as datetime64[us]; finer parts are cut off."""
    if len(values):
        for row in (int(values.argmin()), int(values.argmax())):
            year = int(values[row].astype("datetime64[Y]").astype(np.int64)) + 1970
            if not 1 <= year <= 9999:
                _fail(name, row, f"the time lies in the year {year}")
    return values.astype(MICROSECONDS)


def _from_epoch(values: np.ndarray, name: str, unit: str) -> np.ndarray:
    """Convert numbers of a unit of time since 1970 to datetime64[us]."""
    scale = EPOCH_UNITS[unit]
    for row in (int(values.argmin()), int(values.argmax())) if len(values) else ():
        if not FIRST <= float(values[row]) * scale <= LAST:
            _fail(
                name, row, f"{values[row]} {unit} since 1970 is beyond the year 9999: which unit?"
            )
    if values.dtype.kind == "f":
        micros = np.round(values * scale).astype(np.int64)
    else:
        micros = values * int(scale) if scale >= 1 else values // int(1 / scale)
    return micros.view(MICROSECONDS)


def _as_arrow_text(values: Sequence[str] | np.ndarray | pd.Series) -> Any:
    import pyarrow as pa

    with refusing_surrogates("the column of times"):
        return pa.array(values, type=pa.large_string())


def _text_of_numbers(values: np.ndarray) -> Any:
    """Return whole numbers as text, without a decimal point."""
    whole = values.dtype.kind == "i" or bool(np.all(values == np.floor(values)))
    return _as_arrow_text([str(int(v)) if whole else str(v) for v in values.tolist()])


def _parse_text(text: Any, name: str, time_format: str | None) -> np.ndarray:
    """Return times in an arrow array of text."""
    import pyarrow.compute as pc

    _check_present(pc.equal(pc.binary_length(text), 0).to_numpy(zero_copy_only=False), name)
    if time_format is not None and time_format not in EPOCH_UNITS:
        return _parse_pattern(text, name, time_format)
    numbers = _parse_numbers(text, name)
    if numbers is None and time_format is not None:
        raise ValueError(
            f"column {name!r} must hold numbers for time_format={shown(time_format)}, "
            f"row 0 holds {text[0].as_py()!r}"
        )
    if numbers is None:
        return _parse_iso(text, name)
    return numbers if time_format is None else _from_epoch(numbers, name, time_format)


def _parse_numbers(text: Any, name: str) -> np.ndarray | None:
    """Return text as int64 or float64 if all of it is numbers, else None."""
    import pyarrow as pa

    for kind in (pa.int64(), pa.float64()):
        try:
            values = text.cast(kind)
        except pa.ArrowInvalid:
            continue
        return _from_numpy(values.to_numpy(zero_copy_only=False), name)
    return None


def _parse_iso(text: Any, name: str) -> np.ndarray:
    """Convert ISO 8601 text to datetimes: all with a time zone, or all without one.

    Times with a zone are converted to UTC. Arrow parses the usual forms quickly, pandas parses the
    rarer forms.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return _as_microseconds(_from_arrow(text.cast(kind), name), name)
        except pa.ArrowInvalid:
            continue
    trimmed = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r" ?UTC$", "Z")
    has_zone = pc.match_substring_regex(trimmed, TIME_OF_DAY_WITH_ZONE)
    series = pd.Series(trimmed.to_pylist(), dtype=object)
    parsed = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    _check_parsed(
        parsed, text, name, "no time in ISO 8601 (as 2024-01-31T12:00:00); pass time_format="
    )
    _check_zones(has_zone.to_numpy(zero_copy_only=False), name)
    return _as_microseconds(parsed.dt.tz_localize(None).to_numpy(), name)


def _parse_pattern(text: Any, name: str, pattern: str) -> np.ndarray:
    """Parse text by a pattern of ``strptime``; times with a zone are converted to UTC."""
    import pandas as pd

    series = pd.Series(text.to_pylist(), dtype=object)
    try:
        parsed = pd.to_datetime(series, format=pattern, errors="coerce", utc=True)
    except ValueError as error:
        # Unreadable times are NaT, so this is about the pattern.
        raise ValueError(f"time_format={pattern!r} is no pattern of strptime: {error}") from None
    _check_parsed(parsed, text, name, f"not in the time_format {pattern!r}")
    return _as_microseconds(parsed.dt.tz_localize(None).to_numpy(), name)


def _check_parsed(parsed: pd.Series, text: Any, name: str, problem: str) -> None:
    """Raise an error that names the first text that pandas could not parse."""
    failed = parsed.isna().to_numpy()
    if failed.any():
        row = int(failed.argmax())
        _fail(name, row, f"{text[row].as_py()!r} is {problem}")
