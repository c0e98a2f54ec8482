"""The published losses, written out cell by cell, are what a solved row minimises.

Nothing here uses the library's own normal equations: the losses of Hu et al. 2008 and Rendle et al.
2021 stand below as sums over cells, and their central differences must vanish where we solved.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

from wrmf import WRMF

ALPHA, LAMBDA = 3.0, 0.7


def hu_2008(counts, x, y, regularization=LAMBDA, alpha=ALPHA, confidence=None):
    """Equation 3: Σ c (p − xᵀy)² + λ(Σ‖x‖² + Σ‖y‖²), p = 1 where r > 0, c = 1 + αr.

    ``confidence`` replaces αr; Equation 6 of the paper is α·log(1 + r/ε).
    """
    total = 0.0
    for u, i in itertools.product(range(len(x)), range(len(y))):
        r = counts[u, i]
        p = 1.0 if r > 0 else 0.0
        c = 1.0 + (alpha * r if confidence is None else confidence(r))
        total += c * (p - x[u] @ y[i]) ** 2
    return total + regularization * ((x**2).sum() + (y**2).sum())


def rendle_2021(counts, x, y, unobserved, exponent, regularization=LAMBDA, alpha=ALPHA):
    """Σ_S w (ŷ − 1)² + α₀ Σ_{all} ŷ² + Σ_u λ_u‖x_u‖² + Σ_i λ_i‖y_i‖², w = α·d.

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
        total += regularization * size**exponent * (x[u] @ x[u])
    for i in range(n):
        size = sum(counts[u, i] > 0 for u in range(m)) + unobserved * m
        total += regularization * size**exponent * (y[i] @ y[i])
    return total


def gradient(loss, point, step=1e-5):
    """Return the central differences of ``loss`` by each number of ``point``."""
    out = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        moved = [point.copy(), point.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        out[place] = (loss(moved[0]) - loss(moved[1])) / (2 * step)
    return out


def assert_solved(loss, model, counts):
    """The model's user factors are a minimum beside its item factors, and elsewhere is none.

    A gradient at rounding is one that is small beside that a small step away.
    """
    x, y = model.user_factors, model.item_factors
    some = np.flatnonzero(counts.sum(axis=1))
    if not len(some):
        return
    found = gradient(lambda at: loss(at, y), x)
    nearby = gradient(lambda at: loss(at, y), x + 0.1)
    # Rows without entries are exact zeros, which is their minimum, too.
    assert np.abs(found).max() < 1e-6 * max(np.abs(nearby).max(), 1.0)
    assert np.allclose(model.loss(counts), loss(x, y), rtol=1e-9, atol=1e-9)


def fitted(counts, **params):
    given = {
        "factors": 3,
        "regularization": LAMBDA,
        "alpha": ALPHA,
        "iterations": 3,
        "dtype": "float64",
        "random_state": 0,
        **params,
    }
    return WRMF(**given).fit(counts, progress=False)


@given(matrix=interactions(max_users=5, max_items=5))
def test_the_loss_of_2008_is_minimised(matrix):
    counts = matrix.toarray()
    model = fitted(counts)
    assert_solved(lambda x, y: hu_2008(counts, x, y), model, counts)


@given(matrix=interactions(max_users=5, max_items=5), epsilon=st.sampled_from([0.1, 1.0, 4.0]))
def test_the_logarithmic_confidence_of_2008_is_minimised(matrix, epsilon):
    counts = matrix.toarray()
    model = fitted(counts, confidence="log", epsilon=epsilon)

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
    model = fitted(
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
def test_values_weigh_pairs_in_the_loss_of_2021(matrix, exponent):
    counts = matrix.toarray() * 0.37
    model = fitted(
        counts, objective="ials", unobserved_weight=0.2, regularization_exponent=exponent
    )
    # The library stores values as float32.
    stored = counts.astype(np.float32).astype(float)
    assert_solved(lambda x, y: rendle_2021(stored, x, y, 0.2, exponent), model, counts)


@given(matrix=interactions(max_users=5, max_items=5), exponent=st.sampled_from([0.5, 1.0, 1.3]))
def test_frequency_scales_the_regularisation_of_2008(matrix, exponent):
    counts = matrix.toarray()
    model = fitted(counts, regularization_exponent=exponent)

    def loss(x, y):
        unscaled = hu_2008(counts, x, y, regularization=0.0)
        for factors, sizes, others in (
            (x, (counts > 0).sum(axis=1), counts.shape[1]),
            (y, (counts > 0).sum(axis=0), counts.shape[0]),
        ):
            unscaled += sum(
                LAMBDA * (size + others) ** exponent * (row @ row)
                for row, size in zip(factors, sizes, strict=True)
            )
        return unscaled

    assert_solved(loss, model, counts)


def test_users_and_items_have_their_own_regularisation():
    counts = (np.indices((6, 5)).sum(axis=0) % 2).astype(float)
    model = fitted(counts, regularization=(0.3, 2.0))

    def loss(x, y):
        plain = hu_2008(counts, x, y, regularization=0.0)
        return plain + 0.3 * (x**2).sum() + 2.0 * (y**2).sum()

    assert_solved(loss, model, counts)


def test_items_are_solved_as_users_are():
    """On the transposed matrix items take the users' place, with the same loss."""
    counts = np.random.default_rng(1).integers(0, 3, (6, 5)).astype(float)
    model = fitted(counts, objective="ials", unobserved_weight=0.2, regularization_exponent=1.0)
    model.item_factors = model.fold_in_items(counts)
    y = gradient(
        lambda at: rendle_2021(counts, model.user_factors, at, 0.2, 1.0), model.item_factors
    )
    assert np.abs(y).max() < 1e-6


@pytest.mark.parametrize("scale", [0.1, 7.0])
def test_only_the_ratios_of_the_weights_matter(scale):
    """α, α₀ and λ times the same number is the same problem: what "divide by α" rests on."""
    counts = np.random.default_rng(2).integers(0, 3, (8, 7)).astype(float)
    params = {"objective": "ials", "alpha": 1.0, "unobserved_weight": 0.3, "regularization": 0.4}
    one = fitted(counts, **params)
    numbers = {name: value * scale for name, value in params.items() if name != "objective"}
    other = fitted(counts, objective="ials", **numbers)
    assert np.allclose(one.item_factors, other.item_factors)
    assert np.allclose(one.user_factors, other.user_factors)
