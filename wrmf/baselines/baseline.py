"""What all baselines share: fitted data, and lists from the history of each user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr, as_positive_int
from wrmf.data.dislikes import likes_of
from wrmf.data.inputs import as_interactions, as_matrix, is_matrix
from wrmf.data.interactions import Interactions, align
from wrmf.model.parameters import Parametrized
from wrmf.model.recommendations import Recommendations
from wrmf.model.state import NotFittedError

__all__ = ["Baseline", "Lists"]

Self = TypeVar("Self", bound="Baseline")


class Lists(NamedTuple):
    """The best items of m users.

    Attributes
    ----------
    rows : int64 (m, n), positions of items, best first; −1 past the end
    scores : float64 (m, n); NaN past the end
    counts : int64 (m,)
    """

    rows: np.ndarray
    scores: np.ndarray
    counts: np.ndarray


class Baseline(Parametrized, ABC):
    """A recommender whose lists depend only on the training data and a user's history.

    Attributes
    ----------
    users, items : ndarray (n_users,), (n_items,)
        The ids of the training data.
    train_matrix : CSR (n_users, n_items)
    item_names : ndarray (n_items,) or None
    numbered : bool
        Whether the ids are only positions, since the data was a matrix without ids.
    """

    _data: Interactions
    numbered: bool

    @property
    def users(self) -> np.ndarray:
        return self._fitted().users

    @property
    def items(self) -> np.ndarray:
        return self._fitted().items

    @property
    def item_names(self) -> np.ndarray | None:
        return self._fitted().item_names

    @property
    def train_matrix(self) -> sparse.csr_matrix:
        return self._fitted().matrix

    def fit(self: Self, data: Any, y: Any = None) -> Self:
        """Keep the training data, and compute what lists need.

        Parameters
        ----------
        data : as in :meth:`wrmf.WRMF.fit`
        y : ignored, for scikit-learn

        Raises
        ------
        TypeError, ValueError
            For parameters out of bounds, and for data that cannot be used.
        """
        interactions = as_interactions(data)
        self._prepare(likes_of(interactions.matrix))
        self.numbered = is_matrix(data)
        self._data = interactions
        return self

    def recommend(
        self,
        users: Any = None,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
    ) -> Recommendations:
        """Return the n items with the highest scores for each user, best first.

        Items with equal scores are ranked by their position in ``items``.

        Parameters
        ----------
        users : an id or several ids, optional
            By default all users.
        n : int ≥ 1, default 10
            Lists are shorter if fewer items are left.
        exclude_seen : bool, default True
            Whether to leave out the items that a user has in the training data.
        exclude, items : ids of items, optional
            Items never to recommend, and the only items to choose from.

        Raises
        ------
        TypeError, ValueError
            For unknown ids, and an ``n`` that is not a whole number ≥ 1.
        """
        data = self._fitted()
        if users is None:
            ids, history = data.users, data.matrix
        else:
            rows = data.user_index(users)
            ids, history = data.users[rows], data.matrix[rows]
        lists = self._recommend(history, n, exclude_seen, self._allowed(exclude, items))
        named = Recommendations.of(ids, self.items, *lists, self.item_names)
        return named.described(("user", "item"), users)

    def recommend_new(
        self,
        interactions: Any,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
    ) -> Recommendations:
        """Return the n items with the highest scores for users who were not in the training data.

        Parameters
        ----------
        interactions : as in :meth:`wrmf.WRMF.recommend_new`
        n, exclude_seen, exclude, items : as in ``recommend``
        """
        if is_matrix(interactions):
            negative = "dislike" if self._fitted().n_dislikes else "error"
            history = as_csr(as_matrix(interactions), allow_empty=True, negative=negative)
            if history.shape[1] != len(self.items):
                raise ValueError(
                    f"interactions must be users × items with {len(self.items)} columns, got "
                    f"{history.shape}"
                )
            ids = np.arange(history.shape[0])
        else:
            data = as_interactions(interactions, allow_empty=True)
            ids, history = data.users, align(data, items=self.items).matrix
        lists = self._recommend(history, n, exclude_seen, self._allowed(exclude, items))
        named = Recommendations.of(ids, self.items, *lists, self.item_names)
        return named.described(("user", "item"), interactions)

    def _recommend(
        self, history: sparse.csr_matrix, n: int, exclude_seen: bool, allowed: np.ndarray
    ) -> Lists:
        n = min(as_positive_int(n, "n"), len(self.items))
        blocked = history if exclude_seen else None
        return self._lists(likes_of(history), n, blocked, allowed)

    def _allowed(self, exclude: Any, items: Any) -> np.ndarray:
        """Return a mask over the items: those that may be recommended."""
        data = self._fitted()
        allowed: np.ndarray = np.full(data.n_items, items is None)
        if items is not None:
            allowed[data.item_index(items)] = True
        if exclude is not None:
            allowed[data.item_index(exclude)] = False
        return allowed

    def _fitted(self) -> Interactions:
        """Return the training data."""
        if "_data" not in vars(self):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit(data)")
        return self._data

    @abstractmethod
    def _prepare(self, matrix: sparse.csr_matrix) -> None:
        """Check the parameters, and compute what lists need from a users × items matrix."""

    @abstractmethod
    def _lists(
        self,
        history: sparse.csr_matrix,
        n: int,
        blocked: sparse.csr_matrix | None,
        allowed: np.ndarray,
    ) -> Lists:
        """Return the n best items for each row of ``history`` that are allowed and not blocked."""
