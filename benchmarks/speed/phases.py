"""Where a sweep's time goes: flops, bytes and seconds of each phase, beside the GEMM rate.

    python -m benchmarks.speed.phases gowalla 64 128 --solver exact

Phases are timed by wrapping the compiled functions that ``wrmf.numerics.sweep`` calls. Flops and
bytes are what the method must do and move once, not what a cache makes of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from benchmarks import data
from benchmarks.machine import gemm_rate
from benchmarks.record import described, write
from benchmarks.speed.table import aligned
from wrmf import _als
from wrmf.numerics import sweep
from wrmf.numerics.objective import Objective

PHASES = (
    "Gram",
    "factorise",
    "into the basis and back",
    "dual",
    "primal",
    "primal, in parts",
    "cg",
)


def budget(matrix, k: int, solver: str, cg_steps: int) -> dict[str, tuple[float, float]]:
    """Return {phase: (flops, bytes)} of one float32 sweep."""
    found = {name: np.zeros(2) for name in PHASES}
    for degrees in (np.diff(matrix.indptr), np.bincount(matrix.indices)):
        d = degrees[degrees > 0].astype(np.float64)
        rows, lanes = len(degrees), _als.lanes(len(sweep.PATHS) - 1, False)
        found["Gram"] += rows * k * k, 4 * rows * k
        found["factorise"] += 2 * k**3 / 3, 8 * k * k
        # Two by a triangle, as λ is the same for all rows.
        found["into the basis and back"] += 2 * rows * k * k, 16 * rows * k
        dual, heavy = d < k, (d >= sweep.PARTS_FROM * lanes) & (k <= _als.ORDER_IN_LANES)
        if solver == "cg":
            dual &= d <= sweep.CG_ABOVE
        s = d[dual]
        entries = 4 * k + 8  # a fixed row, its index and its weight
        found["dual"] += (s * s * k + s**3 / 3 + 4 * s * k).sum(), (entries * s + 4 * k).sum()
        for name, chosen in (("primal", ~dual & ~heavy), ("primal, in parts", ~dual & heavy)):
            p = d[chosen]
            found[name] += (p * k * k + k**3 / 3 + 2 * p * k).sum(), (entries * p + 4 * k).sum()
        p = d[~dual]
        found["cg"] += 4 * k * (cg_steps + 1) * p.sum(), (entries * p + 8 * k).sum()
    return {name: tuple(each) for name, each in found.items()}


def timed(matrix, k: int, solver: str, threads: int, cg_steps: int, sweeps: int = 9) -> dict:
    """Return {phase: median seconds of a sweep}, "all" among them."""
    seconds: dict[str, float] = defaultdict(float)

    def clocked(name, function):
        def call(*arguments):
            began = time.perf_counter()
            result = function(*arguments)
            label = name or _phase(arguments)
            seconds[label] += time.perf_counter() - began
            return result

        return call

    def _phase(arguments):
        method, parts = arguments[1], len(arguments[12])
        return {_als.DUAL: "dual", _als.CG: "cg"}.get(method) or (
            "primal, in parts" if parts else "primal"
        )

    kernels = SimpleNamespace(**{name: getattr(_als, name) for name in dir(_als)})
    kernels.solve_rows = clocked(None, _als.solve_rows)
    kernels.multiply = clocked("into the basis and back", _als.multiply)
    frame = SimpleNamespace(of=clocked("factorise", sweep._Frame.of))
    objective = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)
    sides = [sweep.Side.of(each, objective, 1.0, np.float32) for each in (matrix.T.tocsr(), matrix)]
    generator = np.random.default_rng(0)
    x, y = ((generator.standard_normal((n, k)) * 1e-3).astype(np.float32) for n in matrix.shape)
    found: dict[str, list[float]] = defaultdict(list)
    with mock.patch.multiple(sweep, _als=kernels, _Frame=frame, gram=clocked("Gram", sweep.gram)):
        for _ in range(sweeps):
            seconds.clear()
            began = time.perf_counter()
            sweep.half_sweep(sides[0], x, y, solver, threads, cg_steps)
            sweep.half_sweep(sides[1], y, x, solver, threads, cg_steps)
            for name, value in {**seconds, "all": time.perf_counter() - began}.items():
                found[name].append(value)
    return {name: float(np.median(values[1:])) for name, values in found.items()}


def table(measured: dict[str, float], wanted: dict, rate: float) -> str:
    rows = [["phase", "GFLOP", "MB", "ms", "share", "GFLOP/s", "of GEMM", "GB/s"]]
    for name in PHASES:
        if name in measured:
            (flops, size), seconds = wanted[name], measured[name]
            reached = flops / seconds / 1e9
            rows.append(
                [
                    name,
                    f"{flops / 1e9:.2f}",
                    f"{size / 1e6:.0f}",
                    f"{seconds * 1e3:.1f}",
                    f"{seconds / measured['all']:.0%}",
                    f"{reached:.0f}",
                    f"{reached / rate:.0%}",
                    f"{size / seconds / 1e9:.1f}",
                ]
            )
    rows.append(["all", "", "", f"{measured['all'] * 1e3:.1f}", "", "", "", ""])
    return aligned(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.phases", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("factors", nargs="+", type=int)
    parser.add_argument("--solver", nargs="+", default=["exact", "cg"], choices=sweep.SOLVERS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cg-steps", type=int, default=2)
    asked = parser.parse_args()
    rate = gemm_rate(asked.threads)
    results = {"gemm_gflops": rate, "seed": 0, "phases": []}
    with tempfile.TemporaryDirectory() as folder:
        matrix, _ = data.load(data.prepare(asked.data, Path(folder)))
    print(f"float32 GEMM on {asked.threads} threads: {rate:.0f} GFLOP/s")
    for k in asked.factors:
        for solver in asked.solver:
            wanted = budget(matrix, k, solver, asked.cg_steps)
            measured = timed(matrix, k, solver, asked.threads, asked.cg_steps)
            results["phases"].append(
                {
                    "data": asked.data,
                    "factors": k,
                    "solver": solver,
                    "budget": wanted,
                    "seconds": measured,
                }
            )
            print(f"\n{asked.data}, k = {k}, {solver}", table(measured, wanted, rate), sep="\n")
    path = write(described("benchmarks.speed.phases", results), "phases")
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
