"""Everything that only reads a fitted model: scores, recommendations and neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrmf.data.checks import as_positive_int
from wrmf.model.filters import ItemFilter
from wrmf.model.item_term import predicted_terms
from wrmf.model.lists import nearest_neighbours, ranked_items
from wrmf.model.queries import Fallback, users_query
from wrmf.model.recommendations import Recommendations
from wrmf.model.state import FactorModel
from wrmf.numerics.ranking import unit_rows

__all__ = ["Recommender"]


class Recommender(FactorModel):
    """Scores, recommendations and neighbours from a fitted state."""

    num_threads: int

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
        >>> model = wrmf.WRMF(factors=2, regularization=0.1, random_state=0).fit(likes)
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
        exclude : sequence of item ids, or mapping of user id to a sequence of item ids, optional
            Items never to recommend: to any user, or with a mapping, to the users that it names.
            A mapping may name only users of this call. Unique names of items are accepted as ids.
        items : as ``exclude``, optional
            The only items to choose from, by default all. Users that a mapping does not name
            choose from all.
        unknown : {"raise", "skip", "popular"}, default "raise"
            What to do with ids that are no user of the model: raise an error, treat them as users
            without interactions, or recommend the most popular items.
        fallback : {"popular"}, optional
            What users without interactions get; by default an empty list. "popular" recommends
            the items with the most users in the training data; items with equally many users are
            ranked by their position in ``model.items``. Filters apply, and the scores are NaN.

        Returns
        -------
        Recommendations
            With ``ids`` and ``scores`` of shape (n_users, at most n). Short lists end in −1 (None
            for object ids) and NaN.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, users in a mapping who are not asked for, and an ``n`` that is not a
            whole number ≥ 1.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> likes[0, 1] = 0
        >>> wrmf.WRMF(factors=2, random_state=0).fit(likes).recommend([0], n=1).ids
        array([[1]])
        """
        query = users_query(self.state, users, exclude_seen, Fallback(unknown, fallback))
        lists = ranked_items(self.state, query, n, ItemFilter(exclude, items), self.num_threads)
        return lists.described(("user", "item"), users)

    def similar_items(self, items: Any, n: int = 10) -> Recommendations:
        """Return the n nearest other items of each given item by cosine, best first.

        Items without interactions have no neighbours and are nobody's neighbour.

        Parameters
        ----------
        items : an id or a sequence of ids
            Unique names are accepted as ids.
        n : int ≥ 1, default 10

        Raises
        ------
        TypeError, ValueError
            For an unknown id, or an ``n`` that is not a whole number ≥ 1.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> sorted(model.similar_items(0, n=2).ids[0].tolist())
        [2, 4]
        """
        state, n = self.state, as_positive_int(n, "n")
        rows = state.find_items(items)
        prepared = state.prepared
        lists = nearest_neighbours(prepared.item_ids, prepared.items, rows, n, self.num_threads)
        return lists.described(("item", "similar_item"), items)

    def similar_users(self, users: Any, n: int = 10) -> Recommendations:
        """Return the n nearest other users of each given user by cosine, best first.

        Parameters, errors and users without interactions are as in ``similar_items``.
        """
        state, n = self.state, as_positive_int(n, "n")
        rows = state.find_users(users)
        prepared = state.prepared
        lists = nearest_neighbours(prepared.user_ids, prepared.users, rows, n, self.num_threads)
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
        if size > max_bytes:
            raise ValueError(
                f"the similarities of {len(factors)} items would take {size / 2**30:.1f} GiB, "
                f"the limit is {max_bytes / 2**30:.1f} GiB: use similar_items, or raise max_bytes"
            )
        unit, _ = unit_rows(factors)
        similarity: np.ndarray = unit @ unit.T
        return similarity
