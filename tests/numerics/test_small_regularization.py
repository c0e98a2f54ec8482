"""A tiny λ and more factors than the rank of the data still give the minimum of each row."""

import numpy as np
import pytest
import reference

from wrmf import WRMF

SHAPES = [(1, 1), (8, 5), (1, 8), (5, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("regularization", [1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize("k", [3, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_minimal_for_tiny_regularization(shape, alpha, regularization, k, dtype):
    counts = (np.random.default_rng(3).random(shape) < 0.4).astype(float)
    counts[0, 0] = 1
    losses = []
    model = WRMF(
        factors=k,
        regularization=regularization,
        alpha=alpha,
        objective="wrmf",
        iterations=3,
        dtype=dtype,
        num_threads=1,
        random_state=0,
    )
    model.fit(counts, callback=lambda model, _: losses.append(model.loss(counts)), progress=False)
    lambdas = [np.full(length, regularization) for length in shape]
    y = np.asarray(model.item_factors, dtype=float)
    exact = reference.half_sweep(counts, y, lambdas[0], alpha=alpha)
    least = reference.loss(counts, exact, y, *lambdas, alpha=alpha)
    scale = (1 + alpha) * counts.sum()
    # Rounding the solutions to float32 costs up to this share of the loss.
    tolerance = 1e-9 if dtype == "float64" else 1e-5 if regularization > 1e-12 else 1e-3
    assert losses[-1] <= least + tolerance * scale
    assert losses[-1] <= losses[0] + tolerance * scale
    assert np.array_equal(model.fold_in_users(counts), model.user_factors)
    assert np.array_equal(model.fold_in_users(counts[:1]), model.user_factors[:1])
