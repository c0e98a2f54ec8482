"""Every solver, both dtypes, every objective, against the dense definition."""

import itertools
import os
from unittest import mock

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions, objectives

from wrmf import _als
from wrmf.numerics import plan
from wrmf.numerics.isa import ISAS, active_isa
from wrmf.numerics.objective import Objective, gram, observed_scores, squared_errors
from wrmf.numerics.plan import CG_ABOVE, SOLVERS
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
# Each solver on each instruction set that this CPU has, down to BLAS row by row. "steps": conjugate
# gradients for short rows, too.
every_solver = pytest.mark.parametrize(
    "solver",
    [f"{solver} {isa}" for solver, isa in itertools.product((*SOLVERS, "steps"), ISAS)],
)
# Enough for conjugate gradients to reach the exact answer.
CG_STEPS = 300
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def as_objective(
    alpha=40.0,
    unobserved_weight=1.0,
    objective="wrmf",
    confidence="linear",
    epsilon=1.0,
    exponent=0.0,
):
    return Objective(alpha, unobserved_weight, objective, confidence, epsilon, exponent)


def solve(matrix, fixed, regularization, solver="exact", num_threads=1, exponent=0.0, **objective):
    side = Side.of(
        matrix, as_objective(**objective, exponent=exponent), regularization, fixed.dtype
    )
    out = np.full((matrix.shape[0], fixed.shape[1]), np.nan, dtype=fixed.dtype)
    solver, _, isa = solver.partition(" ")
    above = 0 if solver == "steps" else CG_ABOVE
    if solver != "exact":
        solver = "cg"
        out[:] = 0.1
    with mock.patch.dict(os.environ, WRMF_ISA=isa), mock.patch.object(plan, "CG_ABOVE", above):
        half_sweep(side, fixed, out, solver, num_threads, CG_STEPS)
    return out


def assert_close(out, expected, dtype):
    scale = np.abs(expected).max(initial=0)
    assert np.abs(out - expected).max(initial=0) <= TOLERANCE[dtype] * max(scale, 1e-30)


@every_solver
@every_dtype
@given(data=st.data())
def test_half_sweep_equals_the_dense_solution(solver, dtype, data):
    matrix = data.draw(interactions())
    objective = data.draw(objectives)
    k = data.draw(st.integers(1, 9))
    exponent = data.draw(st.sampled_from([0.0, 1.0]))
    base = data.draw(st.sampled_from([0.5, 3.0]))
    fixed = np.random.default_rng(k).standard_normal((matrix.shape[1], k)).astype(dtype)
    regularization = reference.row_regularization(
        matrix, base, exponent, objective["unobserved_weight"]
    )
    expected = reference.half_sweep(matrix, fixed, regularization, **objective)
    out = solve(matrix, fixed, base, solver, exponent=exponent, **objective)
    assert_close(out, expected, dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("k", [1, 7, 40, 129])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_long_and_short_rows_agree_with_the_dense_solution(solver, dtype, k, exponent, likes):
    for matrix in (likes, likes.T.tocsr()):
        fixed = np.random.default_rng(k).standard_normal((matrix.shape[1], k)).astype(dtype)
        regularization = reference.row_regularization(matrix, 1.0, exponent, 1.0)
        expected = reference.half_sweep(matrix, fixed, regularization, alpha=10.0)
        out = solve(matrix, fixed, 1.0, solver, exponent=exponent, alpha=10.0)
        assert_close(out, expected, dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_rows_far_longer_than_the_others_agree(solver, dtype, exponent):
    """Long enough to be split in parts, and for CG to outgrow the memory it keeps."""
    generator = np.random.default_rng(0)
    matrix = sparse.random(6, 30_000, density=0.0004, format="lil", random_state=1)
    matrix[2] = generator.random(30_000) < 0.9
    matrix[4] = generator.random(30_000) < 0.05
    matrix = matrix.tocsr()
    matrix.data[:] = generator.integers(1, 3, matrix.nnz)
    fixed = generator.standard_normal((30_000, 20)).astype(dtype)
    regularization = reference.row_regularization(matrix, 0.5, exponent, 1.0)
    dense = fixed.astype(float)
    expected = np.zeros((6, 20))
    for row, (start, stop) in enumerate(itertools.pairwise(matrix.indptr)):
        y, w = dense[matrix.indices[start:stop]], 3.0 * matrix.data[start:stop]
        system = dense.T @ dense + (y.T * w) @ y + regularization[row] * np.eye(20)
        expected[row] = np.linalg.solve(system, (w + 1.0) @ y)
    out = solve(matrix, fixed, 0.5, solver, num_threads=2, exponent=exponent, alpha=3.0)
    assert_close(out, expected, dtype)
    one = solve(matrix, fixed, 0.5, solver, num_threads=1, exponent=exponent, alpha=3.0)
    assert np.array_equal(out, one)


@every_solver
@every_dtype
def test_a_row_does_not_depend_on_the_rows_beside_it(solver, dtype, likes):
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], 33)).astype(dtype)
    backwards = solve(likes[::-1].tocsr(), fixed, 0.1, solver)[::-1]
    assert_close(solve(likes, fixed, 0.1, solver), backwards, dtype)


