"""A users × items matrix together with the rows that were merged into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.data.axes import AxisMap
from wrmf.data.checks import MatrixLike, as_csr
from wrmf.data.counts import RowCounts, Summary
from wrmf.data.dislikes import count_dislikes
from wrmf.data.indexed import IndexedMatrix, entry_rows
from wrmf.data.rows import Rows
from wrmf.data.times import parse_times
from wrmf.html_table import html_table

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

__all__ = ["MergedRows"]

# The number of interactions that a notebook shows.
SHOWN_ENTRIES = 5


class MergedRows(IndexedMatrix):
    """A users × items matrix and the rows that were merged into it.

    This is the base class of :class:`Interactions`, which is public.

    Attributes
    ----------
    rows : Rows or None
        The rows that ``matrix`` was computed from, if they have times.
    counts : RowCounts
        How many rows of the source were kept, dropped or merged.
    duplicates : str
        The rule by which rows of the same pair are merged again when a part of the rows is taken.
    """

    rows: Rows | None
    counts: RowCounts
    duplicates: str

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the size, what was dropped, and the first interactions."""
        lines = [line.partition(": ") for line in str(self.summary()).splitlines()]
        sizes = html_table(type(self).__name__, [], [[name, value] for name, _, value in lines])
        n_shown = min(SHOWN_ENTRIES, self.n_interactions)
        users = np.searchsorted(self.matrix.indptr, np.arange(n_shown), side="right") - 1
        columns = self.matrix.indices[:n_shown]
        rows = zip(
            self.users[users].tolist(),
            self.items[columns].tolist(),
            self.names_of(columns),
            self.matrix.data[:n_shown].tolist(),
            strict=True,
        )
        heads = ["user", "item", "name", "value"]
        shown = [[str(user), str(item), name, f"{value:g}"] for user, item, name, value in rows]
        if self.item_names is None:
            heads.remove("name")
            shown = [[user, item, value] for user, item, _, value in shown]
        return sizes + html_table("The first of them", heads, shown)

    def _fill(
        self,
        matrix: sparse.csr_matrix,
        users: np.ndarray,
        items: np.ndarray,
        item_names: np.ndarray | None = None,
        rows: Rows | None = None,
        counts: RowCounts | None = None,
        duplicates: str = "sum",
    ) -> None:
        self.matrix = matrix
        self.users = users
        self.items = items
        self.item_names = item_names
        self.rows = rows
        self.counts = RowCounts() if counts is None else counts
        # Without rows, each entry of the matrix serves as a row. Its value is already merged, and
        # "sum" keeps it.
        self.duplicates = "sum" if rows is None else duplicates

    @classmethod
    def _unchecked(cls, *args: Any, **kwargs: Any) -> Self:
        """Return interactions with the arguments of ``_fill``, neither validated nor copied."""
        data = cls.__new__(cls)
        data._fill(*args, **kwargs)
        return data

    @classmethod
    def of_merged(cls, rows: Rows, duplicates: str) -> Self:
        """Merge rows into interactions; the result may be empty."""
        merged = (rows if rows.times is None else rows.compact()).merge(duplicates)
        return cls._unchecked(
            merged.matrix,
            rows.users,
            rows.items,
            rows.item_names,
            merged.rows,
            merged.counts,
            duplicates,
        )

    def with_matrix(self, matrix: MatrixLike) -> Self:
        """Return the interactions of another matrix, which may be all zero, on the same axes.

        They have no times.
        """
        csr = as_csr(matrix, allow_empty=True, negative="dislike")
        if csr.shape != self.shape:
            raise ValueError(f"matrix must be {self.shape} users × items, got {csr.shape}")
        return self._unchecked(csr, self.users, self.items, self.item_names)

    @cached_property
    def times(self) -> np.ndarray | None:
        """The time of each stored entry, in the order of ``matrix``; None if there are no times.

        Times are datetime64[us] in UTC, or numbers. A repeated pair has its latest time.
        """
        if self.rows is None or self.rows.times is None:
            return None
        return self.rows.pairs().reduce(np.maximum, self.rows.times)

    @cached_property
    def n_dislikes(self) -> int:
        """Number of interactions of negative value, which are dislikes."""
        return count_dislikes(self.matrix)

    @property
    def n_duplicates(self) -> int:
        """Rows of the source that repeated an earlier (user, item) pair."""
        return self.counts.repeated

    def row_times(self) -> np.ndarray:
        """Return the time of each row; without times, raise a ValueError."""
        if self.rows is None or self.rows.times is None:
            raise ValueError("there are no times: pass time=, or name the column when reading")
        return self.rows.times

    def as_rows(self) -> Rows:
        """Return ``rows``; if these are None, a row for each entry of ``matrix``."""
        return self._entries_as_rows() if self.rows is None else self.rows

    def _entries_as_rows(self, times: np.ndarray | None = None) -> Rows:
        return Rows(
            users=self.users,
            items=self.items,
            user_codes=entry_rows(self.matrix),
            item_codes=self.matrix.indices,
            values=self.matrix.data,
            times=times,
            item_names=self.item_names,
            signed=True,
        )

    def with_times(self, times: Any) -> Self:
        """Return the same interactions with other times.

        Parameters
        ----------
        times : sequence (n_interactions,)
            Dates, datetimes, ISO text or numbers, in the order of ``to_frame()``.
        """
        if np.shape(times) != (self.n_interactions,):
            raise ValueError(
                f"times must hold {self.n_interactions} values, one for each interaction, got "
                f"{np.shape(times)}"
            )
        rows = self._entries_as_rows(parse_times(times))
        return self._unchecked(self.matrix, self.users, self.items, self.item_names, rows)

    def keep_entries(self, chosen: np.ndarray) -> Self:
        """Choose interactions by a bool mask over the stored entries; the axes stay the same.

        The rows of the chosen interactions are kept, too.
        """
        matrix = self.matrix
        indptr = np.concatenate(([0], np.cumsum(chosen)))[matrix.indptr]
        part = _canonical(matrix.data[chosen], matrix.indices[chosen], indptr, matrix.shape)
        rows = self.rows
        if rows is not None:
            rows = rows.select(chosen[rows.pairs().entries()])
        return self._with_part(part, rows)

    def keep_rows(self, chosen: np.ndarray) -> Self:
        """Choose rows by a bool mask over :meth:`as_rows`, and merge them on the same axes."""
        return self.of_merged(self.as_rows().select(chosen), self.duplicates)

    def _with_part(self, matrix: sparse.csr_matrix, rows: Rows | None) -> Self:
        counts = None
        if rows is not None:
            n_repeated = len(rows) - matrix.nnz
            counts = RowCounts(read=len(rows), repeated=n_repeated, kept=matrix.nnz)
        return self._unchecked(
            matrix, self.users, self.items, self.item_names, rows, counts, self.duplicates
        )

    def on_used_axes(self) -> Self:
        """Remove users and items without interactions from the axes."""
        matrix = self.matrix
        used_rows = np.flatnonzero(np.diff(matrix.indptr))
        used_columns = np.flatnonzero(np.bincount(matrix.indices, minlength=self.n_items))
        if (len(used_rows), len(used_columns)) == self.shape:
            return self
        new_row = np.full(self.n_users, -1)
        new_row[used_rows] = np.arange(len(used_rows))
        new_column = np.full(self.n_items, -1)
        new_column[used_columns] = np.arange(len(used_columns))
        users, items = self.users[used_rows], self.items[used_columns]
        names = None if self.item_names is None else self.item_names[used_columns]
        part = _canonical(
            matrix.data,
            new_column[matrix.indices],
            np.concatenate(([0], matrix.indptr[1:][used_rows])),
            (len(users), len(items)),
        )
        rows = self.rows
        if rows is not None:
            rows = rows.on_axes(AxisMap(users, new_row), AxisMap(items, new_column)).compact()
        return self._unchecked(part, users, items, names, rows, self.counts, self.duplicates)

    def summary(self) -> Summary:
        """Return counts and density, which are printed in the form used by Rosenthal 2016.

        References
        ----------
        Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab
        Models. 2016.
        """
        return Summary(
            users=self.n_users,
            items=self.n_items,
            interactions=self.n_interactions,
            density=self.n_interactions / (self.n_users * self.n_items),
            dislikes=self.n_dislikes,
            rows=self.counts,
            idle_users=self.n_users - int(np.count_nonzero(np.diff(self.matrix.indptr))),
            idle_items=int(
                np.count_nonzero(np.bincount(self.matrix.indices, minlength=self.n_items) == 0)
            ),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with a row for each interaction, in the order of ``matrix``.

        The columns are user, item, value and, where there are times or names of items, time and
        name.
        """
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame(
            {
                "user": self.users[entry_rows(self.matrix)],
                "item": self.items[self.matrix.indices],
                "value": self.matrix.data.copy(),
            }
        )
        times = self.times
        if times is not None:
            frame["time"] = times
        if self.item_names is not None:
            frame["name"] = self.item_names[self.matrix.indices]
        return frame


def _canonical(
    values: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Return a CSR matrix of entries that are sorted and distinct, with the usual index types."""
    indptr_type = np.int32 if len(values) < 2**31 else np.int64
    matrix = sparse.csr_matrix(
        (values, indices.astype(np.int32), indptr.astype(indptr_type)), shape=shape
    )
    matrix.has_canonical_format = True
    return matrix
