"""Reorders the factors of a model to the users and items of a split, matched by id."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from wrmf.data.axes import lookup_table
from wrmf.data.dislikes import likes_of
from wrmf.data.interactions import object_array, same_ids
from wrmf.data.split import Split
from wrmf.evaluation.cold import TestPart
from wrmf.model.item_term import item_terms
from wrmf.model.state import FactorModel
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.term_ranking import ItemTerms

__all__ = ["HasFactors", "factors_on_axes", "has_factors", "terms_on_axes"]


class HasFactors(Protocol):
    """Anything that scores a user and an item by the product of their factors.

    For a split that holds out whole users, it also needs a method ``fold_in_users`` like that of
    :class:`wrmf.WRMF`. If it has the attributes ``users`` and ``items`` with the ids of its rows,
    these are matched to the ids of the split. Otherwise its rows must be in the split's order.
    """

    @property
    def user_factors(self) -> np.ndarray: ...

    @property
    def item_factors(self) -> np.ndarray: ...


@runtime_checkable
class _FoldsInUsers(Protocol):
    def fold_in_users(self, data: sparse.csr_matrix) -> np.ndarray: ...


def has_factors(model: object) -> bool:
    """Return whether a model scores by factors; a :class:`WRMF` does even before it is fitted."""
    if isinstance(model, FactorModel):
        return True
    return all(getattr(model, name, None) is not None for name in ("user_factors", "item_factors"))


def factors_on_axes(model: Any, split: Split, part: TestPart) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of the test users and of all items, checked and of one dtype.

    Parameters
    ----------
    model : HasFactors
        A ValueError is raised for any other object.
    split : Split
    part : TestPart
        The test users. If the split holds them out, their factors are folded in from their known
        interactions.

    Raises
    ------
    ValueError
        For a model without factors, with other users or items, or with factors that are not
        finite.
    """
    try:
        user_factors, item_factors = np.asarray(model.user_factors), np.asarray(model.item_factors)
    except AttributeError as error:
        raise ValueError(
            f"{type(model).__name__} has no user_factors and item_factors: fit it on split.train "
            "first"
        ) from error
    users, items = _ids(model, "users", user_factors), _ids(model, "items", item_factors)
    shape, expected = (len(user_factors), len(item_factors)), split.train.shape
    held_out = split.fold_in is not None
    if shape[1] != expected[1] or (users is None and not held_out and shape[0] != expected[0]):
        raise ValueError(
            f"the model has {shape[0]} users × {shape[1]} items, the split "
            f"{expected[0]} × {expected[1]}: fit it on split.train"
        )
    every_item = np.arange(expected[1])
    places = every_item if items is None else _places(items, split.train.items, every_item, "items")
    if held_out:
        user_factors = _fold_in(model, part.known, places)
    elif users is None:
        user_factors = user_factors[part.users]
    else:
        user_factors = user_factors[_places(users, split.train.users, part.users, "users")]
    if places is not every_item:
        item_factors = item_factors[places]
    for factors, side in ((user_factors, "user"), (item_factors, "item")):
        if not np.isfinite(factors).all():
            raise ValueError(
                f"the model's {side} factors hold NaN or infinite values: train with more "
                "regularization or a smaller alpha"
            )
    dtype = np.result_type(user_factors, item_factors, np.float32)
    return user_factors.astype(dtype, copy=False), item_factors.astype(dtype, copy=False)


def terms_on_axes(model: HasFactors, split: Split, part: TestPart) -> ItemTerms | None:
    """Return what a model adds to the scores of the test users, or None if it adds nothing.

    Parameters and errors are as in ``factors_on_axes``. The terms are those of the known
    interactions of the test users.
    """
    if not isinstance(model, FactorModel) or model.state.item_scale == 0:
        return None
    terms = item_terms(model.state, ItemLists.of(likes_of(part.known)))
    weights = model.state.item_weights
    assert terms is not None
    assert weights is not None
    items, every_item = _ids(model, "items", model.item_factors), np.arange(split.train.n_items)
    places = every_item if items is None else _places(items, split.train.items, every_item, "items")
    if places is every_item:
        return terms
    by_item = weights.at(places).by_item
    return ItemTerms(terms.history, by_item.transposed(), by_item, terms.scale)


def _ids(model: Any, axis: str, factors: np.ndarray) -> np.ndarray | None:
    """Return the ids of the rows of ``factors``, or None if the model has no ids."""
    import pandas as pd

    if isinstance(model, FactorModel) and model.state.numbered:
        return None
    ids = getattr(model, axis, None)
    if isinstance(ids, np.ndarray):
        return ids if len(ids) == len(factors) else None
    if isinstance(ids, (list, tuple, pd.Index, pd.Series)) and len(ids) == len(factors):
        return object_array(list(ids))
    return None


def _places(own: np.ndarray, ids: np.ndarray, rows: np.ndarray, axis: str) -> np.ndarray:
    """Return the row indices in the model of the ids ``ids[rows]`` of a split."""
    if same_ids(own, ids):
        return rows
    places: np.ndarray = lookup_table(own).get_indexer(lookup_table(ids))
    missing = rows[places[rows] < 0]
    if not len(missing):
        return np.asarray(places[rows])
    # If one side numbers its rows, since its data had no ids, match rows by position.
    numbered = any(same_ids(part, np.arange(len(own))) for part in (own, ids))
    if len(own) == len(ids) and numbered and (places < 0).all():
        return rows
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise ValueError(
        f"the model does not know {ids[missing].tolist()[0]!r}{more} among the {axis} of the "
        f"split; it has {len(own)}, such as {own.tolist()[0]!r}: fit it on split.train"
    )


def _fold_in(model: HasFactors, known: sparse.csr_matrix, places: np.ndarray) -> np.ndarray:
    """Return the factors of held-out users.

    ``places[i]`` is the row of the model's item factors for item i of the split.
    """
    if not isinstance(model, _FoldsInUsers):
        raise ValueError(
            "the split holds out whole users, whose factors come from model.fold_in_users, but "
            f"{type(model).__name__} has no such method"
        )
    moved = sparse.csr_matrix((known.data, places[known.indices], known.indptr), shape=known.shape)
    moved.sort_indices()
    return model.fold_in_users(moved)
