"""The data that models are trained on: a sparse users × items matrix with the ids of its axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import as_ids, map_axis, object_array, same_ids
from wrmf.data.checks import MatrixLike, RandomStateLike, as_csr, as_generator, as_positive_int
from wrmf.data.choices import as_choice
from wrmf.data.counts import Summary
from wrmf.data.draws import as_count, draw_mask
from wrmf.data.indexed import entry_rows
from wrmf.data.merged_rows import MergedRows
from wrmf.data.names import as_names, match_names
from wrmf.data.rows import Rows, join_rows
from wrmf.data.times import parse_cutoff, parse_duration, parse_times

__all__ = [
    "Interactions",
    "Summary",
    "align",
    "entry_rows",
    "object_array",
    "same_ids",
]


class Interactions(MergedRows):
    """Interactions of users with items: a sparse users × items matrix and the ids of its axes.

    :func:`wrmf.read_interactions` reads them from files and tables. The constructor validates and
    copies a matrix.

    Parameters
    ----------
    matrix : scipy.sparse matrix of any format, or ndarray, (n_users, n_items)
        Finite values, ≥ 0 unless ``negative`` is "dislike". Repeated entries are added up, zeros
        are no interactions.
    users, items : sequences of distinct hashable ids, default 0, 1, 2, …
        Ids of the rows and of the columns.
    item_names : sequence of n_items str, optional
    times : sequence (n_interactions,), optional
        Times, dates or numbers, in the order of the entries of a sorted CSR ``matrix``.
    negative : {"error", "dislike"}, default "error"
        Whether negative values raise an error, or are kept as dislikes: pairs of preference
        0, with the size of the value as weight. See docs/weights.md.

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix (n_users, n_items), float32
        Sorted, one entry for each pair, no stored zeros. Treat it as read-only.
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The external ids of rows and columns.
    item_names : ndarray (n_items,) of str, or None
        Readable names of the items.
    rows : Rows or None
        The rows that ``matrix`` was computed from, if they have times.
    counts : RowCounts
        How many rows of the source were kept, dropped or merged.

    Raises
    ------
    TypeError, ValueError
        For a broken or empty matrix, for null or repeated ids, and for a wrong number of them.

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
        matrix: MatrixLike,
        users: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        item_names: Iterable[str] | None = None,
        times: Any = None,
        negative: str = "error",
    ) -> None:
        csr = as_csr(matrix, negative=negative)
        n_users, n_items = csr.shape
        self._fill(csr, as_ids(users, n_users, "users"), as_ids(items, n_items, "items"))
        self.item_names = as_names(item_names, n_items)
        if times is not None:
            _check_order(matrix, csr)
            self.rows = self._entries_as_rows(parse_times(times))

    @classmethod
    def from_rows(cls, rows: Rows, duplicates: str = "sum") -> Interactions:
        """Merge the rows of a source into interactions, one for each pair.

        Parameters
        ----------
        rows : Rows
        duplicates : {"sum", "drop", "last", "max", "mean", "count", "error"}, default "sum"
            What to do with rows that repeat a pair, as in :func:`wrmf.read_interactions`.

        Raises
        ------
        ValueError
            For repeated pairs if ``duplicates`` is "error", and if no interaction is left.
        """
        data = cls.of_merged(rows.parsed(), duplicates)
        if not data.n_interactions:
            counts = str(data.counts).replace("\n", "; ")
            raise ValueError(f"no entries are left of {len(rows)} rows: {counts}")
        return data

    @classmethod
    def from_matrix(
        cls,
        matrix: MatrixLike,
        users: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        item_names: Iterable[str] | None = None,
        negative: str = "error",
    ) -> Interactions:
        """Validate and copy a users × items matrix, as the constructor does.

        Examples
        --------
        >>> import numpy as np
        >>> Interactions.from_matrix(np.eye(2), users=["ann", "bob"])
        Interactions(2 users × 2 items, 2)
        """
        return cls(matrix, users, items, item_names, negative=negative)

    def with_names(self, names: Any, missing: str = "error") -> Interactions:
        """Return the same interactions with readable names of the items.

        Parameters
        ----------
        names : dict or pandas Series from id to name, or a table
            The first two columns of a table are ids and names. Other ids are ignored.
        missing : {"error", "id"}, default "error"
            Whether items without a name raise an error, or are named by their id as text.

        Examples
        --------
        >>> import numpy as np
        >>> data = Interactions(np.eye(2), items=["x", "y"])
        >>> data.with_names({"x": "Chair", "y": "Lamp"}).names_of([1])
        ['Lamp']
        """
        matched = match_names(names, self.items, missing)
        rows = None if self.rows is None else replace(self.rows, item_names=matched)
        return self._unchecked(
            self.matrix, self.users, self.items, matched, rows, self.counts, self.duplicates
        )

    def k_core(self, user_min: int = 5, item_min: int = 5) -> Interactions:
        """Drop users and items with too few interactions until every one left has enough.

        Parameters
        ----------
        user_min, item_min : int ≥ 0, default 5
            Least number of distinct items of a user, and of distinct users of an item.

        Returns
        -------
        Interactions
            The largest subset that meets both thresholds. Users and items without interactions
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
        is_kept = np.zeros(len(columns), dtype=bool)
        is_kept[kept] = True
        return self.keep_entries(is_kept).on_used_axes()

    def filter(
        self, users: Any = None, items: Any = None, since: Any = None, until: Any = None
    ) -> Interactions:
        """Return the interactions of some users and items, within a range of time.

        Parameters
        ----------
        users, items : id or sequence of ids, optional
            By default all.
        since, until : number, date, datetime or ISO text, optional
            Rows at or after ``since`` and before ``until`` are kept. They are merged again, so that
            a pair with rows outside this range keeps only the value of its rows within.

        Returns
        -------
        Interactions
            Users and items without any interaction left are taken off the axes;
            :func:`wrmf.data.interactions.align` puts them back.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, for ``since`` or ``until`` without times in the data, and if no
            interaction is left.

        Examples
        --------
        >>> import numpy as np
        >>> data = Interactions(np.eye(3), users=["ann", "bob", "eve"], times=[3, 5, 9])
        >>> data.filter(since=4).users.tolist()
        ['bob', 'eve']
        """
        kept: Interactions = self
        if users is not None or items is not None:
            chosen = np.ones(self.n_interactions, dtype=bool)
            if users is not None:
                chosen &= _membership(self.user_index(users), self.n_users)[entry_rows(self.matrix)]
            if items is not None:
                columns = self.item_index(items)
                chosen &= _membership(columns, self.n_items)[self.matrix.indices]
            kept = self.keep_entries(chosen)
        if (since is not None or until is not None) and kept.n_interactions:
            times = kept.row_times()
            within = np.ones(len(times), dtype=bool)
            if since is not None:
                within &= times >= parse_cutoff(since, times, "since")
            if until is not None:
                within &= times < parse_cutoff(until, times, "until")
            kept = kept.keep_rows(within)
        if not kept.n_interactions:
            raise ValueError(f"no interaction is left of {self!r}: widen the filter")
        return kept.on_used_axes()

    def sample(
        self, size: float | int, by: str = "interactions", random_state: RandomStateLike = None
    ) -> Interactions:
        """Return random interactions, or all those of random users or items.

        Parameters
        ----------
        size : float in (0, 1], or int ≥ 1
            Number of interactions, users or items to keep, or their share, rounded down.
        by : {"interactions", "users", "items"}, default "interactions"
            Users and items are drawn from those with interactions.
        random_state : None, int, Generator or RandomState

        Returns
        -------
        Interactions
            Users and items without any interaction left are taken off the axes.

        Examples
        --------
        >>> import numpy as np
        >>> Interactions(np.ones((4, 5))).sample(0.5, by="users", random_state=0)
        Interactions(2 users × 5 items, 10)
        """
        axes = {
            "interactions": np.arange(self.n_interactions),
            "users": entry_rows(self.matrix),
            "items": self.matrix.indices,
        }
        as_choice(by, "by", axes)
        present, units = np.unique(axes[by], return_inverse=True)
        n_kept = as_count(size, len(present), "size", include_all=True)
        if not n_kept:
            raise ValueError(f"size {size} of {len(present)} {by} is none: raise it")
        drawn = draw_mask(len(present), n_kept, as_generator(random_state))
        return self.keep_entries(drawn[units]).on_used_axes()

    def decay(self, half_life: Any, now: Any = None) -> Interactions:
        """Reduce the weight of old interactions: each half-life of a row's age halves its value.

        Parameters
        ----------
        half_life : timedelta, or text such as "30 days"; a number where times are numbers
        now : number, date, datetime or ISO text, optional
            Not before any of the times; by default the latest of them.

        Returns
        -------
        Interactions
            On the same axes. Rows of the same pair are weighted separately and then merged again.

        Raises
        ------
        TypeError, ValueError
            If there are no times, and for a half-life of the wrong kind.

        Examples
        --------
        >>> import numpy as np
        >>> data = Interactions(np.ones((1, 3)), times=["2024-01-01", "2024-01-03", "2024-01-05"])
        >>> data.decay("2 days").matrix.toarray()
        array([[0.25, 0.5 , 1.  ]], dtype=float32)
        """
        times, rows = self.row_times(), self.as_rows()
        if self.duplicates == "count":
            rows = replace(rows, values=None)
        unit = parse_duration(half_life, times, "half_life")
        latest = times.max()
        moment = latest if now is None else parse_cutoff(now, times, "now")
        if moment < latest:
            raise ValueError(
                f"now is {moment}, but times run to {latest}: filter(until=now) first, or pass a "
                "later now"
            )
        decayed = rows.decayed(unit, moment)
        # Counting rows again would lose their weights.
        return self.of_merged(decayed, "sum" if self.duplicates == "count" else self.duplicates)

    @classmethod
    def concat(
        cls, parts: Iterable[Interactions], duplicates: str = "sum", keep_times: bool = True
    ) -> Interactions:
        """Put several sets of interactions together, matched by their ids.

        Parameters
        ----------
        parts : sequence of Interactions
        duplicates : default "sum"
            What to do with pairs that repeat, as in :func:`wrmf.read_interactions`.
        keep_times : bool, default True
            Whether to keep times; then either all parts must have times, or none of them.

        Returns
        -------
        Interactions
            Its axes have the ids of all parts, in the order of first appearance. Each item has
            the first name that a part gives it.

        Raises
        ------
        TypeError, ValueError
            For times in only some parts, and ids that are numbers in one part and text in another.

        Examples
        --------
        >>> import numpy as np
        >>> monday = Interactions(np.eye(2), users=["ann", "bob"])
        >>> tuesday = Interactions(np.eye(2), users=["bob", "eve"])
        >>> Interactions.concat([monday, tuesday])
        Interactions(3 users × 2 items, 4)
        """
        parts = list(parts)
        if not parts or not all(isinstance(part, Interactions) for part in parts):
            kinds = sorted({type(part).__name__ for part in parts})
            raise TypeError(f"parts must be a sequence of Interactions, got {kinds}")
        return cls.from_rows(join_rows([part.as_rows() for part in parts], keep_times), duplicates)


def align(
    data: Interactions,
    users: Iterable[Any] | None = None,
    items: Iterable[Any] | None = None,
    unknown: str = "error",
) -> Interactions:
    """Return interactions on given axes, matched by id.

    Parameters
    ----------
    data : Interactions
    users, items : sequences of distinct ids, optional
        The ids of the axes, such as those of a model; by default those of ``data``.
    unknown : {"error", "drop", "extend"}, default "error"
        What to do with ids of ``data`` that are not on these axes: raise an error, drop their
        interactions, which ``summary()`` counts, or put them at the end of the axis.

    Raises
    ------
    ValueError
        For unknown ids, and if no interaction is left.

    Examples
    --------
    >>> import numpy as np
    >>> data = Interactions(np.array([[1, 2]]), items=["x", "y"])
    >>> align(data, items=["y", "z", "x"]).matrix.toarray()
    array([[2., 0., 1.]], dtype=float32)
    """
    user_map = map_axis(data.users, _as_axis(users, data.users, "users"), unknown, "users")
    item_map = map_axis(data.items, _as_axis(items, data.items, "items"), unknown, "items")
    if same_ids(data.users, user_map.ids) and same_ids(data.items, item_map.ids):
        return data
    rows = data.as_rows().on_axes(user_map, item_map)
    if not data.n_interactions:
        return Interactions.of_merged(rows, data.duplicates)
    return Interactions.from_rows(rows, data.duplicates)


def _as_axis(ids: Iterable[Any] | None, own: np.ndarray, name: str) -> np.ndarray | None:
    """Return the ids of an axis, validated, or None if they are those of the data."""
    return None if ids is None or ids is own else as_ids(ids, None, name)


def _membership(positions: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[positions] = True
    return mask


def _check_order(matrix: MatrixLike, canonical: sparse.csr_matrix) -> None:
    """Raise an error unless ``matrix`` and its canonical form store entries in the same order."""
    given = sparse.csr_matrix(matrix) if isinstance(matrix, np.ndarray) else matrix
    if given.format != "csr" or not np.array_equal(given.indices, canonical.indices):
        raise ValueError(
            "times belong to the entries of a sorted CSR matrix without repeated pairs or zeros: "
            "read the rows by wrmf.read_interactions instead"
        )
