"""Parts of a side's rows are solved bitwise as in the whole, also from arrays off a wire."""

import itertools
import pickle
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse
from solving import CG_STEPS, SOLVER_CASES, every_dtype, make_objective

from wrmf.numerics.fallback import solve_in_double
from wrmf.numerics.isa import ISAS, isa_number
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import FactorsNeeded, Shared, half_sweep
from wrmf.numerics.values import FittedValues, ValueRule
from wrmf.numerics.whitening import Frame

# BLAS may round a row's product differently if there are other rows beside it.
every_kernel = pytest.mark.parametrize(
    "solver", [case for case in SOLVER_CASES if case.isa != "blas"], ids=str
)


@dataclass(frozen=True)
class Setting:
    """An objective and the data it needs: with values below 1, or with dislikes."""

    objective: Objective
    regularization: float = 0.3
    data: str = "counts"


SETTINGS = {
    "wrmf": Setting(make_objective(alpha=10.0)),
    "ials": Setting(make_objective(alpha=3.0, objective="ials", exponent=1.0)),
    "half": Setting(make_objective(unobserved_weight=0.1, objective="ials", exponent=0.5)),
    "log": Setting(make_objective(confidence="log", epsilon=0.3), 7.0),
    "raw": Setting(make_objective(alpha=1.0, confidence="raw"), data="fractions"),
    "dislikes": Setting(make_objective(alpha=0.7), data="dislikes"),
    "none": Setting(make_objective(alpha=2.0), 0.0),
    "observed": Setting(replace(make_objective(exponent=1.0), regularization_counts="observed")),
    "tiny": Setting(make_objective(alpha=1e6, exponent=1.0), 1e-30),
}
every_setting = pytest.mark.parametrize("setting", SETTINGS)


def data_of(kind):
    """Return 90 rows × 700 columns; a long row, short ones, and one without entries."""
    generator = np.random.default_rng(4)
    dense = generator.random((90, 700)) < np.linspace(0.001, 0.2, 90)[:, np.newaxis]
    dense[7] = generator.random(700) < 0.9
    dense[11] = False
    matrix = sparse.csr_matrix(dense, dtype=np.float32)
    if kind == "counts":
        matrix.data[:] = generator.integers(1, 9, matrix.nnz)
    else:
        matrix.data[:] = generator.random(matrix.nnz) * 1.7
    if kind == "dislikes":
        # Only the last rows have any.
        matrix.data[matrix.indptr[70] :: 3] *= -1
    return matrix


def start_of(n, k, dtype):
    return np.random.default_rng(n).standard_normal((n, k)).astype(dtype)


# Cuts of 90 rows: halves, the long row alone, single rows and an empty part.
CUTS = [[0, 45, 90], [0, 7, 8, 90], [0, 30, 30, 31, 32, 89, 90]]


@every_kernel
@every_setting
@every_dtype
@pytest.mark.parametrize("k", [20, 100])
def test_rows_of_shards_are_bitwise_those_of_the_whole(solver, setting, dtype, k, monkeypatch):
    monkeypatch.setattr("wrmf.numerics.plan.CG_ABOVE", solver.cg_above)
    chosen = SETTINGS[setting]
    matrix = data_of(chosen.data)
    fixed, start = start_of(700, k, dtype), start_of(90, k, dtype)
    whole = Side.of(matrix, chosen.objective, chosen.regularization, dtype)
    shared = Shared.of(whole, fixed, 1, solver.isa)
    expected = start.copy()
    half_sweep(whole, fixed, expected, solver.solver, 1, 3, isa=solver.isa)
    for cuts in CUTS:
        out = start.copy()
        for first, last in itertools.pairwise(cuts):
            shard = Side.of(
                matrix[first:last],
                chosen.objective,
                chosen.regularization,
                dtype,
                bounds=whole.bounds,
            )
            half_sweep(shard, fixed, out[first:last], solver.solver, 2, 3, shared, solver.isa)
        assert np.array_equal(out, expected)


