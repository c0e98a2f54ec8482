"""The data that models are trained on: a sparse users × items matrix with the ids of its axes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from wrmf.data.checks import MatrixLike, as_csr, as_positive_int
from wrmf.data.rows import Rows

__all__ = [
    "Interactions",
    "Summary",
    "as_interactions",
    "entry_rows",
    "find_ids",
    "object_array",
    "same_ids",
]


@dataclass(frozen=True)
class Summary:
    """Counts of a set of interactions; ``str()`` of it has a line for each.

    Attributes
    ----------
    users, items, interactions : int
    density : float in [0, 1]
        The share of all (user, item) pairs that are interactions.
    duplicate_rows : int, default 0
        Rows of the source that repeated an earlier (user, item) pair.
    """

    users: int
    items: int
    interactions: int
    density: float
    duplicate_rows: int = 0

    def __str__(self) -> str:
        lines = [
            f"Number of users: {self.users}",
            f"Number of items: {self.items}",
            f"Number of interactions: {self.interactions}",
            f"Density: {self.density * 100:4.3f}%",
        ]
        if self.duplicate_rows:
            lines.append(f"Duplicated rows: {self.duplicate_rows}")
        return "\n".join(lines)


class Interactions:
    """Interactions of users with items: a sparse users × items matrix and the ids of its axes.

    Create them with :func:`wrmf.read_interactions` or :meth:`from_matrix`; the constructor does
    not validate its arguments.

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix (n_users, n_items), float32
        Sorted, one entry for each pair, no stored zeros. Treat it as read-only.
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The external ids of rows and columns.
    item_names : ndarray (n_items,) of str, or None
        Readable names of the items.
    times : ndarray (n_interactions,) or None
        The time of each stored entry, in the order of ``matrix``; of a repeated pair the latest.
    n_duplicates : int
        Rows of the source that repeated an earlier (user, item) pair.

    Examples
    --------
    >>> import pandas as pd, wrmf
    >>> likes = pd.DataFrame({"user": ["ann", "ann", "bob"], "item": ["x", "y", "y"]})
    >>> data = wrmf.read_interactions(likes)
    >>> data.matrix.toarray()
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    >>> print(data.summary())
    Number of users: 2
    Number of items: 2
    Number of interactions: 3
    Density: 75.000%
    """

    def __init__(
        self,
        matrix: sparse.csr_matrix,
        users: np.ndarray,
        items: np.ndarray,
        item_names: np.ndarray | None = None,
        times: np.ndarray | None = None,
        n_duplicates: int = 0,
    ) -> None:
        self.matrix = matrix
        self.users = users
        self.items = items
        self.item_names = item_names
        self.times = times
        self.n_duplicates = n_duplicates

    @classmethod
    def from_rows(cls, rows: Rows, duplicates: str = "sum") -> Interactions:
        """Merge the rows of a source into interactions, one for each pair.

        Parameters
        ----------
        rows : Rows
        duplicates : {"sum", "drop", "error"}, default "sum"
            What to do with rows that repeat a pair, as in :func:`wrmf.read_interactions`.

        Raises
        ------
        ValueError
            With "error" for repeated pairs, and if no interaction is left.
        """
        merged, times = rows.merge(duplicates)
        if times is not None:
            # as_csr drops pairs of value 0, so drop their times, too.
            times = times[merged.data > 0]
        n_duplicates = len(rows) - merged.nnz
        matrix = as_csr(merged)
        return cls(matrix, rows.users, rows.items, rows.item_names, times, n_duplicates)

    @classmethod
    def from_matrix(
        cls,
        matrix: MatrixLike,
        users: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        item_names: Iterable[str] | None = None,
    ) -> Interactions:
        """Validate and copy a users × items matrix.

        Parameters
        ----------
        matrix : scipy.sparse matrix of any format, or ndarray, (n_users, n_items)
            Finite values ≥ 0. Repeated entries are added up, zeros are no interactions.
        users, items : sequences of distinct hashable ids, default 0, 1, 2, …
            Ids of the rows and of the columns.
        item_names : sequence of n_items str, optional

        Raises
        ------
        TypeError, ValueError
            For a broken or empty matrix, for null or repeated ids, and for a wrong number of them.

        Examples
        --------
        >>> import numpy as np
        >>> Interactions.from_matrix(np.eye(2), users=["ann", "bob"])
        Interactions(2 users × 2 items, 2)
        """
        csr = as_csr(matrix)
        n_users, n_items = csr.shape
        names = None
        if item_names is not None:
            names = object_array([str(name) for name in item_names])
            if len(names) != n_items:
                raise ValueError(f"item_names must hold {n_items} names, got {len(names)}")
        return cls(csr, _as_ids(users, n_users, "users"), _as_ids(items, n_items, "items"), names)

    def with_matrix(self, matrix: sparse.csr_matrix) -> Interactions:
        """Return other interactions on the same axes, without times.

        ``matrix`` is canonical float32 CSR of the same shape, as :func:`as_csr` returns it.
        """
        return Interactions(matrix, self.users, self.items, self.item_names)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and number of items."""
        return self.n_users, self.n_items

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    @property
    def n_interactions(self) -> int:
        """Number of distinct (user, item) pairs."""
        return int(self.matrix.nnz)

    def __repr__(self) -> str:
        return f"Interactions({self.n_users} users × {self.n_items} items, {self.n_interactions})"

    @functools.cached_property
    def _user_lookup(self) -> pd.Index:
        return _lookup_table(self.users)

    @functools.cached_property
    def _item_lookup(self) -> pd.Index:
        return _lookup_table(self.items)

    def user_index(self, ids: Any) -> np.ndarray:
        """Return the rows of a user id or of a sequence of them, int64.

        An unknown id is a ValueError.
        """
        return find_ids(self._user_lookup, ids, "users")

    def item_index(self, ids: Any) -> np.ndarray:
        """Return the columns of an item id or of a sequence of them, int64.

        An unknown id is a ValueError.
        """
        return find_ids(self._item_lookup, ids, "items")

    def names_of(self, columns: ArrayLike) -> list[str]:
        """Return readable names of the given columns: ``item_names``, or else the ids as text."""
        names = self.items if self.item_names is None else self.item_names
        return [str(names[column]) for column in np.atleast_1d(columns)]

    def summary(self) -> Summary:
        """Return counts and density; printed, they look like the summary in Rosenthal 2016.

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
            duplicate_rows=self.n_duplicates,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with a row for each interaction, in the order of ``matrix``.

        The columns are user, item, value and, where there are times, time.
        """
        frame: pd.DataFrame = pd.DataFrame(
            {
                "user": self.users[entry_rows(self.matrix)],
                "item": self.items[self.matrix.indices],
                "value": self.matrix.data.copy(),
            }
        )
        if self.times is not None:
            frame["time"] = self.times
        return frame

    def k_core(self, user_min: int = 5, item_min: int = 5) -> Interactions:
        """Drop users and items with too few interactions until every one left has enough.

        Parameters
        ----------
        user_min, item_min : int ≥ 0, default 5
            Least number of distinct items of a user, and of distinct users of an item.

        Returns
        -------
        Interactions
            The largest subset in which both hold. Users and items without any interaction left
            are taken off the axes.

        Raises
        ------
        ValueError
            If no interaction is left.

        Examples
        --------
        >>> import numpy as np
        >>> data = Interactions.from_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
        >>> data.k_core(2, 2)
        Interactions(2 users × 2 items, 4)
        """
        user_min = as_positive_int(user_min, "user_min", 0)
        item_min = as_positive_int(item_min, "item_min", 0)
        rows, columns = entry_rows(self.matrix), self.matrix.indices
        kept = np.arange(len(columns))
        n_before = -1
        # Dropping a user may leave an item with too few users, and the other way round.
        while len(kept) != n_before:
            n_before = len(kept)
            kept = kept[np.bincount(rows[kept])[rows[kept]] >= user_min]
            kept = kept[np.bincount(columns[kept])[columns[kept]] >= item_min]
        if not len(kept):
            raise ValueError(
                f"no interaction is left with at least {user_min} items a user and {item_min} "
                f"users an item; lower the thresholds (the data: {self!r})"
            )
        return self._without_empty_axes(rows[kept], kept)

    def _without_empty_axes(self, rows: np.ndarray, kept: np.ndarray) -> Interactions:
        """Return the entries at the positions ``kept``, in ``rows``, on the axes that they need."""
        columns = self.matrix.indices[kept]
        row_counts = np.bincount(rows, minlength=self.n_users)
        users = np.flatnonzero(row_counts)
        items = np.flatnonzero(np.bincount(columns, minlength=self.n_items))
        new_column = np.empty(self.n_items, dtype=np.int32)
        new_column[items] = np.arange(len(items), dtype=np.int32)
        indptr = np.concatenate(([0], np.cumsum(row_counts[users])))
        matrix = sparse.csr_matrix(
            (
                self.matrix.data[kept],
                new_column[columns],
                indptr.astype(self.matrix.indptr.dtype),
            ),
            shape=(len(users), len(items)),
        )
        return Interactions(
            matrix,
            self.users[users],
            self.items[items],
            None if self.item_names is None else self.item_names[items],
            None if self.times is None else self.times[kept],
        )


