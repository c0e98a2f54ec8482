"""Sums of a shard equal their dense definitions, for every instruction set and dtype."""

import functools
import itertools
import pickle

import numpy as np
import pytest
import reference
import reference_split
from scipy import sparse
from solving import TOLERANCE, every_dtype, make_objective

from wrmf import _sums
from wrmf.numerics.isa import ISAS, isa_number
from wrmf.numerics.plan import PART_ENTRIES
from wrmf.numerics.shard_sums import (
    Basis,
    Shard,
    cut_rows,
    double_sums,
    normal_sums,
    products,
)
from wrmf.numerics.side import Side

every_isa = pytest.mark.parametrize("isa", ISAS)
# With more than 256 factors, LAPACK solves the systems.
every_k = pytest.mark.parametrize("k", [1, 7, 40, 129, 270])
SETTINGS = {
    "likes": {"alpha": 2.0},
    "per row": {"alpha": 2.0, "objective": "ials", "exponent": 1.0},
    "dislikes": {"alpha": 0.7, "confidence": "raw"},
}
every_setting = pytest.mark.parametrize("setting", SETTINGS)
ROWS = np.array([0, 5, 3, 11], dtype=np.int32)


@functools.cache
def case(setting, k, dtype, isa):
    """Return a matrix of 12 rows × 90 columns, its shard, its basis and the strengths of rows."""
    generator = np.random.default_rng(k)
    matrix = sparse.random(12, 90, density=0.4, format="lil", random_state=1)
    matrix[5] = 0
    matrix = matrix.tocsr()
    matrix.data = generator.integers(1, 5, matrix.nnz) / 2.0
    if setting == "dislikes":
        matrix.data *= generator.choice([-0.6, 1.0], matrix.nnz)
    side = Side.of(matrix, make_objective(**SETTINGS[setting]), 0.6, dtype)
    factors = generator.standard_normal((90, k)).astype(dtype)
    basis = Basis.of(factors.astype(float).T @ factors, side.bounds, dtype, isa)
    return matrix, Shard(side, basis.whitened(factors), factors), basis


def dense_settings(setting):
    return {name: value for name, value in SETTINGS[setting].items() if name != "exponent"}


def scaled(basis, shard, row):
    """Return the fixed factors as the system of a row has them, in float64."""
    fixed = shard.fixed[:, : basis.k].astype(float)
    spectrum = basis.shared.frame.spectrum
    if not len(spectrum):
        return fixed
    return fixed / np.sqrt(spectrum + float(shard.side.regularization[row]))


@every_isa
@every_dtype
@every_k
@every_setting
def test_normal_sums_are_the_sums_over_the_entries(isa, dtype, k, setting):
    matrix, shard, basis = case(setting, k, dtype, isa)
    packed = normal_sums(shard, ROWS, basis, 2)
    assert packed.shape == (4, basis.part_size())
    for place, row in enumerate(ROWS):
        square, target = _sums.unpack(isa_number(isa), k, packed[place])
        objective = dense_settings(setting)
        expected, _ = reference_split.normal_equations(
            matrix, row, scaled(basis, shard, row), **objective
        )
        # Targets are scaled when the row is solved.
        plain = shard.fixed[:, :k].astype(float)
        _, expected_target = reference_split.normal_equations(matrix, row, plain, **objective)
        for values, dense in ((square, expected), (target, expected_target)):
            scale = max(np.abs(dense).max(initial=0), 1e-30)
            assert np.abs(values - dense).max(initial=0) <= 0.01 * TOLERANCE[dtype] * scale


@every_isa
@every_dtype
@every_k
@every_setting
@pytest.mark.parametrize("is_residual", [True, False])
def test_products_are_the_sums_over_the_entries(isa, dtype, k, setting, is_residual):
    matrix, shard, basis = case(setting, k, dtype, isa)
    vectors = np.zeros((4, shard.fixed.shape[1]), dtype)
    vectors[:, :k] = np.random.default_rng(3).standard_normal((4, k))
    out = products(shard, ROWS, vectors, is_residual, basis, 2)
    fixed = shard.fixed[:, :k].astype(float)
    for place, row in enumerate(ROWS):
        p = vectors[place, :k].astype(float)
        expected = reference_split.product(
            matrix, row, fixed, p, is_residual, **dense_settings(setting)
        )
        scale = max(np.abs(expected).max(), 1e-30)
        assert np.abs(out[place, :k] - expected).max() <= 0.02 * TOLERANCE[dtype] * scale
        assert not out[place, k:].any()


