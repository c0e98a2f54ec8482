"""The item term of a model: its weights, its scale, and what it adds to scores.

The score of user u and item j is x_u·y_j + s Σ_i b_ij over the items i that u has, where b are the
:class:`~wrmf.numerics.item_weights.ItemWeights` of the training data and s = β σ. β is the
``item_weight`` of the model; σ is the standard deviation of the factor scores of all users and
items over that of the sums Σ_i b_ij. So with β = 1 both parts vary equally.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.dislikes import likes_of
from wrmf.model.parameters import Parameters
from wrmf.model.state import Factors
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_weights import ItemWeights
from wrmf.numerics.term_ranking import ItemTerms
from wrmf.numerics.user_terms import UserTerms

__all__ = [
    "item_terms",
    "known_histories",
    "predicted_terms",
    "term_contributions",
    "user_terms",
    "with_item_weights",
]


NEEDS_ITEMS = (
    "its item_weight needs the items of each user, so use a file saved with train=True or "
    'train="seen", '
)


def with_item_weights(
    state: Factors, params: Parameters, earlier: Factors | None = None
) -> Factors:
    """Return a state with the item weights of its training data, or without any if β is 0.

    Those of an ``earlier`` state are kept if they are of the same pairs, with the same parameters.

    Raises
    ------
    ValueError
        If the state has no training data, and if λ is too small.
    """
    options = params.item_term
    if options.weight == 0:
        return state if state.item_weights is None else replace(state, item_weights=None)
    wanted = options.neighbours, options.regularization
    if earlier is not None and earlier.item_weights is not None:
        weights = earlier.item_weights
        same = (weights.neighbours, weights.regularization) == wanted
        if same and _same_pairs(earlier.train_matrix, state.train_matrix):
            return replace(state, item_weights=weights)
    matrix = state.train_pairs("use a file saved with train=True, from which item weights are made")
    weights = ItemWeights.fit(likes_of(matrix), *wanted, num_threads=params.sweep.num_threads)
    return replace(state, item_weights=weights)


def _same_pairs(first: sparse.csr_matrix | None, second: sparse.csr_matrix | None) -> bool:
    """Return whether two matrices have the same stored entries, whatever their values are."""
    if first is None or second is None or first is second:
        return first is second
    return (
        first.shape == second.shape
        and np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.indices, second.indices)
    )


def item_terms(state: Factors, history: ItemLists | None) -> ItemTerms | None:
    """Return what is added to the scores of users with given histories; None for nothing."""
    if state.item_weights is None or history is None:
        return None
    scale = state.item_scale
    if scale == 0:
        return None
    by_owner = state.prepared.item_part.by_owner
    return ItemTerms(history, by_owner, state.item_weights.by_item, scale)


def user_terms(state: Factors, items: np.ndarray | None) -> UserTerms | None:
    """Return what is added to the scores of all users for items; None for nothing.

    Parameters
    ----------
    state : Factors
    items : int64 (m,), positions

    Raises
    ------
    ValueError
        If the model has an item term, and was saved without its training data.
    """
    weights = state.item_weights
    if weights is None or items is None or state.item_scale == 0:
        return None
    state.train_pairs(NEEDS_ITEMS + "call reweigh_items(item_weight=0)")
    likers = state.prepared.train.likers_of
    return UserTerms(items, likers, weights.by_item, len(state.users), state.item_scale)


def known_histories(state: Factors, rows: np.ndarray | None) -> ItemLists | None:
    """Return the items of users of the model, by which their terms are computed.

    Parameters
    ----------
    state : Factors
    rows : int64 (n,), −1 for a user without items; None for all users

    Returns
    -------
    ItemLists, or None for a model without an item term

    Raises
    ------
    ValueError
        If the model has an item term, and was saved without its training data.
    """
    if state.item_weights is None or state.item_scale == 0:
        return None
    matrix = state.train_pairs(
        NEEDS_ITEMS + "pass the items to recommend_new, or call reweigh_items(item_weight=0)"
    )
    matrix = likes_of(matrix)
    return ItemLists.of(matrix) if rows is None else ItemLists.of_rows(matrix, rows)


def predicted_terms(state: Factors, rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return what the item term adds to the scores of pairs, in float64; 0 without the term.

    Parameters
    ----------
    state : Factors
    rows, columns : int64 (n,), or (1,) to pair one with all of the other side
    """
    rows, columns = np.broadcast_arrays(rows, columns)
    # The items of a user are looked up once for all pairs of the user.
    users, places = np.unique(rows, return_inverse=True)
    terms = item_terms(state, known_histories(state, users))
    if terms is None:
        return 0.0
    order = np.argsort(places, kind="stable")
    indptr = np.searchsorted(places[order], np.arange(len(users) + 1))
    pairs = ItemLists(indptr.astype(np.int64), columns[order].astype(np.int32))
    added = np.empty(len(rows))
    added[order] = terms.of_pairs(pairs)
    return added


def term_contributions(state: Factors, own: np.ndarray, column: int) -> np.ndarray:
    """Return the parts of the item term of one item that each of a user's items adds.

    Parameters
    ----------
    state : Factors
    own : int (n,), the sorted items of the user
    column : int

    Returns
    -------
    float64 (n,)
        Zeros for a model without an item term.
    """
    weights, parts = state.item_weights, np.zeros(len(own))
    if state.item_scale == 0 or weights is None:
        return parts
    indptr, indices, values = weights.by_item
    row = slice(int(indptr[column]), int(indptr[column + 1]))
    _, places, of_row = np.intersect1d(own, indices[row], return_indices=True)
    parts[places] = state.item_scale * values[row][of_row].astype(np.float64)
    return parts
