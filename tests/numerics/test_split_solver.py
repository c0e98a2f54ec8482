"""Rows solved from sums over shards are those of a half-sweep over the whole."""

import itertools

import numpy as np
import pytest
import reference
import reference_split
from scipy import sparse
from solving import assert_close, every_dtype, make_objective

from wrmf.numerics.isa import ISAS
from wrmf.numerics.objective import gram
from wrmf.numerics.shard_sums import Basis, Shard, normal_sums, products
from wrmf.numerics.side import Side
from wrmf.numerics.split_solver import (
    Rows,
    Steps,
    exact_rows,
    solve_double_sums,
    solve_normal_sums,
    solve_pass,
)
from wrmf.numerics.sweep import half_sweep

every_isa = pytest.mark.parametrize("isa", ISAS)


def items_of(likes, dislikes=False):
    """Return items × users with one heavy item and one without entries."""
    matrix = likes.T.tolil()
    matrix[2] = 3
    matrix[9] = 0
    matrix = matrix.tocsr().astype(np.float32)
    if dislikes:
        matrix.data[::3] *= -0.4
    matrix.sort_indices()
    return matrix


class Places:
    """Items whose users are divided into shards, and the totals over these shards."""

    def __init__(self, matrix, factors, objective, regularization, cuts, isa=None):
        self.whole = Side.of(matrix, objective, regularization, factors.dtype)
        base = objective.unobserved_weight * gram(factors)
        self.basis = Basis.of(base, self.whole.bounds, factors.dtype, isa)
        self.shards = [
            Shard(
                Side.of(
                    matrix[:, first:last],
                    objective,
                    regularization,
                    factors.dtype,
                    counts=np.diff(matrix.indptr),
                    n_columns=matrix.shape[1],
                    bounds=self.whole.bounds,
                ),
                self.basis.whitened(factors[first:last]),
                factors[first:last],
            )
            for first, last in itertools.pairwise(cuts)
        ]
        self.weights = np.add.reduceat(
            np.append(self.whole.weights, 0), np.minimum(matrix.indptr[:-1], matrix.nnz)
        )
        self.counts = np.diff(matrix.indptr)

    def total(self, function, *arguments):
        """Return the sum over the shards, in their order."""
        first, *others = (function(shard, *arguments) for shard in self.shards)
        for part in others:
            first = first + part
        return first

    def rows(self, present, n_exact):
        filled = np.flatnonzero(self.counts)
        heavy = filled[np.argsort(-self.counts[filled], kind="stable")[:n_exact]]
        rest = np.setdiff1d(filled, heavy)
        of_rows = heavy.astype(np.int32), rest.astype(np.int32)
        return Rows(present, self.whole.regularization, *of_rows)


SETTINGS = {
    "wrmf": ({"alpha": 4.0}, 0.5),
    "ials": ({"alpha": 3.0, "objective": "ials", "exponent": 1.0}, 0.01),
    "half": ({"objective": "ials", "unobserved_weight": 0.1, "exponent": 0.5}, 0.1),
    "log": ({"confidence": "log", "epsilon": 0.5}, 2.0),
    "raw": ({"alpha": 0.4, "confidence": "raw"}, 0.5),
    "none": ({"alpha": 2.0}, 0.0),
}
every_setting = pytest.mark.parametrize("setting", SETTINGS)


