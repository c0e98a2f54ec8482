"""The constants of value weights in a model file, for models saved without training data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wrmf.model.parameters import validate_parameters
from wrmf.model.state import Factors
from wrmf.numerics.values import FittedValues

__all__ = ["values_from_file", "values_to_file"]

ARRAYS = ("user_counts", "item_counts", "item_lengths")


def values_to_file(
    params: Mapping[str, Any], factors: Factors, train: bool | str
) -> tuple[dict[str, np.ndarray], float | None]:
    """Return the arrays and the scale to save; nothing if they follow from the training data.

    Parameters
    ----------
    params : mapping of parameter name to value
        The present parameters; ``factors.params`` are those that the model was fitted with.
    factors : Factors
    train : {True, False, "seen"}
        How much of the training data is saved.
    """
    matrix = factors.train_matrix
    has_counts = matrix is not None and matrix.dtype != bool
    if (train is True and has_counts) or (not has_counts and factors.saved_values is None):
        return {}, None
    rule = validate_parameters({**params, **(factors.params or {}), **factors.automatic}).values
    if rule.is_identity:
        return {}, None
    fitted = factors.values(rule)
    return {f"values.{name}": getattr(fitted, name) for name in ARRAYS}, fitted.scale


def values_from_file(
    params: Mapping[str, Any],
    scale: Any,
    arrays: Mapping[str, np.ndarray],
    shape: tuple[int, int],
) -> FittedValues | None:
    """Return the constants of a file, or None if it has none.

    Raises
    ------
    ValueError, KeyError
        For content that :func:`values_to_file` does not return.
    """
    if scale is None:
        return None
    rule = validate_parameters(params).values
    counts = [arrays[f"values.{name}"] for name in ARRAYS]
    lengths = (*shape, shape[1] if rule.weighting == "bm25" else 0)
    dtypes = (np.int64, np.int64, np.float64)
    for name, array, length, dtype in zip(ARRAYS, counts, lengths, dtypes, strict=True):
        if (array.dtype, array.shape) != (np.dtype(dtype), (length,)):
            raise ValueError(
                f"values.{name} must be {np.dtype(dtype)} of shape ({length},), got "
                f"{array.dtype} {array.shape}"
            )
        if not (np.isfinite(array) & (array >= 0)).all():
            raise ValueError(f"values.{name} holds values that are not finite and ≥ 0")
    if not isinstance(scale, float) or not math.isfinite(scale) or scale <= 0:
        raise ValueError(f"the scale of its values must be finite and above 0, got {scale!r:.40}")
    user_counts, item_counts, item_lengths = counts
    return FittedValues(rule, user_counts, item_counts, item_lengths, scale)
