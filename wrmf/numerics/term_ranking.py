"""Top-n lists by scores to which item terms are added.

The score of user u and item j is x_u·y_j + s t_uj, with the terms t of
:mod:`wrmf.numerics.item_terms`: summed in float64 and rounded once to the precision of the factors.
Only touched items have a term. So a list is the best of two: A, the best items by factors among
those that are not touched, from :mod:`wrmf.numerics.ranking`; and B, the best of the touched items,
whose scores are computed one by one. No score of an item that is in neither is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from wrmf._item_weights import rank_terms
from wrmf.numerics.isa import isa_number
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import (
    FEW_TERMS,
    Touched,
    WeightRows,
    terms_of_pairs,
    touched_by_block,
)
from wrmf.numerics.layout import as_aligned
from wrmf.numerics.ranking import Lists, top_n
from wrmf.numerics.threads import kernel_threads
from wrmf.numerics.tiles import SortedItems, norm_bounds, ranking_dtype
from wrmf.numerics.user_terms import UserTerms

__all__ = ["ItemTerms", "Terms", "top_n_of_with_terms", "top_n_with_terms"]

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
# Returns lists by factors alone: of the users in a slice, without the items blocked for them, and
# possibly without items whose score is below that of each user.
Untouched = Callable[[slice, ItemLists, np.ndarray], Arrays]


@dataclass(frozen=True)
class ItemTerms:
    """What is added to the scores of some users.

    Attributes
    ----------
    history : ItemLists of m users, the items that they have
    by_owner, by_item : WeightRows
        The weights of the items that a user has in rows, and the transposed matrix.
    scale : float
        s, the factor of all terms.
    """

    history: ItemLists
    by_owner: WeightRows
    by_item: WeightRows
    scale: float

    def at(self, users: np.ndarray) -> ItemTerms:
        """Return the terms of a part of the users."""
        return ItemTerms(self.history.at(users), self.by_owner, self.by_item, self.scale)

    def of_pairs(self, pairs: ItemLists, num_threads: int = 0) -> np.ndarray:
        """Return what is added to the scores of given items of each user, in float64."""
        return self.scale * terms_of_pairs(self.history, self.by_item, pairs, num_threads)

    def touched_by_block(
        self, blocked: ItemLists | None = None, num_threads: int = 0
    ) -> Iterator[tuple[slice, Touched]]:
        """Yield ranges of users with their touched and blocked items."""
        return touched_by_block(self.history, self.by_owner, blocked, num_threads)


# What is added to scores: of items for users, or of users for items.
Terms = ItemTerms | UserTerms


def top_n_with_terms(
    user_factors: np.ndarray,
    item_factors: np.ndarray | SortedItems,
    n: int,
    terms: Terms,
    choice: tuple[ItemLists | None, np.ndarray | None] = (None, None),
    num_threads: int = 0,
    untouched: Untouched | None = None,
) -> Arrays:
    """Return the n best items of each user by score plus term.

    Parameters
    ----------
    user_factors, item_factors, n, num_threads : as in ``top_n``
    terms : Terms of m users
    choice : the arguments ``blocked`` and ``allowed`` of ``top_n``
    untouched : callable(users, blocked, least_scores), optional
        Computes the lists by factors alone; by default ``top_n``.

    Returns
    -------
    rows, scores, counts : as in ``top_n``
    """
    catalogue, (blocked, allowed) = SortedItems.as_sorted(item_factors), choice
    n = min(n, len(catalogue))
    lists = Lists.empty(len(user_factors), n, user_factors.dtype)
    if not n:
        return lists.as_arrays(user_factors.dtype)
    for users, touched in terms.touched_by_block(blocked, num_threads):
        factors, left_out = user_factors[users], touched.items
        # The terms of blocked items stay −∞, with a scale of 0, too.
        is_free = touched.terms > -np.inf
        np.multiply(touched.terms, terms.scale, out=touched.terms, where=is_free)
        best = _best(factors, catalogue, n, touched, allowed, num_threads)
        # Once n touched items are known, an untouched one must not be below all of them.
        least = np.where(best.counts == n, best.scores[:, n - 1], -np.inf)
        if untouched is None:
            others = top_n(factors, catalogue, n, left_out, allowed, num_threads, least)
        else:
            others = untouched(users, left_out, least)
        merged = _merged(others, best.as_arrays(user_factors.dtype))
        for whole, part in zip(lists, merged, strict=False):
            whole[users] = part
    return lists.as_arrays(user_factors.dtype)


def top_n_of_with_terms(
    user_factors: np.ndarray,
    item_factors: np.ndarray | SortedItems,
    n: int,
    terms: Terms,
    listed: ItemLists,
    num_threads: int = 0,
) -> Arrays:
    """Return the lists of ``top_n_with_terms``, restricted to the items listed for each user."""
    catalogue = SortedItems.as_sorted(item_factors)
    added = Touched(listed, terms.of_pairs(listed, num_threads))
    best = _best(user_factors, catalogue, min(n, len(catalogue)), added, None, num_threads)
    return best.as_arrays(user_factors.dtype)


def _best(
    user_factors: np.ndarray,
    catalogue: SortedItems,
    n: int,
    added: Touched,
    allowed: np.ndarray | None,
    num_threads: int,
) -> Lists:
    """Return the n best of the items of each user, by score plus what is added to it."""
    dtype = ranking_dtype(user_factors, catalogue)
    users = as_aligned(user_factors, dtype)
    lists = Lists.empty(len(users), n, dtype)
    rank_terms(
        isa_number(),
        users,
        as_aligned(catalogue.items, dtype),
        norm_bounds(users),
        catalogue.norms,
        added.items,
        added.terms,
        None if allowed is None else allowed.view(np.uint8),
        lists,
        kernel_threads(num_threads if len(added.terms) > FEW_TERMS else 1),
    )
    return lists


def _merged(first: Arrays, second: Arrays) -> Arrays:
    """Return the best of two lists of each user, which have no item in common.

    Items are ordered by decreasing score, and by position among equal scores.
    """
    n = first[0].shape[1]
    rows = np.concatenate([first[0], second[0]], axis=1)
    scores = np.concatenate([first[1], second[1]], axis=1)
    counts = np.minimum(first[2] + second[2], n)
    # Of both lists the rest is filled up with −1; it comes last, even after scores of −∞.
    order = np.lexsort((rows, -scores, rows < 0), axis=1)[:, :n]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1), counts
