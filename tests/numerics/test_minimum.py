"""What rows at their minimum gain, beside dense sums and the loss itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from solving import every_dtype, make_objective

from wrmf.numerics import minimum
from wrmf.numerics.isa import ISAS
from wrmf.numerics.minimum import gains_at_minimum, loss_at_minimum, loss_of_rows
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep, half_sweep_with_gains

SETTINGS = {
    "wrmf": {"alpha": 2.0},
    "ials": {"alpha": 3.0, "objective": "ials", "exponent": 1.0},
    "raw": {"alpha": 0.7, "confidence": "raw"},
}
every_setting = pytest.mark.parametrize("setting", SETTINGS)


def case(setting, dtype, k=20):
    """Return the data of 60 rows, their side, factors of 90 columns, and those of the rows."""
    generator = np.random.default_rng(0)
    matrix = sparse.random(60, 90, density=0.2, format="lil", random_state=1)
    matrix[5] = 0
    matrix = matrix.tocsr()
    matrix.data = generator.integers(1, 5, matrix.nnz) / 2.0
    if setting == "raw":
        matrix.data *= generator.choice([-0.6, 1.0], matrix.nnz)
    objective = make_objective(**SETTINGS[setting])
    side = Side.of(matrix, objective, 0.6, dtype)
    fixed = generator.standard_normal((90, k)).astype(dtype)
    rows = np.zeros((60, k), dtype)
    half_sweep(side, fixed, rows)
    return matrix, objective, side, fixed, rows


@every_dtype
@every_setting
@pytest.mark.parametrize("isa", ISAS)
def test_gains_are_the_sums_of_scores_times_targets(setting, dtype, isa, monkeypatch):
    monkeypatch.setattr(minimum, "BYTES_AT_ONCE", 1000)
    matrix, objective, side, fixed, rows = case(setting, dtype)
    targets = objective.targets(matrix.data, np.float64)
    scores = rows.astype(float) @ fixed.astype(float).T
    expected = sparse.csr_matrix((targets, matrix.indices, matrix.indptr), matrix.shape)
    gains = gains_at_minimum(side, rows, fixed, 2, isa)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        gains, expected.multiply(scores).sum(axis=1).A1, rtol=tolerance, atol=tolerance
    )
    assert np.array_equal(gains, gains_at_minimum(side, rows, fixed, 1, isa))


@every_dtype
@every_setting
@pytest.mark.parametrize("k", [8, 20, 100])
@pytest.mark.parametrize("isa", ISAS)
def test_a_half_sweep_can_return_the_gains_of_its_rows(setting, dtype, k, isa):
    # Some rows have fewer entries than factors, others more, and one has none.
    _, _, side, fixed, rows = case(setting, dtype, k)
    gains = half_sweep_with_gains(side, fixed, rows, num_threads=2, isa=isa)
    assert gains[5] == 0
    if isa == "blas":
        assert np.isnan(np.delete(gains, 5)).all()
        return
    tolerance = 2e-4 if dtype == "float32" else 1e-11
    expected = gains_at_minimum(side, rows, fixed, isa=isa)
    np.testing.assert_allclose(gains, expected, rtol=tolerance, atol=tolerance)
    assert np.array_equal(gains, half_sweep_with_gains(side, fixed, rows, num_threads=1, isa=isa))


@every_dtype
def test_a_row_that_is_summed_in_parts_has_its_gain(dtype):
    generator = np.random.default_rng(2)
    matrix = sparse.csr_matrix(generator.integers(1, 4, (3, 9000)).astype(float))
    side = Side.of(matrix, make_objective(alpha=0.5), 0.6, dtype)
    fixed = generator.standard_normal((9000, 8)).astype(dtype)
    rows = np.zeros((3, 8), dtype)
    gains = half_sweep_with_gains(side, fixed, rows)
    np.testing.assert_allclose(gains, gains_at_minimum(side, rows, fixed), rtol=1e-4)


@pytest.mark.parametrize("smallest, is_known", [(0.5, True), (0.0, False), (1e-3, False)])
def test_gains_that_would_be_rounding_errors_are_not_known(smallest, is_known):
    side, fixed, rows = case("ials", "float32")[2:]
    targets = side.weights + np.float32(1)
    weights = side.weights.copy()
    weights[side.indptr[7]] = smallest
    side = replace(side, weights=weights, targets=targets)
    gains = half_sweep_with_gains(side, fixed, rows)
    assert np.isfinite(gains[7]) == is_known
    assert np.isfinite(np.delete(gains, 7)).all()
    total = float(targets.sum(dtype=float))
    loss = loss_at_minimum(side, total, rows, fixed, gains=gains)
    assert loss == pytest.approx(loss_at_minimum(side, total, rows, fixed), rel=1e-5)
    assert np.isfinite(gains[7]) == is_known


def test_a_row_that_is_singular_in_float32_has_no_gain():
    matrix = sparse.csr_matrix(np.full((2, 40), 1e12))
    side = Side.of(matrix, make_objective(alpha=1.0), 1e-6, "float32")
    fixed = np.repeat(np.random.default_rng(0).standard_normal((4, 30)), 10, axis=0)
    rows = np.zeros((2, 30), "float32")
    assert np.isnan(half_sweep_with_gains(side, fixed.astype("float32"), rows)).all()


@every_setting
def test_the_loss_of_rows_is_that_of_the_model_without_the_other_penalty(setting):
    matrix, objective, side, fixed, rows = case(setting, "float64")
    targets = objective.targets(matrix.data, np.float64).sum()
    strengths = objective.row_regularization(0.6, np.diff(matrix.indptr), 90)
    dense = rows @ fixed.T
    weights = np.zeros((60, 90))
    weights[matrix.nonzero()] = objective.weights(matrix.data, np.float64)
    loss = (weights * dense**2).sum() + (side.unobserved_weight * dense**2).sum()
    wanted = np.zeros((60, 90))
    wanted[matrix.nonzero()] = objective.targets(matrix.data, np.float64)
    loss += (wanted - 2 * wanted * dense).sum() + strengths @ (rows**2).sum(axis=1)
    assert loss_of_rows(side, rows, fixed) == pytest.approx(loss, rel=1e-12)
    assert loss_at_minimum(side, targets, rows, fixed) == pytest.approx(loss, rel=1e-10)


def test_a_loss_that_is_a_small_share_of_the_targets_is_computed_by_its_definition():
    side, fixed, rows = case("wrmf", "float32", 60)[2:]
    heavy = replace(side, weights=side.weights * np.float32(1e6))
    half_sweep(heavy, fixed, rows)
    targets = float((heavy.weights.astype(float) + heavy.target_shift).sum())
    loss = loss_of_rows(heavy, rows, fixed)
    assert 0 < loss < 1e-3 * targets
    assert loss_at_minimum(heavy, targets, rows, fixed) == loss
