"""On real interactions: each row's solution against dense NumPy, and the loss over half-sweeps."""

import numpy as np
import pytest
from scipy import sparse

from wrmf import Interactions, read_interactions
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

OBJECTIVE = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)


def read(real_data, name):
    frame = real_data(name)
    return read_interactions(frame, value="value" if "value" in frame else None)


@pytest.mark.parametrize("name", ["citeulike_a", "lastfm_hetrec2k", "gowalla"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("float64", 1e-8)])
def test_rows_of_both_sides_equal_dense_numpy(real_data, name, dtype, tolerance):
    matrix = read(real_data, name).matrix
    for rows in (matrix, matrix.T.tocsr()):
        generator = np.random.default_rng(0)
        fixed = generator.standard_normal((rows.shape[1], 24)).astype(dtype)
        out = np.empty((rows.shape[0], 24), dtype=dtype)
        half_sweep(Side.of(rows, OBJECTIVE, 0.5, dtype), fixed, out)
        y = fixed.astype(float)
        base = y.T @ y + 0.5 * np.eye(24)
        degrees = np.diff(rows.indptr)
        some = np.append(generator.choice(len(out), 60, replace=False), degrees.argmax())
        for row in some:
            mine = rows[[row]]
            own = y[mine.indices]
            weights = 10.0 * mine.data.astype(float)
            expected = np.linalg.solve(base + (own.T * weights) @ own, own.T @ (1 + weights))
            error = np.abs(out[row] - expected).max() / np.abs(expected).max()
            assert error < tolerance, (row, degrees[row])


@pytest.mark.parametrize(("dtype", "slack"), [("float32", 1e-6), ("float64", 1e-13)])
def test_loss_never_rises_over_half_sweeps(real_data, dtype, slack):
    matrix = read(real_data, "citeulike_a").matrix
    generator = np.random.default_rng(0)
    x, y = ((0.1 * generator.standard_normal((n, 20))).astype(dtype) for n in matrix.shape)
    sides = (
        (Side.of(matrix.T.tocsr(), OBJECTIVE, 0.1, dtype), "items"),
        (Side.of(matrix, OBJECTIVE, 0.1, dtype), "users"),
    )
    before = OBJECTIVE.loss(matrix, x, y, (0.1, 0.1))
    for _ in range(5):
        for side, name in sides:
            half_sweep(side, *((x, y) if name == "items" else (y, x)))
            after = OBJECTIVE.loss(matrix, x, y, (0.1, 0.1))
            assert after <= before * (1 + slack)
            before = after


def test_k_core_of_real_likes_is_stable(real_data):
    core = read(real_data, "lastfm_hetrec2k").k_core(5, 5)
    assert np.diff(core.matrix.indptr).min() >= 5
    assert np.bincount(core.matrix.indices).min() >= 5
    assert core.k_core(5, 5).n_interactions == core.n_interactions
    assert isinstance(core, Interactions)
    assert sparse.issparse(core.matrix)