@every_solver
@every_dtype
def test_a_weight_of_zero_keeps_its_target(solver, dtype, likes):
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], 9)).astype(dtype)
    expected = reference.half_sweep(likes, fixed, np.full(likes.shape[0], 0.3), alpha=0.0)
    assert_close(solve(likes, fixed, 0.3, solver, alpha=0.0), expected, dtype)


@every_solver
@every_dtype
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_huge_counts_and_a_vanishing_regularisation_stay_finite(solver, dtype, steps, likes):
    matrix = likes.copy()
    matrix.data *= 1e6
    fixed = np.random.default_rng(0).standard_normal((matrix.shape[1], 24)).astype(dtype)
    with mock.patch(f"{__name__}.CG_STEPS", steps):
        assert np.isfinite(solve(matrix, fixed, 1e-8, solver, alpha=1e6)).all()


def test_an_unknown_isa_is_refused():
    with (
        mock.patch.dict(os.environ, WRMF_ISA="sse9"),
        pytest.raises(ValueError, match="WRMF_ISA is 'sse9'; this CPU and build have blas"),
    ):
        active_isa()


@every_solver
@every_dtype
def test_rows_without_entries_become_exact_zeros(solver, dtype, likes):
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], 5)).astype(dtype)
    for regularization in (0.1, 0.0):
        assert not solve(likes, fixed, regularization, solver)[17].any()


@every_solver
@every_dtype
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_factors_are_bitwise_the_same_at_any_thread_count(solver, dtype, threads, likes):
    fixed = np.random.default_rng(0).standard_normal((likes.shape[1], 33)).astype(dtype)
    one = solve(likes, fixed, 0.1, solver)
    assert np.array_equal(one, solve(likes, fixed, 0.1, solver, num_threads=threads))


