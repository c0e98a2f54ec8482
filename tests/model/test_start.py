"""The factors that training starts from, and the memory that training needs."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from wrmf import WRMF
from wrmf.model import start
from wrmf.model.start import random_factors


@pytest.mark.parametrize("block", [1, 7, 64, 10**6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_drawing_in_blocks_gives_the_stream_of_one_draw(monkeypatch, block, dtype):
    monkeypatch.setattr(start, "BLOCK", block)
    params = WRMF(factors=5, dtype=dtype, init_scale=0.3).check_params()
    drawn = random_factors(13, params, np.random.default_rng(4))
    at_once = np.random.default_rng(4).standard_normal((13, 5)) * 0.3
    np.testing.assert_array_equal(drawn, at_once.astype(dtype))


@pytest.mark.parametrize("shape", [(60_000, 2_000), (2_000, 60_000), (30_000, 30_000)])
def test_fit_needs_twice_the_factors_and_the_data(shape):
    generator = np.random.default_rng(0)
    pairs = [generator.integers(n, size=20_000) for n in shape]
    matrix = sparse.csr_matrix((np.ones(20_000, np.float32), pairs), shape=shape)
    model = WRMF(factors=128, iterations=1, random_state=0, num_threads=1)
    model.fit(np.eye(3), progress=False)
    tracemalloc.start()
    try:
        model.fit(matrix, progress=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    factors = model.user_factors.nbytes + model.item_factors.nbytes
    data = 60 * (matrix.nnz + sum(shape))
    scratch_of_a_thread = 6e6
    assert peak < 2 * factors + data + scratch_of_a_thread
