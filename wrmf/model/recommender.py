"""Everything that only reads a fitted model: scores, recommendations and neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrmf.data.checks import is_number
from wrmf.data.choices import shown
from wrmf.model.filter_forms import Lookup
from wrmf.model.filters import ItemFilter
from wrmf.model.item_table import ItemTable
from wrmf.model.item_term import predicted_terms
from wrmf.model.list_options import ListOptions, ListRules
from wrmf.model.lists import FEW, nearest_neighbours, ranked_items, ranked_users
from wrmf.model.queries import Query, baskets_query, directions_query, items_query, users_query
from wrmf.model.recommendations import Recommendations
from wrmf.model.scoring import Scoring
from wrmf.model.state import FactorModel
from wrmf.numerics.ranking import unit_rows

__all__ = ["Recommender"]


class Recommender(FactorModel):
    """Scores, recommendations and neighbours from a fitted state."""

    num_threads: int
    _item_table: ItemTable | None = None

    @property
    def item_table(self) -> Any:
        """A table of properties of items, for ``where=`` of ``recommend`` and others, or None.

        A data frame of any library, or a dict of columns, with the ids of items in the column
        "item", or in the index of a frame of pandas. It may be assigned before or after ``fit``,
        and has its rows in any order. It is neither copied nor saved with the model.
        """
        return None if self._item_table is None else self._item_table.native

    @item_table.setter
    def item_table(self, table: Any) -> None:
        self._item_table = None if table is None else ItemTable(table)

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """Return the scores of pairs of a user and an item: x_u·y_i, and the item term if any.

        Parameters
        ----------
        users, items : an id or a sequence of n ids each
            A single id is paired with every id of the other side. Unique names of items are
            accepted as ids.

        Returns
        -------
        ndarray (n,) of the model's dtype

        Raises
        ------
        ValueError
            For an unknown id, or if ``users`` and ``items`` differ in length.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(2, 0.1, objective="wrmf", random_state=0).fit(likes)
        >>> model.predict(0, [1, 3]).round(1)
        array([1., 1.], dtype=float32)
        """
        state = self.state
        rows, columns = state.find_users(users), state.find_items(items)
        if len(rows) != len(columns) and 1 not in (len(rows), len(columns)):
            raise ValueError(
                f"users and items must pair up, got {len(rows)} users and {len(columns)} items"
            )
        x, y = np.broadcast_arrays(state.user_factors[rows], state.item_factors[columns])
        scores: np.ndarray = np.einsum("ij,ij->i", x, y)
        added = predicted_terms(state, rows, columns)
        total: np.ndarray = (scores + added).astype(scores.dtype, copy=False)
        return total

    def recommend(
        self,
        users: Any = None,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
        unknown: str = "raise",
        fallback: str | None = None,
        *,
        where: Any = None,
        unknown_items: str = "raise",
        min_score: float | None = None,
        item_offset: Any = None,
        diversify: float = 0.0,
    ) -> Recommendations:
        """Return the n items with the highest scores for each user, best first.

        Items with equal scores are ranked by their position in ``model.items``.

        Parameters
        ----------
        users : an id or a sequence of ids, optional
            By default all users.
        n : int ≥ 1, default 10
            Lists are shorter if fewer items are left.
        exclude_seen : bool, default True
            Whether to leave out the items that a user has in the training data.
        exclude : a filter, or a list of filters, optional
            Items never to recommend. A filter is item ids; or a mask, which is an array or a column
            of booleans with one for each of ``model.items``; or a mapping of user id to ids or a
            mask, for the users that it names, who must be of this call; or a matrix, sparse or of
            booleans, with a row for each user of this call and a column for each of
            ``model.items``. Several filters are passed as a list and apply together. Unique names
            of items are accepted as ids.
        items : as ``exclude``, optional
            The only items to choose from, by default all. Users that a mapping does not name
            choose from all. Of several filters, an item has to meet all.
        unknown : {"raise", "skip", "popular"}, default "raise"
            What to do with ids that are no user of the model: raise an error, treat them as users
            without interactions, or recommend the most popular items.
        fallback : {"popular"}, optional
            What users without interactions get; by default an empty list. "popular" recommends
            the items with the most users in the training data; items with equally many users are
            ranked by their position in ``model.items``. Filters apply, and the scores are NaN.
        where : mapping, column of booleans, or callable, optional
            A condition on ``model.item_table``: ``{"genre": "jazz"}``, ``{"genre": ["jazz",
            "rock"], "price": lambda price: price < 10}``, a column of booleans such as
            ``table["price"] < 10``, or a function of the table. Other items are left out.
        unknown_items : {"raise", "skip"}, default "raise"
            What to do with items in filters and offsets that the model does not have: raise an
            error, or leave them out, which a warning counts.
        min_score : float, optional
            Items with a lower score are left out, so that lists may be shorter.
        item_offset : array (n_items,), mapping of item id to number, or Series, optional
            Added to the scores of items, in the dtype of the factors, before anything is chosen by
            them. Items that are not named have 0.
        diversify : float in [0, 1), default 0
            Above 0, lists are chosen from the 10 n best items by maximal marginal relevance: one
            after the other the item with the largest (1 − diversify) r − diversify c, where c is
            its largest cosine to an item that is already listed, and r its score, scaled so that
            the best of the 10 n has 1 and the last of them 0. Lists are in this order.

        Returns
        -------
        Recommendations
            With ``ids`` and ``scores`` of shape (n_users, at most n). Short lists end in −1 (None
            for object ids) and NaN.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, users in a mapping who are not asked for, an ``n`` that is not a
            whole number ≥ 1, and other filters that do not fit the model or the call.

        References
        ----------
        Carbonell, Goldstein: The Use of MMR, Diversity-Based Reranking for Reordering Documents and
        Producing Summaries. SIGIR 1998.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> likes[0, 1] = 0
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.recommend([0], n=1).ids
        array([[1]])
        >>> model.recommend([0, 1], n=1, exclude=[[1, 2], {0: [3]}], exclude_seen=False).ids
        array([[5],
               [0]])
        """
        options = ListOptions(
            exclude_seen=exclude_seen,
            exclude=exclude,
            items=items,
            unknown=unknown,
            fallback=fallback,
            where=where,
            unknown_items=unknown_items,
            min_score=min_score,
            item_offset=item_offset,
            diversify=diversify,
        )
        state = self.state
        query = users_query(state, users, exclude_seen, options.of_unknown)
        few = len(query.users) <= FEW
        rules = options.resolve(state, self._item_table, query.users, few)
        lists = ranked_items(state, query, n, rules, self.num_threads)
        return lists.described(("user", "item"), users)

    def recommend_users(
        self,
        items: Any,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        users: Any = None,
        *,
        min_score: float | None = None,
    ) -> Recommendations:
        """Return the n users with the highest scores for each item, best first.

        Users with equal scores are ranked by their position in ``model.users``. Users of whom
        nothing is known are not listed, and items without interactions have empty lists.

        Parameters
        ----------
        items : an id or a sequence of ids
            Unique names are accepted as ids.
        n : int ≥ 1, default 10
        exclude_seen : bool, default True
            Whether to leave out the users who have an item in the training data.
        exclude, users : as ``exclude`` and ``items`` of ``recommend``, optional
            Users never to list, and the only ones to choose from. Mappings have item ids as keys.
        min_score : float, optional
            Users with a lower score are left out.

        Returns
        -------
        Recommendations
            Its ``users`` are the given items, and its ``ids`` users. Frames name them so.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, an ``n`` that is not a whole number ≥ 1, and other filters that do not
            fit.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> likes[0, 1] = 0
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.recommend_users(1, n=1).ids
        array([[0]])
        """
        state = self.state
        query = items_query(state, items, exclude_seen)
        filters = ItemFilter(exclude, users, names=("exclude", "users"))
        lookup = Lookup(state.prepared.user_ids)
        rules = _rules(filters, lookup, query, min_score)
        lists = ranked_users(state, query, n, rules, self.num_threads)
        return lists.described(("item", "user"), items)

    def similar_items(
        self,
        items: Any,
        n: int = 10,
        exclude: Any = None,
        among: Any = None,
        *,
        where: Any = None,
        unknown_items: str = "raise",
        min_score: float | None = None,
        basket: bool = False,
    ) -> Recommendations:
        """Return the n nearest other items of each given item by cosine, best first.

        Items without interactions have no neighbours and are nobody's neighbour.

        Parameters
        ----------
        items : an id or a sequence of ids
            Unique names are accepted as ids.
        n : int ≥ 1, default 10
        exclude, among : as ``exclude`` and ``items`` of ``recommend``, optional
            Items never to list, and the only ones to choose from. Mappings and matrices are of the
            given items instead of users.
        where, unknown_items : as in ``recommend``
        min_score : float, optional
            Items with a lower cosine are left out.
        basket : bool, default False
            Whether ``items`` are one basket, whose neighbours are nearest to the sum of the
            directions of its items. The basket is named by the tuple of its ids; a mapping of name
            to ids has several baskets. Items are no neighbours of a basket that has them.

        Raises
        ------
        TypeError, ValueError
            For an unknown id, an ``n`` that is not a whole number ≥ 1, and other filters that do
            not fit.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> sorted(model.similar_items(0, n=2).ids[0].tolist())
        [2, 4]
        >>> model.similar_items([0, 2], n=1, basket=True).ids
        array([[4]])
        """
        state = self.state
        axis, factors = state.prepared.item_ids, state.prepared.items
        query = (baskets_query if basket else directions_query)(axis, factors, items)
        filters = ItemFilter(exclude, among, where, self._item_table, ("exclude", "among"))
        lookup = Lookup(axis, unknown_items)
        rules = _rules(filters, lookup, query, min_score)
        lookup.warn()
        lists = nearest_neighbours(axis, factors, query, n, rules, self.num_threads)
        return lists.described(("item", "similar_item"), items)

    def similar_users(self, users: Any, n: int = 10) -> Recommendations:
        """Return the n nearest other users of each given user by cosine, best first.

        Parameters, errors and users without interactions are as in ``similar_items``.
        """
        axis, factors = self.state.prepared.user_ids, self.state.prepared.users
        query = directions_query(axis, factors, users)
        rules = _rules(ItemFilter(), Lookup(axis), query, None)
        lists = nearest_neighbours(axis, factors, query, n, rules, self.num_threads)
        return lists.described(("user", "similar_user"), users)

    def item_similarity(self, max_bytes: int = 4 * 2**30) -> np.ndarray:
        """Return the cosine of every pair of items.

        Parameters
        ----------
        max_bytes : int, default 4 GiB
            The largest result to allocate; ``similar_items`` has no such limit.

        Returns
        -------
        ndarray (n_items, n_items) of the model's dtype
            An item without interactions has cosine 0 with all items and with itself.

        Raises
        ------
        ValueError
            If the result would take more than ``max_bytes``.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> wrmf.WRMF(factors=2, random_state=0).fit(likes).item_similarity().shape
        (6, 6)
        """
        factors = self.state.item_factors
        size = len(factors) ** 2 * factors.dtype.itemsize
        if not is_number(max_bytes):
            raise TypeError(f"max_bytes must be a number, got {shown(max_bytes)}")
        if not size <= max_bytes:
            limit = float(max_bytes) / 2**30
            raise ValueError(
                f"the similarities of {len(factors)} items would take {size / 2**30:.1f} GiB, "
                f"the limit is {limit:.1f} GiB: use similar_items, or raise max_bytes"
            )
        unit, _ = unit_rows(factors)
        similarity: np.ndarray = unit @ unit.T
        return similarity


def _rules(filters: ItemFilter, lookup: Lookup, query: Query, min_score: float | None) -> ListRules:
    """Return the rules of a query, without offsets and diversity."""
    choice = filters.resolve(lookup, query.users, len(query.users) <= FEW)
    return ListRules(choice, Scoring(min_score))
