"""Errors name the parameter or shape that is wrong, its value and what was expected."""

import inspect

import numpy as np
import pytest

from wrmf import WRMF
from wrmf.model.parameters import CHOICES


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"factors": 0}, "factors must be at least 1, got 0"),
        ({"factors": 2.5}, "factors must be a whole number, got 2.5"),
        ({"factors": "8"}, "factors must be a whole number"),
        ({"factors": True}, "factors must be a whole number"),
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"alpha": -1}, "alpha must be finite and at least 0"),
        ({"alpha": float("nan")}, "alpha must be finite"),
        ({"alpha": "40"}, "alpha must be a number"),
        ({"regularization": -0.1}, "regularization must be finite and at least 0"),
        ({"regularization": (0.1,)}, "number or .user, item."),
        ({"regularization": None}, "regularization must be a number"),
        ({"unobserved_weight": 0}, "unobserved_weight must be finite and above 0"),
        ({"regularization_exponent": float("inf")}, "regularization_exponent must be finite"),
        ({"objective": "bpr"}, "objective must be one of"),
        ({"confidence": "sqrt"}, "confidence must be one of"),
        ({"solver": "magic"}, "solver must be one of"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"dtype": "no such"}, "dtype must be one of"),
        ({"num_threads": -1}, "num_threads must be at least 0"),
        ({"epsilon": 0}, "epsilon must be finite and above 0"),
        ({"cg_steps": 0}, "cg_steps must be at least 1, got 0"),
        ({"init_scale": 0}, "init_scale must be finite and above 0"),
        ({"init_scale": 1e39}, "init_scale must be at most .* in float32, got 1e.39"),
        (
            {"regularization_exponent": 300, "regularization": 30},
            "regularization_exponent=300 with regularization=30",
        ),
        (
            {"regularization_exponent": 300, "dtype": "float64", "objective": "wrmf"},
            "take an exponent from 0 to 1",
        ),
        (
            {"regularization": 1e39, "objective": "wrmf"},
            "regularization=1e.39 gives users a λ of 1e.39",
        ),
        (
            {"regularization": (1, 1e39), "objective": "wrmf"},
            "gives items a λ of 1e.39, and float32 holds at most",
        ),
        ({"unobserved_weight": 1e36}, "unobserved_weight must be at most 3e.31 for 10 rows in"),
        ({"unobserved_weight": 1e308, "dtype": "float64"}, "unobserved_weight must be at most"),
        (
            {"alpha": 1e39, "objective": "wrmf"},
            "the largest count is 1; with alpha=1e.39 its weight is 1e.39",
        ),
        (
            {"epsilon": 1e-320, "confidence": "log"},
            "scale the counts down, lower alpha or pass dtype=.float64",
        ),
        ({"random_state": "seed"}, "random_state must be None, an int"),
        ({"random_state": -4}, "random_state must be at least 0"),
    ],
)
def test_bad_parameters_are_explained(checkerboard, params, error):
    with pytest.raises((TypeError, ValueError), match=error):
        WRMF(**params).fit(checkerboard)


@pytest.mark.parametrize("name", CHOICES)
def test_the_documentation_names_every_choice(name):
    text = inspect.getdoc(WRMF)
    described = text.partition(f"\n{name} : ")[2].partition("\nAttributes")[0]
    for choice in CHOICES[name]:
        assert f'"{choice}"' in described.partition(" : ")[0], f"name {choice} in the docstring"


@pytest.mark.parametrize(
    "params",
    [
        {"factors": np.int64(3)},
        {"alpha": 40},
        {"regularization": [0.1, 1]},
        {"dtype": np.float64},
        {"dtype": np.dtype("float32")},
        {"alpha": 0.0},
    ],
)
def test_unusual_types_of_valid_parameters_are_accepted(checkerboard, params):
    assert np.isfinite(WRMF(**params).fit(checkerboard).user_factors).all()


def test_wrong_shapes_show_both(checkerboard):
    model = WRMF(factors=2).fit(checkerboard)
    with pytest.raises(ValueError, match="10 users × 8 items, the model was fitted to 8 × 10"):
        model.partial_fit(checkerboard.T.tocsr())
    with pytest.raises(ValueError, match="with 10 columns"):
        model.fold_in_users(np.ones((2, 9)))
    with pytest.raises(ValueError, match="with 8 rows"):
        model.fold_in_items(np.ones((9, 2)))
    with pytest.raises(ValueError, match="call fit"):
        model.set_params(factors=3).partial_fit(checkerboard)


def test_repr_shows_only_changed_parameters():
    assert repr(WRMF(factors=7, regularization=(0.1, 0.2))) == (
        "WRMF(factors=7, regularization=(0.1, 0.2))"
    )


def test_set_params_refuses_unknown_names():
    with pytest.raises(ValueError, match="unknown parameter 'factor'; WRMF has factors, "):
        WRMF().set_params(factor=3)