def as_interactions(data: Interactions | MatrixLike) -> Interactions:
    """Return ``data`` itself, or wrap a users × items matrix with ids 0, 1, 2, …."""
    return data if isinstance(data, Interactions) else Interactions.from_matrix(data)


def entry_rows(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the row of each stored entry of a CSR matrix, int64, in stored order."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def same_ids(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays hold the same ids in the same order."""
    # Objects made from one another share their arrays, which saves the comparison.
    return a is b or np.array_equal(a, b)


def object_array(values: Sequence[Any]) -> np.ndarray:
    """Return ``values`` as a 1-d object array, in which a tuple is one element."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def find_ids(index: pd.Index, ids: Any, axis: str) -> np.ndarray:
    """Return the positions of ids on an axis, int64.

    Parameters
    ----------
    index : pandas.Index, the ids of the axis
    ids : an id (also a str, bytes or tuple), or an iterable of ids
    axis : {"users", "items"}, what error messages call the axis

    Raises
    ------
    TypeError, ValueError
        For an id that is not hashable or not on the axis.
    """
    if isinstance(ids, (str, bytes, tuple)) or not isinstance(ids, Iterable):
        ids = [ids]
    wanted = object_array(list(ids))
    try:
        positions = index.get_indexer(_lookup_table(wanted))
    except TypeError as error:
        raise TypeError(f"ids of {axis} must be hashable: {error}") from None
    if (positions < 0).any():
        unknown = wanted[positions < 0]
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        example = index[:1].tolist()[0] if len(index) else None
        raise ValueError(
            f"unknown id among {axis}: {unknown.tolist()[0]!r}{more}; "
            f"there are {len(index)}, such as {example!r}"
        )
    return positions.astype(np.int64)


def _lookup_table(ids: np.ndarray) -> pd.Index:
    # Without the argument, ids that are tuples would become levels of a MultiIndex.
    index: pd.Index = pd.Index(ids, tupleize_cols=False)
    return index


def _as_ids(ids: Iterable[Any] | None, n: int, name: str) -> np.ndarray:
    """Return ids as an int64 or object array of n distinct, non-null values."""
    if ids is None:
        return np.arange(n)
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of ids, got the single {ids!r}")
    values = list(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if len(values) != n:
        raise ValueError(f"{name} must hold {n} ids, got {len(values)}")
    array = _id_array(values)
    if array.dtype == object:
        _check_hashable(values, name)
    lookup = _lookup_table(array)
    if array.dtype == object and lookup.isna().any():
        raise ValueError(f"{name} holds a null id at position {int(lookup.isna().argmax())}")
    if not lookup.is_unique:
        raise ValueError(f"{name} holds the id {lookup[lookup.duplicated()].tolist()[0]!r} twice")
    return array


def _id_array(values: list[Any]) -> np.ndarray:
    """Return ids as int64 where all are ints of that range, else as objects."""
    if all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values
    ):
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            pass
    return object_array(values)


def _check_hashable(ids: list[Any], name: str) -> None:
    for position, value in enumerate(ids):
        try:
            hash(value)
        except TypeError as error:
            raise TypeError(f"{name} holds {value!r} at position {position}: {error}") from None
