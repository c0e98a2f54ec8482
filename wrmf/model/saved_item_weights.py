"""Converts item weights to what model files hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wrmf.data.checks import as_positive_int, as_real
from wrmf.model.saved_parts import matrix_from_arrays
from wrmf.model.state import Factors
from wrmf.numerics.item_terms import WeightRows
from wrmf.numerics.item_weights import ItemWeights

__all__ = [
    "item_weights_from_file",
    "item_weights_to_arrays",
    "item_weights_to_json",
    "set_spread",
]

# The arrays of WeightRows, in their order.
NAMES = tuple(f"item_weights.{name}" for name in ("indptr", "indices", "values"))


def item_weights_to_arrays(weights: ItemWeights | None) -> dict[str, np.ndarray]:
    """Return the arrays of item weights by their names in a file."""
    return {} if weights is None else dict(zip(NAMES, weights.by_item, strict=True))


def item_weights_to_json(factors: Factors) -> dict[str, Any]:
    """Return the field of the header about item weights; nothing for a model without them.

    ``score_spread`` belongs to the factors. It is saved since it takes a pass over them, and since
    the factors of a file may be rounded.
    """
    weights = factors.item_weights
    if weights is None:
        return {}
    fields = {
        "neighbours": weights.neighbours,
        "regularization": weights.regularization,
        "spread": weights.spread,
        "score_spread": float(factors.prepared.scores.spread),
    }
    return {"item_weights": fields}


def item_weights_from_file(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n_items: int, *, verify: bool
) -> ItemWeights | None:
    """Return the item weights of a file, or None if it has none.

    Parameters
    ----------
    header : mapping
    arrays : mapping of name to array
    n_items : int
    verify : bool
        Whether to check that all weights are finite. Indices are checked in any case.

    Raises
    ------
    ValueError, TypeError, KeyError
        For content that ``item_weights_to_json`` and ``item_weights_to_arrays`` do not write.
    """
    fields = header.get("item_weights")
    if fields is None:
        return None
    indptr, indices, values = (arrays[name] for name in NAMES)
    if indptr.dtype != np.int64:
        raise ValueError(f"the index pointer of its item weights is {indptr.dtype}")
    matrix_from_arrays(values, indices, indptr, (n_items, n_items))
    if verify and not np.isfinite(values).all():
        raise ValueError("its item weights are not finite")
    return ItemWeights(
        WeightRows(indptr, indices, values),
        as_positive_int(fields["neighbours"], "the neighbours of item weights"),
        as_real(fields["regularization"], "the regularization of item weights", strict=True),
        as_real(fields["spread"], "the spread of item weights"),
    )


def set_spread(factors: Factors, header: Mapping[str, Any]) -> None:
    """Take the standard deviation of scores from a file, so that no request has to compute it."""
    fields = header.get("item_weights")
    if fields is not None:
        spread = as_real(fields["score_spread"], "the spread of scores")
        vars(factors.prepared.scores)["spread"] = np.float64(spread)
