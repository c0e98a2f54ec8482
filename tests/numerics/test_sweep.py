"""Half-sweeps of every solver, instruction set and dtype equal the dense definition."""

import functools
import itertools

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from solving import SOLVER_CASES, assert_close, every_dtype, every_solver, solve
from strategies import interactions, objectives

from wrmf.numerics.threads import single_threaded_blas


def random_factors(n, k, dtype, seed=0):
    """Return an n × k array of normally distributed factors."""
    return np.random.default_rng(seed).standard_normal((n, k)).astype(dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("dislikes", [False, True], ids=["likes", "dislikes"])
@given(data=st.data())
def test_half_sweep_equals_the_dense_solution(solver, dtype, dislikes, data):
    matrix = data.draw(interactions(dislikes=dislikes))
    objective = data.draw(objectives)
    k = data.draw(st.integers(1, 9))
    exponent = data.draw(st.sampled_from([0.0, 1.0]))
    base = data.draw(st.sampled_from([0.5, 3.0]))
    fixed = random_factors(matrix.shape[1], k, dtype, seed=k)
    regularization = reference.row_regularization(
        matrix, base, exponent, objective["unobserved_weight"]
    )
    expected = reference.half_sweep(matrix, fixed, regularization, **objective)
    out = solve(matrix, fixed, base, solver, exponent=exponent, **objective)
    assert_close(out, expected, dtype)


@pytest.fixture(scope="module")
def dense_solutions(likes):
    """A function that returns (matrix, fixed factors, solution) for both sides of ``likes``."""

    # Cached, because a dense solution takes longer than those of all solvers together. Its many
    # small products are slower on several threads of BLAS.
    @functools.cache
    def both_sides(k, dtype, exponent):
        sides = []
        for matrix in (likes, likes.T.tocsr()):
            fixed = random_factors(matrix.shape[1], k, dtype, seed=k)
            regularization = reference.row_regularization(matrix, 1.0, exponent, 1.0)
            with single_threaded_blas():
                expected = reference.half_sweep(matrix, fixed, regularization, alpha=10.0)
            sides.append((matrix, fixed, expected))
        return sides

    return both_sides


@every_solver
@every_dtype
@pytest.mark.parametrize("k", [1, 7, 40, 129])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_long_and_short_rows_equal_the_dense_solution(solver, dtype, k, exponent, dense_solutions):
    for matrix, fixed, expected in dense_solutions(k, dtype, exponent):
        out = solve(matrix, fixed, 1.0, solver, exponent=exponent, alpha=10.0)
        assert_close(out, expected, dtype)


def fractions(matrix):
    """Return a matrix with values from 0 to 1.5 in place of the counts."""
    matrix = matrix.copy()
    matrix.data = np.random.default_rng(3).random(matrix.nnz).astype(np.float32) * 1.5
    return matrix


@functools.cache
def solutions_below_the_unobserved(k, dtype, exponent):
    """Return a matrix of confidences below and above 1, fixed factors, and the dense solution."""
    matrix = fractions(sparse.random(60, 300, density=0.2, format="csr", random_state=1))
    fixed = random_factors(matrix.shape[1], k, dtype, seed=k)
    regularization = reference.row_regularization(matrix, 1.0, exponent, 1.0)
    with single_threaded_blas():
        settings = {"alpha": 1.0, "confidence": "raw"}
        return matrix, fixed, reference.half_sweep(matrix, fixed, regularization, **settings)


@every_solver
@every_dtype
@pytest.mark.parametrize(("k", "exponent"), [(7, 1.0), (40, 0.0), (129, 1.0), (270, 0.0)])
def test_confidences_below_the_unobserved_equal_the_dense_solution(solver, dtype, k, exponent):
    matrix, fixed, expected = solutions_below_the_unobserved(k, dtype, exponent)
    settings = {"alpha": 1.0, "confidence": "raw", "exponent": exponent}
    assert_close(solve(matrix, fixed, 1.0, solver, **settings), expected, dtype)


@pytest.mark.parametrize(
    "solver", [case for case in SOLVER_CASES if case.solver == "exact"], ids=str
)
@every_dtype
def test_a_tiny_confidence_is_not_rounded_to_the_precision_of_the_unobserved(solver, dtype, likes):
    fixed = random_factors(likes.shape[1], 9, dtype)
    settings = {"alpha": 1e-6, "confidence": "raw"}
    expected = reference.half_sweep(likes, fixed, np.full(likes.shape[0], 0.3), **settings)
    assert_close(solve(likes, fixed, 0.3, solver, **settings), expected, dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_rows_far_longer_than_the_others_equal_the_dense_solution(solver, dtype, exponent):
    """The long rows are cut into parts, and exceed the memory that CG allocates for one row."""
    generator = np.random.default_rng(0)
    matrix = sparse.random(6, 30_000, density=0.0004, format="lil", random_state=1)
    matrix[2] = generator.random(30_000) < 0.9
    matrix[4] = generator.random(30_000) < 0.05
    matrix = matrix.tocsr()
    matrix.data[:] = generator.integers(1, 3, matrix.nnz)
    fixed = generator.standard_normal((30_000, 20)).astype(dtype)
    regularization = reference.row_regularization(matrix, 0.5, exponent, 1.0)
    # The dense weights of ``reference`` would be too large here.
    dense = fixed.astype(float)
    expected = np.zeros((6, 20))
    for row, (start, stop) in enumerate(itertools.pairwise(matrix.indptr)):
        y, w = dense[matrix.indices[start:stop]], 3.0 * matrix.data[start:stop]
        system = dense.T @ dense + (y.T * w) @ y + regularization[row] * np.eye(20)
        expected[row] = np.linalg.solve(system, (w + 1.0) @ y)
    out = solve(matrix, fixed, 0.5, solver, num_threads=2, exponent=exponent, alpha=3.0)
    assert_close(out, expected, dtype)
    on_one_thread = solve(matrix, fixed, 0.5, solver, num_threads=1, exponent=exponent, alpha=3.0)
    assert np.array_equal(out, on_one_thread)


@every_solver
@every_dtype
def test_long_rows_with_negative_weights_equal_the_dense_solution(solver, dtype):
    generator = np.random.default_rng(0)
    matrix = fractions(sparse.random(3, 30_000, density=0.5, format="csr", random_state=1))
    fixed = generator.standard_normal((30_000, 20)).astype(dtype)
    dense = fixed.astype(float)
    expected = np.zeros((3, 20))
    for row, (start, stop) in enumerate(itertools.pairwise(matrix.indptr)):
        y, c = dense[matrix.indices[start:stop]], matrix.data[start:stop].astype(float)
        system = dense.T @ dense + (y.T * (c - 1)) @ y + 0.5 * np.eye(20)
        expected[row] = np.linalg.solve(system, c @ y)
    settings = {"alpha": 1.0, "confidence": "raw"}
    out = solve(matrix, fixed, 0.5, solver, num_threads=2, **settings)
    assert_close(out, expected, dtype)
    assert np.array_equal(out, solve(matrix, fixed, 0.5, solver, num_threads=1, **settings))


@every_solver
@every_dtype
def test_a_row_does_not_depend_on_the_order_of_the_rows(solver, dtype, likes):
    fixed = random_factors(likes.shape[1], 33, dtype)
    backwards = solve(likes[::-1].tocsr(), fixed, 0.1, solver)[::-1]
    assert_close(solve(likes, fixed, 0.1, solver), backwards, dtype)


@every_solver
@every_dtype
def test_an_entry_of_weight_zero_keeps_its_target(solver, dtype, likes):
    fixed = random_factors(likes.shape[1], 9, dtype)
    expected = reference.half_sweep(likes, fixed, np.full(likes.shape[0], 0.3), alpha=0.0)
    assert_close(solve(likes, fixed, 0.3, solver, alpha=0.0), expected, dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("cg_steps", [1, 2, 3, 50])
def test_huge_counts_beside_a_tiny_regularization_stay_finite(solver, dtype, cg_steps, likes):
    matrix = likes.copy()
    matrix.data *= 1e6
    fixed = random_factors(matrix.shape[1], 24, dtype)
    out = solve(matrix, fixed, 1e-8, solver, cg_steps=cg_steps, alpha=1e6)
    assert np.isfinite(out).all()


@every_solver
@every_dtype
def test_rows_without_entries_become_exact_zeros(solver, dtype, likes):
    fixed = random_factors(likes.shape[1], 5, dtype)
    for regularization in (0.1, 0.0):
        assert not solve(likes, fixed, regularization, solver)[17].any()


@every_solver
@every_dtype
@pytest.mark.parametrize("num_threads", [2, 3, 8])
def test_factors_are_bitwise_the_same_at_any_thread_count(solver, dtype, num_threads, likes):
    fixed = random_factors(likes.shape[1], 33, dtype)
    on_one_thread = solve(likes, fixed, 0.1, solver)
    assert np.array_equal(on_one_thread, solve(likes, fixed, 0.1, solver, num_threads=num_threads))