@every_isa
@every_dtype
@pytest.mark.parametrize("setting", ["likes", "dislikes"])
def test_double_sums_are_those_of_the_factors_themselves(isa, dtype, setting):
    matrix, shard, basis = case(setting, 7, dtype, isa)
    out = double_sums(shard, ROWS, basis, 2)
    assert out.dtype == np.float64
    for place, row in enumerate(ROWS):
        square, target = reference_split.normal_equations(
            matrix, row, shard.factors.astype(float), **dense_settings(setting)
        )
        # Weights are rounded to the dtype of the factors.
        np.testing.assert_allclose(out[place, :49].reshape(7, 7), square, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(out[place, 49:], target, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def long_rows():
    """Rows of more entries than a part has, beside short ones and one without entries."""
    matrix = sparse.random(5, 40_000, density=0.0004, format="lil", random_state=1)
    matrix[0] = np.random.default_rng(0).random(40_000) < 0.9
    matrix[3] = np.random.default_rng(1).random(40_000) < 0.3
    matrix[4] = 0
    return matrix.tocsr().astype(np.float32)


@every_isa
@every_dtype
def test_sums_are_bitwise_the_same_at_any_thread_count(isa, dtype, long_rows):
    side = Side.of(long_rows, make_objective(alpha=3.0, exponent=1.0), 0.1, dtype)
    factors = np.random.default_rng(2).standard_normal((40_000, 20)).astype(dtype)
    basis = Basis.of(factors.astype(float).T @ factors, side.bounds, dtype, isa)
    shard = Shard(side, basis.whitened(factors), factors)
    rows = np.arange(5, dtype=np.int32)
    p = basis.inward(np.ones((5, 20), dtype))
    for function, arguments in (
        (normal_sums, ()),
        (products, (p, True)),
        (products, (p, False)),
        (double_sums, ()),
    ):
        one, two, eight = (function(shard, rows, *arguments, basis, n) for n in (1, 2, 8))
        assert np.array_equal(one, two)
        assert np.array_equal(one, eight)
    assert not normal_sums(shard, rows, basis)[4].any()


def test_long_rows_are_cut_into_parts_and_every_row_has_one(long_rows):
    rows = np.array([3, 4, 0], dtype=np.int32)
    cut = cut_rows(long_rows.indptr.astype(np.int64), rows)
    counts = np.diff(long_rows.indptr)[rows]
    assert (np.diff(cut.start) == np.maximum(-(-counts // PART_ENTRIES), 1)).all()
    sizes = cut.last - cut.first
    assert sizes.max() <= PART_ENTRIES
    assert np.bincount(cut.place, sizes).tolist() == counts.tolist()
    for place, (begin, end) in enumerate(itertools.pairwise(cut.start)):
        first = long_rows.indptr[rows[place]]
        assert cut.first[begin] == first
        assert cut.last[end - 1] == first + counts[place]
        assert (cut.first[begin + 1 : end] == cut.last[begin : end - 1]).all()


def test_offsets_beyond_two_billion_entries_are_kept():
    indptr = np.array([0, 2**31 + 5, 2**31 + 5, 2**33, 2**33 + 7])
    cut = cut_rows(indptr, np.array([1, 3, 0], dtype=np.int32))
    assert cut.first.dtype == cut.last.dtype == np.int64
    assert (cut.first[0], cut.last[0]) == (2**31 + 5, 2**31 + 5)
    assert (cut.first[1], cut.last[1]) == (2**33, 2**33 + 7)
    assert cut.last[-1] == 2**31 + 5
    assert len(cut.first) == 2 + -(-(2**31 + 5) // PART_ENTRIES)


@every_isa
def test_a_shard_without_users_or_entries_sums_to_zero(isa):
    for n_users in (0, 3):
        matrix = sparse.csr_matrix((4, n_users), dtype=np.float32)
        side = Side.of(matrix, make_objective(), 0.5, np.float32, n_columns=9)
        factors = np.zeros((n_users, 5), np.float32)
        basis = Basis.of(np.eye(5), side.bounds, np.float32, isa)
        shard = Shard(side, basis.whitened(factors), factors)
        rows = np.arange(4, dtype=np.int32)
        assert not normal_sums(shard, rows, basis).any()
        assert not double_sums(shard, rows, basis).any()
        ones = np.ones((4, 16), np.float32)
        assert not products(shard, rows, ones, True, basis).any()
        none = rows[:0]
        assert normal_sums(shard, none, basis).shape == (0, basis.part_size())
        assert products(shard, none, ones[:0], False, basis).shape == (0, 16)


def test_a_pickled_basis_gives_the_same_sums():
    _, shard, basis = case("per row", 40, "float32", ISAS[-1])
    received = pickle.loads(pickle.dumps(basis))
    assert np.array_equal(normal_sums(shard, ROWS, basis), normal_sums(shard, ROWS, received))


@every_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_basis_and_its_inverse_undo_each_other(isa, dtype):
    _, shard, basis = case("per row", 40, dtype, isa)
    back = basis.outward(basis.inward(shard.factors))
    np.testing.assert_allclose(back, shard.factors, atol=TOLERANCE[dtype])


def test_a_basis_that_float32_cannot_resolve_is_one_of_float64():
    factors = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    base = factors.astype(float).T @ factors
    basis = Basis.of(base, (1e-9, 1e-9), np.float32)
    assert basis.dtype == np.float64
    assert not basis.shared.frame.in_double
    assert basis.whitened(factors).dtype == np.float64


def test_a_row_of_dense_weights_is_the_reference(likes):
    columns, weights, targets = reference_split.entries_of(likes, 3, alpha=2.0)
    quadratic, linear, _ = reference.dense_weights(likes[3], alpha=2.0)
    assert columns.tolist() == sorted(likes[3].indices.tolist())
    np.testing.assert_allclose(weights + 1.0, quadratic[0, columns])
    np.testing.assert_allclose(targets, linear[0, columns])
