"""Guards of the speed of sweeps, their phases, evaluation and recommendation.

The data has the size of the likes in Rosenthal 2016.
"""

import numpy as np
import pytest

import wrmf
from wrmf import _als
from wrmf.numerics.isa import ISAS
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.plan import SOLVERS
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep
from wrmf.numerics.threads import available_threads, single_threaded_blas

FACTORS = (40, 64, 128)
OBJECTIVE = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)


@pytest.fixture(scope="module")
def likes():
    return wrmf.datasets.synthetic_likes()


def normal(n, k):
    return np.random.default_rng(0).standard_normal((n, k), dtype=np.float32) / np.float32(k**0.5)


@pytest.mark.benchmark(group="half-sweep")
@pytest.mark.parametrize("k", FACTORS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("rows", ["users", "items"])
def test_half_sweep(benchmark, likes, rows, solver, k):
    matrix = likes.matrix if rows == "users" else likes.matrix.T.tocsr()
    side = Side.of(matrix, OBJECTIVE, 1.0, np.float32)
    out = np.zeros((matrix.shape[0], k), dtype=np.float32)
    benchmark.pedantic(
        half_sweep, (side, normal(matrix.shape[1], k), out, solver), rounds=7, warmup_rounds=1
    )
    assert out.any()


@pytest.mark.benchmark(group="gram")
@pytest.mark.parametrize("k", FACTORS)
def test_gram(benchmark, k):
    factors = normal(25655, k)
    found = benchmark(gram, factors)
    assert np.allclose(found, factors.T @ factors, atol=1e-2)


@pytest.mark.benchmark(group="multiply")
@pytest.mark.parametrize("k", FACTORS)
def test_multiply(benchmark, k):
    factors, basis = normal(25655, k), normal(k, k)
    out = np.empty_like(factors)
    with single_threaded_blas():
        benchmark(_als.multiply, len(ISAS) - 1, factors, basis, out, available_threads())
    assert np.allclose(out, factors @ basis, atol=1e-3)


@pytest.fixture(scope="module")
def fitted(likes):
    split = wrmf.split_interactions(likes, 0.1, random_state=0)
    return wrmf.WRMF(64, iterations=2, random_state=0).fit(split.train), split


@pytest.mark.benchmark(group="evaluate for everyone")
def test_evaluate_everyone(benchmark, fitted):
    metrics = ("recall@20", "ndcg@20")
    found = benchmark.pedantic(wrmf.evaluate, (*fitted, metrics), rounds=3)
    assert 0 < found["recall@20"] < 1


@pytest.mark.benchmark(group="recommend to everyone")
def test_recommend_to_everyone(benchmark, fitted):
    model, split = fitted
    found = benchmark.pedantic(model.recommend, kwargs={"n": 10}, rounds=3)
    assert len(found.ids) == split.train.n_users
