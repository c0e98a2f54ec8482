"""Recommendations and neighbours of a model of two factor matrices, by implicit's signatures."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

import numpy as np

from wrmf.compat.implicit.confidences import as_seen
from wrmf.data.checks import as_positive_int
from wrmf.model.state import NotFittedError
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.ranking import top_n, unit_rows

__all__ = ["FactorLists"]

IdsAndScores: TypeAlias = "tuple[np.ndarray, np.ndarray]"

# The norm of a factor that is zero, so that dividing by it gives a number.
LEAST_NORM = 1e-10


class FactorLists:
    """Answers from factors: lists as a tuple of ids and scores, best first.

    A single id gives arrays of one dimension, which are shorter if fewer items are left. A sequence
    of ids gives arrays with N columns; lists that are shorter end in the id −1 and the lowest
    number of the dtype. Items that are filtered out are never listed, and neither is anything for
    users or items whose factors are zero.
    """

    num_threads: int
    user_factors: np.ndarray | None
    item_factors: np.ndarray | None

    def recommend(
        self,
        userid: Any,
        user_items: Any,
        N: int = 10,
        filter_already_liked_items: bool = True,
        filter_items: Any = None,
        recalculate_user: bool = False,
        items: Any = None,
    ) -> IdsAndScores:
        """Return the N items with the highest scores for one or several users.

        Parameters
        ----------
        userid : int or sequence of int
        user_items : CSR matrix with one row for each user of ``userid``
            The items to leave out, and the interactions for ``recalculate_user``. It may have fewer
            columns than the model has items.
        N : int ≥ 1, default 10
        filter_already_liked_items : bool, default True
        filter_items : sequence of item ids, optional
            More items to leave out.
        recalculate_user : bool, default False
            Whether to take the factors that ``recalculate_user`` returns for ``user_items``, and
            not those of the model.
        items : sequence of item ids, optional
            The only items to rank; not together with ``filter_items``.

        Returns
        -------
        ids, scores : ndarray (at most N,), or (n_users, N); see the class

        Raises
        ------
        IndexError
            For ids that the model does not have.
        ValueError
            If ``user_items`` is needed and is not CSR with a row for each user.
        """
        users = np.atleast_1d(np.asarray(userid))
        item_factors = _fitted(self.item_factors)
        seen = None
        if filter_already_liked_items or recalculate_user:
            seen = as_seen(user_items, len(users), len(item_factors))
        if recalculate_user:
            factors = self.recalculate_user(users, user_items)
        else:
            factors = _fitted(self.user_factors)[_as_rows(users, self.user_factors, "userid")]
        allowed, N = _allowed(len(item_factors), N, items, filter_items, ("items", "filter_items"))
        blocked = ItemLists.of(seen) if filter_already_liked_items else None
        ranked = top_n(factors, item_factors, N, blocked, allowed, self.num_threads)
        is_known: np.ndarray = np.any(factors != 0, axis=1)
        return _as_tuple(ranked, is_known, N, np.ndim(userid) == 0)

    def rank_items(
        self,
        userid: Any,
        user_items: Any,
        selected_items: Any,
        recalculate_user: bool = False,
    ) -> IdsAndScores:
        """Return all of the selected items, best first. Use ``recommend(items=…)`` instead."""
        warnings.warn(
            "rank_items is deprecated: call recommend with items=", DeprecationWarning, stacklevel=2
        )
        return self.recommend(
            userid,
            user_items,
            N=max(1, len(selected_items)),
            filter_already_liked_items=False,
            recalculate_user=recalculate_user,
            items=selected_items,
        )

    def similar_items(
        self,
        itemid: Any,
        N: int = 10,
        recalculate_item: bool = False,
        item_users: Any = None,
        filter_items: Any = None,
        items: Any = None,
    ) -> IdsAndScores:
        """Return the N items with the highest cosine to one or several items, themselves first.

        Parameters
        ----------
        itemid : int or sequence of int
        N : int ≥ 1, default 10
        recalculate_item : bool, default False
            Whether to take the factors that ``recalculate_item`` returns for ``item_users``.
        item_users : CSR matrix with one row for each item of ``itemid``, optional
        filter_items, items : as in ``recommend``
        """
        queries = self.recalculate_item(itemid, item_users) if recalculate_item else None
        chosen = _allowed(
            len(_fitted(self.item_factors)), N, items, filter_items, ("items", "filter_items")
        )
        return self._nearest(self.item_factors, itemid, chosen, "itemid", queries)

    def similar_users(
        self, userid: Any, N: int = 10, filter_users: Any = None, users: Any = None
    ) -> IdsAndScores:
        """Return the N users with the highest cosine to one or several users, themselves first.

        ``filter_users`` are left out; ``users`` are the only ones to rank.
        """
        chosen = _allowed(
            len(_fitted(self.user_factors)), N, users, filter_users, ("users", "filter_users")
        )
        return self._nearest(self.user_factors, userid, chosen, "userid")

    def _nearest(
        self,
        factors: np.ndarray | None,
        ids: Any,
        chosen: tuple[np.ndarray, int],
        name: str,
        queries: np.ndarray | None = None,
    ) -> IdsAndScores:
        """Return the nearest rows of ``factors`` to those of ``ids``, or to ``queries``."""
        allowed, N = chosen
        unit, known = unit_rows(_fitted(factors))
        rows = np.atleast_1d(np.asarray(ids))
        is_single = np.ndim(ids) == 0
        if queries is not None:
            directions, has_length = unit_rows(np.atleast_2d(queries))
            ranked = top_n(directions, unit, N, None, allowed & known, self.num_threads)
            return _as_tuple(ranked, has_length, N, is_single)
        rows = _as_rows(rows, factors, name)
        itself = ItemLists(np.arange(len(rows) + 1, dtype=np.int64), rows.astype(np.int32))
        others = top_n(unit[rows], unit, N, itself, allowed & known, self.num_threads)
        # Rounding may give a neighbour in the same direction a higher cosine than the row itself.
        ranked = _with_itself_first(others, rows, allowed[rows], N)
        return _as_tuple(ranked, known[rows], N, is_single)

    @property
    def user_norms(self) -> np.ndarray:
        """The lengths of the users' factors; a tiny number for those that are zero."""
        return _norms(_fitted(self.user_factors))

    @property
    def item_norms(self) -> np.ndarray:
        """The lengths of the items' factors; a tiny number for those that are zero."""
        return _norms(_fitted(self.item_factors))

    def recalculate_user(self, userid: Any, user_items: Any) -> np.ndarray:
        """Return factors of users for the given interactions."""
        raise NotImplementedError

    def recalculate_item(self, itemid: Any, item_users: Any) -> np.ndarray:
        """Return factors of items for the given interactions."""
        raise NotImplementedError


