"""The factors that training starts from: random, or those of another model where ids match."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrmf.data.axes import map_axis
from wrmf.data.interactions import Interactions
from wrmf.model.exact_rows import solve_exactly
from wrmf.model.growth import check_id_types
from wrmf.model.members import Member, joined, joined_side
from wrmf.model.parameters import Parameters
from wrmf.model.state import FactorModel, Factors
from wrmf.numerics.values import FittedValues

__all__ = ["as_start", "initial_factors", "random_items", "warm_factors"]

# The number of random values that are drawn at a time, so that they take 8 MB.
BLOCK = 2**20


def random_factors(n_rows: int, params: Parameters, generator: np.random.Generator) -> np.ndarray:
    """Return normal random factors with the standard deviation ``init_scale``.

    Values are drawn in float64, so that both dtypes start from the same point, in blocks of rows.
    The size of a block changes no value.

    Returns
    -------
    ndarray (n_rows, k) of the parameters' dtype
    """
    out = np.empty((n_rows, params.factors), dtype=params.dtype)
    rows = max(1, BLOCK // params.factors)
    for start in range(0, n_rows, rows):
        block = out[start : start + rows]
        block[:] = generator.standard_normal(block.shape) * params.init_scale
    return out


def initial_factors(
    shape: tuple[int, int], params: Parameters, generator: np.random.Generator
) -> Member:
    """Return random factors of users and items, of one member after the other."""
    n_users, n_items = shape
    members = []
    for _ in range(params.n_models):
        x = random_factors(n_users, params, generator)
        members.append((x, random_factors(n_items, params, generator)))
    return joined(members)


def random_items(n_items: int, params: Parameters, generator: np.random.Generator) -> np.ndarray:
    """Return random factors of items of all members."""
    blocks = [random_factors(n_items, params, generator) for _ in range(params.n_models)]
    return joined_side(blocks, 1)


def as_start(start: Any, params: Parameters) -> Factors:
    """Return the state of a model, or a state itself, if training can start from it.

    Raises
    ------
    TypeError, ValueError
        For another type, a model that is not fitted, and another number of factors.
    """
    state = start.state if isinstance(start, FactorModel) else start
    if not isinstance(state, Factors):
        raise TypeError(f"start must be a fitted model or Factors, got {type(start).__name__}")
    if state.k != params.n_columns:
        raise ValueError(
            f"start has {state.k} factors, now {params.n_columns} are asked for: pass "
            f"factors={state.k // params.n_models}, or fit without start"
        )
    state.check_finite()
    return state


def warm_factors(
    start: Factors, data: Interactions, params: Parameters, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of users and items, those of ``start`` where the id is the same.

    Other rows are random, as without ``start``. If an item has factors from ``start``, the users
    without any are then solved exactly: the items would otherwise be solved for random users.

    Raises
    ------
    TypeError, ValueError
        For ids of another type than those of ``start``, and if no id is the same.
    """
    check_id_types(data.users, start.prepared.user_ids.index)
    check_id_types(data.items, start.prepared.item_ids.index)
    users, items = initial_factors(data.shape, params, generator)
    of_users = map_axis(data.users, start.users, "drop", "users").positions
    of_items = map_axis(data.items, start.items, "drop", "items").positions
    has_user, has_item = of_users >= 0, of_items >= 0
    if not has_user.any() and not has_item.any():
        raise ValueError(
            f"start has none of the users and items of the data: the data has the user "
            f"{data.users.tolist()[0]!r}, start has {start.users.tolist()[0]!r}. Fit without start"
        )
    users[has_user] = _converted(start.user_factors[of_users[has_user]], params)
    items[has_item] = _converted(start.item_factors[of_items[has_item]], params)
    if has_item.any() and not has_user.all():
        values = FittedValues.of(params.values, data.matrix)
        rows = values.of_rows(data.matrix[~has_user], 0)
        users[~has_user] = solve_exactly(rows, items, params, 0)
    return users, items


def _converted(factors: np.ndarray, params: Parameters) -> np.ndarray:
    """Return factors in the dtype of the parameters; a ValueError if they are too large for it."""
    with np.errstate(over="ignore"):
        converted: np.ndarray = factors.astype(params.dtype, copy=False)
    if not np.isfinite(converted).all():
        raise ValueError(
            f'start has factors beyond the range of {params.dtype}: pass dtype="{factors.dtype}"'
        )
    return converted