@every_setting
def test_the_bounds_of_a_side_are_those_of_its_shards(setting):
    chosen = SETTINGS[setting]
    matrix = data_of(chosen.data)
    of = [chosen.objective, chosen.regularization, np.float32]
    shards = [Side.of(matrix[first : first + 30], *of) for first in (0, 30, 60)]
    lower, upper = zip(*(shard.bounds for shard in shards), strict=True)
    assert Side.of(matrix, *of).bounds == (min(lower), max(upper))


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_counts_and_columns_of_all_the_data_give_its_regularization(exponent):
    matrix = data_of("counts")
    objective = make_objective(unobserved_weight=0.5, exponent=exponent)
    whole = Side.of(matrix, objective, 2.0, np.float32)
    part = Side.of(
        matrix[:, :100],
        objective,
        2.0,
        np.float32,
        counts=np.diff(matrix.indptr),
        n_columns=matrix.shape[1],
    )
    assert np.array_equal(part.regularization, whole.regularization)
    assert (np.diff(np.diff(part.indptr)[part.order]) <= 0).all()


@pytest.mark.parametrize(
    "rule",
    [
        ValueRule(weighting="bm25"),
        ValueRule(weighting="tfidf", damping=(0.5, 0.2)),
        ValueRule(confidence="log", epsilon=0.5, damping=(0.0, 0.7)),
    ],
    ids=lambda rule: f"{rule.weighting}-{rule.confidence}",
)
def test_weighted_values_of_shards_are_bitwise_those_of_the_whole(rule):
    matrix = data_of("counts")
    values = pickle.loads(pickle.dumps(FittedValues.of(rule, matrix)))
    weighted = values.of_rows(matrix, side=0)
    parts = [values.of_rows(matrix[first:last], side=0) for first, last in ((0, 8), (8, 90))]
    assert np.array_equal(sparse.vstack(parts).data, weighted.data)


@every_dtype
@pytest.mark.parametrize("data", ["counts", "dislikes"])
def test_a_pickled_side_solves_as_before_without_its_scratch(dtype, data):
    matrix, fixed = data_of(data), start_of(700, 40, dtype)
    side = Side.of(matrix, make_objective(exponent=1.0), 1.0, dtype)
    before = len(pickle.dumps(side))
    expected = np.zeros((90, 40), dtype)
    half_sweep(side, fixed, expected)
    assert side.workspaces.free
    assert side.plans
    sent = pickle.dumps(side)
    assert len(sent) == before
    received, out = pickle.loads(sent), np.zeros((90, 40), dtype)
    assert not received.workspaces.free
    half_sweep(received, fixed, out)
    assert np.array_equal(out, expected)


def test_sides_that_are_pickled_together_still_share_their_workspaces():
    matrix = data_of("counts")
    users = Side.of(matrix, make_objective(), 1.0, np.float32)
    items = Side.of(matrix.T.tocsr(), make_objective(), 1.0, np.float32, users.workspaces)
    users, items = pickle.loads(pickle.dumps((users, items)))
    assert users.workspaces is items.workspaces


def off_the_wire(value):
    """Return a value whose arrays lie in read-only buffers, at odd bytes."""
    buffers = []
    sent = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    moved = []
    for buffer in buffers:
        raw = bytes(buffer.raw())
        moved.append(memoryview(b"x" + raw)[1:])
    return pickle.loads(sent, buffers=moved)


@every_kernel
@every_dtype
@pytest.mark.parametrize("setting", ["wrmf", "dislikes", "tiny"])
def test_arrays_at_odd_bytes_of_read_only_buffers_are_accepted(solver, dtype, setting):
    chosen = SETTINGS[setting]
    matrix, fixed = data_of(chosen.data), start_of(700, 33, dtype)
    of = chosen.objective, chosen.regularization, dtype
    side = Side.of(matrix, *of)
    shared = Shared.of(side, fixed, 1)
    expected = np.full((90, 33), 0.1, dtype)
    half_sweep(side, fixed, expected, solver.solver, 1, CG_STEPS, shared, solver.isa)
    arrived = off_the_wire(fixed)
    assert not arrived.flags.aligned
    assert not arrived.flags.writeable
    off = off_the_wire(matrix)
    for received in (off_the_wire(side), Side.of(off, *of)):
        out = np.full((90, 33), 0.1, dtype)
        half_sweep(
            received, arrived, out, solver.solver, 2, CG_STEPS, off_the_wire(shared), solver.isa
        )
        assert np.array_equal(out, expected)
    assert np.array_equal(gram(arrived), gram(fixed))


@every_dtype
@pytest.mark.parametrize("isa", ISAS)
def test_an_instruction_set_that_is_given_is_used_whatever_is_active(isa, dtype, monkeypatch):
    matrix, fixed = data_of("counts"), start_of(700, 40, dtype)
    side = Side.of(matrix, make_objective(), 1.0, dtype)
    given, active = np.zeros((90, 40), dtype), np.zeros((90, 40), dtype)
    half_sweep(side, fixed, given, isa=isa)
    monkeypatch.setenv("WRMF_ISA", isa)
    half_sweep(side, fixed, active)
    assert np.array_equal(given, active)


