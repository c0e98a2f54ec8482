"""Rows with features, solved by every method, equal the dense definition."""

import dataclasses
import os
from unittest import mock

import numpy as np
import pytest
import reference
import reference_features
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from solving import assert_close, every_dtype, every_solver, make_objective
from strategies import interactions, objectives

from wrmf.numerics import feature_ridge, plan
from wrmf.numerics.feature_ridge import FeatureRidge
from wrmf.numerics.fold_in import FoldInSystem, fold_in
from wrmf.numerics.priors import Prior
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep


def random_prior(n_rows, k, dtype, seed=0, n_features=3):
    """Return a prior of random features, half of which are zero."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((n_rows, n_features))
    features *= generator.random(features.shape) < 0.5
    factors = generator.standard_normal((n_features, k)).astype(dtype)
    return Prior(sparse.csr_matrix(features.astype(np.float32)), factors)


def dense_expected(prior):
    return prior.features.toarray().astype(float) @ prior.factors.astype(float)


def solve(matrix, fixed, base, prior, solver, threads=1, **objective):
    side = Side.of(matrix, make_objective(**objective), base, fixed.dtype)
    side = dataclasses.replace(side, prior=prior)
    out = np.full((matrix.shape[0], fixed.shape[1]), 0.1, dtype=fixed.dtype)
    with (
        mock.patch.dict(os.environ, WRMF_ISA=solver.isa),
        mock.patch.object(plan, "CG_ABOVE", solver.cg_above),
    ):
        half_sweep(side, fixed, out, solver.solver, threads, 300)
    return out


@every_solver
@every_dtype
@pytest.mark.parametrize("dislikes", [False, True], ids=["likes", "dislikes"])
@settings(max_examples=20)
@given(data=st.data())
def test_half_sweep_with_features_equals_the_dense_solution(solver, dtype, dislikes, data):
    matrix = data.draw(interactions(dislikes=dislikes))
    objective = data.draw(objectives)
    k = data.draw(st.integers(1, 9))
    exponent, base = data.draw(st.sampled_from([0.0, 1.0])), data.draw(st.sampled_from([0.5, 3.0]))
    fixed = np.random.default_rng(k).standard_normal((matrix.shape[1], k)).astype(dtype)
    prior = random_prior(matrix.shape[0], k, dtype)
    strengths = reference.row_regularization(matrix, base, exponent, objective["unobserved_weight"])
    expected = reference_features.half_sweep(
        matrix, fixed, strengths, dense_expected(prior), **objective
    )
    out = solve(matrix, fixed, base, prior, solver, exponent=exponent, **objective)
    assert_close(out, expected, dtype)


@every_solver
@pytest.mark.parametrize("k", [40, 129])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_long_and_short_rows_with_features_equal_the_dense_solution(solver, k, exponent, likes):
    fixed = np.random.default_rng(k).standard_normal((likes.shape[1], k)).astype(np.float32)
    prior = random_prior(likes.shape[0], k, np.float32, n_features=20)
    strengths = reference.row_regularization(likes, 1.0, exponent, 1.0)
    expected = reference_features.half_sweep(
        likes, fixed, strengths, dense_expected(prior), alpha=10.0
    )
    out = solve(likes, fixed, 1.0, prior, solver, exponent=exponent, alpha=10.0)
    assert_close(out, expected, "float32")
    again = solve(likes, fixed, 1.0, prior, solver, 3, exponent=exponent, alpha=10.0)
    np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize("regularization", [1e-9, 1e-3])
def test_rows_that_are_solved_in_float64_have_their_features_too(regularization, likes):
    # With a λ so small, float32 is too coarse for the basis.
    k = 6
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], k)).astype(np.float32)
    fixed[:, 1] = fixed[:, 0] * (1 + 1e-6)
    prior = random_prior(likes.shape[0], k, np.float32)
    strengths = np.full(likes.shape[0], regularization)
    expected = reference_features.half_sweep(
        likes, fixed, strengths, dense_expected(prior), alpha=10.0
    )
    side = Side.of(likes, make_objective(alpha=10.0), regularization, np.float32)
    out = np.zeros((likes.shape[0], k), np.float32)
    half_sweep(dataclasses.replace(side, prior=prior), fixed, out)
    # Directions that the data does not determine differ; scores do not.
    scale = np.abs(expected @ fixed.T).max()
    assert np.abs(out @ fixed.T - expected @ fixed.T).max() < 1e-2 * scale


def test_one_row_is_folded_in_as_among_many(likes):
    k = 24
    fixed = np.random.default_rng(1).standard_normal((likes.shape[1], k)).astype(np.float32)
    prior = random_prior(likes.shape[0], k, np.float32, n_features=9)
    system = FoldInSystem.of(fixed, make_objective(alpha=10.0), 1.0, 1)
    together = fold_in(system, likes, 2, prior)
    for row in (0, 3, 17, 200):
        alone = fold_in(system, likes[[row]], 1, prior.at(np.array([row])))
        np.testing.assert_array_equal(alone[0], together[row])


def test_a_row_without_entries_is_folded_in_as_its_features_say(likes):
    fixed = np.random.default_rng(1).standard_normal((likes.shape[1], 4))
    prior = random_prior(likes.shape[0], 4, np.float64)
    system = FoldInSystem.of(fixed, make_objective(alpha=10.0), 1.0, 1)
    folded = fold_in(system, likes, 1, prior)
    np.testing.assert_allclose(folded[17], dense_expected(prior)[17])
    assert folded[17].any()


@given(
    seed=st.integers(0, 1000),
    n_features=st.integers(1, 12),
    density=st.sampled_from([0.02, 0.3, 1.0]),
    strength=st.sampled_from([0.1, 5.0]),
)
def test_ridge_equals_the_dense_regression(seed, n_features, density, strength):
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((40, n_features))
    features *= generator.random(features.shape) < density
    features = sparse.csr_matrix(features.astype(np.float32))
    rows, lambdas = generator.standard_normal((40, 5)), generator.random(40) + 0.1
    solved = FeatureRidge.of(features, lambdas, strength, 1).solve(
        rows, np.zeros((n_features, 5)), 1
    )
    expected = reference_features.ridge(features, rows, lambdas, strength)
    np.testing.assert_allclose(solved, expected, atol=1e-8)


def test_gradients_reach_the_regression_over_the_sweeps(monkeypatch):
    generator = np.random.default_rng(0)
    features = sparse.random(300, 80, 0.05, "csr", np.float32, random_state=0)
    rows, lambdas = generator.standard_normal((300, 5)), generator.random(300) + 0.1
    expected = reference_features.ridge(features, rows, lambdas, 1.0)
    monkeypatch.setattr(feature_ridge, "MOST_FACTORISED", 10)
    monkeypatch.setattr(feature_ridge, "TOLERANCE", 1e-9)
    regression = FeatureRidge.of(features, lambdas, 1.0, 1)
    solved = np.zeros((80, 5))
    errors = []
    for threads in (1, 2, 1, 2):
        solved = regression.solve(rows, solved, threads)
        errors.append(np.abs(solved - expected).max())
    assert errors[-1] < 1e-6
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("few", [10, 2048])
def test_ridge_is_bitwise_the_same_for_any_number_of_threads(monkeypatch, few):
    monkeypatch.setattr(feature_ridge, "MOST_FACTORISED", few)
    features = sparse.random(3000, 90, 0.1, "csr", np.float32, random_state=0)
    rows = np.random.default_rng(0).standard_normal((3000, 33)).astype(np.float32)
    lambdas = np.full(3000, 0.3)
    start = np.zeros((90, 33), np.float32)
    solved = [
        FeatureRidge.of(features, lambdas, 1.0, threads).solve(rows, start, threads)
        for threads in (1, 2, 5)
    ]
    np.testing.assert_array_equal(solved[0], solved[1])
    np.testing.assert_array_equal(solved[0], solved[2])
