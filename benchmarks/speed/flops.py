"""Flops that the exact solve needs, and what a matrix multiplication reaches here."""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits


def row_flops(degrees: np.ndarray, k: int) -> float:
    """Return the flops of one half-sweep's rows, each by the cheaper of the two forms.

    Dual, of order d < k: d²k for the symmetric Gram, d³/3 to factorise, 4dk for target and
    solution. Primal, of order k: dk² + k³/3 + 2dk. Symmetric products count one half.
    """
    d = degrees[degrees > 0].astype(np.float64)
    dual = d * d * k + d**3 / 3 + 4 * d * k
    primal = d * k * k + k**3 / 3 + 2 * d * k
    return float(np.where(d < k, dual, primal).sum())


def sweep_flops(degrees: tuple[np.ndarray, np.ndarray], k: int) -> dict[str, float]:
    """Return flops of a whole sweep, ``degrees`` those of users and of items.

    ``necessary``: rows and the two Gram matrices, nk² each. ``all`` adds the two multiplications
    of each half-sweep into the whitened basis and back, by a triangle, nk² each, which another
    method could do without.
    """
    rows = sum(row_flops(each, k) for each in degrees)
    n = sum(len(each) for each in degrees)
    return {"necessary": rows + n * k * k, "all": rows + 3.0 * n * k * k}


def gemm_rate(threads: int, seconds: float = 1.0, n: int = 1024) -> float:
    """Return the GFLOP/s of a float32 product of n × n matrices, median over ``seconds``."""
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((n, n), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    times = []
    with threadpool_limits(threads, user_api="blas"):
        for _ in range(3):
            np.matmul(a, b, out=out)
        while sum(times) < seconds or len(times) < 5:
            began = time.perf_counter()
            np.matmul(a, b, out=out)
            times.append(time.perf_counter() - began)
    return 2.0 * n**3 / float(np.median(times)) / 1e9
