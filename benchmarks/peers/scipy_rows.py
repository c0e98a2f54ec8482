"""The field's baseline: one sparse solve for each row in NumPy and SciPy, or over a process pool.

Written as the textbook says it, a diagonal matrix of confidences for each row. float64.
"""

from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import scipy
from scipy import sparse
from scipy.sparse.linalg import spsolve

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True


def load():
    return scipy.__version__


def start(setting):
    return "N(0, 0.1²/k)"


def solve_rows(matrix, fixed, regularization):
    """Return x_u = (YᵀY + Yᵀ(Cᵤ − I)Y + λI)⁻¹ YᵀCᵤ pᵤ for each row; ``matrix`` is C − 1."""
    n, k = fixed.shape
    y = sparse.csr_matrix(fixed)
    gram = y.T @ y
    penalty = regularization * sparse.eye(k)
    out = np.zeros((matrix.shape[0], k))
    for row in range(matrix.shape[0]):
        excess = np.asarray(matrix[row].todense()).ravel()
        liked = sparse.csr_matrix((excess != 0).astype(np.float64))
        weights = sparse.diags(excess)
        system = gram + y.T @ weights @ y + penalty
        target = y.T @ (weights + sparse.eye(n)) @ liked.T
        out[row] = spsolve(system.tocsc(), target)
    return out


def train(matrix, setting, recorder):
    processes = setting.options.get("processes", setting.threads)
    confidence = (setting.alpha * matrix.astype(np.float64)).tocsr()
    sides = (confidence, confidence.T.tocsr())
    generator = np.random.default_rng(setting.seed)
    k = setting.factors
    factors = [0.1 / np.sqrt(k) * generator.standard_normal((n, k)) for n in matrix.shape]
    with get_context("spawn").Pool(processes) as pool:
        recorder.start()
        for _ in range(setting.sweeps):
            for side in (0, 1):
                fixed = factors[1 - side]
                if processes == 1:
                    factors[side] = solve_rows(sides[side], fixed, setting.regularization)
                    continue
                bounds = np.linspace(0, len(factors[side]), 8 * processes + 1).astype(int)
                parts = [
                    (sides[side][a:b], fixed, setting.regularization) for a, b in pairwise(bounds)
                ]
                factors[side] = np.concatenate(pool.starmap(solve_rows, parts, chunksize=1))
            recorder.sweep(lambda: tuple(factors))
