"""A solved row minimises the published losses; the loss and the errors equal sums over cells.

The losses of Hu et al. 2008 and Rendle et al. 2021 are written below as sums over cells, without
the library's normal equations. Their central differences must vanish at the library's solution.
"""

import itertools

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from solving import make_objective, solve
from strategies import interactions, objectives

from wrmf import WRMF
from wrmf.numerics.objective import observed_scores, squared_errors

ALPHA, LAMBDA = 3.0, 0.7


def hu_2008(counts, x, y, regularization=LAMBDA, confidence=lambda r: ALPHA * r):
    """Return Σ c (p − xᵀy)² + λ(Σ‖x‖² + Σ‖y‖²), p = 1 where r > 0, c = 1 + confidence(r).

    Equation 3 of the paper; its Equation 6 has the confidence α·log(1 + r/ε).
    """
    total = 0.0
    for u, i in itertools.product(range(len(x)), range(len(y))):
        p = 1.0 if counts[u, i] > 0 else 0.0
        c = 1.0 + confidence(counts[u, i])
        total += c * (p - x[u] @ y[i]) ** 2
    return total + regularization * ((x**2).sum() + (y**2).sum())


def rendle_2021(counts, x, y, unobserved, exponent, alpha=ALPHA):
    """Return Σ_S w (ŷ − 1)² + α₀ Σ_{all} ŷ² + Σ_u λ_u‖x_u‖² + Σ_i λ_i‖y_i‖², w = α·d.

    λ_u = λ (|I_u| + α₀|I|)^ν and λ_i = λ (|U_i| + α₀|U|)^ν. The paper has w = 1.
    """
    m, n = counts.shape
    total = 0.0
    for u, i in itertools.product(range(m), range(n)):
        score = x[u] @ y[i]
        if counts[u, i] > 0:
            total += alpha * counts[u, i] * (score - 1.0) ** 2
        total += unobserved * score**2
    for u in range(m):
        size = sum(counts[u, i] > 0 for i in range(n)) + unobserved * n
        total += LAMBDA * size**exponent * (x[u] @ x[u])
    for i in range(n):
        size = sum(counts[u, i] > 0 for u in range(m)) + unobserved * m
        total += LAMBDA * size**exponent * (y[i] @ y[i])
    return total


def gradient(loss, point, step=1e-5):
    """Return the central differences of ``loss`` with respect to each element of ``point``."""
    out = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        above, below = point.copy(), point.copy()
        above[index] += step
        below[index] -= step
        out[index] = (loss(above) - loss(below)) / (2 * step)
    return out


def assert_solved(loss, model, counts):
    """Assert that the model's user factors minimise ``loss`` for fixed item factors.

    By rounding, the gradient is not exactly zero, but small compared with that at a point nearby.
    """
    x, y = model.user_factors, model.item_factors
    if not counts.any():
        return
    at_solution = gradient(lambda users: loss(users, y), x)
    nearby = gradient(lambda users: loss(users, y), x + 0.1)
    # Rows without entries are exactly zero, which also minimises their loss.
    assert np.abs(at_solution).max() < 1e-6 * max(np.abs(nearby).max(), 1.0)
    assert np.allclose(model.loss(counts), loss(x, y), rtol=1e-9, atol=1e-9)


def fit(counts, **params):
    """Return a small model in float64, fitted to ``counts``; ``params`` replace its settings."""
    settings = {
        "factors": 3,
        "regularization": LAMBDA,
        "alpha": ALPHA,
        "unobserved_weight": 1.0,
        "regularization_exponent": 0.0,
        "objective": "wrmf",
        "confidence": "linear",
        "iterations": 3,
        "dtype": "float64",
        "random_state": 0,
        **params,
    }
    return WRMF(**settings).fit(counts, progress=False)


@given(matrix=interactions(max_users=5, max_items=5))
def test_the_loss_of_2008_is_minimised(matrix):
    counts = matrix.toarray()
    model = fit(counts)
    assert_solved(lambda x, y: hu_2008(counts, x, y), model, counts)


