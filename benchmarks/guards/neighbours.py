"""How much a busy machine slows fits down, beside libraries whose idle threads sleep or spin.

    python -m benchmarks.guards.neighbours

Fits run in fresh processes, one or eight at a time, on a quiet machine and beside processes that
keep every CPU busy. OpenMP's libraries let idle threads spin by default, and sleep with
OMP_WAIT_POLICY=passive, which the package sets while it loads them. So every case runs with and
without this variable, in turn: the ratio of both is 1 for a library that needs no such variable.
With ``--other``, a source tree of another version runs, too, and all are compared with its passive
runs.

The record also has the CPU time that a process uses in the tenth of a second after a fit, in which
it does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import load_average
from benchmarks.record import described, write
from benchmarks.speed.table import aligned

PASSIVE = {"OMP_WAIT_POLICY": "passive"}
# Each process of a case prints this many seconds, of which the slowest process counts.
WORKER = """
import json, sys, time
import numpy as np
from scipy import sparse
import wrmf

likes = sparse.random(4000, 3000, 0.01, format="csr", random_state=0, dtype=np.float32)
model = wrmf.WRMF(factors=64, iterations=1, random_state=0)
model.fit(likes, progress=False)
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for _ in range(3):
    model.set_params(iterations=4).fit(likes, progress=False)
seconds = time.perf_counter() - start
before = time.process_time()
time.sleep(0.1)
print(json.dumps([seconds, time.process_time() - before]), flush=True)
"""
BURN = "while True: pass"


@dataclass(frozen=True)
class Version:
    """A source tree to import ``wrmf`` from, and environment variables."""

    name: str
    folder: Path
    variables: dict[str, str]

    def start(self) -> subprocess.Popen[str]:
        """Start a process that waits for a line before it fits."""
        return subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **self.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@contextmanager
def burning(processes: int) -> Iterator[None]:
    """Run processes that keep a CPU busy each."""
    running = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def measure(version: Version, processes: int) -> tuple[float, float]:
    """Return the seconds of the slowest of several processes, and the largest idle CPU time."""
    workers = [version.start() for _ in range(processes)]
    results = []
    try:
        for worker in workers:
            worker.stdout.readline()
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        for worker in workers:
            results.append(json.loads(worker.stdout.readline()))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return max(seconds for seconds, _ in results), max(idle for _, idle in results)


def compare(versions: Sequence[Version], processes: int, repeats: int) -> dict[str, Any]:
    """Return the times of each version, measured in turn."""
    times: dict[str, list[float]] = {version.name: [] for version in versions}
    idle: dict[str, list[float]] = {version.name: [] for version in versions}
    for repeat in range(repeats):
        # Every other time in reverse, so that no version profits from its place.
        for version in versions[:: 1 if repeat % 2 else -1]:
            seconds, rest = measure(version, processes)
            times[version.name].append(round(seconds, 4))
            idle[version.name].append(round(rest, 5))
    return {"seconds": times, "idle_cpu_seconds": idle}


def main() -> None:
    """Measure, print and record the cases."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guards.neighbours", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--repeats", type=int, default=11, help="of each case; default 11")
    add("--burners", type=int, default=8, help="processes that keep CPUs busy; default 8")
    add("--processes", type=int, nargs="+", default=[1, 8], help="that fit at once; default 1 8")
    add("--other", type=Path, metavar="DIR", help="source tree of another version")
    add("--out", type=Path, help="write the record to this file")
    options = parser.parse_args()
    here = Path(__file__).parents[2]
    versions = [Version("this", here, {}), Version("this, passive", here, PASSIVE)]
    if options.other:
        other = options.other.resolve()
        versions += [Version("other", other, {}), Version("other, passive", other, PASSIVE)]
    standard = versions[-1].name
    cases = []
    rows = [["machine", "processes", *(f"{version.name}, s" for version in versions), "ratio"]]
    for burners in (0, options.burners):
        for processes in options.processes:
            with burning(burners):
                case = {"burners": burners, "processes": processes, "load": load_average()}
                case |= compare(versions, processes, options.repeats)
            medians = {name: median(seconds) for name, seconds in case["seconds"].items()}
            case["ratio_to_passive"] = round(medians["this"] / medians[standard], 3)
            cases.append(case)
            row = ["busy" if burners else "quiet", str(processes)]
            row += [f"{medians[version.name]:.2f}" for version in versions]
            rows.append([*row, f"{case['ratio_to_passive']:.2f}"])
            print(rows[-1], file=sys.stderr, flush=True)
    print(aligned(rows))
    record = {"compared_with": standard, "cases": cases}
    print(write(described("benchmarks.guards.neighbours", record), "neighbours", options.out))


if __name__ == "__main__":
    main()
