"""Validation of the model's parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from wrmf.data.checks import as_positive_int, as_real
from wrmf.data.choices import as_choice, shown
from wrmf.numerics.item_weights import MOST_ITEMS
from wrmf.numerics.objective import Objective
from wrmf.numerics.plan import SOLVERS
from wrmf.numerics.threads import MOST_THREADS
from wrmf.numerics.values import ValueRule

__all__ = [
    "PLACEHOLDERS",
    "ItemTermOptions",
    "Parameters",
    "Parametrized",
    "SweepOptions",
    "auto_multiple",
    "dtype_name",
    "is_auto",
    "validate_parameters",
]

# The parameters that may be "auto": the data of the training decides. Until there is some, they
# have these values, which are valid with any others.
PLACEHOLDERS: dict[str, Any] = {
    "confidence": "linear",
    "regularization_exponent": 0.0,
    "alpha": 1.0,
    "unobserved_weight": 1.0,
    "regularization": 1.0,
}
# Those that may be a multiple of what the data decides, as "2*auto".
RELATIVE = ("alpha", "unobserved_weight", "regularization")

CHOICES = {
    "objective": ("ials", "wrmf"),
    "confidence": ("auto", "linear", "log", "raw"),
    "regularization_counts": ("all", "observed"),
    "weighting": ("none", "bm25", "tfidf"),
    "solver": ("auto", *SOLVERS),
    "dtype": ("float32", "float64"),
}

# The least and the largest value of numbers that are passed to C, also those of a model file: an
# OpenMP library that cannot start its threads ends the process.
LIMITS = {
    "num_threads": (0, MOST_THREADS),
    "cg_steps": (1, 2**31 - 1),
    "factors": (1, 2**31 - 1),
    "n_models": (1, 2**31 - 1),
}

# The most items that are all neighbours of each other.
MAX_NEIGHBOURS = MOST_ITEMS
# A power of a count that would be zero in float64 must not be reached.
MOST_DAMPING = 4.0

Model = TypeVar("Model", bound="Parametrized")


@dataclass(frozen=True)
class SweepOptions:
    """How a half-sweep is computed: the keyword arguments of ``numerics.sweep.half_sweep``."""

    solver: str
    num_threads: int
    cg_steps: int


@dataclass(frozen=True)
class ItemTermOptions:
    """How item weights are fitted, and how much they count: β, K and λ of ``ItemWeights``."""

    weight: float
    neighbours: int
    regularization: float

    @classmethod
    def validate(cls, params: Mapping[str, Any]) -> ItemTermOptions:
        """Return the options of a model's parameters."""
        neighbours = as_positive_int(params["item_neighbors"], "item_neighbors")
        if neighbours > MAX_NEIGHBOURS:
            raise ValueError(f"item_neighbors must be at most {MAX_NEIGHBOURS}, got {neighbours}")
        strength = as_real(params["item_regularization"], "item_regularization", strict=True)
        return cls(as_real(params["item_weight"], "item_weight"), neighbours, strength)


@dataclass(frozen=True)
class Parameters:
    """The parameters of a model, validated and complete.

    Attributes
    ----------
    factors : int
    dtype : numpy dtype, float32 or float64
    objective : Objective
        Of the values that ``values`` returns.
    values : ValueRule
    regularization : tuple of float, λ of users and of items
    feature_regularization : tuple of float, λ_A of the features of users and of items
    init_scale : float
        Standard deviation of the initial factors.
    solve_users_first : bool
        Whether users are solved once before the first iteration.
    n_models : int
        The number of members; see :mod:`wrmf.model.members`.
    sweep : SweepOptions
    item_term : ItemTermOptions
    """

    factors: int
    dtype: np.dtype[Any]
    objective: Objective
    values: ValueRule
    regularization: tuple[float, float]
    feature_regularization: tuple[float, float]
    init_scale: float
    solve_users_first: bool
    n_models: int
    sweep: SweepOptions
    item_term: ItemTermOptions

    @property
    def n_columns(self) -> int:
        """The number of factors of all members."""
        return self.factors * self.n_models


def validate_parameters(params: Mapping[str, Any]) -> Parameters:
    """Return validated parameters, or raise for the first one that is out of bounds.

    ``iterations`` and ``random_state`` are not validated here, but in ``fit``. A parameter that is
    still "auto" has its placeholder.

    Parameters
    ----------
    params : mapping of parameter name to value, as ``WRMF.get_params`` returns it

    Raises
    ------
    TypeError, ValueError
        The message names the parameter, its value and the values that are allowed.

    Examples
    --------
    >>> import wrmf
    >>> validate_parameters(wrmf.WRMF(regularization=2).get_params()).regularization
    (2.0, 2.0)
    """
    params = {
        name: PLACEHOLDERS[name] if is_auto(name, value) else value
        for name, value in params.items()
    }
    num_threads, cg_steps, factors, n_models = (_whole_number(params, name) for name in LIMITS)
    for name, choices in CHOICES.items():
        value = dtype_name(params[name]) if name == "dtype" else params[name]
        as_choice(value, name, choices)
    regularization = _both_sides(params["regularization"], "regularization")
    scale, dtype = params["init_scale"], np.dtype(params["dtype"])
    values = _value_rule(params)
    # Values that the rule changes have been through the logarithm.
    is_done = values.confidence == "log" and not values.is_identity
    objective = Objective(
        alpha=as_real(params["alpha"], "alpha"),
        unobserved_weight=as_real(params["unobserved_weight"], "unobserved_weight", strict=True),
        kind=params["objective"],
        confidence="linear" if is_done else params["confidence"],
        epsilon=values.epsilon,
        regularization_exponent=as_real(
            params["regularization_exponent"], "regularization_exponent", minimum=-10.0
        ),
        regularization_counts=params["regularization_counts"],
    )
    return Parameters(
        factors=factors,
        dtype=dtype,
        objective=objective,
        values=values,
        regularization=regularization,
        feature_regularization=_both_sides(
            params["feature_regularization"], "feature_regularization", strict=True
        ),
        init_scale=0.1 / math.sqrt(factors) if scale is None else _init_scale(scale, dtype),
        solve_users_first=scale is None,
        n_models=n_models,
        sweep=SweepOptions(
            solver="exact" if params["solver"] == "auto" else params["solver"],
            num_threads=num_threads,
            cg_steps=cg_steps,
        ),
        item_term=ItemTermOptions.validate(params),
    )


