"""What one asks of trained factors: scores, recommendations, neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_positive_int
from wrmf.data.interactions import find_ids
from wrmf.model.recommendations import Recommendations
from wrmf.numerics import ranking

__all__ = ["Questions"]


class Questions:
    """The part of a model that only reads its factors, ids and training data."""

    user_factors: np.ndarray
    item_factors: np.ndarray
    users: np.ndarray
    items: np.ndarray
    train_matrix: sparse.csr_matrix
    num_threads: int

    @property
    def _is_fitted(self) -> bool:
        return hasattr(self, "train_matrix")

    def _check_fitted(self) -> None:
        if not self._is_fitted:
            raise ValueError("this model is not fitted yet: call fit(data) first")

    def _find(self, axis: str, ids: Any) -> np.ndarray:
        return find_ids(pd.Index(getattr(self, axis), tupleize_cols=False), ids, axis)

    def predict(self, users: Any, items: Any) -> np.ndarray:
        """Return x_u·y_i for pairs of ids, (n,) of the model's dtype.

        ``users`` and ``items`` are sequences of n ids each; a single id goes with every other. An
        unknown id is a ValueError.
        """
        self._check_fitted()
        rows, columns = self._find("users", users), self._find("items", items)
        if len(rows) != len(columns) and 1 not in (len(rows), len(columns)):
            raise ValueError(
                f"users and items must pair up, got {len(rows)} users and {len(columns)} items"
            )
        return np.einsum(
            "ij,ij->i", *np.broadcast_arrays(self.user_factors[rows], self.item_factors[columns])
        )

    def recommend(
        self,
        users: Any = None,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
    ) -> Recommendations:
        """Return the n items with the highest scores for each user, best first.

        Parameters
        ----------
        users : an id or a sequence of ids; default everyone
        n : int ≥ 1; lists are shorter where fewer items are left
        exclude_seen : bool, default True
            Whether to leave out what the user interacted with in the training data.
        exclude, items : sequence of item ids, or {user id: sequence of item ids}
            Items never to recommend, and the only ones to choose from; for all users, or for each
            (a user not named is not limited). Ties go to the item that stands first.

        Returns
        -------
        Recommendations
            ids and scores (n_users asked for, at most n); short lists end in −1 or None and NaN.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, or an n that is no whole number ≥ 1.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> likes[0, 1] = 0
        >>> wrmf.WRMF(factors=2, random_state=0).fit(likes).recommend([0], n=1).ids
        array([[1]])
        """
        self._check_fitted()
        rows = np.arange(len(self.users)) if users is None else self._find("users", users)
        seen = self.train_matrix[rows] if exclude_seen else None
        return self._rank(self.users[rows], self.user_factors[rows], seen, n, exclude, items)

    def _rank(
        self,
        users: np.ndarray,
        factors: np.ndarray,
        seen: sparse.csr_matrix | None,
        n: int,
        exclude: Any,
        items: Any,
    ) -> Recommendations:
        n = as_positive_int(n, "n")
        allowed = np.ones(len(self.items), dtype=bool)
        if items is not None and not isinstance(items, Mapping):
            allowed[:] = False
            allowed[self._find("items", items)] = True
        if exclude is not None and not isinstance(exclude, Mapping):
            allowed[self._find("items", exclude)] = False
        blocked = None if seen is None else seen.astype(bool)
        if isinstance(exclude, Mapping):
            mine = self._per_user(users, exclude)
            blocked = mine if blocked is None else (blocked + mine).tocsr()
        rows, scores, counts = ranking.top_n(
            factors, self.item_factors, n, blocked, allowed, self.num_threads
        )
        if isinstance(items, Mapping):
            limited = np.flatnonzero([user in items for user in users.tolist()])
            lists = self._per_user(users, items)[limited]
            if blocked is not None:
                lists = lists > lists.multiply(blocked[limited])
            lists = sparse.csr_matrix(lists.multiply(allowed))
            lists.eliminate_zeros()
            rows[limited], scores[limited], counts[limited] = ranking.top_n_of(
                factors[limited], self.item_factors, n, lists, self.num_threads
            )
        return Recommendations.of(users, self.items, rows, scores, counts)

    def _per_user(self, users: np.ndarray, lists: Mapping[Any, Any]) -> sparse.csr_matrix:
        """Return a boolean users × items matrix of {user id: item ids}."""
        asked = users.tolist()
        found = {user: self._find("items", lists[user]) for user in set(asked) if user in lists}
        columns = [found.get(user, np.empty(0, dtype=np.int64)) for user in asked]
        indptr = np.concatenate(([0], np.cumsum([len(mine) for mine in columns])))
        indices = np.concatenate([*columns, np.empty(0, dtype=np.int64)])
        matrix = sparse.csr_matrix(
            (np.ones(len(indices), dtype=bool), indices, indptr),
            shape=(len(users), len(self.items)),
        )
        matrix.sum_duplicates()
        return matrix

    def similar_items(self, items: Any, n: int = 10) -> Recommendations:
        """Return the n nearest other items of each given item by cosine, best first.

        ``items`` is an id or a sequence of them; an unknown one is a ValueError. Items without
        any interaction have no neighbours, and are nobody's.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> sorted(model.similar_items(0, n=2).ids[0].tolist())
        [2, 4]
        """
        return self._similar("items", items, n)

    def similar_users(self, users: Any, n: int = 10) -> Recommendations:
        """Return the n nearest other users of each given user by cosine, as ``similar_items``."""
        return self._similar("users", users, n)

    def _similar(self, axis: str, ids: Any, n: int) -> Recommendations:
        self._check_fitted()
        n = as_positive_int(n, "n")
        rows = self._find(axis, ids)
        all_ids = getattr(self, axis)
        unit, known = ranking.unit_rows(self.item_factors if axis == "items" else self.user_factors)
        # Nobody is a neighbour of himself, and who has no factors has no neighbours.
        itself = sparse.csr_matrix(
            (np.ones(len(rows), dtype=bool), (np.arange(len(rows)), rows)),
            shape=(len(rows), len(all_ids)),
        )
        found, scores, counts = ranking.top_n(unit[rows], unit, n, itself, known, self.num_threads)
        lost = ~known[rows]
        found[lost], scores[lost], counts[lost] = -1, np.nan, 0
        return Recommendations.of(all_ids[rows], all_ids, found, scores, counts)

    def item_similarity(self, max_bytes: int = 4 * 2**30) -> np.ndarray:
        """Return the cosine of every pair of items, (n_items, n_items), of the model's dtype.

        An item without interactions has cosine 0 with all, itself included.

        Raises
        ------
        ValueError
            Where it would take more than ``max_bytes``; ``similar_items`` has no such limit.
        """
        self._check_fitted()
        size = len(self.items) ** 2 * self.item_factors.dtype.itemsize
        if size > max_bytes:
            raise ValueError(
                f"the similarities of {len(self.items)} items would take {size / 2**30:.1f} GiB, "
                f"the limit is {max_bytes / 2**30:.1f} GiB: use similar_items, or raise max_bytes"
            )
        unit, _ = ranking.unit_rows(self.item_factors)
        return unit @ unit.T
