"""What item terms add to the scores of users for an item: sums over the users' own items.

The score of user u and item j is x_u·y_j + s Σ_i b_ij over the items i that u has; see
:mod:`wrmf.numerics.item_terms`. For one item j, only the users of its neighbours i have a term.
Weights are added in the order of the items' positions, as they are there, so a term is bitwise the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wrmf.distinct import sorted_distinct
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import Touched, WeightRows

__all__ = ["UserTerms"]


@dataclass(frozen=True)
class UserTerms:
    """What is added to the scores of all users for some items.

    It is to :func:`wrmf.numerics.term_ranking.top_n_with_terms` what ``ItemTerms`` is, with users
    and items exchanged.

    Attributes
    ----------
    items : int (m,), the items that users are ranked for
    users_of : ItemLists of n_items items, the users of each
    by_item : WeightRows, the weights for an item in its row
    n_users : int
    scale : float
        s, the factor of all terms.
    """

    items: np.ndarray
    users_of: ItemLists
    by_item: WeightRows
    n_users: int
    scale: float

    def at(self, rows: np.ndarray) -> UserTerms:
        """Return the terms of a part of the items."""
        return replace(self, items=self.items[rows])

    def of_pairs(self, pairs: ItemLists, num_threads: int = 0) -> np.ndarray:
        """Return what is added to the scores of given users for each item, in float64."""
        del num_threads
        added = np.empty(len(pairs.indices))
        for place in range(len(self.items)):
            own = slice(int(pairs.indptr[place]), int(pairs.indptr[place + 1]))
            added[own] = self._sums(place)[1][pairs.indices[own]]
        return self.scale * added

    def touched_by_block(
        self, blocked: ItemLists | None = None, num_threads: int = 0
    ) -> Iterator[tuple[slice, Touched]]:
        """Yield each item with its users who have a term, and those who are blocked for it."""
        del num_threads
        for place in range(len(self.items)):
            users, sums = self._sums(place)
            own = users[:0] if blocked is None else blocked.of_user(place)
            sums[own] = -np.inf
            touched = sorted_distinct(np.concatenate([users, own]))
            lists = ItemLists(np.array([0, len(touched)], dtype=np.int64), touched)
            yield slice(place, place + 1), Touched(lists, sums[touched])

    def _sums(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the users of an item's neighbours, repeated, and the term of each user."""
        item = self.items[place]
        row = slice(int(self.by_item.indptr[item]), int(self.by_item.indptr[item + 1]))
        lists = [self.users_of.of_user(owned) for owned in self.by_item.indices[row].tolist()]
        sums = np.zeros(self.n_users)
        for users, weight in zip(lists, self.by_item.values[row].tolist(), strict=True):
            sums[users] += weight
        return np.concatenate([np.empty(0, np.int32), *lists]), sums
