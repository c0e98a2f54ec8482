"""Entries beyond 2³¹ are read where they are: offsets are never 32 bits wide."""

import sys

import numpy as np
import pytest
from scipy import sparse
from solving import every_dtype, every_solver, make_objective

from wrmf.numerics.plan import PART_ENTRIES, plan_batches
from wrmf.numerics.shard_sums import Basis, Shard, double_sums, normal_sums, products
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

# The first entry. The entries before it are a hole in a file, which takes no space on a disk.
OFFSET = 2**31 + 12_345
needs_holes = pytest.mark.skipif(
    sys.platform != "linux", reason="files with holes are only tested on Linux"
)


def file_with_hole(path, values):
    """Return a memory-mapped array that has the values at OFFSET, and zeros before."""
    length = OFFSET + len(values)
    array = np.memmap(path, values.dtype, "w+", shape=(length,))
    array[OFFSET:] = values
    return np.memmap(path, values.dtype, "r")


@pytest.fixture(scope="module")
def matrix():
    """Rows of less and of more entries than are summed in parts, half of them below 1."""
    generator = np.random.default_rng(0)
    dense = generator.random((30, 9000)) < np.linspace(0.0005, 0.03, 30)[:, np.newaxis]
    dense[4] = generator.random(9000) < 0.98
    matrix = sparse.csr_matrix(dense, dtype=np.float32)
    matrix.data[:] = generator.random(matrix.nnz) * 2
    return matrix


@needs_holes
@every_solver
@every_dtype
@pytest.mark.parametrize("confidence", ["linear", "raw"])
def test_rows_at_large_offsets_are_solved_as_at_small_ones(
    solver, dtype, confidence, matrix, tmp_path, monkeypatch
):
    monkeypatch.setattr("wrmf.numerics.plan.CG_ABOVE", solver.cg_above)
    side = Side.of(matrix, make_objective(alpha=1.0, confidence=confidence), 0.5, dtype)
    far = Side(
        indptr=side.indptr + OFFSET,
        indices=file_with_hole(tmp_path / "indices", side.indices),
        weights=file_with_hole(tmp_path / "weights", side.weights),
        targets=file_with_hole(tmp_path / "targets", side.targets)
        if len(side.targets)
        else side.targets,
        regularization=side.regularization,
        order=side.order,
        target_shift=side.target_shift,
        unobserved_weight=side.unobserved_weight,
        has_negative=side.has_negative,
        bounds=side.bounds,
    )
    fixed = np.random.default_rng(1).standard_normal((9000, 12)).astype(dtype)
    start = np.full((30, 12), 0.1, dtype)
    near_out, far_out = start.copy(), start.copy()
    half_sweep(side, fixed, near_out, solver.solver, 2, 3, isa=solver.isa)
    half_sweep(far, fixed, far_out, solver.solver, 2, 3, isa=solver.isa)
    assert np.array_equal(near_out, far_out)

    basis = Basis.of(fixed.astype(float).T @ fixed, side.bounds, dtype, solver.isa)
    whitened, rows = basis.whitened(fixed), np.array([29, 4, 0], dtype=np.int32)
    near, shard = (Shard(s, whitened, fixed) for s in (side, far))
    p = basis.inward(start[rows])
    assert np.array_equal(normal_sums(near, rows, basis), normal_sums(shard, rows, basis))
    assert np.array_equal(double_sums(near, rows, basis), double_sums(shard, rows, basis))
    for is_residual in (False, True):
        both = (products(s, rows, p, is_residual, basis) for s in (near, shard))
        assert np.array_equal(*both)


def test_the_parts_of_a_row_of_more_than_two_billion_entries_cover_it():
    indptr = np.array([0, 2**31 + 5, 2**33])
    order = np.array([1, 0], dtype=np.int32)
    plan = plan_batches(indptr, order, 8, "exact", 1, np.dtype(np.float32))
    assert plan.n_filled == 2
    covered = 0
    for batch in plan.batches:
        parts = batch.parts
        assert parts.first.dtype == parts.last.dtype == np.int64
        assert (parts.last - parts.first).max() <= PART_ENTRIES
        assert (parts.last > parts.first).all()
        covered += int((parts.last - parts.first).sum())
    assert covered == 2**33
