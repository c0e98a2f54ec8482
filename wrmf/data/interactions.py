"""Users, items and what passed between them: id maps, the sparse matrix, thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_csr, as_positive_int

__all__ = ["Interactions", "Summary", "find_ids", "object_array"]


@dataclass(frozen=True)
class Summary:
    """Counts of a set of interactions. ``density`` is the filled share of all cells, 0 to 1."""

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


def _as_ids(ids: Any, n: int, name: str) -> np.ndarray:
    """Return ids as a 1-d int64 or object array of n distinct, non-null values."""
    if ids is None:
        return np.arange(n)
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of ids, got the single {ids!r}")
    values = list(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if len(values) != n:
        raise ValueError(f"{name} must hold {n} ids, one a row or column, got {len(values)}")
    if all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values):
        try:
            array = np.array(values, dtype=np.int64)
        except OverflowError:
            array = object_array(values)
    else:
        array = object_array(values)
        for position, value in enumerate(values):
            try:
                hash(value)
            except TypeError as error:
                raise TypeError(f"{name} holds {value!r} at position {position}: {error}") from None
    index = _index(array)
    if array.dtype == object and index.isna().any():
        raise ValueError(f"{name} holds a null id at position {int(index.isna().argmax())}")
    if not index.is_unique:
        raise ValueError(f"{name} holds the id {index[index.duplicated()].tolist()[0]!r} twice")
    return array


def object_array(values: Sequence[Any]) -> np.ndarray:
    """Return values as a 1-d object array: tuples stay tuples."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _index(ids: np.ndarray) -> pd.Index:
    return pd.Index(ids, tupleize_cols=False)


