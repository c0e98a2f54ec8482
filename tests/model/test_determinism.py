"""The same data and seed give the same model: in every process, and on every instruction set.

Within one instruction set, results are the same bit for bit; sets round sums in another order, so
between them the values below hold to the tolerance of the dtype.
"""

import os

import numpy as np
import pytest
from running import run_python

import wrmf
from wrmf.numerics.isa import ISAS

ROWS, COLUMNS = np.indices((40, 30))
COUNTS = (((ROWS * COLUMNS) % 7 == 1) | ((ROWS + 2 * COLUMNS) % 11 == 0)) * (1.0 + ROWS % 3)
# How far values may be from the expected ones, as a part of the largest of them.
TOLERANCE = {"float32": 1e-5, "float64": 1e-11}
EXPECTED = {
    "loss": 427.590684107249,
    "user": [
        -3.35002899492557,
        -0.13216831131009,
        -2.10261204842335,
        -2.50848545880247,
        -2.91421309292027,
        2.12078669483202,
    ],
    "item": [
        0.0728759226883218,
        0.183036312825989,
        -0.0664304541040368,
        -0.0330450533328093,
        0.0479577090946822,
        0.000108197117867,
    ],
    "scores": [
        0.721775902230963,
        0.697557007557343,
        0.673908001842777,
        0.620568770726582,
        0.394326931954398,
    ],
}
IDS = [20, 16, 9, 27, 29]


def train(**params):
    settings = {
        "factors": 6,
        "regularization": 0.1,
        "alpha": 10.0,
        "unobserved_weight": 1.0,
        "objective": "wrmf",
        "confidence": "linear",
        "iterations": 4,
        "random_state": 0,
    }
    return wrmf.WRMF(**{**settings, **params}).fit(COUNTS, progress=False)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_model_has_its_known_values_on_every_instruction_set(dtype, isa, monkeypatch):
    monkeypatch.setenv("WRMF_ISA", isa)
    model = train(dtype=dtype)
    values = {
        "loss": model.loss(COUNTS),
        "user": model.user_factors[7],
        "item": model.item_factors[11],
        "scores": model.recommend([7], n=5).scores[0],
    }
    for name, expected in EXPECTED.items():
        np.testing.assert_allclose(
            values[name], expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max()
        )
    assert model.recommend([7], n=5).ids[0].tolist() == IDS


CODE = """
import hashlib, io
import numpy as np, pandas as pd, wrmf
generator = np.random.default_rng(0)
likes = pd.DataFrame({
    "user": [f"u{number}" for number in generator.integers(0, 300, 6000)],
    "item": [f"i{number}" for number in generator.integers(0, 200, 6000)],
})
digest = hashlib.sha256()
split = wrmf.leave_k_out(wrmf.read_interactions(likes), k=3, random_state=0)
for factors in (20, 300):
    model = wrmf.WRMF(factors=factors, alpha=5.0, iterations=2, random_state=0)
    model.fit(split.train, progress=False)
    lists = model.recommend(n=7)
    for array in (model.user_factors, model.item_factors, lists.scores):
        digest.update(np.ascontiguousarray(array).tobytes())
    metrics = wrmf.evaluate(model, split, ["precision@5", "ndcg@10", "mse"])
    digest.update(repr([*lists.ids.ravel().tolist(), sorted(metrics.items())]).encode())
print(digest.hexdigest())
"""
ENVIRONMENTS = [
    {},
    {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "3", "OPENBLAS_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"},
]


def test_processes_of_any_environment_give_the_same_bits():
    """Other seeds of hashes, numbers of threads of OpenMP and of BLAS."""
    digests = {run_python(CODE, env={**os.environ, **change}) for change in ENVIRONMENTS}
    assert len(digests) == 1