def is_auto(name: str, value: Any) -> bool:
    """Return whether the value of a parameter is left to the data."""
    return auto_multiple(name, value) is not None


def auto_multiple(name: str, value: Any) -> float | None:
    """Return m of the value "m*auto" of a parameter, which is 1 for "auto".

    None is returned for a value that is not left to the data.

    Examples
    --------
    >>> auto_multiple("alpha", "auto"), auto_multiple("alpha", "0.5*auto")
    (1.0, 0.5)
    >>> auto_multiple("alpha", 0.5), auto_multiple("confidence", "0.5*auto")
    (None, None)
    """
    if name not in PLACEHOLDERS or not isinstance(value, str):
        return None
    if value == "auto":
        return 1.0
    number, times, auto = value.partition("*")
    if name not in RELATIVE or (times, auto.strip()) != ("*", "auto"):
        return None
    try:
        multiple = float(number)
    except ValueError:
        return None
    return multiple if math.isfinite(multiple) and multiple > 0 else None


def dtype_name(dtype: Any) -> str:
    """Return NumPy's name of a dtype; of a value that is not a dtype, its text."""
    try:
        return str(np.dtype(dtype).name)
    except Exception:
        # NumPy asks the object for its attributes and for its text, which may do anything.
        return dtype if isinstance(dtype, str) else shown(dtype)


def _whole_number(params: Mapping[str, Any], name: str) -> int:
    """Return a parameter that must lie within its limits."""
    minimum, maximum = LIMITS[name]
    number = as_positive_int(params[name], name, minimum)
    if number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {shown(number)}")
    return number


def _init_scale(scale: Any, dtype: np.dtype[Any]) -> float:
    number = as_real(scale, "init_scale", strict=True)
    # Sums of squared factors must not overflow, and a random factor may be ten times the scale.
    limit = math.sqrt(float(np.finfo(dtype).max)) / 1e3
    if number > limit:
        raise ValueError(f"init_scale must be at most {limit:.1g} in {dtype}, got {shown(scale)}")
    return number


def _value_rule(params: Mapping[str, Any]) -> ValueRule:
    damping = _both_sides(params["value_damping"], "value_damping")
    if max(damping) > MOST_DAMPING:
        raise ValueError(f"value_damping must be at most {MOST_DAMPING:g}, got {shown(damping)}")
    b = as_real(params["bm25_b"], "bm25_b")
    if b > 1:
        raise ValueError(f"bm25_b must be at most 1, got {b:g}")
    return ValueRule(
        confidence=params["confidence"],
        epsilon=as_real(params["epsilon"], "epsilon", strict=True),
        weighting=params["weighting"],
        k1=as_real(params["bm25_k1"], "bm25_k1"),
        b=b,
        damping=damping,
    )


def _both_sides(value: Any, name: str, *, strict: bool = False) -> tuple[float, float]:
    """Return a parameter of users and of items from one number or a pair."""
    if not isinstance(value, (tuple, list)):
        value = (value, value)
    elif len(value) != 2:
        raise ValueError(f"{name} must be a number or (user, item), got {shown(value)}")
    of_users, of_items = value
    return as_real(of_users, name, strict=strict), as_real(of_items, name, strict=strict)


class Parametrized:
    """A model whose constructor's parameters are its attributes, as in scikit-learn."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name; ``deep`` changes nothing."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self: Model, **params: Any) -> Model:
        """Set parameters by name and return the model.

        They are validated and take effect when the model is next trained, by ``fit`` or
        ``partial_fit``. Until then a fitted model answers, and is saved, with the parameters that
        it was fitted with. Only ``num_threads``, which changes no result, takes effect at once.

        Examples
        --------
        >>> import wrmf
        >>> wrmf.WRMF().set_params(alpha=2.0)
        WRMF(alpha=2.0)
        """
        valid = self.get_params()
        for name, value in params.items():
            if name not in valid:
                raise ValueError(
                    f"unknown parameter {name!r}; {type(self).__name__} has {', '.join(valid)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={shown(value)}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default and value != defaults[name].default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def frozen_params(self) -> dict[str, Any]:
        """Return a copy of the parameters, which later changes of the model do not affect."""
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.get_params().items()
        }
