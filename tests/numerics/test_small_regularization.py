"""A tiny λ and more factors than the rank of the data still give the minimum of each row."""

import itertools

import numpy as np
import pytest
import reference

from wrmf import WRMF

SHAPES = [(1, 1), (8, 5), (1, 8), (5, 1)]
# What an answer may cost more than the least loss, as a part of the loss of zeros.
TOLERANCE = {"float32": 1e-6, "float64": 1e-9}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
@pytest.mark.parametrize("regularization", [0.0, 1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize("k", [3, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_minimal_for_tiny_regularization(shape, alpha, regularization, exponent, k, dtype):
    counts = (np.random.default_rng(3).random(shape) < 0.4).astype(float)
    counts[0, 0] = 1
    losses = []
    model = WRMF(
        factors=k,
        regularization=regularization,
        alpha=alpha,
        objective="wrmf",
        unobserved_weight=1.0,
        regularization_exponent=exponent,
        iterations=3,
        dtype=dtype,
        num_threads=1,
        random_state=0,
    )
    model.fit(counts, callback=lambda model, _: losses.append(model.loss(counts)), progress=False)
    lambdas = [
        reference.row_regularization(matrix, regularization, exponent, 1.0)
        for matrix in (counts, counts.T)
    ]
    y = np.asarray(model.item_factors, dtype=float)
    exact = reference.half_sweep(counts, y, lambdas[0], alpha=alpha)
    least = reference.loss(counts, exact, y, *lambdas, alpha=alpha)
    scale = (1 + alpha) * counts.sum()
    assert losses[-1] <= least + TOLERANCE[dtype] * scale
    assert losses[-1] <= losses[0] + TOLERANCE[dtype] * scale
    assert np.array_equal(model.fold_in_users(counts), model.user_factors)
    assert np.array_equal(model.fold_in_users(counts[:1]), model.user_factors[:1])


@pytest.mark.parametrize("exponent", [0.0, 1.0])
@pytest.mark.parametrize("regularization", [0.0, 1e-12, 1e-6])
@pytest.mark.parametrize("alpha", [10.0, 1e6])
def test_more_factors_than_the_data_have_rank_reach_the_same_loss_in_float32(
    alpha, regularization, exponent
):
    """Errors of a Gram matrix summed in float32 are far above such a λ."""
    generator = np.random.default_rng(0)
    counts = (generator.random((80, 50)) < 0.1) * generator.integers(1, 5, (80, 50))
    losses = {}
    for dtype in ("float32", "float64"):
        losses[dtype] = []
        model = WRMF(
            factors=128,
            regularization=regularization,
            alpha=alpha,
            objective="wrmf",
            unobserved_weight=1.0,
            regularization_exponent=exponent,
            iterations=5,
            dtype=dtype,
            num_threads=1,
            random_state=0,
        )
        model.fit(counts, callback=lambda model, _: losses[model.dtype].append(model.loss(counts)))
    slack = 1e-9 * (1 + alpha) * counts.sum()
    assert losses["float32"][-1] <= losses["float64"][-1] * 1.05 + slack
    single = losses["float32"]
    assert all(b <= a * 1.005 + slack for a, b in itertools.pairwise(single))