def test_an_instruction_set_that_the_cpu_lacks_is_refused():
    with pytest.raises(ValueError, match="isa is 'sse9'; this CPU and build have blas"):
        isa_number("sse9")


def test_a_gram_matrix_from_outside_replaces_that_of_the_factors(likes):
    side = Side.of(likes, make_objective(), 1.0, np.float32)
    fixed = start_of(200, 12, np.float32)
    base = gram(np.vstack([fixed, fixed]))
    shared = Shared(base, Frame.of(base, side.bounds, np.float32))
    out = np.zeros((300, 12), np.float32)
    half_sweep(side, fixed, out, shared=shared)
    y, w = fixed[likes[3].indices].astype(float), 40.0 * likes[3].data.astype(float)
    system = base + (y.T * w) @ y + np.eye(12)
    np.testing.assert_allclose(out[3], np.linalg.solve(system, (w + 1) @ y), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("data", ["counts", "dislikes"])
def test_a_side_of_some_rows_has_their_entries_in_the_given_order(data):
    matrix = data_of(data)
    side = Side.of(matrix, make_objective(exponent=1.0), 1.0, np.float32)
    rows = np.array([80, 7, 11, 0, 75], dtype=np.int32)
    expected = Side.of(matrix[rows], make_objective(exponent=1.0), 1.0, np.float32)
    part = side.at(rows)
    for name in ("indptr", "indices", "weights", "regularization", "order"):
        assert np.array_equal(getattr(part, name), getattr(expected, name)), name
    targets = part.targets if len(part.targets) else part.weights + np.float32(1.0)
    stored = expected.targets if len(expected.targets) else expected.weights + np.float32(1.0)
    assert np.array_equal(targets, stored)
    assert len(side.at(rows[:0]).indices) == 0


def test_few_rows_of_much_data_are_solved_in_float64_in_little_memory():
    n = 200_000
    indptr = np.arange(n + 1, dtype=np.int64)
    matrix = sparse.csr_matrix((np.ones(n, np.float32), np.zeros(n, np.int32), indptr), (n, n))
    side = Side.of(matrix, make_objective(), 1.0, np.float32)
    fixed = np.ones((n, 8), np.float32)
    tracemalloc.start()
    solve_in_double(side, np.array([3, 7], dtype=np.int32), fixed, np.eye(8), 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Float64 copies of everything would take 13 MB for each side.
    assert peak < 4e6


@every_kernel
@every_dtype
@pytest.mark.parametrize("setting", ["wrmf", "ials", "dislikes"])
def test_factors_in_the_basis_suffice_to_solve_rows(solver, dtype, setting):
    chosen = SETTINGS[setting]
    side = Side.of(data_of(chosen.data), chosen.objective, chosen.regularization, dtype)
    fixed, start = start_of(700, 20, dtype), start_of(90, 20, dtype)
    shared = Shared.of(side, fixed, 1, solver.isa)
    number = isa_number(solver.isa)
    pieces = [shared.frame.whiten(fixed[rows], number, 2) for rows in np.split(np.arange(700), [9])]
    shared = replace(shared, whitened=np.concatenate(pieces))
    out, expected = start.copy(), start.copy()
    half_sweep(side, fixed, expected, solver.solver, 1, 3, isa=solver.isa)
    half_sweep(side, None, out, solver.solver, 2, 3, shared, solver.isa)
    assert np.array_equal(out, expected)


def test_rows_to_be_solved_in_float64_need_the_factors_themselves():
    side = Side.of(data_of("counts"), make_objective(alpha=1e7), 1.0, np.float32)
    # With so few different columns, the weights outweigh what else makes systems regular.
    fixed = np.tile(start_of(7, 100, np.float32), (100, 1))
    out = np.ones((90, 100), np.float32)
    shared = Shared.of(side, fixed, 1)
    shared = replace(shared, whitened=shared.frame.whiten(fixed, isa_number(), 1))
    with pytest.raises(FactorsNeeded):
        half_sweep(side, None, out, shared=shared)
    assert (out == 1).all()
    with pytest.raises(FactorsNeeded):
        half_sweep(side, None, out)
    half_sweep(side, fixed, out, shared=shared)
    expected = np.empty_like(out)
    half_sweep(side, fixed, expected)
    assert np.array_equal(out, expected)
