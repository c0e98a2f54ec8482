"""Convert columns of counts, weights or events to the value of each row."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.checks import as_real
from wrmf.data.ids import NULL_NUMBERS, encode_ids, is_arrow

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["null_rows", "parse_values", "weigh_events"]

# Types that are no numbers, although pandas may convert them to numbers of nanoseconds.
NO_NUMBERS = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
# Matches a number with a decimal comma. Three digits after a comma do not match, as the comma may
# then separate thousands.
COMMA = re.compile(r"\s*[-+]?[\d.]*\d,(\d{1,2}|\d{4,})\s*")


def null_rows(column: Any) -> np.ndarray:
    """Return whether each row of a column is null, or a text that stands for null."""
    if is_arrow(column):
        import pyarrow as pa
        import pyarrow.compute as pc

        null: np.ndarray = np.asarray(column.is_null())
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_floating(kind):
            null = null | np.isnan(np.asarray(column.fill_null(np.nan)))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            null = null | np.asarray(
                pc.is_in(column.cast(kind), value_set=pa.array(NULL_NUMBERS, kind))
            )
        return null
    is_null: np.ndarray = column.isna().to_numpy()
    if column.dtype.kind not in "biufcmM":
        is_null = is_null | column.isin(NULL_NUMBERS).to_numpy(dtype=bool)
    return is_null


def parse_values(column: Any, name: str | int) -> np.ndarray:
    """Return a column of counts or weights as float64; null rows are NaN.

    Parameters
    ----------
    column : pandas Series, or pyarrow Array or ChunkedArray
    name : str or int
        What error messages call the column.

    Raises
    ------
    ValueError
        For values that are not numbers, such as text, dates and durations, and for infinite
        numbers. The error names the row, counted from 0.
    """
    values = _arrow_numbers(column, name) if is_arrow(column) else _pandas_numbers(column, name)
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise ValueError(f"column {name!r} must hold finite numbers, row {row} holds {values[row]}")
    return values


def _arrow_numbers(column: Any, name: str | int) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _pandas_numbers(column.to_pandas(), name)
    numbers = column.to_numpy() if column.null_count == 0 else _filled(column)
    return np.asarray(numbers, dtype=np.float64)


def _filled(column: Any) -> np.ndarray:
    import pyarrow as pa

    numbers: np.ndarray = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy()
    return numbers


def _pandas_numbers(series: pd.Series, name: str | int) -> np.ndarray:
    import pandas as pd

    series = series.reset_index(drop=True)
    if series.dtype.kind in "mMc" or isinstance(series.dtype, pd.PeriodDtype):
        raise ValueError(f"column {name!r} must hold numbers, it holds {series.dtype}")
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    if series.dtype.kind not in "biuf":
        series = series.mask(series.isin(NULL_NUMBERS))
    numbers = pd.to_numeric(series, errors="coerce")
    wrong = series.notna() & numbers.isna()
    if series.dtype.kind == "O":
        wrong |= series.map(lambda value: isinstance(value, NO_NUMBERS))
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        value = series.iloc[row]
        hint = ""
        if isinstance(value, str) and COMMA.fullmatch(value):
            hint = '; pass decimal="," if a comma is the decimal mark'
        raise ValueError(f"column {name!r} must hold numbers, row {row} holds {value!r}{hint}")
    values: np.ndarray = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def weigh_events(
    column: Any, name: str | int, weights: Mapping[Any, float], *, signed: bool = False
) -> np.ndarray:
    """Return the weight of each row's event; null rows are NaN.

    Parameters
    ----------
    column : pandas Series, or pyarrow Array or ChunkedArray
    name : str or int
        What error messages call the column.
    weights : mapping from events to numbers ≥ 0, or any numbers if ``signed``

    Raises
    ------
    TypeError, ValueError
        For weights that are not such finite numbers, and for events without a weight.
    """
    if not weights:
        raise ValueError(
            'value={} names no event: pass a weight for each, as {"view": 1, "cart": 3}'
        )
    least = -math.inf if signed else 0.0
    numbers = {
        str(event): as_real(weight, f"the weight of {event!r}", least)
        for event, weight in weights.items()
    }
    codes, events = encode_ids(column, str(name))
    unweighted = [event for event in events.tolist() if str(event) not in numbers]
    if unweighted:
        raise ValueError(
            f"column {name!r} holds the event {unweighted[0]!r}, which value= gives no weight "
            f"(nor {len(unweighted) - 1} others): add it, with weight 0 to leave it out; "
            f"the weights are {dict(weights)}"
        )
    by_code: np.ndarray = np.array([*(numbers[str(event)] for event in events.tolist()), np.nan])
    row_weights: np.ndarray = by_code[codes]
    return row_weights
