"""Converts features of users and items to what model files hold, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wrmf.model.features import FeatureTable, SideFeatures
from wrmf.model.saved_parts import check_values, matrix_from_arrays
from wrmf.model.state import Factors

__all__ = ["features_from_file", "features_to_arrays", "features_to_json"]

SIDES = ("user_features", "item_features")
PARTS = ("indptr", "indices", "data")


def features_to_arrays(
    factors: Factors, train: bool | str, stored: Callable[[np.ndarray, str], np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays of features by their names in a file; nothing for a model without them.

    Parameters
    ----------
    factors : Factors
    train : {True, False, "seen"}
        The features of rows are training data, and are saved with its counts.
    stored : callable (array, name) that converts factors to the precision of the file
    """
    arrays = {}
    for name, features in zip(SIDES, factors.features, strict=True):
        if features is None:
            continue
        arrays[f"{name}.factors"] = stored(features.factors, name)
        if train is True and features.table is not None:
            matrix = features.table.matrix
            for part in PARTS:
                arrays[f"{name}.{part}"] = getattr(matrix, part)
    return arrays


def features_to_json(factors: Factors) -> dict[str, Any]:
    """Return the field of the header about features: their names; nothing without features."""
    fields = {
        name: None if features.names is None else list(features.names)
        for name, features in zip(SIDES, factors.features, strict=True)
        if features is not None
    }
    return {"features": fields} if fields else {}


def features_from_file(
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    shape: tuple[int, int],
    precise: Callable[[np.ndarray], np.ndarray],
    *,
    verify: bool,
) -> tuple[SideFeatures | None, SideFeatures | None]:
    """Return the features of a file.

    Parameters
    ----------
    header : mapping
    arrays : mapping of name to array
    shape : (n_users, n_items)
    precise : callable that converts factors to the precision of the model
    verify : bool
        Whether to check that all features are finite. Indices are checked in any case.

    Raises
    ------
    ValueError, TypeError, KeyError
        For content that ``features_to_json`` and ``features_to_arrays`` do not write.
    """
    fields = header.get("features", {})
    if not isinstance(fields, dict) or not fields.keys() <= set(SIDES):
        raise ValueError("its features are not those of users and items")
    of_sides: list[SideFeatures | None] = []
    for name, n_rows in zip(SIDES, shape, strict=True):
        if name not in fields:
            of_sides.append(None)
            continue
        factors, names = precise(arrays[f"{name}.factors"]), _names(fields[name])
        if factors.ndim != 2 or (names is not None and len(names) != len(factors)):
            raise ValueError(f"the factors of its {name} are of shape {factors.shape}")
        table = None
        if f"{name}.indptr" in arrays:
            indptr, indices, data = (arrays[f"{name}.{part}"] for part in PARTS)
            matrix = matrix_from_arrays(data, indices, indptr, (n_rows, len(factors)))
            if verify:
                check_values(matrix)
            table = FeatureTable(matrix, names)
        of_sides.append(SideFeatures(table, factors, names))
    return of_sides[0], of_sides[1]


def _names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the names of its features are not texts")
    return tuple(names)
