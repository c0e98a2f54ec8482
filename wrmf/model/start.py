"""The factors that training starts from: random, or those of another model where ids match."""

from __future__ import annotations

import numpy as np

from wrmf.model.parameters import Parameters

__all__ = ["random_factors"]

# The number of random values that are drawn at a time, so that they take 8 MB.
BLOCK = 2**20


def random_factors(n_rows: int, params: Parameters, generator: np.random.Generator) -> np.ndarray:
    """Return normal random factors with the standard deviation ``init_scale``.

    Values are drawn in float64, so that both dtypes start from the same point, in blocks of rows.
    The size of a block changes no value.

    Returns
    -------
    ndarray (n_rows, k) of the parameters' dtype
    """
    out = np.empty((n_rows, params.factors), dtype=params.dtype)
    rows = max(1, BLOCK // params.factors)
    for start in range(0, n_rows, rows):
        block = out[start : start + rows]
        block[:] = generator.standard_normal(block.shape) * params.init_scale
    return out
