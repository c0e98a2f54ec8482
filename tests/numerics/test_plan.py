"""The plan of a half-sweep: batches of rows and their kernels, and long rows cut into parts."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf import _als
from wrmf.numerics import plan
from wrmf.numerics.isa import ISAS
from wrmf.numerics.plan import BLAS, CG, DUAL, PRIMAL, SOLVERS

every_solver = pytest.mark.parametrize("solver", SOLVERS)
every_isa = pytest.mark.parametrize("isa", range(len(ISAS)), ids=ISAS)
every_dtype = pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)


@st.composite
def row_sizes(draw):
    """Draw the number of entries of each row, from none to thousands."""
    ranges = st.sampled_from([(0, 0), (1, 3), (1, 40), (200, 300), (1000, 50_000)])
    size = ranges.flatmap(lambda ends: st.integers(*ends))
    return np.array(draw(st.lists(size, min_size=1, max_size=80)), dtype=np.int64)


def make_plan(sizes, k, solver, isa, dtype):
    """Return the position of the first entry of each row, and the plan of rows of these sizes."""
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    order = np.argsort(-sizes, kind="stable").astype(np.int32)
    return indptr, plan.plan_batches(indptr, order, k, solver, isa, dtype)


@pytest.fixture(params=[plan.CHUNK_FLOPS, 1e6, 1.0], ids="chunks of {:.0e} flops".format)
def chunk_flops(request, monkeypatch):
    """Plan batches of the usual size, small batches, and batches of as few rows as possible."""
    monkeypatch.setattr(plan, "CHUNK_FLOPS", request.param)


factor_counts = st.sampled_from([1, 7, 40, _als.MOST_ORDER, _als.MOST_ORDER + 1])


@every_solver
@every_isa
@every_dtype
@pytest.mark.usefixtures("chunk_flops")
@given(sizes=row_sizes(), k=factor_counts)
def test_every_row_with_entries_is_in_exactly_one_batch(solver, isa, dtype, sizes, k):
    _, planned = make_plan(sizes, k, solver, isa, dtype)
    rows = [row for batch in planned.batches for row in batch.rows.tolist()]
    assert sorted(rows) == np.flatnonzero(sizes).tolist()
    assert planned.n_filled == np.count_nonzero(sizes)


@every_solver
@every_isa
@every_dtype
@pytest.mark.usefixtures("chunk_flops")
@given(sizes=row_sizes(), k=factor_counts)
def test_batches_are_whole_groups_of_lanes_but_for_the_last_of_a_range(
    solver, isa, dtype, sizes, k
):
    _, planned = make_plan(sizes, k, solver, isa, dtype)
    n_lanes = _als.lanes(isa, dtype == np.float64)
    for batch, following in itertools.pairwise(planned.batches):
        in_parts = len(batch.parts.owner) > 0, len(following.parts.owner) > 0
        if batch[:2] == following[:2] and in_parts[0] == in_parts[1]:
            assert len(batch.rows) % n_lanes == 0


@every_isa
@every_dtype
@pytest.mark.parametrize("part_entries", [plan.PART_ENTRIES, 100, 1])
@given(sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=30).map(np.array))
def test_parts_cover_every_entry_of_their_row_once(isa, dtype, part_entries, sizes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "PARTS_FROM", 1)
        patch.setattr(plan, "PART_ENTRIES", part_entries)
        indptr, planned = make_plan(sizes, 8, "exact", isa, dtype)
    for batch in planned.batches:
        if not len(batch.parts.owner):
            continue
        assert len(batch.parts.start) == len(batch.rows) + 1
        assert batch.parts.start[-1] == len(batch.parts.owner)
        for position, row in enumerate(batch.rows):
            own = slice(*batch.parts.start[position : position + 2])
            first, last = batch.parts.first[own], batch.parts.last[own]
            assert (batch.parts.owner[own] == row).all()
            assert (first[0], last[-1]) == (indptr[row], indptr[row + 1])
            assert np.array_equal(first[1:], last[:-1])
            assert (last > first).all()
            assert (last - first <= part_entries).all()


@every_isa
@every_dtype
@given(sizes=row_sizes(), k=factor_counts)
def test_long_rows_are_summed_in_parts_unless_blas_solves_them(isa, dtype, sizes, k):
    _, planned = make_plan(sizes, k, "exact", isa, dtype)
    in_parts = {
        row for batch in planned.batches if len(batch.parts.owner) for row in batch.rows.tolist()
    }
    least = max(k, plan.PARTS_FROM * _als.lanes(isa, dtype == np.float64))
    by_kernels = isa != BLAS and k <= _als.MOST_ORDER
    assert in_parts == (set(np.flatnonzero(sizes >= least).tolist()) if by_kernels else set())


@every_isa
@every_dtype
@given(sizes=row_sizes(), k=factor_counts)
def test_exact_solves_the_smaller_of_the_two_systems(isa, dtype, sizes, k):
    _, planned = make_plan(sizes, k, "exact", isa, dtype)
    for batch in planned.batches:
        assert batch.method == (PRIMAL if sizes[batch.rows[0]] >= k else DUAL)
        assert ((sizes[batch.rows] >= k) == (batch.method == PRIMAL)).all()
        order = k if batch.method == PRIMAL else sizes[batch.rows].max()
        assert batch.isa == (isa if order <= _als.MOST_ORDER else BLAS)
    assert not len(planned.started)


@every_solver
@every_isa
@every_dtype
@pytest.mark.usefixtures("chunk_flops")
@given(data=st.data(), sizes=row_sizes(), k=factor_counts)
def test_rows_with_negative_weights_are_never_dual(solver, isa, dtype, data, sizes, k):
    flags = st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))
    has_negative = np.array(data.draw(flags))
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    order = np.argsort(-sizes, kind="stable").astype(np.int32)
    planned = plan.plan_batches(indptr, order, k, solver, isa, dtype, has_negative)
    rows = [row for batch in planned.batches for row in batch.rows.tolist()]
    assert sorted(rows) == np.flatnonzero(sizes).tolist()
    for batch in planned.batches:
        assert batch.method != DUAL or not has_negative[batch.rows].any()
        assert has_negative[batch.rows].all() or not has_negative[batch.rows].any()


@every_isa
@every_dtype
@given(sizes=row_sizes(), k=factor_counts)
def test_cg_solves_short_rows_exactly_and_starts_the_others_from_their_factors(
    isa, dtype, sizes, k
):
    _, planned = make_plan(sizes, k, "cg", isa, dtype)
    least = min(plan.CG_ABOVE + 1, k)
    for batch in planned.batches:
        assert ((sizes[batch.rows] >= least) == (batch.method == CG)).all()
        assert batch.method in (CG, DUAL)
    assert planned.started.tolist() == np.flatnonzero(sizes >= max(1, least)).tolist()
