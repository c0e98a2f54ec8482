"""One half-sweep: every row of one side solved with the other side fixed."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dtrtri

from wrmf import _als
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.threads import available_threads, kernel_threads, single_threaded_blas

__all__ = [
    "PATHS",
    "SOLVERS",
    "Side",
    "available_threads",
    "half_sweep",
    "kernel_path",
    "single_threaded_blas",
]

SOLVERS = ("exact", "cg")

# Instruction sets that this CPU has, by rising speed. WRMF_PATH takes a lower one.
PATHS = ("blas", "baseline", "avx2", "avx512")[: _als.best_path() + 1]

# Flops between two looks for Ctrl-C: a fraction of a second on any machine.
CHUNK_FLOPS = 4e9

# Below these operations, some 100 microseconds, threads cost more than they bring.
LEAST_WORK = 2e6

# Measured (docs/solver.md): below this share of k entries the dual system is the cheaper one.
DUAL_BELOW = 1.0
# Rows of up to so many entries are solved exactly by "cg", too: that costs less than its steps.
CG_ABOVE = 16
# Rows this many times the lanes long are summed in parts, one row over all lanes.
PARTS_FROM = 64
PART_ENTRIES = 8192
NO_PARTS = (np.empty(0, dtype=np.int32), *(np.empty(0, dtype=np.int64),) * 3)


def kernel_path() -> str:
    """Return the instruction set that the kernels use: the best, or what WRMF_PATH names."""
    wanted = os.environ.get("WRMF_PATH", "").lower() or PATHS[-1]
    if wanted not in PATHS:
        raise ValueError(f"WRMF_PATH is {wanted!r}; this CPU and build have {', '.join(PATHS)}")
    return wanted


def aligned_bytes(size: int) -> np.ndarray:
    """Return uint8 (size,), its content undefined, beginning on a 64-byte boundary."""
    room = np.empty(size + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


@dataclass(frozen=True)
class Side:
    """The rows of one side as the kernels want them: CSR, weights, λ of each row, visiting order.

    ``order`` is by falling degree, so that no long row is left for the end and rows of about the
    same length are neighbours. ``workspace`` keeps the sweep's arrays from one sweep to the next,
    ``plans`` what is solved how.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    regularization: np.ndarray
    order: np.ndarray
    target_shift: float
    unobserved_weight: float
    workspace: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    plans: dict[tuple, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        matrix: Any,
        objective: Objective,
        regularization: float,
        dtype: Any,
        workspace: dict[str, np.ndarray] | None = None,
    ) -> Side:
        """Return the side whose rows are the rows of a canonical CSR matrix.

        Two sides that take turns may share a ``workspace``.
        """
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
            workspace={} if workspace is None else workspace,
        )

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest λ of a row."""
        return (
            float(self.regularization.min(initial=np.inf)),
            float(self.regularization.max(initial=0)),
        )

    def plan(self, k: int, solver: str, path: int, dtype: np.dtype) -> tuple[int, np.ndarray, list]:
        """Return how many rows have entries, those of conjugate gradients, and the runs."""
        key = k, solver, path, dtype
        if key not in self.plans:
            filled = int(np.count_nonzero(np.diff(self.indptr)))
            runs = list(_plan(self, filled, *key))
            stepped = [rows for _, method, rows, _ in runs if method == _als.CG]
            none = np.empty(0, dtype=np.int32)
            self.plans[key] = filled, np.sort(np.concatenate([none, *stepped])), runs
        return self.plans[key]

    def array(self, name: str, shape: tuple[int, int], dtype: Any) -> np.ndarray:
        """Return a kept array, its content undefined, beginning on a 64-byte boundary."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        kept = self.workspace.get(name)
        if kept is None or kept.nbytes < size:
            kept = self.workspace[name] = aligned_bytes(size)
        return kept[:size].view(dtype).reshape(shape)


