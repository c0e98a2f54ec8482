"""The rows of a source, before rows of the same (user, item) pair are merged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

__all__ = ["DUPLICATES", "RowCounts", "Rows"]

DUPLICATES = ("sum", "drop", "error")


@dataclass(frozen=True)
class RowCounts:
    """How many rows a source had, and how many were dropped for what reason.

    Attributes
    ----------
    read : int
        Rows of the source.
    null, negative, zero, unknown, small : int
        Rows dropped for a null id, value or time, a negative value, a value of zero, an id that is
        on neither of the given axes, and a value below the smallest asked for.
    """

    read: int = 0
    null: int = 0
    negative: int = 0
    zero: int = 0
    unknown: int = 0
    small: int = 0


@dataclass(frozen=True)
class Rows:
    """Rows of a source as codes: who interacted with what, how much and when.

    Attributes
    ----------
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The ids of the axes.
    user_codes, item_codes : int64 (n_rows,)
        Positions of each row's ids on the axes.
    values : float64 (n_rows,), or None
        Finite and ≥ 0; None counts each row as 1.
    times : ndarray (n_rows,), or None
        Numbers or datetimes.
    item_names : object (n_items,), or None
    counts : RowCounts
    """

    users: np.ndarray
    items: np.ndarray
    user_codes: np.ndarray
    item_codes: np.ndarray
    values: np.ndarray | None = None
    times: np.ndarray | None = None
    item_names: np.ndarray | None = None
    counts: RowCounts = field(default_factory=RowCounts)

    def __len__(self) -> int:
        return len(self.user_codes)

    def merge(self, duplicates: str = "sum") -> tuple[sparse.csr_matrix, np.ndarray | None]:
        """Merge rows of the same pair.

        Parameters
        ----------
        duplicates : {"sum", "drop", "error"}, default "sum"
            Add up their values, keep the first row only, or raise an error.

        Returns
        -------
        matrix : csr_matrix (n_users, n_items), float64, sorted; pairs of value 0 are stored
        times : ndarray (n_pairs,) or None
            The latest time of each pair.

        Raises
        ------
        ValueError
            For an unknown ``duplicates``, and with "error" for repeated pairs.
        """
        if duplicates not in DUPLICATES:
            raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
        values = np.ones(len(self)) if self.values is None else self.values
        # SciPy assembles the matrix in one pass over the rows, which also adds up repeated pairs.
        matrix = sparse.coo_matrix(
            (values, (self.user_codes, self.item_codes)), shape=(len(self.users), len(self.items))
        ).tocsr()
        n_repeated = len(self) - matrix.nnz
        if self.times is None and (not n_repeated or duplicates == "sum"):
            return matrix, None
        groups = _PairGroups.of(self.user_codes, self.item_codes, len(self.items))
        if n_repeated and duplicates == "error":
            row = groups.first_repeat()
            user, item = self.users[self.user_codes[row]], self.items[self.item_codes[row]]
            raise ValueError(
                f"{n_repeated} rows repeat a (user, item) pair, such as ({user!r}, {item!r}); "
                'pass duplicates="sum" or "drop"'
            )
        if duplicates == "drop":
            matrix.data = groups.first(values)
        return matrix, None if self.times is None else groups.latest(self.times)


@dataclass(frozen=True)
class _PairGroups:
    """Rows of a table grouped by their (user, item) pair, in the order of a sorted CSR matrix.

    Attributes
    ----------
    order : int array (n_rows,)
        The rows, those of one pair beside each other in the order of the table.
    starts : int array (n_pairs,)
        Where each pair begins in ``order``.
    """

    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, row_codes: np.ndarray, column_codes: np.ndarray, n_items: int) -> _PairGroups:
        """Group the rows by the codes of their users and items."""
        pairs = row_codes * n_items + column_codes
        order = np.argsort(pairs, kind="stable")
        pairs = pairs[order]
        return cls(order, np.flatnonzero(np.concatenate(([True], pairs[1:] != pairs[:-1]))))

    def first_repeat(self) -> int:
        """Return the first row whose pair stands in an earlier row."""
        return int(np.delete(self.order, self.starts).min())

    def first(self, values: np.ndarray) -> np.ndarray:
        """Return the value in the first row of each pair."""
        first: np.ndarray = values[self.order[self.starts]]
        return first

    def latest(self, times: np.ndarray) -> np.ndarray:
        """Return the latest time of each pair."""
        ordered: np.ndarray = times[self.order]
        if len(self.starts) == len(self.order):
            return ordered
        if times.dtype.kind not in "Mm":
            return np.asarray(np.maximum.reduceat(ordered, self.starts))
        # As integers, missing times are the earliest; as datetimes they would be the latest.
        latest: np.ndarray = np.maximum.reduceat(ordered.astype(np.int64), self.starts)
        return latest.astype(times.dtype)
