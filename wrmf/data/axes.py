"""Validate the ids of an axis, and match them with the ids of another axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.choices import as_choice, shown
from wrmf.data.id_index import describe_unknown, object_array
from wrmf.data.ids import encode_ids, is_arrow
from wrmf.data.pandas_types import is_pandas_index, is_pandas_series

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "UNKNOWN",
    "AxisMap",
    "as_ids",
    "check_unknown",
    "lookup_table",
    "map_axis",
    "object_array",
    "same_ids",
]

# The values of the parameter ``unknown``: what to do with ids that are not on a given axis.
UNKNOWN = ("error", "drop", "extend")


def same_ids(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays hold the same ids in the same order."""
    # Interactions that were made from one another share their arrays of ids, so that the
    # comparison of all elements is often unnecessary.
    return a is b or np.array_equal(a, b)


def lookup_table(ids: np.ndarray) -> pd.Index:
    """Return a pandas index that looks up the positions of ids, which are compared as they are."""
    import pandas as pd

    # By default, pandas would convert ids that are tuples to a MultiIndex.
    index: pd.Index = pd.Index(ids, tupleize_cols=False)
    # Indexes of times would parse texts, and would look up points of time within periods.
    parsing = (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex, pd.IntervalIndex)
    return index.astype(object) if isinstance(index, parsing) else index


def as_ids(ids: Iterable[Any] | None, n: int | None, name: str) -> np.ndarray:
    """Return ids as an int64 or object array of n distinct, non-null ids, none of them rounded.

    Parameters
    ----------
    ids : sequence of hashable ids; None stands for 0, 1, 2, …
    n : int, or None for any number
    name : {"users", "items"}, what error messages call them
    """
    if ids is None:
        return np.arange(n or 0)
    # A lazy frame would warn if its columns were asked for.
    is_table = hasattr(ids, "collect") or hasattr(ids, "columns")
    if isinstance(ids, (str, bytes)) or not (is_table or isinstance(ids, Iterable)):
        raise TypeError(f"{name} must be a sequence of ids, got the single {shown(ids)}")
    if is_table or isinstance(ids, (Mapping, Set)):
        # The keys of a dict or the elements of a set need not be in the order of the positions.
        raise TypeError(
            f"{name} must be a sequence of ids in the order of the axis, got a "
            f"{type(ids).__name__}; of a dict from id to position pass sorted(d, key=d.get)"
        )
    column = _as_column(ids)
    if n is not None and len(column) != n:
        raise ValueError(f"{name} must hold {n} ids, got {len(column)}")
    # Texts such as "NULL" mark missing ids in files only; here, every text is an id.
    codes, distinct = encode_ids(column, name, null_texts=())
    if (codes < 0).any():
        raise ValueError(f"{name} holds a null id at position {int((codes < 0).argmax())}")
    if len(distinct) < len(codes):
        twice = distinct[np.bincount(codes) > 1].tolist()[0]
        raise ValueError(f"{name} holds the id {shown(twice)} twice")
    if distinct.dtype == object and not (lookup := lookup_table(distinct)).is_unique:
        # Values of different types may be equal, such as 1, True and Decimal(1).
        twice = distinct[lookup.duplicated()].tolist()[0]
        raise ValueError(f"{name} holds {shown(twice)} and another id that is equal to it")
    return distinct


def _as_column(ids: Iterable[Any]) -> Any:
    """Return ids as a column of one of the types that ``encode_ids`` knows."""
    if is_arrow(ids) or is_pandas_series(ids):
        return ids
    if is_pandas_index(ids) and ids.nlevels == 1:
        import pandas as pd

        return pd.Series(ids, dtype=ids.dtype)
    import pandas as pd

    if isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in "iufM":
        return pd.Series(ids)
    # As objects, since pandas would convert texts, and fail for those that UTF-8 cannot hold.
    return pd.Series(object_array(list(ids)), dtype=object)


def check_unknown(unknown: str) -> None:
    """Raise a ValueError if ``unknown`` is not one of ``UNKNOWN``."""
    as_choice(unknown, "unknown", UNKNOWN)


@dataclass(frozen=True)
class AxisMap:
    """A mapping from the positions of an old axis to the positions of a new axis.

    Attributes
    ----------
    ids : int64 or object (n_new,)
        The ids of the new axis. Ids that were added to extend it are at the end.
    positions : int64 (n_old,)
        The position on the new axis of each id of the old axis; -1 if it is not there.
    """

    ids: np.ndarray
    positions: np.ndarray

    def rearrange(self, names: np.ndarray | None) -> np.ndarray | None:
        """Return the names of the old axis in the order of the new axis.

        Ids of the new axis that have no name are named by their text.
        """
        if names is None:
            return None
        renamed = object_array([str(name) for name in self.ids.tolist()])
        is_kept = self.positions >= 0
        renamed[self.positions[is_kept]] = names[is_kept]
        return renamed


def map_axis(ids: np.ndarray, onto: np.ndarray | None, unknown: str, name: str) -> AxisMap:
    """Match the ids of an axis with the ids of another axis.

    Parameters
    ----------
    ids, onto : int64 or object arrays of distinct ids
        The ids of the two axes. If ``onto`` is None, the axis stays as it is.
    unknown : {"error", "drop", "extend"}
        What to do with ids that are not in ``onto``.
    name : {"users", "items"}, what error messages call the axis

    Examples
    --------
    >>> map_axis(np.array([7, 8]), np.array([9, 8]), "extend", "users")
    AxisMap(ids=array([9, 8, 7]), positions=array([2, 1]))
    """
    check_unknown(unknown)
    if onto is None or same_ids(ids, onto):
        return AxisMap(ids if onto is None else onto, np.arange(len(ids)))
    positions = lookup_table(onto).get_indexer(lookup_table(ids)).astype(np.int64)
    is_unknown = positions < 0
    if not is_unknown.any() or unknown == "drop":
        return AxisMap(onto, positions)
    if unknown == "error":
        raise ValueError(
            f"unknown {describe_unknown(ids[is_unknown], name)}; the axis has {len(onto)}"
            f"{''.join(f', such as {id_!r}' for id_ in onto[:1].tolist())}: "
            'pass unknown="drop" or "extend"'
        )
    positions[is_unknown] = len(onto) + np.arange(is_unknown.sum())
    return AxisMap(_joined(onto, ids[is_unknown], name), positions)


def _joined(first: np.ndarray, second: np.ndarray, name: str) -> np.ndarray:
    """Return the ids of ``first``, followed by those of ``second``.

    It is an error if one holds numbers and the other text, as 7 and "7" may mean the same id.
    """
    if first.dtype == second.dtype == np.int64:
        return np.concatenate([first, second])
    joined = object_array([*first.tolist(), *second.tolist()])
    if np.int64 in (first.dtype, second.dtype):
        mixed = second if first.dtype == np.int64 else first
        if len(mixed) and all(isinstance(value, str) for value in mixed):
            raise ValueError(
                f"{name} are numbers on one side and text on the other, such as "
                f"{first.tolist()[0]!r} and {second.tolist()[0]!r}: read both as the same type"
            )
    return joined
