"""Finds the positions of ids on an axis, by an index that is built once."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf._ids import IdTable, are_plain
from wrmf.cached import cached_property
from wrmf.data.choices import shown
from wrmf.data.id_lists import as_id_list
from wrmf.data.texts import TextIds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IdIndex", "describe_unknown", "object_array"]


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
    The table is complete once the constructor returns, so any number of threads may read it. It
    takes 12 to 24 bytes an id; for the ids 0, 1, 2, … in this order, there is none.

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
        self._table: IdTable | None = None
        # Ids of a mapped file are not checked when it is loaded.
        repeats = False
        if isinstance(ids, TextIds):
            self._kind = "sorted"
        elif ids.dtype == np.int64 or _are_texts(ids):
            self._kind = "int" if ids.dtype == np.int64 else "str"
            self._table = IdTable(ids, _as_int)
            repeats = self._table.repeats
        else:
            import pandas as pd

            self._kind = "other"
            # As objects, texts are not parsed as times, nor times looked up within intervals.
            self._index = pd.Index(_times_of_pandas(ids), dtype=object, tupleize_cols=False)
            repeats = not self._index.is_unique
        if repeats:
            raise ValueError(f"{axis} hold an id twice")
        if self._kind == "other":
            # pandas fills its table at the first look-up.
            self._look_up(self._index[:1])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """The approximate size of the table in bytes, without the ids."""
        if self._kind == "sorted":
            return 0
        if self._table is not None:
            return int(self._table.nbytes)
        slots = 1 << max(5, (len(self.ids) * 13 // 10).bit_length())
        return 16 * slots + slots // 4

    @cached_property
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
        return self.position(id_) >= 0

    def listed(self, ids: Any) -> list[Any] | np.ndarray:
        """Return an argument as a list of ids; an array of ints or objects stays one.

        Booleans, which could be taken for the ids 0 and 1, are a TypeError.
        """
        if type(ids) is list and are_plain(ids):
            return ids
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
            if self._table is not None:
                found: np.ndarray = self._table.positions(ids)
                return found
            if isinstance(self.ids, TextIds):
                return self.ids.get_indexer(ids)
            import pandas as pd

            wanted = _times_of_pandas(object_array(ids))
            return self._look_up(pd.Index(wanted, dtype=object, tupleize_cols=False))
        except TypeError as error:
            raise TypeError(f"ids of {self.axis} must be hashable: {error}") from None

    def position(self, id_: Any) -> int:
        """Return the position of one id, −1 for an unknown one."""
        if self._table is None:
            return int(self.positions(object_array([id_]))[0])
        return int(self._table.position(id_))

    def refuse_unknown(self, ids: Sequence[Any] | np.ndarray, positions: np.ndarray) -> None:
        """Raise a ValueError if the position of an id is −1."""
        if not len(positions) or positions.min() >= 0:
            return
        unknown = [id_ for id_, position in zip(ids, positions, strict=True) if position < 0]
        example = self.ids[:1].tolist()[0] if len(self) else None
        near = self._near(unknown[0])
        hint = "" if near is None else f" (did you mean {shown(near)}?)"
        raise ValueError(
            f"unknown {describe_unknown(unknown, self.axis)}{hint}; there are {len(self)}, such as "
            f"{shown(example)}"
        )

    def _near(self, id_: Any) -> Any:
        """Return an id of the axis that differs in its type, capitals or spaces; None if none."""
        if isinstance(id_, str):
            text = id_.strip()
            forms: list[Any] = [text, text.lower(), text.upper(), text.title()]
            # As for files: "07" is no way to write 7.
            with contextlib.suppress(ValueError):
                forms += [int(text)] if str(int(text)) == text else []
        else:
            forms = [str(_as_int(id_))]
        return next((form for form in forms if self.position(form) >= 0), None)

    def _look_up(self, ids: pd.Index) -> np.ndarray:
        positions: np.ndarray = self._index.get_indexer(ids)
        return positions.astype(np.int64, copy=False)


def describe_unknown(unknown: Sequence[Any] | np.ndarray, axis: str) -> str:
    """Return a text that names the first of some unknown ids and counts the others."""
    first = unknown[0].item() if isinstance(unknown[0], np.generic) else unknown[0]
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"id among {axis}: {shown(first)}{more}"


def _times_of_pandas(ids: np.ndarray) -> np.ndarray:
    """Return an object array in which times of NumPy are the equal times of pandas.

    Before NumPy 2.2, their hashes differed from those of equal times of other libraries.
    """
    times = {np.datetime64: "Timestamp", np.timedelta64: "Timedelta"}
    if times.keys().isdisjoint(map(type, ids)):
        return ids
    import pandas as pd

    converted: np.ndarray = ids.copy()
    for place, value in enumerate(ids):
        if type(value) in times:
            # What pandas cannot hold stays as it is.
            with contextlib.suppress(ValueError, OverflowError):
                converted[place] = getattr(pd, times[type(value)])(value)
    return converted


def _are_texts(ids: np.ndarray) -> bool:
    import pandas as pd

    return pd.api.types.infer_dtype(ids, skipna=False) in ("string", "empty")


def _as_int(value: Any) -> int | None:
    """Return the int that a number is equal to; None for other values, True and False."""
    if not isinstance(value, numbers.Number) or isinstance(value, (bool, np.bool_)):
        return None
    try:
        whole = int(value.real)  # type: ignore[attr-defined]
    except (ValueError, OverflowError):
        return None
    return whole if bool(value == whole) else None  # type: ignore[comparison-overlap]
