"""Finds the positions of ids on an axis, by an index that is built once."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.id_lists import as_id_list
from wrmf.data.texts import TextIds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IdIndex", "describe_unknown", "object_array"]

# Up to FEW ids are looked up one by one, which takes a microsecond each. A pandas index of the
# wanted ids, for looking up all at once, takes about as long as FEW of them.
FEW = 32


def object_array(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Return ``values`` as a 1-d object array, in which a tuple is one element."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class IdIndex:
    """A hash table from ids to their positions on an axis.

    Types are kept apart as they are in ``encode_ids``: 7, "7" and True are three different ids. An
    id that is equal to an int is found, such as 7.0 or ``np.int32(7)``.

    Parameters
    ----------
    ids : int64 or object (n,), or TextIds
        Distinct ids. The array is kept, not copied. ``TextIds`` need no table.
    axis : {"users", "items"}
        What error messages call the axis.

    Notes
    -----
    The table is complete once the constructor returns, so any number of threads may read it. For a
    million ids it takes about 34 MB; for the ids 0, 1, 2, … in this order, there is none.

    Examples
    --------
    >>> index = IdIndex(np.array(["a", "b", "7"], dtype=object), "items")
    >>> index.positions(["7", "a", 7]).tolist()
    [2, 0, -1]
    >>> index.find("b")
    array([1])
    """

    def __init__(self, ids: np.ndarray | TextIds, axis: str) -> None:
        self.ids, self.axis = ids, axis
        self._is_range = False
        if isinstance(ids, TextIds):
            self._kind = "sorted"
            return
        if ids.dtype == np.int64:
            self._kind = "int"
            self._is_range = np.array_equal(ids, np.arange(len(ids)))
            if self._is_range:
                return
        import pandas as pd

        self._index: pd.Index
        if ids.dtype == np.int64:
            self._index = pd.Index(ids)
        elif pd.api.types.infer_dtype(ids, skipna=False) in ("string", "empty"):
            # As objects, texts are looked up faster, and in less memory, than as pandas strings.
            self._kind = "str"
            self._index = pd.Index(ids, dtype=object)
        else:
            self._kind = "other"
            # As objects, texts are not parsed as times, nor times looked up within intervals.
            self._index = pd.Index(ids, dtype=object, tupleize_cols=False)
        # Ids of a mapped file are not checked when it is loaded.
        if not self._index.is_unique:
            raise ValueError(f"{axis} hold an id twice")
        # pandas fills its table at the first look-up.
        self._look_up(ids[:1])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """The approximate size of the table in bytes, without the ids."""
        if self._is_range or self._kind == "sorted":
            return 0
        slots = 1 << max(5, (len(self.ids) * 13 // 10).bit_length())
        return 16 * slots + slots // 4

    @functools.cached_property
    def types(self) -> frozenset[type]:
        """The types of the ids."""
        if self._kind in ("int", "str", "sorted"):
            return frozenset({int if self._kind == "int" else str})
        return frozenset(map(type, self.ids.tolist()))

    def find(self, ids: Any) -> np.ndarray:
        """Return the positions of an id (also a str, bytes or tuple), or of an iterable of ids.

        Returns
        -------
        int64 (n,)

        Raises
        ------
        TypeError, ValueError
            For an id that is not hashable or not on the axis.
        """
        wanted = self.listed(ids)
        positions = self.positions(wanted)
        self.refuse_unknown(wanted, positions)
        return positions

    def __contains__(self, id_: Any) -> bool:
        return self._position(id_) >= 0

    def listed(self, ids: Any) -> list[Any] | np.ndarray:
        """Return an argument as a list of ids; an array of ints or objects stays one.

        Booleans, which could be taken for the ids 0 and 1, are a TypeError.
        """
        kind = ids.dtype.kind if isinstance(ids, np.ndarray) and ids.ndim == 1 else ""
        if kind == "i":
            return np.asarray(ids)
        wanted: list[Any] | np.ndarray = ids if kind == "O" else as_id_list(ids, self.axis, self)
        # No type derives from these two, and the types are few, however many ids there are.
        if self._kind == "int" and not {bool, np.bool_}.isdisjoint(map(type, wanted)):
            raise TypeError(f"{self.axis} must be ids, got booleans: pass model.{self.axis}[mask]")
        return wanted

    def positions(self, ids: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Return the position of each id, int64; −1 for an unknown one."""
        try:
            if isinstance(self.ids, TextIds):
                return self.ids.get_indexer(ids)
            if self._kind == "int":
                wanted = _as_int64(ids) if len(ids) > FEW else None
                if wanted is not None and self._is_range:
                    return np.where((wanted >= 0) & (wanted < len(self)), wanted, -1)
                if wanted is not None:
                    return self._look_up(wanted)
            elif self._kind == "other" or len(ids) > FEW:
                return self._look_up(object_array(ids))
            return np.array([self._position(id_) for id_ in ids], dtype=np.int64)
        except TypeError as error:
            raise TypeError(f"ids of {self.axis} must be hashable: {error}") from None

    def refuse_unknown(self, ids: Sequence[Any] | np.ndarray, positions: np.ndarray) -> None:
        """Raise a ValueError if the position of an id is −1."""
        if not len(positions) or positions.min() >= 0:
            return
        unknown = [id_ for id_, position in zip(ids, positions, strict=True) if position < 0]
        example = self.ids[:1].tolist()[0] if len(self) else None
        raise ValueError(
            f"unknown {describe_unknown(unknown, self.axis)}; there are {len(self)}, such as "
            f"{example!r}"
        )

    def _position(self, id_: Any) -> int:
        hash(id_)
        if self._kind == "int" and type(id_) is not int:
            id_ = _as_int(id_)
        elif self._kind == "str" and not isinstance(id_, str):
            return -1
        if self._is_range:
            return id_ if id_ is not None and 0 <= id_ < len(self) else -1
        try:
            # The ids are distinct, so that the place is an int.
            place: Any = self._index.get_loc(id_)
            return int(place)
        except (KeyError, OverflowError):
            return -1

    def _look_up(self, ids: np.ndarray) -> np.ndarray:
        import pandas as pd

        # The dtype is named, as pandas would take texts for another one, and tuples for levels.
        wanted: pd.Index = pd.Index(ids, dtype=ids.dtype, tupleize_cols=False)
        positions: np.ndarray = self._index.get_indexer(wanted)
        return positions.astype(np.int64, copy=False)


def describe_unknown(unknown: Sequence[Any] | np.ndarray, axis: str) -> str:
    """Return a text that names the first of some unknown ids and counts the others."""
    first = unknown[0].item() if isinstance(unknown[0], np.generic) else unknown[0]
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"id among {axis}: {first!r}{more}"


def _as_int64(ids: Sequence[Any] | np.ndarray) -> np.ndarray | None:
    """Return ids as int64 if all are ints within its range; otherwise None."""
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "i":
        return ids.astype(np.int64, copy=False)
    if set(map(type, ids)) != {int}:
        return None
    try:
        return np.array(ids, dtype=np.int64)
    except OverflowError:
        return None


def _as_int(value: Any) -> int | None:
    """Return the int that a number is equal to; None for other values, True and False."""
    if not isinstance(value, numbers.Number) or isinstance(value, (bool, np.bool_)):
        return None
    try:
        whole = int(value.real)  # type: ignore[attr-defined]
    except (ValueError, OverflowError):
        return None
    return whole if bool(value == whole) else None  # type: ignore[comparison-overlap]