def half_sweep(
    side: Side,
    fixed: np.ndarray,
    out: np.ndarray,
    solver: str = "exact",
    num_threads: int = 0,
    cg_steps: int = 2,
) -> None:
    """Set each row of ``out`` to the minimum of the loss with ``fixed`` held.

    Parameters
    ----------
    side : Side, n_rows rows
    fixed : (n_columns, k) float32 or float64
    out : (n_rows, k), same dtype, overwritten; rows without entries become exact zeros.
        ``"cg"`` starts from what is there.
    solver : {"exact", "cg"}
    num_threads : int, default 0, all available

    Notes
    -----
    The rows' systems are whitened by the common part α₀G + λI (``docs/solver.md``), then solved in
    the order of their entries or of the factors, whichever is smaller. Where nothing regularises
    a row and the fixed factors span fewer than k dimensions, many factors attain the minimum; the
    one of least norm is taken. A row whose system float32 cannot resolve (large α beside small λ)
    is solved again in float64, and by its eigenvalues if that fails, too.

    An interrupted half-sweep leaves ``out`` as it was. Extra memory: one copy of each side, columns
    padded to a multiple of 16, and some 5 MB of scratch a thread.
    """
    work = fixed.shape[1] * (len(side.indices) + fixed.shape[1] * (len(out) + len(fixed)))
    threads = kernel_threads(num_threads if work > LEAST_WORK else 1)
    path = PATHS.index(kernel_path())
    with single_threaded_blas():
        base = side.unobserved_weight * gram(fixed, threads, path)
        frame = _Frame.of(base, side.bounds, fixed.dtype)
        width = -(-fixed.shape[1] // 16) * 16
        whitened = side.array("fixed", (len(fixed), width), fixed.dtype)
        solved = side.array("out", (len(out), width), out.dtype)
        _als.multiply(path, fixed, _padded(frame.forward, width, fixed.dtype), whitened, threads)
        failed = np.zeros(len(out), dtype=np.uint8)
        filled, stepped, runs = side.plan(len(base), solver, path, out.dtype)
        if len(stepped):
            inverse = _padded(frame.inverse, width, out.dtype)
            _als.multiply(path, out, inverse, solved, threads, stepped)
        for one_path, method, rows, parts in runs:
            # Python looks at its signals between two calls: that is where Ctrl-C is heard.
            _als.solve_rows(
                one_path,
                method,
                rows,
                side.indptr,
                side.indices,
                side.weights,
                side.target_shift,
                whitened,
                len(base),
                frame.spectrum,
                side.regularization,
                cg_steps,
                *parts,
                solved,
                failed,
                threads,
            )
        hard = np.flatnonzero(failed).astype(np.int32)
        for unsolved in (side.order[filled:], hard):
            if len(unsolved):
                solved[unsolved] = 0
        back = np.ascontiguousarray(frame.forward.T.astype(out.dtype))
        _als.multiply(path, solved[:, : len(base)], back, out, threads)
        if len(hard):
            out[hard] = _solve_in_double(side, hard, fixed, base, threads)


@dataclass(frozen=True)
class _Frame:
    """The basis in which the common part of all rows is the identity, or diagonal.

    ``forward`` T takes a fixed row y to Tᵀy and a solution t to x = T t; ``inverse`` takes a row
    of x back, x · inverse. ``spectrum`` is empty where the common part became the identity, and
    else the eigenvalues of α₀G, to which each row adds its own λ.
    """

    forward: np.ndarray
    inverse: np.ndarray
    spectrum: np.ndarray

    @classmethod
    def of(cls, base: np.ndarray, bounds: tuple[float, float], dtype: Any) -> _Frame:
        none = np.empty(0)
        least, most = bounds
        if least == most and least > 0:
            lower, failed = dpotrf(base + least * np.eye(len(base)), lower=True)
            pivots = np.diag(lower) ** 2
            if not failed and pivots.min() > 1e-12 * pivots.max():
                inverse, _ = dtrtri(lower, lower=True)
                return cls(inverse.T, lower, none)
        values, vectors = eigh(base, driver="evd")
        noise = len(base) * np.finfo(dtype).eps if least == 0 else 0.0
        values = np.where(values > noise * max(values[-1], 0.0), np.maximum(values, 0.0), 0.0)
        if least < most:
            return cls(vectors, vectors, values)
        root = np.sqrt(values + most)
        scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        return cls(vectors * scale, vectors * root, none)


def _padded(matrix: np.ndarray, width: int, dtype: Any) -> np.ndarray:
    out = np.zeros((len(matrix), width), dtype=dtype)
    out[:, : matrix.shape[1]] = matrix
    return out


def _plan(side, filled, k, solver, path, dtype):
    """Yield (path, method, rows, parts): runs of rows that are solved the same way."""
    lanes = _als.lanes(path, dtype == np.float64)
    order = side.order[:filled]
    counts = np.diff(side.indptr)[order]

    def longer(least):
        return int(np.searchsorted(-counts, -least, side="right"))

    if solver == "cg":
        short = longer(min(CG_ABOVE + 1, k))
        runs = [(path, _als.CG, False, 0, short), (path, _als.DUAL, False, short, filled)]
        flops = counts * (20.0 * k)
    else:
        in_lanes = path if k <= _als.ORDER_IN_LANES else 0
        primal = longer(max(1, int(np.ceil(DUAL_BELOW * k))))
        heavy = min(primal, longer(PARTS_FROM * lanes)) if in_lanes else 0
        large = max(primal, longer(_als.ORDER_IN_LANES + 1))
        runs = [
            (in_lanes, _als.PRIMAL, True, 0, heavy),
            (in_lanes, _als.PRIMAL, False, heavy, primal),
            (0, _als.DUAL, False, primal, large),
            (path, _als.DUAL, False, large, filled),
        ]
        short = np.minimum(counts, k).astype(float)
        flops = short * short * np.maximum(counts, k) + short**3 / 3 + 10.0 * counts * k
    done = np.concatenate(([0.0], np.cumsum(flops)))
    for one_path, method, in_parts, first, last in runs:
        while first < last:
            stop = int(np.searchsorted(done, done[first] + CHUNK_FLOPS))
            stop = min(last, max(first + lanes, first + (stop - first) // lanes * lanes))
            rows = order[first:stop]
            yield one_path, method, rows, _parts(side.indptr, rows) if in_parts else NO_PARTS
            first = stop


def _parts(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return (owner, first, last, part_start) of rows in parts of PART_ENTRIES."""
    begin, end = indptr[rows], indptr[rows + 1]
    counts = -(-(end - begin) // PART_ENTRIES)
    start = np.concatenate(([0], np.cumsum(counts)))
    offsets = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    first = np.repeat(begin, counts) + PART_ENTRIES * offsets
    last = np.minimum(first + PART_ENTRIES, np.repeat(end, counts))
    return np.repeat(rows, counts), first, last, start


def _solve_in_double(side, rows, fixed, base, threads):
    """Rows that failed: normal equations in float64, or the least-norm answer by eigenvalues."""
    fixed = fixed.astype(np.float64)
    out = np.zeros((len(side.order), len(base)))
    failed = np.zeros(len(out), dtype=np.uint8)
    _als.solve_exact(
        rows,
        side.indptr,
        side.indices,
        side.weights.astype(np.float64),
        side.target_shift,
        fixed,
        base,
        side.regularization.astype(np.float64),
        out,
        failed,
        threads,
    )
    for row in np.flatnonzero(failed):
        out[row] = _least_norm(side, int(row), fixed, base)
    return out[rows]


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