@given(
    matrix=interactions(max_users=5, max_items=5),
    exponent=st.sampled_from([0.5, 1.0]),
    solver=st.sampled_from(["exact", "cg"]),
)
def test_a_penalty_by_observed_pairs_is_that_of_spark(matrix, exponent, solver):
    counts = matrix.toarray()
    settings = {"solver": solver, "cg_steps": 50, "regularization_exponent": exponent}
    model = fit(counts, regularization_counts="observed", **settings)
    of_users = (counts > 0).sum(axis=1) ** exponent
    of_items = (counts > 0).sum(axis=0) ** exponent

    def loss(x, y):
        penalty = of_users @ (x**2).sum(axis=1) + of_items @ (y**2).sum(axis=1)
        return hu_2008(counts, x, y, regularization=0.0) + LAMBDA * penalty

    assert_solved(loss, model, counts)
    assert np.allclose(model.fold_in_users(counts), model.user_factors, atol=1e-6)


@given(matrix=interactions(max_users=5, max_items=5), alpha=st.sampled_from([0.1, 0.4, 2.0]))
def test_raw_confidences_are_those_of_2008_without_the_one(matrix, alpha):
    counts = matrix.toarray()
    model = fit(counts, confidence="raw", alpha=alpha)

    def loss(x, y):
        return hu_2008(counts, x, y, confidence=lambda r: alpha * r - 1 if r else 0.0)

    assert_solved(loss, model, counts)
    assert np.allclose(model.fold_in_users(counts), model.user_factors)


@given(matrix=interactions(max_users=5, max_items=5))
def test_raw_equals_linear_where_every_pair_has_the_unobserved_weight(matrix):
    counts = matrix.toarray()
    models = [fit(counts, objective="ials", confidence=name) for name in ("raw", "linear")]
    assert np.array_equal(models[0].user_factors, models[1].user_factors)


@given(matrix=interactions(max_users=5, max_items=5), epsilon=st.sampled_from([0.1, 1.0, 4.0]))
def test_the_logarithmic_confidence_of_2008_is_minimised(matrix, epsilon):
    counts = matrix.toarray()
    model = fit(counts, confidence="log", epsilon=epsilon)

    def loss(x, y):
        return hu_2008(counts, x, y, confidence=lambda r: ALPHA * np.log(1 + r / epsilon))

    assert_solved(loss, model, counts)


@given(
    matrix=interactions(max_users=5, max_items=5, counts=False),
    unobserved=st.sampled_from([0.05, 1.0, 2.5]),
    exponent=st.sampled_from([0.0, 0.5, 1.0, 1.3]),
)
def test_the_loss_of_2021_is_minimised(matrix, unobserved, exponent):
    counts = matrix.toarray()
    model = fit(
        counts,
        objective="ials",
        alpha=1.0,
        unobserved_weight=unobserved,
        regularization_exponent=exponent,
    )

    def loss(x, y):
        return rendle_2021(counts, x, y, unobserved, exponent, alpha=1.0)

    assert_solved(loss, model, counts)


@given(matrix=interactions(max_users=5, max_items=5), exponent=st.sampled_from([0.5, 1.0]))
def test_values_weight_the_pairs_in_the_loss_of_2021(matrix, exponent):
    counts = matrix.toarray() * 0.37
    settings = {"unobserved_weight": 0.2, "regularization_exponent": exponent}
    model = fit(counts, objective="ials", **settings)
    # The library stores values as float32.
    stored = counts.astype(np.float32).astype(float)
    assert_solved(lambda x, y: rendle_2021(stored, x, y, 0.2, exponent), model, counts)


@given(matrix=interactions(max_users=5, max_items=5), exponent=st.sampled_from([0.5, 1.0, 1.3]))
def test_frequency_scales_the_regularisation_of_2008(matrix, exponent):
    counts = matrix.toarray()
    model = fit(counts, regularization_exponent=exponent)

    def loss(x, y):
        total = hu_2008(counts, x, y, regularization=0.0)
        for factors, sizes, others in (
            (x, (counts > 0).sum(axis=1), counts.shape[1]),
            (y, (counts > 0).sum(axis=0), counts.shape[0]),
        ):
            total += sum(
                LAMBDA * (size + others) ** exponent * (row @ row)
                for row, size in zip(factors, sizes, strict=True)
            )
        return total

    assert_solved(loss, model, counts)


