"""What changes scores and chooses by them: a least score, offsets of items, and diversity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.data.checks import is_number
from wrmf.data.choices import shown
from wrmf.data.pandas_types import labels_of
from wrmf.model.filter_forms import Lookup

__all__ = ["Scoring", "resolve_offset"]


@dataclass(frozen=True)
class Scoring:
    """How lists are made from scores.

    Attributes
    ----------
    min_score : float, or None
        Items with lower scores are left out.
    offset : (n_items,) of the factors' dtype, or None
        What is added to the scores of items.
    diversify : float in [0, 1)
        The weight of what is unlike in the list; 0 takes the best items.
    """

    min_score: float | None = None
    offset: np.ndarray | None = None
    diversify: float = 0.0

    def __post_init__(self) -> None:
        least, weight = self.min_score, self.diversify
        for name, value in (("min_score", least), ("diversify", weight)):
            if value is not None and not is_number(value):
                raise TypeError(f"{name} must be a number, got a {type(value).__name__}")
        if least is not None and math.isnan(least):
            raise ValueError("min_score must be a number, got NaN")
        if weight is None or not 0 <= weight < 1:
            raise ValueError(f"diversify must be at least 0 and below 1, got {shown(weight)}")

    @classmethod
    def of(cls, min_score: float | None, offset: np.ndarray | None, diversify: float) -> Scoring:
        """Return a record, the same one for all requests that change nothing."""
        if min_score is None and offset is None and type(diversify) is float and diversify == 0:
            return PLAIN
        return cls(min_score, offset, diversify)


PLAIN = Scoring()


def resolve_offset(value: Any, lookup: Lookup, dtype: np.dtype) -> np.ndarray | None:
    """Return what is added to the score of each item, in the order of the axis.

    Parameters
    ----------
    value : array (n_items,), or mapping of item id to number, or Series with ids as index, or None
        A mapping has 0 for items that it does not name.
    lookup : Lookup of the items
    dtype : of the factors

    Raises
    ------
    TypeError, ValueError
        For unknown items, and for what is not n_items finite numbers.
    """
    if value is None:
        return None
    n = len(lookup.axis.ids)
    if (labels := labels_of(value, n)) is not None:
        value = dict(zip(labels.tolist(), value.tolist(), strict=True))
    if isinstance(value, Mapping):
        numbers = _as_numbers(list(value.values()), dtype)
        positions = lookup.positions(list(value))
        known = positions >= 0
        offset = np.zeros(n, dtype=dtype)
        offset[positions[known]] = numbers[known]
        return offset
    numbers = _as_numbers(value, dtype)
    if numbers.shape != (n,):
        raise ValueError(
            f"item_offset must be a mapping of item id to number, or an array with a number for "
            f"each of the {n} model.items, got shape {numbers.shape}"
        )
    return numbers


def _as_numbers(values: Any, dtype: np.dtype) -> np.ndarray:
    """Return finite numbers in a dtype."""
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "iufb" and numbers.size:
        raise TypeError(f"item_offset must be numbers, got {numbers.dtype}")
    with np.errstate(over="ignore"):
        converted = numbers.astype(dtype)
    if not np.isfinite(converted).all():
        first = int(np.flatnonzero(~np.isfinite(converted))[0])
        raise ValueError(
            f"item_offset must be finite in {dtype}, got {numbers.ravel()[first]}: leave items out "
            "with exclude="
        )
    return converted
