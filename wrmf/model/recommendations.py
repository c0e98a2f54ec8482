"""Ranked lists as plain arrays, as a frame and as a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, overload

import numpy as np

from wrmf.data.checks import is_integer
from wrmf.data.choices import as_choice, shown
from wrmf.data.unicode_texts import refusing_surrogates
from wrmf.html_table import Cell, html_table

__all__ = ["RankedIds", "Recommendations", "backend_of"]

# Libraries whose frames ``to_frame`` returns if the ids came from them.
BACKENDS = ("pandas", "polars", "pyarrow", "modin", "cudf")
# The largest number of lists and of places in a list that a notebook shows.
SHOWN_LISTS, SHOWN_PLACES = 10, 10


class RankedIds(NamedTuple):
    """One list, best first, without padding.

    Attributes
    ----------
    ids : ndarray (count,)
    scores : ndarray (count,)
    """

    ids: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Recommendations:
    """Ranked lists, best first, one row for each query. Lists may be shorter than asked for.

    ``ids, scores = lists`` unpacks the two arrays. ``lists[row]`` is one list without padding, and
    ``lists[rows]``, for a slice, a mask or row numbers, is a part of the lists. ``a == b`` is one
    bool: whether all lists are equal.

    Attributes
    ----------
    users : ndarray (n,)
        The ids of the queries: users, or items if neighbours of items were asked for.
    ids : ndarray (n, n_max)
        Recommended ids; −1 (None for object ids) past the end of a list.
    scores : float32 or float64 (n, n_max)
        NaN past the end of a list.
    rows : int64 (n, n_max)
        Positions of ``ids`` on the model's axis; −1 past the end of a list.
    counts : int64 (n,)
        The length of each list.
    names : object (n, n_max), or None
        Names of the recommended items, if the model has names; None past the end of a list.
    columns : (str, str), default ("user", "item")
        What the queries and the listed ids are called in a frame: ("item", "similar_item") for
        neighbours of items, and ("user", "similar_user") for those of users.
    backend : str, default "pandas"
        The library whose frame ``to_frame`` returns: the one that the ids of the query came from.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> likes = np.indices((6, 6)).sum(axis=0) % 2
    >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
    >>> lists = model.recommend([0, 1], n=2, exclude_seen=False)
    >>> len(lists), lists.ids.shape, lists.counts.tolist()
    (2, (2, 2), [2, 2])
    >>> list(lists.to_frame().columns)
    ['user', 'item', 'score', 'rank']
    """

    users: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    names: np.ndarray | None = None
    columns: tuple[str, str] = ("user", "item")
    backend: str = "pandas"

    # Equal lists would need equal hashes, but arrays can change.
    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(
        cls,
        users: np.ndarray,
        axis_ids: np.ndarray,
        rows: np.ndarray,
        scores: np.ndarray,
        counts: np.ndarray,
        axis_names: np.ndarray | None = None,
    ) -> Recommendations:
        """Return the lists whose ids are ``axis_ids[rows]``, and names ``axis_names[rows]``."""
        # Most lists are full.
        if counts.min(initial=rows.shape[1]) == rows.shape[1]:
            names = None if axis_names is None else axis_names[rows]
            return cls(users, axis_ids[rows], scores, rows, counts, names)
        ids = axis_ids[np.maximum(rows, 0)]
        ids[rows < 0] = None if ids.dtype == object else -1
        names = None
        if axis_names is not None:
            names = axis_names[np.maximum(rows, 0)]
            names[rows < 0] = None
        return cls(users, ids, scores, rows, counts, names)

    def described(self, columns: tuple[str, str], asked: Any = None) -> Recommendations:
        """Return the same lists with other names of columns, and the backend of ``asked``.

        Parameters
        ----------
        columns : (str, str), as the attribute
        asked : the argument that the ids of the query came from
        """
        backend = backend_of(asked)
        if columns == self.columns and backend == self.backend:
            return self
        return replace(self, columns=columns, backend=backend)

    def __len__(self) -> int:
        return len(self.users)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over ``ids`` and ``scores``, so that ``ids, scores = lists`` unpacks them."""
        return iter((self.ids, self.scores))

    @overload
    def __getitem__(self, row: int | np.integer) -> RankedIds: ...

    @overload
    def __getitem__(self, row: Any) -> Recommendations: ...

    def __getitem__(self, row: Any) -> RankedIds | Recommendations:
        """Return one list by its row, or the lists of a slice, a bool mask or row numbers."""
        if is_integer(row):
            count = self.counts[row]
            return RankedIds(self.ids[row, :count], self.scores[row, :count])
        chosen = row if isinstance(row, slice) else np.asarray(row)
        if not isinstance(chosen, slice):
            if chosen.ndim == 1 and not len(chosen):
                chosen = chosen.astype(np.int64)
            if chosen.ndim != 1 or chosen.dtype.kind not in "biu":
                raise TypeError(
                    "lists are indexed by a row, a slice, a mask or row numbers, got "
                    f"{shown(row)}: the row of an id is its position in lists.users"
                )
        return replace(
            self,
            users=self.users[chosen],
            ids=self.ids[chosen],
            scores=self.scores[chosen],
            rows=self.rows[chosen],
            counts=self.counts[chosen],
            names=None if self.names is None else self.names[chosen],
        )

    def by_query(self) -> Iterator[tuple[Any, RankedIds]]:
        """Iterate over the id of each query and its list without padding.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> {user: len(ids) for user, (ids, scores) in model.recommend([0, 1]).by_query()}
        {0: 3, 1: 3}
        """
        for row, user in enumerate(self.users.tolist()):
            yield user, self[row]

    def equals(self, other: Recommendations) -> bool:
        """Return whether the queries, ids, scores and names are the same; padding counts, too."""
        names, other_names = (np.asarray(lists.names, dtype=object) for lists in (self, other))
        return (
            self.columns == other.columns
            and np.array_equal(self.users, other.users)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.scores, other.scores, equal_nan=True)
            and np.array_equal(names, other_names)
        )

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, Recommendations) else NotImplemented

    @property
    def _counted(self) -> str:
        return f"{len(self)} {'list' if len(self) == 1 else 'lists'}"

    def __repr__(self) -> str:
        query, _ = self.columns
        most = self.ids.shape[1]
        empty = int((self.counts == 0).sum())
        return (
            f"Recommendations({self._counted} of at most {most} by {query}"
            f"{f', {empty} of them empty' if empty else ''})"
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a frame with one row for each recommendation.

        The columns are user, item, name (if the model has names), score and rank (1 is best). For
        neighbours, the first two are item and similar_item, or user and similar_user; ``name`` is
        that of the similar item.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow", "modin", "cudf"}, optional
            The library of the frame. By default that of the ids of the query: ``recommend`` of a
            polars Series gives a frame of polars; of lists and arrays, one of pandas.

        Raises
        ------
        ValueError
            For a library that is not listed, and for ids of users that UTF-8 cannot hold.
        ModuleNotFoundError
            If it is not installed.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.similar_items([0], n=1).to_frame().columns.tolist()
        ['item', 'similar_item', 'score', 'rank']
        """
        backend = self.backend if backend is None else backend
        as_choice(backend, "backend", BACKENDS)
        filled = self.rows >= 0
        query, position = np.nonzero(filled)
        of_query, of_listed = self.columns
        columns = {
            of_query: self.users[query],
            of_listed: self.ids[filled],
            **({} if self.names is None else {"name": self.names[filled]}),
            "score": self.scores[filled],
            "rank": position + 1,
        }
        with refusing_surrogates("the table of lists"):
            return _as_frame(columns, backend)

    def _repr_html_(self) -> str:
        """Return a table for notebooks: a row for each list, of names where there are any."""
        query, listed = self.columns
        n_places = self.ids.shape[1]
        most, n_shown = min(n_places, SHOWN_PLACES), min(len(self), SHOWN_LISTS)
        caption = f"{self._counted} of at most {n_places} {listed.replace('_', ' ')}s"
        if len(self) > n_shown or n_places > most:
            caption += f"; {n_shown} lists and {most} places are shown"
        heads = [query, *map(str, range(1, most + 1))]
        return html_table(caption, heads, [self._html_row(row, most) for row in range(n_shown)])

    def _html_row(self, row: int, most: int) -> list[str | Cell]:
        """Return the id of a query and the cells of its list, up to ``most`` of them."""
        shown = self.ids if self.names is None else self.names
        cells: list[str | Cell] = [str(self.users[row])]
        for place in range(min(most, int(self.counts[row]))):
            score = self.scores[row, place]
            below = "" if np.isnan(score) else f"{score:.4g}"
            cells.append(Cell(str(shown[row, place]), str(self.ids[row, place]), below))
        return cells


def _as_frame(columns: dict[str, np.ndarray], backend: str) -> Any:
    """Return columns as a frame of a library."""
    if backend == "pandas":
        import pandas as pd

        return pd.DataFrame(columns)
    import narwhals as nw

    # Lists, since not every library infers the type of what an object array holds.
    typed = {
        name: values.tolist() if values.dtype == object else values
        for name, values in columns.items()
    }
    library: Any = backend
    return nw.from_dict(typed, backend=library).to_native()


def backend_of(ids: Any) -> str:
    """Return the library that a column or frame belongs to, of those that ``to_frame`` supports.

    Examples
    --------
    >>> import pyarrow as pa
    >>> backend_of(pa.array([1])), backend_of([1])
    ('pyarrow', 'pandas')
    """
    library = type(ids).__module__.partition(".")[0]
    if library == "narwhals":
        library = type(ids.to_native()).__module__.partition(".")[0]
    return library if library in BACKENDS else "pandas"
