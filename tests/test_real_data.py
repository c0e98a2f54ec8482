"""Real interactions: rows against dense NumPy, the loss over half-sweeps, a stable k-core."""

import numpy as np
import pytest
from scipy import sparse
from solving import make_objective

from wrmf import Interactions, read_interactions
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

ALPHA = 10.0
OBJECTIVE = make_objective(alpha=ALPHA)


@pytest.fixture
def read(real_data):
    """A function that reads a real data set by name as ``Interactions``, or skips the test."""

    def read_by_name(name):
        frame = real_data(name)
        return read_interactions(frame, value="value" if "value" in frame else None)

    return read_by_name


@pytest.mark.parametrize("name", ["citeulike_a", "lastfm_hetrec2k", "gowalla"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("float64", 1e-8)])
def test_rows_of_both_sides_equal_dense_numpy(read, name, dtype, tolerance):
    users_by_items = read(name).matrix
    for matrix in (users_by_items, users_by_items.T.tocsr()):
        generator = np.random.default_rng(0)
        fixed = generator.standard_normal((matrix.shape[1], 24)).astype(dtype)
        out = np.empty((matrix.shape[0], 24), dtype=dtype)
        half_sweep(Side.of(matrix, OBJECTIVE, 0.5, dtype), fixed, out)
        y = fixed.astype(float)
        base = y.T @ y + 0.5 * np.eye(24)
        counts = np.diff(matrix.indptr)
        sample = np.append(generator.choice(len(out), 60, replace=False), counts.argmax())
        for row in sample:
            entries = matrix[[row]]
            y_row = y[entries.indices]
            weights = ALPHA * entries.data.astype(float)
            system = base + (y_row.T * weights) @ y_row
            expected = np.linalg.solve(system, y_row.T @ (1 + weights))
            error = np.abs(out[row] - expected).max() / np.abs(expected).max()
            assert error < tolerance, f"row {row} with {counts[row]} entries"


@pytest.mark.parametrize(("dtype", "slack"), [("float32", 1e-6), ("float64", 1e-13)])
def test_loss_never_rises_over_half_sweeps(read, dtype, slack):
    matrix = read("citeulike_a").matrix
    generator = np.random.default_rng(0)
    x, y = ((0.1 * generator.standard_normal((n, 20))).astype(dtype) for n in matrix.shape)
    users = Side.of(matrix, OBJECTIVE, 0.1, dtype)
    items = Side.of(matrix.T.tocsr(), OBJECTIVE, 0.1, dtype)
    before = OBJECTIVE.loss(matrix, x, y, (0.1, 0.1))
    for _ in range(5):
        for side, fixed, out in ((items, x, y), (users, y, x)):
            half_sweep(side, fixed, out)
            after = OBJECTIVE.loss(matrix, x, y, (0.1, 0.1))
            assert after <= before * (1 + slack)
            before = after


def test_k_core_of_real_likes_is_stable(read):
    core = read("lastfm_hetrec2k").k_core(5, 5)
    assert isinstance(core, Interactions)
    assert sparse.issparse(core.matrix)
    assert np.diff(core.matrix.indptr).min() >= 5
    assert np.bincount(core.matrix.indices).min() >= 5
    assert core.k_core(5, 5).n_interactions == core.n_interactions