def test_users_and_items_have_their_own_regularisation():
    counts = (np.indices((6, 5)).sum(axis=0) % 2).astype(float)
    model = fit(counts, regularization=(0.3, 2.0))

    def loss(x, y):
        unregularized = hu_2008(counts, x, y, regularization=0.0)
        return unregularized + 0.3 * (x**2).sum() + 2.0 * (y**2).sum()

    assert_solved(loss, model, counts)


def test_fold_in_items_minimises_the_loss_over_the_items():
    counts = np.random.default_rng(1).integers(0, 3, (6, 5)).astype(float)
    model = fit(counts, objective="ials", unobserved_weight=0.2, regularization_exponent=1.0)
    at_solution = gradient(
        lambda items: rendle_2021(counts, model.user_factors, items, 0.2, 1.0),
        model.fold_in_items(counts),
    )
    assert np.abs(at_solution).max() < 1e-6


@pytest.mark.parametrize("scale", [0.1, 7.0])
def test_only_the_ratios_of_the_weights_matter(scale):
    """α, α₀ and λ, all multiplied by one number, give the same factors."""
    counts = np.random.default_rng(2).integers(0, 3, (8, 7)).astype(float)
    weights = {"alpha": 1.0, "unobserved_weight": 0.3, "regularization": 0.4}
    scaled = {name: value * scale for name, value in weights.items()}
    model = fit(counts, objective="ials", **weights)
    scaled_model = fit(counts, objective="ials", **scaled)
    assert np.allclose(model.item_factors, scaled_model.item_factors)
    assert np.allclose(model.user_factors, scaled_model.user_factors)


@given(data=st.data())
def test_loss_equals_the_sum_over_every_cell(data):
    matrix = data.draw(interactions())
    objective = data.draw(objectives)
    generator = np.random.default_rng(1)
    x, y = (generator.standard_normal((n, 3)) for n in matrix.shape)
    exponent = 0.5
    lambdas = [
        reference.row_regularization(rows, base, exponent, objective["unobserved_weight"])
        for rows, base in ((matrix, 0.3), (matrix.T.tocsr(), 2.0))
    ]
    expected = reference.loss(matrix, x, y, *lambdas, **objective)
    loss = make_objective(**objective, exponent=exponent).loss(matrix, x, y, (0.3, 2.0))
    assert loss == pytest.approx(expected, rel=1e-10, abs=1e-9)


@given(data=st.data())
def test_no_step_from_the_solution_lowers_the_loss(data):
    """The rows' normal equations and the loss describe the same objective."""
    matrix = data.draw(interactions(counts=True))
    settings = data.draw(objectives)
    fixed = np.random.default_rng(2).standard_normal((matrix.shape[1], 3))
    x = solve(matrix, fixed, 0.7, **settings)
    objective = make_objective(**settings)
    minimum = objective.loss(matrix, x, fixed, (0.7, 0.0))
    for step in np.random.default_rng(3).standard_normal((4, *x.shape)) * 1e-3:
        nearby = objective.loss(matrix, x + step, fixed, (0.7, 0.0))
        assert nearby >= minimum - 1e-9 * abs(minimum)


@given(matrix=interactions(counts=False))
def test_squared_error_equals_the_dense_sum(matrix):
    generator = np.random.default_rng(4)
    x, y = (generator.standard_normal((n, 4)) for n in matrix.shape)
    expected = np.sum((matrix.toarray() - x @ y.T) ** 2)
    errors = squared_errors([observed_scores(matrix, x, y)], x, y)
    assert errors == [pytest.approx(expected, rel=1e-10, abs=1e-9)]


def test_observed_scores_follow_the_stored_order(likes):
    generator = np.random.default_rng(4)
    x, y = (generator.standard_normal((n, 4)).astype(np.float32) for n in likes.shape)
    rows, columns = likes.nonzero()
    expected = np.einsum("ij,ij->i", x[rows].astype(float), y[columns].astype(float))
    np.testing.assert_allclose(observed_scores(likes, x, y, 3), expected, rtol=1e-12)
