"""Tables with the columns user, item and value, made from matrices, lists or wide tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.formats.notes import IDLE, with_count

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["UNFOLDED", "Entries", "is_unfolded"]

UNFOLDED = ("user", "item", "value")
# Metadata of a table whose columns are ``UNFOLDED``, whatever columns the caller wanted.
MARK = {b"wrmf.unfolded": b"yes"}


@dataclass(frozen=True)
class Entries:
    """The entries of a matrix, by rows and columns.

    Attributes
    ----------
    users, items : pyarrow.Array
        The distinct ids.
    user_codes, item_codes : int64 (n_entries,)
        Positions of each entry's ids in ``users`` and ``items``.
    values : float64 (n_entries,)
    """

    users: pa.Array
    items: pa.Array
    user_codes: np.ndarray
    item_codes: np.ndarray
    values: np.ndarray

    def table(self, metadata: dict[bytes, bytes] | None = None) -> pa.Table:
        """Return a table with a row for each entry.

        Users and items without entries get a row of value 0 at the end, so that they are not lost.
        The number of these rows is the count ``IDLE`` of the table.
        """
        import pyarrow as pa

        user_codes, item_codes = self.user_codes, self.item_codes
        if len(self.users) and len(self.items):
            idle = _missing(item_codes, len(self.items))
            user_codes = np.concatenate([user_codes, np.zeros(len(idle), dtype=np.int64)])
            item_codes = np.concatenate([item_codes, idle])
            idle = _missing(user_codes, len(self.users))
            user_codes = np.concatenate([user_codes, idle])
            item_codes = np.concatenate([item_codes, np.zeros(len(idle), dtype=np.int64)])
        values = np.zeros(len(user_codes))
        values[: len(self.values)] = self.values
        columns = [
            self.users.take(pa.array(user_codes)),
            self.items.take(pa.array(item_codes)),
            pa.array(values),
        ]
        table = pa.table(columns, names=list(UNFOLDED), metadata={**(metadata or {}), **MARK})
        return with_count(table, IDLE, len(values) - len(self.values))


def is_unfolded(table: Any) -> bool:
    """Return whether the columns of a table are ``UNFOLDED``, whatever the caller wanted."""
    metadata = getattr(getattr(table, "schema", None), "metadata", None) or {}
    return bool(MARK.items() <= metadata.items())


def _missing(codes: np.ndarray, n: int) -> np.ndarray:
    """Return the codes below ``n`` that do not occur."""
    return np.flatnonzero(np.bincount(codes, minlength=n) == 0)
