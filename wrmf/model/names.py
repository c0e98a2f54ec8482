"""Replaces names of items by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wrmf.data.choices import shown

__all__ = ["NameIndex"]


class NameIndex:
    """A hash table from the names of items to their positions.

    Parameters
    ----------
    ids : ndarray (n_items,)
    names : sequence of n_items str
    """

    def __init__(self, ids: np.ndarray, names: Sequence[str]) -> None:
        self._ids = ids
        # The first item of each name, and another item of each name that several items have.
        self._positions = dict(zip(reversed(names), reversed(range(len(names))), strict=True))
        self._others = (
            {name: place for place, name in enumerate(names) if self._positions[name] != place}
            if len(self._positions) < len(names)
            else {}
        )

    def position(self, name: Any) -> int:
        """Return the position of the item with a name, −1 if there is none.

        Raises
        ------
        ValueError
            For a name that several items have.
        """
        if not isinstance(name, str) or (place := self._positions.get(name)) is None:
            return -1
        if name in self._others:
            first, other = self._ids[[place, self._others[name]]].tolist()
            raise ValueError(
                f"{shown(name)} is the name of several items, such as {first!r} and {other!r}: "
                "pass the id"
            )
        return place

    @property
    def nbytes(self) -> int:
        """The approximate size of the table in bytes, without the names."""
        return 100 * len(self._positions)