@every_dtype
def test_without_regularisation_the_least_norm_minimum_is_taken(dtype):
    # Four columns span at most four of seven dimensions.
    matrix = sparse.csr_matrix(np.array([[1, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=float))
    fixed = np.random.default_rng(0).standard_normal((4, 7)).astype(dtype)
    expected = reference.half_sweep(matrix, fixed, np.zeros(3), alpha=2.0)
    assert_close(solve(matrix, fixed, 0.0, alpha=2.0), expected, dtype)


def test_all_zero_fixed_factors_without_regularisation_give_zeros(likes):
    fixed = np.zeros((likes.shape[1], 4), dtype=np.float32)
    assert not solve(likes, fixed, 0.0).any()


@pytest.mark.parametrize("regularization", [0.0, 1e-8])
def test_float32_resolves_hopelessly_scaled_rows_in_float64(regularization, likes):
    matrix = likes.copy()
    matrix.data *= 1e6
    fixed = np.random.default_rng(0).standard_normal((matrix.shape[1], 24)).astype(np.float32)
    out = solve(matrix, fixed, regularization, alpha=1e6)
    expected = reference.half_sweep(
        matrix, fixed, np.full(matrix.shape[0], regularization), alpha=1e6
    )
    assert np.isfinite(out).all()
    assert_close(out, expected, "float32")


def test_singular_systems_in_float64_never_give_nan(likes):
    fixed = np.repeat(np.random.default_rng(0).standard_normal((likes.shape[1], 1)), 6, axis=1)
    out = solve(likes, fixed, 1e-300, alpha=1e3)
    assert np.isfinite(out).all()


@given(data=st.data())
def test_loss_equals_the_sum_over_every_cell(data):
    matrix = data.draw(interactions())
    objective = data.draw(objectives)
    generator = np.random.default_rng(1)
    x, y = (generator.standard_normal((n, 3)) for n in matrix.shape)
    exponent = 0.5
    lambdas = [
        reference.row_regularization(m, base, exponent, objective["unobserved_weight"])
        for m, base in ((matrix, 0.3), (matrix.T.tocsr(), 2.0))
    ]
    expected = reference.loss(matrix, x, y, *lambdas, **objective)
    found = as_objective(**objective, exponent=exponent).loss(matrix, x, y, (0.3, 2.0))
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-9)


@given(data=st.data())
def test_gradient_of_the_loss_vanishes_at_the_solution(data):
    """The row system and the loss are one model: finite differences at the minimum are flat."""
    matrix = data.draw(interactions(counts=True))
    objective = data.draw(objectives)
    fixed = np.random.default_rng(2).standard_normal((matrix.shape[1], 3))
    x = solve(matrix, fixed, 0.7, **objective)
    form = as_objective(**objective)
    at_minimum = form.loss(matrix, x, fixed, (0.7, 0.0))
    for step in np.random.default_rng(3).standard_normal((4, *x.shape)) * 1e-3:
        assert form.loss(matrix, x + step, fixed, (0.7, 0.0)) >= at_minimum - 1e-9 * abs(at_minimum)


@given(matrix=interactions(counts=False))
def test_squared_error_equals_the_dense_one(matrix):
    generator = np.random.default_rng(4)
    x, y = (generator.standard_normal((n, 4)) for n in matrix.shape)
    dense = np.sum((matrix.toarray() - x @ y.T) ** 2)
    found = squared_errors([observed_scores(matrix, x, y)], x, y)
    assert found == [pytest.approx(dense, rel=1e-10, abs=1e-9)]


def test_gram_is_the_plain_product_over_many_blocks():
    factors = np.random.default_rng(0).standard_normal((20_000, 6)).astype(np.float32)
    expected = factors.astype(float).T @ factors.astype(float)
    np.testing.assert_allclose(gram(factors), expected, rtol=1e-12)


@pytest.mark.parametrize("isa", [None, *range(len(ISAS))], ids=["in float64", *ISAS])
@pytest.mark.parametrize("k", [1, 6, 20, 64, 150, 300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gram_of_each_isa_is_the_plain_product(isa, k, dtype):
    factors = np.random.default_rng(k).standard_normal((5000, k)).astype(dtype)
    expected = factors.T.astype(float) @ factors.astype(float)
    error = np.linalg.norm(gram(factors, 2, isa) - expected, 2) / np.linalg.norm(expected, 2)
    assert error < (1e-7 if dtype == "float32" and isa is not None else 1e-14)
    assert np.array_equal(gram(factors, 1, isa), gram(factors, 3, isa))


@pytest.mark.parametrize("isa", range(len(ISAS)), ids=ISAS)
@pytest.mark.parametrize("k", [1, 6, 16, 50, 100, 150])
@pytest.mark.parametrize("shape", ["full", "upper", "lower", "zero"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multiply_of_each_isa_is_the_plain_product(isa, k, shape, dtype):
    generator = np.random.default_rng(k)
    wide = generator.standard_normal((531, k + 3)).astype(dtype)
    matrix = generator.standard_normal((k, k)).astype(dtype)
    shapes = {"full": np.array, "upper": np.triu, "lower": np.tril, "zero": np.zeros_like}
    matrix = shapes[shape](matrix)
    out = [np.full((531, k + 1), np.nan, dtype) for _ in range(3)]
    for each, threads in zip(out, (1, 2, 3), strict=True):
        _als.multiply(isa, wide[:, 1 : k + 1], np.ascontiguousarray(matrix), each[:, :k], threads)
    expected = wide[:, 1 : k + 1].astype(float) @ matrix.astype(float)
    error = np.linalg.norm(out[0][:, :k] - expected) / max(np.linalg.norm(expected), 1)
    assert error < (2e-6 if dtype == "float32" else 1e-14)
    assert all(np.array_equal(out[0], each, equal_nan=True) for each in out)
    assert np.isnan(out[0][:, k]).all()
    # A row is the same wherever it stands.
    alone = np.empty((1, k), dtype)
    if isa:
        _als.multiply(isa, wide[530:, 1 : k + 1], np.ascontiguousarray(matrix), alone, 1)
        assert np.array_equal(alone[0], out[0][530, :k])


def test_observed_scores_follow_the_stored_order(likes):
    generator = np.random.default_rng(4)
    x, y = (generator.standard_normal((n, 4)).astype(np.float32) for n in likes.shape)
    rows, columns = likes.nonzero()
    expected = np.einsum("ij,ij->i", x[rows].astype(float), y[columns].astype(float))
    np.testing.assert_allclose(observed_scores(likes, x, y, 3), expected, rtol=1e-12)
