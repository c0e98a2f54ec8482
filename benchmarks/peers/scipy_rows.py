"""The usual baseline in NumPy and SciPy: a sparse solve for each row, alone or in a process pool.

It is written like the textbook formula, with a diagonal matrix of confidences for each row, and
computes in float64.
"""

from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import scipy
from scipy import sparse
from scipy.sparse.linalg import spsolve

from benchmarks.peers import Setting, SweepRecorder

# Each process of the pool solves its rows with a BLAS of one thread.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
FLOAT64 = True
# Rows are divided into this many parts per process, so that all processes end at about the same
# time.
PARTS_PER_PROCESS = 8


def load() -> str:
    return scipy.__version__


def start(setting: Setting) -> str:
    return "N(0, 0.1²/k)"


def solve_rows(
    excess_confidence: sparse.csr_matrix, fixed: np.ndarray, regularization: float
) -> np.ndarray:
    """Return x_u = (YᵀY + Yᵀ(Cᵤ − I)Y + λI)⁻¹ YᵀCᵤ pᵤ for each row u.

    Parameters
    ----------
    excess_confidence : CSR (m, n)
        C − 1, stored where p is 1.
    fixed : float64 (n, k)
        Y, the factors of the other side.
    regularization : float
        λ.
    """
    n, k = fixed.shape
    y = sparse.csr_matrix(fixed)
    gram = y.T @ y
    penalty = regularization * sparse.eye(k)
    factors = np.zeros((excess_confidence.shape[0], k))
    for row in range(len(factors)):
        excess = np.asarray(excess_confidence[row].todense()).ravel()
        liked = sparse.csr_matrix((excess != 0).astype(np.float64))
        weights = sparse.diags(excess)
        system = gram + y.T @ weights @ y + penalty
        target = y.T @ (weights + sparse.eye(n)) @ liked.T
        factors[row] = spsolve(system.tocsc(), target)
    return factors


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> None:
    processes = setting.options.get("processes", setting.threads)
    excess = (setting.alpha * matrix.astype(np.float64)).tocsr()
    sides = (excess, excess.T.tocsr())
    generator = np.random.default_rng(setting.seed)
    k = setting.factors
    factors = [0.1 / np.sqrt(k) * generator.standard_normal((n, k)) for n in matrix.shape]
    with get_context("spawn").Pool(processes) as pool:

        def solve(rows: sparse.csr_matrix, fixed: np.ndarray) -> np.ndarray:
            if processes == 1:
                return solve_rows(rows, fixed, setting.regularization)
            bounds = np.linspace(0, rows.shape[0], PARTS_PER_PROCESS * processes + 1).astype(int)
            parts = [(rows[a:b], fixed, setting.regularization) for a, b in pairwise(bounds)]
            return np.concatenate(pool.starmap(solve_rows, parts, chunksize=1))

        recorder.start()
        for _ in range(setting.sweeps):
            for side in (0, 1):
                factors[side] = solve(sides[side], factors[1 - side])
            recorder.sweep(lambda: (factors[0], factors[1]))
