"""Converts ids and names to what model files hold and back, without loss.

Ids that are all whole numbers are an int64 array. Ids that are all texts are their UTF-8 bytes,
offsets and order. Other ids are JSON, in an array of bytes: texts, numbers and bools unchanged, a
tuple as a list, and a value of another type as an object of one member, whose name is the type:
``{"UUID": "…"}``.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np

from wrmf.data.axes import object_array
from wrmf.data.texts import TextArray, TextIds
from wrmf.distinct import sorted_distinct

__all__ = [
    "check_ids",
    "ids_from_arrays",
    "ids_from_json",
    "ids_to_arrays",
    "ids_to_json",
    "names_from_arrays",
    "names_to_arrays",
]

PLAIN_TYPES = (str, bool, int, float)
FRACTION = re.compile(r"-?\d+(/\d+)?", re.A)


@dataclass(frozen=True)
class _IdType:
    """A type of ids: its class, and the functions that convert it to JSON and back."""

    kind: type
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


def _timestamp(parts: list[Any]) -> Any:
    import pandas as pd

    text, zone = parts
    stamp = pd.Timestamp(text)
    try:
        return stamp if zone is None else stamp.tz_convert(zone)
    except (KeyError, ValueError, TypeError, OSError):
        # If this machine does not know the time zone, use the UTC offset instead. The instant is
        # the same, so the id is equal.
        return stamp


def _fraction(text: str) -> Fraction:
    # Fraction also reads "1e999999999", for which it would compute a number of that many digits.
    if not FRACTION.fullmatch(text):
        raise ValueError(f"{text!r} is not a fraction")
    return Fraction(text)


@functools.cache
def _id_types() -> dict[str, _IdType]:
    """Return the types of ids besides plain ones, by the names that they have in files.

    The first type that matches an id is used, so subclasses come before their base classes.
    """
    import pandas as pd

    return {
        "Timestamp": _IdType(
            pd.Timestamp,
            lambda value: [value.isoformat(), None if value.tz is None else str(value.tz)],
            _timestamp,
        ),
        "Timedelta": _IdType(pd.Timedelta, lambda value: value.isoformat(), pd.Timedelta),
        "Period": _IdType(
            pd.Period, lambda value: [str(value), value.freqstr], lambda parts: pd.Period(*parts)
        ),
        "datetime": _IdType(dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
        "date": _IdType(dt.date, dt.date.isoformat, dt.date.fromisoformat),
        "time": _IdType(dt.time, dt.time.isoformat, dt.time.fromisoformat),
        "timedelta": _IdType(
            dt.timedelta,
            lambda value: [value.days, value.seconds, value.microseconds],
            lambda parts: dt.timedelta(*parts),
        ),
        "datetime64": _IdType(
            np.datetime64,
            lambda value: [str(value), np.datetime_data(value)[0]],
            lambda parts: np.datetime64(*parts),
        ),
        "UUID": _IdType(UUID, str, UUID),
        "Decimal": _IdType(Decimal, str, Decimal),
        "Fraction": _IdType(Fraction, str, _fraction),
        "bytes": _IdType(bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    }


def check_ids(ids: np.ndarray, side: str) -> None:
    """Raise a TypeError for ids that :func:`ids_to_json` could not save.

    Called before training, so that every trained model can be saved. Only one id of each type is
    converted.
    """
    if ids.dtype == object:
        ids_to_json(_one_of_each_type(ids), side)


def ids_to_json(ids: np.ndarray | Iterable[Any], side: str) -> list[Any]:
    """Return object ids as JSON values.

    Raises
    ------
    TypeError
        For an id of a type that is not in the table; ``side`` is "user" or "item".
    """
    return [_to_json(value, side) for value in ids]


def ids_from_json(values: Any) -> np.ndarray:
    """Return the object array of ids that ``ids_to_json`` converted to ``values``.

    Raises
    ------
    ValueError
        For what is not a list of distinct ids.
    """
    if not isinstance(values, list):
        raise ValueError("its ids are not a list")
    ids = object_array([_from_json(value) for value in values])
    _check_distinct(ids)
    return ids


def ids_to_arrays(name: str, ids: Any) -> dict[str, np.ndarray]:
    """Return the arrays that hold ids in a file.

    Parameters
    ----------
    name : {"users", "items"}
        The arrays are called so, with an ending that says what they hold.
    ids : ndarray or TextIds
    """
    if not isinstance(ids, TextIds):
        array = np.asarray(ids)
        if array.dtype.kind in "iu" and np.can_cast(array.dtype, np.int64):
            return {name: array.astype(np.int64, copy=False)}
        objects = array.astype(object, copy=False)
        texts = _as_texts(objects, TextIds)
        if texts is None:
            return {f"{name}.json": _json_bytes(ids_to_json(objects, name[:-1]))}
        ids = texts
    return {
        f"{name}.bytes": ids.content,
        f"{name}.offsets": ids.offsets,
        f"{name}.order": ids.order,
    }


def ids_from_arrays(
    name: str, arrays: Mapping[str, np.ndarray], *, lazy: bool, verify: bool
) -> Any:
    """Return the ids that arrays of a file hold.

    Parameters
    ----------
    name : {"users", "items"}
    arrays : mapping of name to array
    lazy : bool
        Whether texts are decoded only when they are read.
    verify : bool
        Whether to check that ids are distinct and texts valid, for which all are read. Ids in JSON
        are always checked.

    Returns
    -------
    ndarray (n,) of int64 or object, or TextIds

    Raises
    ------
    KeyError, ValueError
        For arrays that :func:`ids_to_arrays` does not make.
    """
    if f"{name}.json" in arrays:
        return ids_from_json(_from_json_bytes(arrays[f"{name}.json"]))
    if name in arrays:
        numbers = arrays[name]
        if numbers.dtype != np.int64 or numbers.ndim != 1:
            raise ValueError(f"its {name} are {numbers.dtype} of shape {numbers.shape}")
        if verify:
            _check_distinct(numbers)
        return numbers
    texts = TextIds(*(arrays[f"{name}.{part}"] for part in ("bytes", "offsets", "order")))
    if verify:
        texts.check()
    return texts if lazy else np.array(texts)


def names_to_arrays(name: str, names: Any) -> dict[str, np.ndarray]:
    """Return the arrays that hold names in a file; none for None."""
    if names is None:
        return {}
    if not isinstance(names, TextArray):
        objects = object_array([str(text) for text in names])
        texts = _as_texts(objects, TextArray)
        if texts is None:
            return {f"{name}.json": _json_bytes(objects.tolist())}
        names = texts
    return {f"{name}.bytes": names.content, f"{name}.offsets": names.offsets}


def names_from_arrays(
    name: str, arrays: Mapping[str, np.ndarray], *, lazy: bool, verify: bool
) -> Any:
    """Return the names that arrays of a file hold, as ``ids_from_arrays`` does, or None."""
    if f"{name}.json" in arrays:
        names = _from_json_bytes(arrays[f"{name}.json"])
        if not isinstance(names, list) or not all(isinstance(text, str) for text in names):
            raise ValueError("its names are not a list of texts")
        return object_array(names)
    if f"{name}.bytes" not in arrays:
        return None
    texts = TextArray(arrays[f"{name}.bytes"], arrays[f"{name}.offsets"])
    if verify:
        texts.check()
    return texts if lazy else np.array(texts)


def _as_texts(values: np.ndarray, kind: type[TextArray]) -> TextArray | None:
    """Return an object array as texts, or None if a value is no text that UTF-8 can hold."""
    import pandas as pd

    if pd.api.types.infer_dtype(values, skipna=False) not in ("string", "empty"):
        return None
    try:
        return kind.of(values)
    except UnicodeEncodeError:
        return None


def _json_bytes(values: list[Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _from_json_bytes(content: np.ndarray) -> Any:
    if (content.dtype, content.ndim) != (np.dtype(np.uint8), 1):
        raise ValueError(f"its JSON is {content.dtype} of shape {content.shape}")
    return json.loads(content.tobytes())


def _check_distinct(ids: np.ndarray) -> None:
    """Raise a ValueError for an id that is repeated or equal to another."""
    if ids.dtype == np.int64:
        is_unique = len(sorted_distinct(ids)) == len(ids)
    else:
        import pandas as pd

        # A dtype is named, as pandas would convert texts to one that cannot hold every text.
        is_unique = pd.Index(ids, dtype=ids.dtype, tupleize_cols=False).is_unique
    if not is_unique:
        raise ValueError("it holds an id twice")


def _one_of_each_type(ids: Iterable[Any]) -> list[Any]:
    def type_of(value: Any) -> Any:
        return tuple(map(type_of, value)) if isinstance(value, tuple) else type(value)

    return list({type_of(value): value for value in ids}.values())


def _to_json(value: Any, side: str) -> Any:
    if isinstance(value, PLAIN_TYPES):
        return value
    if isinstance(value, tuple):
        return [_to_json(part, side) for part in value]
    for name, id_type in _id_types().items():
        if isinstance(value, id_type.kind):
            return {name: id_type.to_json(value)}
    if isinstance(value, np.generic) and isinstance(value.item(), PLAIN_TYPES):
        return value.item()
    raise TypeError(
        f"cannot save the {side} id {value!r} of type {type(value).__name__}: ids must be strings, "
        f"numbers, one of {', '.join(_id_types())}, or tuples of these; convert them with str() "
        "before fitting"
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_json, value))
    if isinstance(value, dict):
        ((name, content),) = value.items()
        if name not in _id_types():
            raise ValueError(f"it holds ids of the unknown type {name!r}: update wrmf")
        return _id_types()[name].from_json(content)
    if value is None:
        raise ValueError("it holds a null id")
    return value