class Interactions:
    """Who interacted with what, how often: a sparse users × items matrix and its ids.

    Made by :func:`wrmf.read_interactions` or :meth:`from_matrix`.

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix (n_users, n_items), float32
        Sorted, one entry a pair, no stored zeros. Treat it as read-only.
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The external ids of rows and columns.
    item_names : ndarray (n_items,) of str, or None
    times : ndarray (n_interactions,) or None
        One per stored entry, in the order of ``matrix``; the latest one of a repeated pair.
    n_duplicates : int
        Rows met that repeated an earlier (user, item) pair.

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
        self._indexes: dict[str, pd.Index] = {}

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        users: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        item_names: Iterable[str] | None = None,
    ) -> Interactions:
        """Wrap a users × items matrix of any scipy.sparse format, or a 2-d array.

        Parameters
        ----------
        matrix : sparse or dense (n_users, n_items), finite, ≥ 0; copied, never changed
        users, items : sequences of hashable ids, default 0, 1, 2, …
        item_names : sequence of str, optional
        """
        csr = as_csr(matrix)
        names = None
        if item_names is not None:
            names = object_array([str(name) for name in item_names])
            if len(names) != csr.shape[1]:
                raise ValueError(f"item_names must hold {csr.shape[1]} names, got {len(names)}")
        return cls(
            csr, _as_ids(users, csr.shape[0], "users"), _as_ids(items, csr.shape[1], "items"), names
        )

    def with_matrix(self, matrix: sparse.csr_matrix) -> Interactions:
        """Return other interactions on the same axes; ``matrix`` is canonical float32 CSR."""
        return Interactions(matrix, self.users, self.items, self.item_names)

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    @property
    def n_users(self) -> int:
        return self.matrix.shape[0]

    @property
    def n_items(self) -> int:
        return self.matrix.shape[1]

    @property
    def n_interactions(self) -> int:
        return int(self.matrix.nnz)

    def __repr__(self) -> str:
        return f"Interactions({self.n_users} users × {self.n_items} items, {self.n_interactions})"

    def user_index(self, ids: Any) -> np.ndarray:
        """Return the rows of the given user ids, int64; an unknown id is a ValueError."""
        return self._lookup("users", ids)

    def item_index(self, ids: Any) -> np.ndarray:
        """Return the columns of the given item ids, int64; an unknown id is a ValueError."""
        return self._lookup("items", ids)

    def _lookup(self, axis: str, ids: Any) -> np.ndarray:
        if axis not in self._indexes:
            self._indexes[axis] = _index(getattr(self, axis))
        return find_ids(self._indexes[axis], ids, axis)

    def names_of(self, columns: Any) -> list[str]:
        """Return readable names of the given columns: ``item_names``, or the ids as text."""
        names = self.items if self.item_names is None else self.item_names
        return [str(names[column]) for column in np.atleast_1d(columns)]

    def summary(self) -> Summary:
        """Return counts and density; ``str()`` of it is the article's print-out."""
        cells = self.n_users * self.n_items
        return Summary(
            self.n_users,
            self.n_items,
            self.n_interactions,
            self.n_interactions / cells,
            self.n_duplicates,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return user, item, value (and time): a row an entry, in the order of ``matrix``."""
        rows = np.repeat(np.arange(self.n_users), np.diff(self.matrix.indptr))
        frame = pd.DataFrame(
            {
                "user": self.users[rows],
                "item": self.items[self.matrix.indices],
                "value": self.matrix.data.copy(),
            }
        )
        if self.times is not None:
            frame["time"] = self.times
        return frame

    def k_core(self, user_min: int = 5, item_min: int = 5) -> Interactions:
        """Drop users and items with too few interactions, in turn, until none is left to drop.

        Parameters
        ----------
        user_min, item_min : int ≥ 0, default 5
            Least number of distinct items a user, and users an item, must keep.

        Returns
        -------
        Interactions
            The largest subset in which everyone meets both, on axes without the others.

        Raises
        ------
        ValueError
            Where nothing is left.
        """
        user_min = as_positive_int(user_min, "user_min", 0)
        item_min = as_positive_int(item_min, "item_min", 0)
        columns = self.matrix.indices
        rows = np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.matrix.indptr))
        kept = np.arange(len(columns))
        while True:
            before = len(kept)
            of_user = np.bincount(rows[kept], minlength=self.n_users)
            kept = kept[of_user[rows[kept]] >= user_min]
            of_item = np.bincount(columns[kept], minlength=self.n_items)
            kept = kept[of_item[columns[kept]] >= item_min]
            if len(kept) == before:
                break
        if not len(kept):
            raise ValueError(
                f"no interaction is left with at least {user_min} items a user and {item_min} "
                f"users an item; lower the thresholds (the data: {self!r})"
            )
        users = np.flatnonzero(np.bincount(rows[kept], minlength=self.n_users))
        items = np.flatnonzero(np.bincount(columns[kept], minlength=self.n_items))
        new_column = np.empty(self.n_items, dtype=np.int32)
        new_column[items] = np.arange(len(items), dtype=np.int32)
        counts = np.bincount(rows[kept], minlength=self.n_users)[users]
        matrix = sparse.csr_matrix(
            (
                self.matrix.data[kept],
                new_column[columns[kept]],
                np.concatenate(([0], np.cumsum(counts))).astype(self.matrix.indptr.dtype),
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


def find_ids(index: pd.Index, ids: Any, axis: str) -> np.ndarray:
    """Return where ``ids`` (one or a sequence) stand in ``index``, or say which is unknown."""
    if isinstance(ids, (str, bytes, tuple)) or not isinstance(ids, Iterable):
        ids = [ids]
    wanted = object_array(list(ids))
    try:
        found = index.get_indexer(pd.Index(wanted, tupleize_cols=False))
    except TypeError as error:
        raise TypeError(f"ids of {axis} must be hashable: {error}") from None
    if (found < 0).any():
        unknown = wanted[found < 0]
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        example = index[:1].tolist()[0] if len(index) else None
        raise ValueError(
            f"unknown id among {axis}: {unknown.tolist()[0]!r}{more}; "
            f"there are {len(index)}, such as {example!r}"
        )
    return found.astype(np.int64)
