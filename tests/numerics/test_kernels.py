"""The kernels of every instruction set: their table, Gram matrices and products."""

import numpy as np
import pytest

from wrmf import _als
from wrmf.numerics.isa import ISAS
from wrmf.numerics.objective import gram

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_isa = pytest.mark.parametrize("isa", range(len(ISAS)), ids=ISAS)


def test_blas_is_the_first_isa_and_solves_one_row_at_a_time():
    assert ISAS[0] == "blas"
    assert _als.lanes(0, False) == _als.lanes(0, True) == 1


def test_lanes_double_with_half_the_precision_and_rise_with_the_isa():
    lanes = [_als.lanes(isa, True) for isa in range(1, len(ISAS))]
    assert lanes == sorted(lanes)
    for isa, n_double in enumerate(lanes, start=1):
        assert n_double > 1
        assert n_double & (n_double - 1) == 0, "not a power of two"
        assert _als.lanes(isa, False) == 2 * n_double


def test_methods_have_numbers_of_their_own():
    assert {"dual", "primal", "cg"} <= set(_als.METHODS)
    assert sorted(_als.METHODS.values()) == list(range(len(_als.METHODS)))


def test_gram_is_the_plain_product_over_many_blocks():
    factors = np.random.default_rng(0).standard_normal((20_000, 6)).astype(np.float32)
    expected = factors.astype(float).T @ factors.astype(float)
    np.testing.assert_allclose(gram(factors), expected, rtol=1e-12)


@pytest.mark.parametrize("isa", [None, *range(len(ISAS))], ids=["in float64", *ISAS])
@pytest.mark.parametrize("k", [1, 6, 20, 64, 150, 300])
@every_dtype
def test_gram_of_every_isa_is_the_plain_product(isa, k, dtype):
    factors = np.random.default_rng(k).standard_normal((5000, k)).astype(dtype)
    expected = factors.T.astype(float) @ factors.astype(float)
    error = np.linalg.norm(gram(factors, 2, isa) - expected, 2) / np.linalg.norm(expected, 2)
    assert error < (1e-7 if dtype == "float32" and isa is not None else 1e-14)
    assert np.array_equal(gram(factors, 1, isa), gram(factors, 3, isa))


# The kernels skip the zeros of triangular matrices.
SHAPES = {"full": np.array, "upper": np.triu, "lower": np.tril, "zero": np.zeros_like}


@every_isa
@pytest.mark.parametrize("k", [1, 6, 16, 50, 100, 150])
@pytest.mark.parametrize("shape", SHAPES)
@every_dtype
def test_multiply_of_every_isa_is_the_plain_product(isa, k, shape, dtype):
    generator = np.random.default_rng(k)
    wide = generator.standard_normal((531, k + 3)).astype(dtype)
    left = wide[:, 1 : k + 1]
    matrix = SHAPES[shape](generator.standard_normal((k, k)).astype(dtype))
    matrix = np.ascontiguousarray(matrix)
    results = [np.full((531, k + 1), np.nan, dtype) for _ in range(3)]
    for n_threads, result in enumerate(results, start=1):
        _als.multiply(isa, left, matrix, result[:, :k], n_threads)
    expected = left.astype(float) @ matrix.astype(float)
    error = np.linalg.norm(results[0][:, :k] - expected) / max(np.linalg.norm(expected), 1)
    assert error < (2e-6 if dtype == "float32" else 1e-14)
    assert all(np.array_equal(results[0], result, equal_nan=True) for result in results)
    # The column after the result is not written.
    assert np.isnan(results[0][:, k]).all()
    # A row's product does not depend on the row's position, except with BLAS.
    if isa:
        last = np.empty((1, k), dtype)
        _als.multiply(isa, left[530:], matrix, last, 1)
        assert np.array_equal(last[0], results[0][530, :k])


@every_isa
@every_dtype
def test_multiply_writes_the_chosen_rows_only(isa, dtype):
    generator = np.random.default_rng(0)
    left = generator.standard_normal((600, 20)).astype(dtype)
    matrix = generator.standard_normal((20, 20)).astype(dtype)
    chosen = np.sort(generator.choice(600, 301, replace=False)).astype(np.int32)
    expected = left.astype(float) @ matrix.astype(float)
    results = [np.full((600, 20), np.nan, dtype) for _ in range(2)]
    for n_threads, result in enumerate(results, start=1):
        _als.multiply(isa, left, matrix, result, n_threads, chosen)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(results[0][chosen], expected[chosen], atol=tolerance)
    assert np.isnan(np.delete(results[0], chosen, axis=0)).all()
    assert np.array_equal(results[0], results[1], equal_nan=True)
