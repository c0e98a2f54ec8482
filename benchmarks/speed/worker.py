"""One measurement, in a process of its own: a job as JSON in, a record as JSON out.

Started by ``runner.py``. What libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.peers import PEERS, Missing, Setting
from benchmarks.speed.flops import gemm_rate
from wrmf.numerics.objective import Objective


def own_regularization(module, matrix, setting) -> tuple[float, float] | None:
    """Return (λ of users, λ of items) of what a library minimises; None: no such pair."""
    if hasattr(module, "regularization"):
        return module.regularization(matrix, setting)
    return setting.regularization, setting.regularization


def common_loss(matrix, setting, regularization, user_factors, item_factors) -> float:
    """Return our loss of anybody's factors, in float64: the one function for all."""
    objective = Objective(setting.alpha, 1.0, "wrmf", "linear", 1.0, 0.0)
    both = (np.ascontiguousarray(each, dtype=np.float64) for each in (user_factors, item_factors))
    return objective.loss(matrix, *both, regularization)


class Recorder:
    """Takes the time of each sweep; the factors are looked at while its clock stands still.

    ``points`` are [sweeps, seconds since the start, what ``look(factors)`` gave or None]; it looks
    after the last sweep, or after every one. The first sweep holds the preparation, too.
    """

    def __init__(self, setting, every: bool, look) -> None:
        self.setting, self.every, self.look = setting, every, look
        self.points: list[list] = []
        self.by_difference = False
        self.peak: int | None = None
        self.elapsed = 0.0

    def start(self) -> None:
        self.began = time.perf_counter()

    def sweep(self, factors) -> None:
        self.elapsed += time.perf_counter() - self.began
        done = len(self.points) + 1
        self._add(done, self.elapsed, factors, self.every or done == self.setting.sweeps)
        self.start()

    def fits(self, fit) -> None:
        """Fit for 1, 2, 4 … sweeps (1 and the last, unless every one is looked at)."""
        self.by_difference = True
        last = self.setting.sweeps
        between = [2**n for n in range(1, 20) if 2**n < last] if self.every else []
        for sweeps in sorted({1, *between, last}):
            self.start()
            found = fit(sweeps)
            seconds = time.perf_counter() - self.began
            self._add(sweeps, seconds, lambda found=found: found, self.every or sweeps == last)

    def _add(self, sweeps, seconds, factors, wanted) -> None:
        # A look in between needs memory of its own, and would be counted.
        if sweeps == self.setting.sweeps and not (self.every and self.points):
            self.peak = peak_memory()
        self.points.append([sweeps, seconds, self.look(*factors()) if wanted else None])

    @property
    def seconds_per_sweep(self) -> float | None:
        """Median over the sweeps after the first; by difference where there are only fits, None
        where noise drowns it."""
        if len(self.points) == 1:
            return self.points[0][1]
        if self.by_difference:
            (first, began, _), (last, ended, _) = self.points[0], self.points[-1]
            return (ended - began) / (last - first) if ended > began else None
        return float(np.median(np.diff([seconds for _, seconds, _ in self.points])))


def resident_memory() -> int | None:
    """Bytes that this process holds now, None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def peak_memory() -> int | None:
    """The most bytes that this process has held so far."""
    try:
        # Linux: getrusage would also count what the parent held, up to the exec.
        status = Path("/proc/self/status").read_text().split()
        return int(status[status.index("VmHWM:") + 1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(job: dict) -> dict:
    """Return the record of a job; {"skipped": reason} where it cannot run."""
    peer = PEERS[job["peer"]]
    setting = Setting(**job["setting"])
    module = peer.module()
    try:
        version = module.load()
    except Missing as reason:
        return {"skipped": str(reason)}
    matrix, test = data.load(job["file"])
    regularization = own_regularization(module, matrix, setting)

    def loss(*factors):
        return regularization and common_loss(matrix, setting, regularization, *factors)

    recorder = Recorder(setting, job["every"], loss)
    baseline = resident_memory()
    try:
        model = module.train(matrix, setting, recorder)
    except Missing as reason:
        return {"skipped": str(reason)}
    peak = recorder.peak
    record = {
        "version": version,
        "start": module.start(setting),
        "environment": getattr(module, "ENVIRONMENT", {}),
        "seconds_per_sweep": recorder.seconds_per_sweep,
        "by_difference": recorder.by_difference,
        "points": recorder.points,
        "memory": None
        if None in (peak, baseline) or peer.adapter in ("spark", "qmf")
        else peak - baseline,
    }
    for question in ("evaluate", "recommend") if job["questions"] else ():
        ask = getattr(module, question, None)
        if ask is None or (question == "evaluate" and test is None):
            continue
        arguments = (matrix, test, setting) if question == "evaluate" else (matrix, setting)
        began = time.perf_counter()
        answer = ask(model, *arguments)
        record[f"{question}_seconds"] = time.perf_counter() - began
        if question == "evaluate":
            record["metrics"] = {name: float(value) for name, value in answer.items()}
    return record


def main() -> None:
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job = json.loads(sys.argv[1])
    if job["peer"] == "gemm":
        record = {"gflops": gemm_rate(job["setting"]["threads"])}
    elif job["peer"] == "proof":
        from benchmarks.speed.proof import prove

        record = prove(job["name"], job["threads"])
    else:
        record = measure(job)
    reply.write(json.dumps(record))
    reply.close()


if __name__ == "__main__":
    main()
