"""Rows that float32 cannot resolve are solved in float64, singular rows with the least norm."""

import numpy as np
import pytest
import reference
from scipy import sparse
from solving import assert_close, every_dtype, make_objective, solve

from wrmf.numerics.fallback import solve_in_double
from wrmf.numerics.side import Side


def test_only_the_given_rows_are_solved_in_their_order_and_in_float64(likes):
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], 6)).astype(np.float32)
    side = Side.of(likes, make_objective(alpha=10.0), 0.5, np.float32)
    base = fixed.astype(float).T @ fixed.astype(float)
    rows = np.array([40, 3, 17, 8], dtype=np.int32)
    out = solve_in_double(side, rows, fixed, base, 2)
    expected = reference.half_sweep(likes, fixed, np.full(likes.shape[0], 0.5), alpha=10.0)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected[rows], atol=1e-12)


def test_a_singular_row_gets_the_minimum_of_least_norm():
    # Four rows span at most four of seven dimensions.
    matrix = sparse.csr_matrix(np.array([[1, 0, 2, 0], [1, 1, 1, 1]], dtype=np.float32))
    fixed = np.random.default_rng(0).standard_normal((4, 7))
    side = Side.of(matrix, make_objective(alpha=2.0), 0.0, np.float64)
    rows = np.arange(2, dtype=np.int32)
    out = solve_in_double(side, rows, fixed, fixed.T @ fixed, 1)
    expected = reference.half_sweep(matrix, fixed, np.zeros(2), alpha=2.0)
    np.testing.assert_allclose(out, expected, atol=1e-9)
    # A solution of least norm has no part outside the span of the fixed factors.
    span = np.linalg.pinv(fixed) @ fixed
    np.testing.assert_allclose(out @ span, out, atol=1e-9)


@pytest.mark.parametrize("confidence", ["linear", "raw"])
def test_dislikes_and_small_confidences_are_solved_in_float64(likes, confidence):
    matrix = likes.copy()
    generator = np.random.default_rng(1)
    matrix.data = generator.choice([-2.0, -0.3, 0.3, 2.0], matrix.nnz).astype(np.float32)
    fixed = generator.standard_normal((likes.shape[1], 6)).astype(np.float32)
    settings = {"alpha": 0.8, "confidence": confidence}
    side = Side.of(matrix, make_objective(**settings), 0.5, np.float32)
    base = fixed.astype(float).T @ fixed.astype(float)
    rows = np.arange(likes.shape[0], dtype=np.int32)
    expected = reference.half_sweep(matrix, fixed, np.full(len(rows), 0.5), **settings)
    # The values are rounded to float32 before.
    np.testing.assert_allclose(solve_in_double(side, rows, fixed, base, 2), expected, atol=1e-6)


@every_dtype
def test_singular_rows_with_small_confidences_take_the_minimum_of_least_norm(dtype):
    matrix = sparse.csr_matrix(np.array([[0.5, 0, 2, 0], [0, 0.1, 0, 0], [0, 0, 0, 0]]))
    fixed = np.random.default_rng(0).standard_normal((4, 7)).astype(dtype)
    settings = {"alpha": 1.0, "confidence": "raw"}
    expected = reference.half_sweep(matrix, fixed, np.zeros(3), **settings)
    assert_close(solve(matrix, fixed, 0.0, **settings), expected, dtype)


@every_dtype
def test_a_half_sweep_without_regularization_takes_the_minimum_of_least_norm(dtype):
    # Four columns span at most four of seven dimensions.
    matrix = sparse.csr_matrix(np.array([[1, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=float))
    fixed = np.random.default_rng(0).standard_normal((4, 7)).astype(dtype)
    expected = reference.half_sweep(matrix, fixed, np.zeros(3), alpha=2.0)
    assert_close(solve(matrix, fixed, 0.0, alpha=2.0), expected, dtype)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
@every_dtype
def test_factors_of_very_different_sizes_are_all_used_without_regularization(dtype, exponent):
    """Small directions are no rounding errors: leaving them out is not the minimum."""
    generator = np.random.default_rng(0)
    matrix = sparse.random(50, 200, density=0.2, format="csr", random_state=0)
    fixed = generator.standard_normal((200, 32)) * np.logspace(0, -3.5, 32)
    fixed = np.concatenate((fixed, np.zeros((200, 3))), axis=1).astype(dtype)
    out = solve(matrix, fixed, 0.0, alpha=40.0, exponent=exponent)
    expected = reference.half_sweep(matrix, fixed, np.zeros(50), alpha=40.0)
    tolerance = 1e-5 if dtype == "float32" else 1e-8
    scales = np.abs(expected).max(axis=0) + 1e-300
    np.testing.assert_allclose(out / scales, expected / scales, atol=tolerance)


def test_zero_fixed_factors_without_regularization_give_zeros(likes):
    fixed = np.zeros((likes.shape[1], 4), dtype=np.float32)
    assert not solve(likes, fixed, 0.0).any()


@pytest.mark.parametrize("regularization", [0.0, 1e-8])
def test_rows_that_float32_cannot_resolve_are_solved_in_float64(regularization, likes):
    matrix = likes.copy()
    matrix.data *= 1e6
    fixed = np.random.default_rng(0).standard_normal((matrix.shape[1], 24)).astype(np.float32)
    out = solve(matrix, fixed, regularization, alpha=1e6)
    row_regularization = np.full(matrix.shape[0], regularization)
    expected = reference.half_sweep(matrix, fixed, row_regularization, alpha=1e6)
    assert np.isfinite(out).all()
    assert_close(out, expected, "float32")


def test_singular_systems_in_float64_never_give_nan(likes):
    fixed = np.repeat(np.random.default_rng(0).standard_normal((likes.shape[1], 1)), 6, axis=1)
    out = solve(likes, fixed, 1e-300, alpha=1e3)
    assert np.isfinite(out).all()