def _fitted(factors: np.ndarray | None) -> np.ndarray:
    """Return factors, or raise if the model has none."""
    if factors is None:
        raise NotFittedError("this model is not fitted yet: call fit(user_items) first")
    return factors


def _norms(factors: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.linalg.norm(factors, axis=1)
    norms[norms == 0] = LEAST_NORM
    return norms


def _as_rows(ids: np.ndarray, factors: np.ndarray | None, name: str) -> np.ndarray:
    """Return ids as rows of ``factors``; others, negative ones too, are an IndexError."""
    n = len(_fitted(factors))
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, got {ids.dtype}")
    outside = (ids < 0) | (ids >= n)
    if outside.any():
        raise IndexError(f"{name} {ids[outside][0]} is not in the model, which has 0 to {n - 1}")
    return ids.astype(np.int64)


def _allowed(
    n: int, N: int, only: Any, without: Any, names: tuple[str, str]
) -> tuple[np.ndarray, int]:
    """Return a mask of the rows that filters allow, and how many to list."""
    N = as_positive_int(N, "N")
    rows = np.empty((n, 0))
    if only is None:
        allowed = np.ones(n, dtype=bool)
        if without is not None and len(without):
            allowed[_as_rows(np.asarray(without), rows, names[1])] = False
        return allowed, N
    if without is not None and len(without):
        raise ValueError(f"pass either {names[0]} or {names[1]}, not both")
    allowed = np.zeros(n, dtype=bool)
    if len(only):
        allowed[_as_rows(np.asarray(only), rows, names[0])] = True
    return allowed, min(N, int(allowed.sum()))


def _with_itself_first(
    others: tuple[np.ndarray, np.ndarray, np.ndarray], rows: np.ndarray, listed: np.ndarray, N: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lists with each of ``rows`` in front, where it is to be listed."""
    ids, scores, counts = others
    first = np.where(listed, rows, -1)[:, None]
    ids = np.where(listed[:, None], np.hstack((first, ids)), np.hstack((ids, first)))
    ones = np.ones((len(rows), 1), dtype=scores.dtype)
    ends = np.full_like(ones, np.nan)
    scores = np.where(listed[:, None], np.hstack((ones, scores)), np.hstack((scores, ends)))
    return ids[:, :N], scores[:, :N], np.minimum(counts + listed, N)


def _as_tuple(
    ranked: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_known: np.ndarray,
    N: int,
    is_single: bool,
) -> IdsAndScores:
    """Return lists in implicit's form; those of queries that are not known are empty."""
    rows, ranks, counts = ranked
    counts = np.where(is_known, counts, 0)
    if is_single:
        return rows[0, : counts[0]].astype(np.int32), ranks[0, : counts[0]]
    ids = np.full((len(rows), N), -1, dtype=np.int32)
    scores = np.full((len(rows), N), np.finfo(ranks.dtype).min, dtype=ranks.dtype)
    filled = np.arange(rows.shape[1]) < counts[:, None]
    ids[:, : rows.shape[1]][filled] = rows[filled]
    scores[:, : rows.shape[1]][filled] = ranks[filled]
    return ids, scores
