"""Flops, bytes and seconds of each phase of a sweep, compared with the GEMM rate.

    python -m benchmarks.speed.phases gowalla 64 128 --solver exact

Phases are timed by wrapping the functions that ``wrmf.numerics.sweep`` calls. Flops and bytes are
those that the method needs if every operand is moved once, without regard to caches.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from scipy import sparse
from wrmf._als import ISAS, METHODS, MOST_ORDER, lanes

from benchmarks import data
from benchmarks.machine import gemm_rate
from benchmarks.record import described, write
from benchmarks.speed.table import aligned
from wrmf.numerics import plan, sweep
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side

# Names of two phases: the multiplications by the basis, and primal rows that are cut into parts.
BASIS, IN_PARTS = "into the basis and back", "primal, in parts"
PHASES = ("Gram", "factorise", BASIS, "dual", "primal", IN_PARTS, "cg")
# The solvers whose flops ``budget`` counts.
BUDGETED = ["exact", "cg"]
METHOD_NAMES = {number: name for name, number in METHODS.items()}
OBJECTIVE = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)
REGULARIZATION = 1.0
# Number of sweeps, of which the first does not count.
SWEEPS = 9


def budget(
    matrix: sparse.csr_matrix, k: int, solver: str, cg_steps: int
) -> dict[str, tuple[float, float]]:
    """Return {phase: (flops, bytes)} of one float32 sweep."""
    totals = {name: np.zeros(2) for name in PHASES}
    width = lanes(len(ISAS) - 1, False)
    entry_bytes = 4 * k + 8  # a fixed row, its index and its weight
    for degrees in (np.diff(matrix.indptr), np.bincount(matrix.indices)):
        d = degrees[degrees > 0].astype(np.float64)
        rows = len(degrees)
        totals["Gram"] += rows * k * k, 4 * rows * k
        totals["factorise"] += 2 * k**3 / 3, 8 * k * k
        # Two products with a triangular matrix, because λ is the same for all rows.
        totals[BASIS] += 2 * rows * k * k, 16 * rows * k
        is_dual = d < k
        is_cut = (d >= plan.PARTS_FROM * width) & (k <= MOST_ORDER)
        if solver == "cg":
            is_dual &= d <= plan.CG_ABOVE
        s = d[is_dual]
        flops = s * s * k + s**3 / 3 + 4 * s * k
        totals["dual"] += flops.sum(), (entry_bytes * s + 4 * k).sum()
        for name, chosen in (("primal", ~is_dual & ~is_cut), (IN_PARTS, ~is_dual & is_cut)):
            p = d[chosen]
            flops = p * k * k + k**3 / 3 + 2 * p * k
            totals[name] += flops.sum(), (entry_bytes * p + 4 * k).sum()
        p = d[~is_dual]
        totals["cg"] += 4 * k * (cg_steps + 1) * p.sum(), (entry_bytes * p + 8 * k).sum()
    return {name: (float(flops), float(size)) for name, (flops, size) in totals.items()}


class Clock:
    """Adds up the seconds of wrapped functions by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def wrap(self, function: Callable[..., Any], phase: str | None = None) -> Callable[..., Any]:
        """Return a function that also adds its seconds to a phase, by default its batch's."""

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments)
            name = phase or phase_of(arguments[0])
            self.seconds[name] += time.perf_counter() - start
            return result

        return timed


def phase_of(batch: plan.Batch) -> str:
    """Return the phase in which a batch of rows is solved."""
    return IN_PARTS if len(batch.parts.owner) else METHOD_NAMES[batch.method]


def measure(
    matrix: sparse.csr_matrix, k: int, solver: str, threads: int, cg_steps: int
) -> dict[str, float]:
    """Return the median seconds of a sweep by phase; "all" is the whole sweep."""
    clock = Clock()
    wrapped = {
        "gram": clock.wrap(sweep.gram, "Gram"),
        "multiply": clock.wrap(sweep.multiply, BASIS),
        "solve_rows": clock.wrap(sweep.solve_rows),
        "Frame": SimpleNamespace(of=clock.wrap(sweep.Frame.of, "factorise")),
    }
    items, users = (
        Side.of(rows, OBJECTIVE, REGULARIZATION, np.float32) for rows in (matrix.T.tocsr(), matrix)
    )
    generator = np.random.default_rng(0)
    x, y = ((generator.standard_normal((n, k)) * 1e-3).astype(np.float32) for n in matrix.shape)
    by_phase: dict[str, list[float]] = defaultdict(list)
    with mock.patch.multiple(sweep, **wrapped):
        for _ in range(SWEEPS):
            clock.seconds.clear()
            start = time.perf_counter()
            sweep.half_sweep(items, x, y, solver, threads, cg_steps)
            sweep.half_sweep(users, y, x, solver, threads, cg_steps)
            clock.seconds["all"] = time.perf_counter() - start
            for name, seconds in clock.seconds.items():
                by_phase[name].append(seconds)
    return {name: float(np.median(seconds[1:])) for name, seconds in by_phase.items()}


def table(measured: dict[str, float], budgeted: dict[str, tuple[float, float]], rate: float) -> str:
    """Return the phases as a table; ``rate`` is the GEMM rate in GFLOP/s."""
    rows = [["phase", "GFLOP", "MB", "ms", "share", "GFLOP/s", "of GEMM", "GB/s"]]
    for name in PHASES:
        if name not in measured:
            continue
        (flops, size), seconds = budgeted[name], measured[name]
        reached = flops / seconds / 1e9
        share = seconds / measured["all"]
        row = [name, f"{flops / 1e9:.2f}", f"{size / 1e6:.0f}", f"{seconds * 1e3:.1f}"]
        row += [f"{share:.0%}", f"{reached:.0f}", f"{reached / rate:.0%}"]
        rows.append([*row, f"{size / seconds / 1e9:.1f}"])
    rows.append(["all", "", "", f"{measured['all'] * 1e3:.1f}", "", "", "", ""])
    return aligned(rows)


def main() -> None:
    """Measure, print and record the phases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.phases", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("factors", nargs="+", type=int)
    parser.add_argument("--solver", nargs="+", default=BUDGETED, choices=BUDGETED)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cg-steps", type=int, default=2)
    options = parser.parse_args()
    rate = gemm_rate(options.threads)
    phases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        matrix, _ = data.load(data.prepare(options.data, Path(folder)))
    print(f"float32 GEMM on {options.threads} threads: {rate:.0f} GFLOP/s")
    for k in options.factors:
        for solver in options.solver:
            budgeted = budget(matrix, k, solver, options.cg_steps)
            measured = measure(matrix, k, solver, options.threads, options.cg_steps)
            phases.append(
                {
                    "data": options.data,
                    "factors": k,
                    "solver": solver,
                    "budget": budgeted,
                    "seconds": measured,
                }
            )
            print(f"\n{options.data}, k = {k}, {solver}", table(measured, budgeted, rate), sep="\n")
    results = {"gemm_gflops": rate, "seed": 0, "phases": phases}
    path = write(described("benchmarks.speed.phases", results), "phases")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