def factors_of(n, k, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal((n, k)).astype(dtype)


@every_isa
@every_dtype
@every_setting
@pytest.mark.parametrize("n_exact", [0, 30, 1000])
@pytest.mark.parametrize("dislikes", [False, True], ids=["likes", "dislikes"])
def test_a_pass_gives_the_factors_of_a_half_sweep(
    isa, dtype, setting, n_exact, dislikes, likes, monkeypatch
):
    monkeypatch.setattr("wrmf.numerics.split_solver.MOST_STEPS", 100)
    settings, regularization = SETTINGS[setting]
    matrix = items_of(likes, dislikes)
    x, start = factors_of(300, 9, dtype), factors_of(200, 9, dtype, seed=1)
    objective = make_objective(**settings)
    places = Places(matrix, x, objective, regularization, [0, 100, 101, 300], isa)
    solved = solve_pass(places.total, places.rows(start, n_exact), places.basis, 0.0, 2)
    expected = start.copy()
    half_sweep(places.whole, x, expected, isa=isa)
    assert_close(solved.factors, expected, dtype)
    assert not solved.factors[9].any()


@every_dtype
@pytest.mark.parametrize("k", [40, 129, 270])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_rows_solved_from_sums_are_those_of_a_half_sweep(dtype, k, exponent, likes):
    matrix, x = items_of(likes), factors_of(300, k, dtype)
    objective = make_objective(alpha=2.0, exponent=exponent)
    for isa in ISAS:
        places = Places(matrix, x, objective, 0.5, [0, 150, 300], isa)
        rows = np.arange(len(places.counts), dtype=np.int32)
        sums = places.total(normal_sums, rows, places.basis)
        strengths = places.whole.regularization
        out, failed = solve_normal_sums(sums, strengths, places.basis, 2)
        again, _ = solve_normal_sums(sums, strengths, places.basis, 1)
        assert np.array_equal(out, again)
        assert not failed.any()
        expected = np.zeros_like(out)
        half_sweep(places.whole, x, expected, isa=isa)
        assert_close(out, expected, dtype)


@every_dtype
def test_a_pass_is_bitwise_the_same_at_any_thread_count(dtype, likes):
    matrix, x, start = items_of(likes), factors_of(300, 33, dtype), factors_of(200, 33, dtype)
    places = Places(matrix, x, make_objective(alpha=20.0), 0.5, [0, 100, 300])
    passes = [
        solve_pass(places.total, places.rows(start, 20), places.basis, 0.1, threads)
        for threads in (1, 2, 8)
    ]
    assert all(np.array_equal(passes[0].factors, other.factors) for other in passes)
    assert all(passes[0].steps == other.steps for other in passes)


def test_a_pass_changes_no_input(likes):
    matrix, x, start = items_of(likes), factors_of(300, 9, "float32"), factors_of(200, 9, "float32")
    places = Places(matrix, x, make_objective(alpha=20.0), 0.5, [0, 100, 300])
    rows = places.rows(start, 20)
    for array in (start, x, rows.exact, rows.improved, *(s.fixed for s in places.shards)):
        array.setflags(write=False)
    solve_pass(places.total, rows, places.basis, 0.1)


def test_rows_that_float32_cannot_resolve_are_solved_in_float64(likes):
    matrix = items_of(likes)
    matrix.data *= 1e6
    x, start = factors_of(300, 24, "float32"), np.zeros((200, 24), np.float32)
    places = Places(matrix, x, make_objective(alpha=1e6), 1e-6, [0, 100, 300])
    solved = solve_pass(places.total, places.rows(start, 200), places.basis, 0.0)
    expected = reference.half_sweep(matrix, x, np.full(200, 1e-6), alpha=1e6)
    assert np.isfinite(solved.factors).all()
    assert_close(solved.factors, expected, "float32")
    assert len(solved.in_double)


def test_a_row_that_is_singular_in_float64_takes_the_solution_of_least_norm():
    # Four users span at most four of seven dimensions.
    x = np.random.default_rng(0).standard_normal((4, 7))
    counts = sparse.csr_matrix([[1.0, 0, 2, 0], [0, 0, 1, 0]])
    expected = reference.half_sweep(counts, x, np.zeros(2), alpha=2.0)
    base = x.T @ x
    equations = [reference_split.normal_equations(counts, row, x, alpha=2.0) for row in (0, 1)]
    sums = np.array([np.append(square, target) for square, target in equations])
    out = solve_double_sums(sums, np.zeros(2), base)
    np.testing.assert_allclose(out, expected, atol=1e-9)


@every_dtype
def test_steps_are_those_of_textbook_conjugate_gradients(dtype):
    generator = np.random.default_rng(1)
    root = generator.standard_normal((5, 16, 20))
    diagonal = generator.uniform(1.0, 3.0, (5, 16))
    square = root @ root.transpose(0, 2, 1)
    target, start = generator.standard_normal((2, 5, 16))

    def applied(vectors):
        return np.einsum("nij,nj->ni", square, vectors).astype(dtype)

    start, common = start.astype(dtype), diagonal.astype(dtype)
    total = target.astype(dtype) - applied(start)
    steps = Steps.begin(np.arange(5, dtype=np.int32), start, total, common)
    expected = [
        reference_split.conjugate_gradients(a + np.diag(d), b, t, d, 6)
        for a, d, b, t in zip(square, diagonal, target, start, strict=True)
    ]
    for taken in range(1, 7):
        steps = steps.step(applied(steps.directions))
        for row, iterates in enumerate(expected):
            assert_close(steps.solutions[row], iterates[taken], dtype)


@pytest.mark.parametrize("regularization", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("alpha", [0.1, 30.0, 1000.0])
def test_no_further_steps_gain_more_than_the_outlook(alpha, regularization, likes):
    matrix, x, start = items_of(likes), factors_of(300, 40, "float64"), factors_of(200, 40, "f8")
    objective = make_objective(alpha=alpha, exponent=0.5)
    places = Places(matrix, x, objective, regularization, [0, 300])
    least, rows = start.copy(), np.flatnonzero(places.counts).astype(np.int32)
    half_sweep(places.whole, x, least)
    basis, strengths = places.basis, places.whole.regularization[rows]
    common = basis.common(strengths)
    present, best = (basis.start(factors[rows], common) for factors in (start, least))
    steps = Steps.begin(rows, present, places.total(products, rows, present, True, basis), common)
    scale = steps.outlook
    for taken in range(12):
        error = best - steps.solutions
        applied = places.total(products, rows, error, False, basis) + common * error
        left = np.einsum("ij,ij->i", error, applied)
        assert (left <= steps.outlook * (1 + 1e-6) + 1e-12 * scale).all(), taken
        steps = steps.step(places.total(products, rows, steps.directions, False, basis))


def test_the_loss_after_a_pass_is_within_the_tolerance_of_the_least(likes, monkeypatch):
    monkeypatch.setattr("wrmf.numerics.split_solver.MOST_STEPS", 30)
    matrix, x, start = items_of(likes), factors_of(300, 40, "float64"), factors_of(200, 40, "f8")
    objective = make_objective(alpha=30.0)
    places = Places(matrix, x, objective, 1.0, [0, 120, 300])
    expected = start.copy()
    half_sweep(places.whole, x, expected)
    least = objective.loss(matrix.T.tocsr(), x, expected, (1.0, 1.0))
    counts = []
    for tolerance in (0.1 * least, 1e-3 * least, 1e-5 * least):
        solved = solve_pass(places.total, places.rows(start, 5), places.basis, tolerance)
        loss = objective.loss(matrix.T.tocsr(), x, solved.factors, (1.0, 1.0))
        assert least * (1 - 1e-9) <= loss <= least + tolerance
        assert len(solved.steps) < 30
        assert solved.steps == sorted(solved.steps, reverse=True)
        counts.append(sum(solved.steps))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_converged_start_takes_few_steps(likes):
    matrix, x = items_of(likes), factors_of(300, 20, "float32")
    places = Places(matrix, x, make_objective(alpha=3.0), 1.0, [0, 300])
    start = np.zeros((200, 20), np.float32)
    half_sweep(places.whole, x, start)
    solved = solve_pass(places.total, places.rows(start, 0), places.basis, 1e-2)
    assert len(solved.steps) <= 2
    assert_close(solved.factors, start, "float32")


def test_the_rows_with_the_largest_weights_are_exact_as_far_as_memory_goes(monkeypatch):
    monkeypatch.setattr("wrmf.numerics.split_solver.SUMS_BYTES", 300)
    weights = np.array([1.0, 5.0, 5.0, 5.0, 2.0])
    assert exact_rows(weights, 100, 1).tolist() == [1, 2, 3]
    assert exact_rows(weights, 150, 1).tolist() == [1, 2]
    assert exact_rows(weights, 1000, 1).tolist() == []
    assert exact_rows(weights, 1, 1).tolist() == [0, 1, 2, 3, 4]
    # The vectors of four steps of all rows are larger than the least memory.
    assert exact_rows(weights, 200, 20).tolist() == [1, 2, 3, 4]
    assert exact_rows(weights, 100, 1).dtype == np.int32


@every_dtype
def test_sums_that_arrive_in_read_only_buffers_at_odd_bytes_are_accepted(dtype, likes):
    matrix, x = items_of(likes), factors_of(300, 20, dtype)
    places = Places(matrix, x, make_objective(alpha=3.0), 1.0, [0, 120, 300])
    rows = np.arange(200, dtype=np.int32)
    sums = places.total(normal_sums, rows, places.basis)
    expected, _ = solve_normal_sums(sums, places.whole.regularization, places.basis)
    raw = memoryview(b"x" + sums.tobytes())[1:]
    arrived = np.frombuffer(raw, dtype).reshape(sums.shape)
    assert not arrived.flags.aligned
    strengths = places.whole.regularization
    assert np.array_equal(solve_normal_sums(arrived, strengths, places.basis)[0], expected)
