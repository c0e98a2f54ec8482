"""Converts ids to JSON values and back, without loss.

Strings, numbers and bools are stored unchanged, and a tuple as a list. A value of another type is
stored as an object of one member, whose name is the type: ``{"UUID": "…"}``.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from wrmf.data.interactions import object_array

__all__ = ["check_ids", "has_types", "ids_from_json", "ids_to_json"]

PLAIN_TYPES = (str, bool, int, float)


@dataclass(frozen=True)
class _IdType:
    """A type of ids: its class, and the functions that convert it to JSON and back."""

    kind: type
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


def _timestamp(parts: list[Any]) -> Any:
    text, zone = parts
    stamp = pd.Timestamp(text)
    try:
        return stamp if zone is None else stamp.tz_convert(zone)
    except (KeyError, ValueError, TypeError, OSError):
        # If this machine does not know the time zone, use the UTC offset instead. The instant is
        # the same, so the id is equal.
        return stamp


# The first type that matches an id is used, so subclasses come before their base classes.
ID_TYPES = {
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
    "Fraction": _IdType(Fraction, str, Fraction),
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


def ids_from_json(values: list[Any]) -> np.ndarray:
    """Return the object array of ids that ``ids_to_json`` converted to ``values``."""
    return object_array([_from_json(value) for value in values])


def has_types(value: Any) -> bool:
    """Return whether a JSON value of ``ids_to_json`` contains a value stored with its type."""
    return isinstance(value, dict) or (isinstance(value, list) and any(map(has_types, value)))


def _one_of_each_type(ids: Iterable[Any]) -> list[Any]:
    def type_of(value: Any) -> Any:
        return tuple(map(type_of, value)) if isinstance(value, tuple) else type(value)

    return list({type_of(value): value for value in ids}.values())


def _to_json(value: Any, side: str) -> Any:
    if isinstance(value, PLAIN_TYPES):
        return value
    if isinstance(value, tuple):
        return [_to_json(part, side) for part in value]
    for name, id_type in ID_TYPES.items():
        if isinstance(value, id_type.kind):
            return {name: id_type.to_json(value)}
    if isinstance(value, np.generic) and isinstance(value.item(), PLAIN_TYPES):
        return value.item()
    raise TypeError(
        f"cannot save the {side} id {value!r} of type {type(value).__name__}: ids must be strings, "
        f"numbers, one of {', '.join(ID_TYPES)}, or tuples of these; convert them with str() "
        "before fitting"
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_json, value))
    if isinstance(value, dict):
        ((name, content),) = value.items()
        if name not in ID_TYPES:
            raise ValueError(f"it holds ids of the unknown type {name!r}: update wrmf")
        return ID_TYPES[name].from_json(content)
    return value
