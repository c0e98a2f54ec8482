"""One half-sweep: every row of one side solved with the other side fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf._als import solve_exact
from wrmf.objective import Objective, gram
from wrmf.threads import available_threads, kernel_threads, single_threaded_blas

__all__ = ["SOLVERS", "Side", "available_threads", "half_sweep", "single_threaded_blas"]

# The contract of a solver is solve_exact's; "auto" is the first.
SOLVERS = {"exact": solve_exact}

# Flops between two looks for Ctrl-C: a fraction of a second on any machine.
CHUNK_FLOPS = 2e9


@dataclass(frozen=True)
class Side:
    """The rows of one side as the kernels want them: CSR, weights, λ of each row, visiting order.

    ``order`` is by falling degree, so that no long row is left for the end.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    regularization: np.ndarray
    order: np.ndarray
    target_shift: float
    unobserved_weight: float

    @classmethod
    def of(cls, matrix: Any, objective: Objective, regularization: float, dtype: Any) -> Side:
        """Return the side whose rows are the rows of a canonical CSR matrix."""
        counts = np.diff(matrix.indptr)
        return cls(
            indptr=matrix.indptr.astype(np.int64, copy=False),
            indices=matrix.indices.astype(np.int32, copy=False),
            weights=objective.weights(matrix.data, dtype),
            regularization=objective.row_regularization(
                regularization, counts, matrix.shape[1]
            ).astype(dtype),
            order=np.argsort(-counts, kind="stable").astype(np.int32),
            target_shift=objective.target_shift,
            unobserved_weight=objective.unobserved_weight,
        )

    def chunks(self, rows: np.ndarray, k: int) -> list[np.ndarray]:
        """Split ``rows`` into runs of about CHUNK_FLOPS each."""
        counts = self.indptr[rows + 1] - self.indptr[rows]
        flops = np.cumsum(counts * (1.0 * k * k) + k**3 / 3 + k * k)
        cuts = np.searchsorted(flops, np.arange(CHUNK_FLOPS, flops[-1], CHUNK_FLOPS))
        return [part for part in np.split(rows, np.unique(cuts)) if len(part)]


def half_sweep(
    side: Side, fixed: np.ndarray, out: np.ndarray, solver: str = "exact", num_threads: int = 0
) -> None:
    """Set each row of ``out`` to the minimum of the loss with ``fixed`` held.

    Parameters
    ----------
    side : Side, n_rows rows
    fixed : (n_columns, k) float32 or float64
    out : (n_rows, k), same dtype, overwritten; rows without entries become exact zeros
    num_threads : int, default 0, all available

    Notes
    -----
    Where nothing regularises a row and the fixed factors span fewer than k dimensions, many
    factors attain the minimum. The one of least norm is returned: it lies in that span, so the
    sweep runs in an orthonormal basis of it. A row whose system float32 cannot resolve (large α
    beside small λ) is solved again in float64, and by its eigenvalues if that fails, too.

    Rows are solved independently of each other, so an interrupted half-sweep leaves ``out`` in
    a valid state, some rows updated and some not.
    """
    base = side.unobserved_weight * gram(fixed)
    if side.regularization.min(initial=np.inf) == 0:
        values, vectors = np.linalg.eigh(base)
        spanned = values > len(base) * np.finfo(fixed.dtype).eps * max(values[-1], 0.0)
        if not spanned.any():
            out[:] = 0
            return
        if not spanned.all():
            basis = vectors[:, spanned]
            inside = np.empty((len(out), basis.shape[1]), dtype=out.dtype)
            _solve(
                side,
                (fixed @ basis).astype(fixed.dtype),
                np.diag(values[spanned]),
                inside,
                solver,
                num_threads,
            )
            out[:] = inside @ basis.T
            return
    _solve(side, fixed, base, out, solver, num_threads)


def _solve(
    side: Side,
    fixed: np.ndarray,
    base: np.ndarray,
    out: np.ndarray,
    solver: str,
    num_threads: int,
) -> None:
    failed = np.zeros(len(out), dtype=np.uint8)
    threads = kernel_threads(num_threads)
    with single_threaded_blas():
        _run(side, side.order, side.weights, side.regularization, fixed, base, out, failed, solver,
             threads)  # fmt: skip
        hard = np.flatnonzero(failed).astype(np.int32)
        if not len(hard):
            return
        double = out if out.dtype == np.float64 else np.empty(out.shape)
        if out.dtype != np.float64:
            failed[:] = 0
            _run(side, hard, side.weights.astype(np.float64),
                 side.regularization.astype(np.float64), fixed.astype(np.float64), base, double,
                 failed, "exact", threads)  # fmt: skip
        for row in np.flatnonzero(failed):
            double[row] = _least_norm(side, int(row), fixed, base)
        if double is not out:
            out[hard] = double[hard]


def _run(side, rows, weights, regularization, fixed, base, out, failed, solver, threads):
    # Python looks at its signals between two calls of the kernel: that is where Ctrl-C is heard.
    base = base.astype(fixed.dtype)
    for chunk in side.chunks(rows, fixed.shape[1]):
        SOLVERS[solver](chunk, side.indptr, side.indices, weights, side.target_shift, fixed, base,
                        regularization, out, failed, threads)  # fmt: skip


def _least_norm(side: Side, row: int, fixed: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The least-norm minimum of one row, in float64, for a system singular to its rounding."""
    entries = slice(side.indptr[row], side.indptr[row + 1])
    y = fixed[side.indices[entries]].astype(np.float64)
    weights = side.weights[entries].astype(np.float64)
    system = base + (y.T * weights) @ y + side.regularization[row] * np.eye(len(base))
    target = (weights + side.target_shift) @ y
    values, vectors = np.linalg.eigh(system)
    kept = values > len(base) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, kept] @ ((vectors[:, kept].T @ target) / values[kept])
