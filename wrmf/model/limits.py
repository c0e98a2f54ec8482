"""Checks that weights, λ and factors do not overflow their dtype and the memory."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse

from wrmf.model.parameters import Parameters
from wrmf.numerics.memory import check_memory
from wrmf.numerics.values import FittedValues

__all__ = [
    "check_limits",
    "check_regularization",
    "check_sizes",
    "check_weights",
    "warn_of_idle_factors",
]

# More factors than users or items cost little up to this number, the default, and small data are
# often fitted with it.
FEW_FACTORS = 256


def check_limits(matrix: sparse.csr_matrix, params: Parameters) -> None:
    """Refuse training whose weights or λ would be infinite, or whose factors do not fit."""
    _check_size(matrix.shape, params)
    values = FittedValues.of(params.values, matrix)
    largest = np.abs(values.of_training(matrix).data).max(initial=0)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1])
    check_sizes(float(largest), matrix.shape, (np.diff(matrix.indptr), of_items), params)


def check_sizes(
    largest: float,
    shape: tuple[int, int],
    counts: tuple[np.ndarray, np.ndarray],
    params: Parameters,
) -> None:
    """Raise a ValueError if a weight or a λ of training would be infinite.

    Parameters
    ----------
    largest : float
        The largest size of the values that ``params.values`` returns.
    shape : (int, int), the number of users and of items
    counts : pair of int arrays
        The number of entries of each user and of each item; their extremes suffice.
    params : Parameters
    """
    _check_largest(largest, params)
    _check_unobserved_weight(max(shape), params)
    for side in (0, 1):
        check_regularization(counts[side], shape[1 - side], params, side)


def _check_size(shape: tuple[int, int], params: Parameters) -> None:
    """Raise a MemoryError if what a sweep needs at least does not fit the memory.

    That are the factors, a copy of those of the larger side, and a matrix of sums of products.
    """
    rows, k = sum(shape) + max(shape), params.n_columns
    several = f" of {params.n_models} models" if params.n_models > 1 else ""
    check_memory(
        rows * k * params.dtype.itemsize + 8 * params.factors**2,
        f"{params.factors} factors{several} of {shape[0]} users and {shape[1]} items",
        'use fewer factors, dtype="float32", or a cluster (wrmf.distributed)',
    )


def check_weights(matrix: sparse.csr_matrix, params: Parameters) -> None:
    """Raise a ValueError if the dtype of the factors cannot hold the largest weight.

    ``matrix`` has the values that ``params.values`` returns.
    """
    _check_largest(float(np.abs(matrix.data).max(initial=0)), params)


def warn_of_idle_factors(shape: tuple[int, int], params: Parameters) -> None:
    """Warn of factors that cost much time and cannot make the minimum of the loss lower.

    X Yᵀ has at most the rank of its smaller side, and what lies outside the span of the rows of
    this side only adds to the penalty.

    Warns
    -----
    UserWarning
        For more than ``FEW_FACTORS`` factors, and more than users or items.
    """
    most = min(shape)
    if params.factors > max(most, FEW_FACTORS):
        n_users, n_items = shape
        warnings.warn(
            f"factors={params.factors} is more than this data can use, {n_users} users × {n_items} "
            f"items: those beyond {most} do not lower the loss, and the time of training grows "
            f"with their square or cube; factors={most} or fewer will do",
            stacklevel=4,
        )


def _check_largest(largest: float, params: Parameters) -> None:
    objective = params.objective
    limit = float(np.finfo(params.dtype).max)
    if objective.confidence == "linear" and objective.alpha * largest <= limit:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        weight = float(objective.weights(np.array([largest]), np.float64)[0])
    if weight <= limit:
        return
    remedies = ["scale the counts down", "lower alpha"]
    if params.values.confidence != "log":
        remedies.append('pass confidence="log"')
    if params.dtype == np.float32:
        remedies.append('pass dtype="float64"')
    of_what = "count" if params.values.is_identity else "value"
    raise ValueError(
        f"the largest {of_what} is {largest:g}; with alpha={objective.alpha:g} its weight is "
        f"{weight:g}, and {params.dtype} holds at most {limit:.2g}: "
        f"{', '.join(remedies[:-1])} or {remedies[-1]}"
    )


def _check_unobserved_weight(n_rows: int, params: Parameters) -> None:
    """Raise a ValueError if α₀ times a sum over all rows may be infinite."""
    # Assumes that squares of factors are at most a million, which nearly always holds.
    limit = float(np.finfo(params.dtype).max) / 1e6 / n_rows
    if params.objective.unobserved_weight > limit:
        raise ValueError(
            f"unobserved_weight must be at most {limit:.1g} for {n_rows} rows in {params.dtype}, "
            f"got {params.objective.unobserved_weight:g}: lower it, and alpha in proportion"
        )


def check_regularization(counts: np.ndarray, n_columns: int, params: Parameters, side: int) -> None:
    """Raise a ValueError if the dtype of the factors cannot hold the λ of a row.

    Parameters
    ----------
    counts : int (n_rows,)
        The number of stored entries of each row of the side.
    n_columns : int
        The number of items if the rows are users, and of users if they are items.
    params : Parameters
    side : {0, 1}, users or items
    """
    objective, base = params.objective, params.regularization[side]
    limit = float(np.finfo(params.dtype).max)
    # λ is a monotonic function of the count, so its extremes are at the smallest and largest count.
    ends = np.array([counts.min(initial=0), counts.max(initial=0)], dtype=np.float64)
    strength = objective.row_regularization(base, ends, n_columns)
    if (strength <= limit).all():
        return
    exponent = objective.regularization_exponent
    of_rows = "users" if side == 0 else "items"
    if exponent == 0:
        cause, remedy = f"regularization={base:g}", "lower it"
    else:
        cause = f"regularization_exponent={exponent:g} with regularization={base:g}"
        remedy = "take an exponent from 0 to 1, or lower regularization"
    raise ValueError(
        f"{cause} gives {of_rows} a λ of {strength.max():g}, and {params.dtype} holds at most "
        f"{limit:.2g}: {remedy}"
    )
