"""Finds the users and items that requests name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wrmf.cached import cached_property
from wrmf.data.checks import is_integer
from wrmf.data.id_index import IdIndex, object_array
from wrmf.model.names import NameIndex
from wrmf.model.parts import Parts

__all__ = ["AxisIds"]

# Types of a single id, as requests name it.
SINGLE = (int, str)


class AxisIds(Parts):
    """The ids of an axis, and names that stand for them.

    Parameters
    ----------
    axis : {"users", "items"}
    ids : int64 or object (n,)
    names : object (n,), or None
    """

    sources = ("ids", "names")

    def __init__(self, axis: str, ids: np.ndarray, names: np.ndarray | None = None) -> None:
        self.axis, self.ids, self.names = axis, ids, names

    @cached_property
    def index(self) -> IdIndex:
        """The positions of the ids."""
        return IdIndex(self.ids, self.axis)

    @cached_property
    def name_index(self) -> NameIndex:
        """The positions of the names."""
        return NameIndex(self.ids, [] if self.names is None else self.names.tolist())

    def find(self, ids: Any) -> np.ndarray:
        """Return the positions of one or several ids; an unknown id raises a ValueError.

        A name is taken for the id of the item with that name, unless the name is itself an id.
        """
        single = ids[0] if type(ids) is list and len(ids) == 1 else ids
        if type(single) in SINGLE:
            position = self.index.position(single)
            if position >= 0:
                return np.array([position], dtype=np.int64)
        wanted, positions = self.positions(ids)
        self.index.refuse_unknown(wanted, positions)
        return positions

    def positions(self, ids: Any) -> tuple[Sequence[Any] | np.ndarray, np.ndarray]:
        """Return one or several ids or names as a sequence, and their positions; −1 if unknown."""
        wanted = self.index.listed(ids)
        positions = self.index.positions(wanted)
        self.find_names(wanted, positions)
        return wanted, positions

    def find_names(self, wanted: Sequence[Any] | np.ndarray, positions: np.ndarray) -> None:
        """Set the positions of names, where those of ids are −1."""
        if self.names is not None:
            for place in np.flatnonzero(positions < 0).tolist():
                positions[place] = self.name_index.position(wanted[place])

    def locate(self, ids: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return ids as an array, and the position of each; −1 for an unknown id."""
        wanted = self.index.listed(ids)
        positions = self.index.positions(wanted)
        whole = self.ids.dtype != object and all(map(is_integer, wanted))
        return np.array(wanted, np.int64) if whole else object_array(list(wanted)), positions
