"""Rows that are solved one by one have bitwise the factors that they have among many rows."""

import numpy as np
import pytest
import reference
from scipy import sparse
from solving import assert_close, every_dtype, make_objective
from wrmf._als import MOST_ORDER, lanes

from wrmf.numerics import fold_in as module
from wrmf.numerics.fold_in import FoldInSystem, fold_in, fold_in_few, fold_in_matrix
from wrmf.numerics.isa import ISAS
from wrmf.numerics.plan import PARTS_FROM

N_COLUMNS = 700
every_isa = pytest.mark.parametrize("isa", ISAS[1:])
OBJECTIVES = {
    "plain": {},
    "varied": {"objective": "ials", "exponent": 0.5, "unobserved_weight": 0.3},
    "logarithm": {"confidence": "log", "exponent": 1.0, "epsilon": 0.5},
}
LAMBDA = 0.5


def rows_of(lengths, generator):
    """Return a canonical matrix whose rows have the given numbers of entries."""
    columns = [np.sort(generator.choice(N_COLUMNS, n, replace=False)) for n in lengths]
    indices = np.concatenate(columns).astype(np.int32)
    values = generator.integers(1, 90, len(indices)).astype(np.float32)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return sparse.csr_matrix((values, indices, indptr), (len(lengths), N_COLUMNS))


@pytest.mark.skipif(len(ISAS) == 1, reason="no kernels in this build")
@every_isa
@every_dtype
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("k", [1, 3, 16, 30, 80, 81, 130, 256, 300])
def test_a_single_row_is_solved_bitwise_as_among_many(isa, dtype, name, k, monkeypatch):
    monkeypatch.setenv("WRMF_ISA", isa)
    generator = np.random.default_rng(k)
    fixed = generator.standard_normal((N_COLUMNS, k)).astype(dtype)
    around = (k - 1, k, k + 1, 2 * k + 5)
    lengths = [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 255, 256, 257, *around, 650]
    rows = rows_of(lengths, generator)
    system = FoldInSystem.of(fixed, make_objective(**OBJECTIVES[name]), LAMBDA, 1)
    together = fold_in(system, rows)
    for place, length in enumerate(lengths):
        alone = fold_in_few(system, rows[[place]])
        # Large systems are solved by LAPACK, and long rows are summed in parts.
        in_parts = length >= max(k, PARTS_FROM * lanes(ISAS.index(isa), dtype == "float64"))
        assert (alone is None) == (in_parts or min(length, k) > MOST_ORDER)
        if alone is not None:
            np.testing.assert_array_equal(alone[0], together[place])


@pytest.mark.skipif(len(ISAS) == 1, reason="no kernels in this build")
@every_dtype
@pytest.mark.parametrize("regularization", [0.0, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_single_rows_are_solved_one_by_one_whichever_way_rounding_goes(
    dtype, regularization, exponent
):
    """The nearest float32 of 0.1 is larger, that of 0.01 smaller."""
    generator = np.random.default_rng(0)
    fixed = generator.standard_normal((N_COLUMNS, 8)).astype(dtype)
    system = FoldInSystem.of(fixed, make_objective(exponent=exponent), regularization, 1)
    rows = rows_of([3], generator)
    alone = fold_in_few(system, rows)
    assert alone is not None
    np.testing.assert_array_equal(alone, fold_in(system, rows))


@pytest.mark.skipif(len(ISAS) == 1, reason="no kernels in this build")
@every_isa
@every_dtype
def test_single_rows_solve_their_normal_equations(isa, dtype, monkeypatch):
    monkeypatch.setenv("WRMF_ISA", isa)
    generator = np.random.default_rng(0)
    fixed = generator.standard_normal((N_COLUMNS, 24)).astype(dtype)
    rows = rows_of([1, 7, 23, 24, 60], generator)
    system = FoldInSystem.of(fixed, make_objective(alpha=0.1), LAMBDA, 1)
    expected = reference.half_sweep(rows, fixed, np.full(5, LAMBDA), alpha=0.1)
    assert_close(fold_in_matrix(system, rows), expected, dtype)


@pytest.mark.skipif(len(ISAS) == 1, reason="no kernels in this build")
@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_matrix_is_solved_at_once_or_not_at_all(name):
    generator = np.random.default_rng(1)
    fixed = generator.standard_normal((N_COLUMNS, 8)).astype("f4")
    system = FoldInSystem.of(fixed, make_objective(**OBJECTIVES[name]), LAMBDA, 1)
    row = rows_of([5], generator)
    row.data[:] = [1, 2, 3, 63, 4]
    np.testing.assert_array_equal(fold_in_matrix(system, row), fold_in_few(system, row))
    array = sparse.csr_array(row)
    np.testing.assert_array_equal(fold_in_matrix(system, array), fold_in_few(system, row))
    refused = {
        "a value": (row.data * -1, row.indices, row.indptr),
        "nan": (row.data * np.nan, row.indices, row.indptr),
        "order": (row.data, row.indices[::-1].copy(), row.indptr),
        "dtype": (row.data.astype("f8"), row.indices, row.indptr),
        "positions": (row.data, row.indices.astype("i8"), row.indptr.astype("i8")),
        "column": (row.data, row.indices + N_COLUMNS, row.indptr),
        "end": (row.data, row.indices, row.indptr + np.array([0, 1], "i4")),
        "lengths": (row.data[:3].copy(), row.indices, row.indptr),
        "strides": (np.repeat(row.data, 2)[::2], row.indices, row.indptr),
    }
    for data, indices, indptr in refused.values():
        other = sparse.csr_matrix((1, N_COLUMNS), dtype=np.float32)
        other.data, other.indices, other.indptr = data, indices, indptr
        assert fold_in_matrix(system, other) is None
    wide = sparse.csr_matrix((row.data, row.indices, row.indptr), (1, N_COLUMNS + 1))
    many = sparse.vstack([row] * (module.FEW + 1), format="csr")
    for other in (wide, many, row.toarray(), row.tocoo(), None, "row", [1, 2]):
        assert fold_in_matrix(system, other) is None


@pytest.mark.skipif(len(ISAS) == 1, reason="no kernels in this build")
def test_values_without_a_weight_in_the_table_are_left_to_the_general_way():
    generator = np.random.default_rng(2)
    fixed = generator.standard_normal((N_COLUMNS, 8)).astype("f4")
    system = FoldInSystem.of(fixed, make_objective(confidence="log"), LAMBDA, 1)
    row = rows_of([4], generator)
    for value in (0.5, module.TABLED, 1e30):
        row.data[2] = value
        assert fold_in_matrix(system, row) is None
        np.testing.assert_array_equal(fold_in_few(system, row), fold_in(system, row))
