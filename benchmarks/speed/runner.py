"""Runs measurements, each in a fresh process, the implementations in turn."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.peers import PEERS, Missing, Setting
from benchmarks.speed.flops import sweep_flops
from wrmf.versions import versions

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Job:
    """One cell of a table: who, on what, how. ``every``: the loss after every sweep, not only the
    last. ``questions``: time evaluation and recommendation, too."""

    peer: str
    data: str
    setting: Setting
    every: bool = False
    questions: bool = False


def machine() -> dict:
    """Return the processor, its cores and instruction sets, the system."""
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "instruction_sets": [*simd.get("baseline", []), *simd.get("found", [])],
        "system": platform.platform(),
    }


def in_fresh_process(job: dict, environment: dict[str, str], timeout: float) -> dict:
    """Return what ``worker.py`` answers; a process that fails or hangs gives a reason."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job)],
            cwd=data.ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"took longer than {timeout:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"skipped": f"failed with exit status {done.returncode}: {last}"}
    return json.loads(done.stdout)


class Session:
    """The results of one command, as they will stand in its JSON file."""

    def __init__(self, command: list[str], timeout: float = 900.0) -> None:
        self.timeout = timeout
        self.missing: dict[tuple[str, str, int], str] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.results: dict = {
            "command": " ".join(["python -m benchmarks", *command]),
            "began": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": versions(),
            "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "data": {},
            "calibration": [],
            "measurements": [],
        }

    def calibrate(self, threads: int) -> None:
        job = {"peer": "gemm", "setting": {"threads": threads}}
        record = in_fresh_process(job, {}, self.timeout)
        self.results["calibration"].append({"threads": threads, **record})

    def run(self, jobs: Iterable[Job], repeats: int) -> None:
        """Measure each job ``repeats`` times: all once, then all again, so that a slow minute of
        the machine meets all alike."""
        jobs = list(jobs)
        for repeat in range(repeats):
            for threads in sorted({job.setting.threads for job in jobs}):
                self.calibrate(threads)
            for job in jobs:
                if repeat and PEERS[job.peer].slow:
                    continue
                self._measure(job, repeat)

    def _measure(self, job: Job, repeat: int) -> None:
        peer = PEERS[job.peer]
        sweeps = 1 if peer.slow else job.setting.sweeps
        setting = replace(job.setting, sweeps=sweeps, options=peer.options)
        record: dict = {
            "peer": job.peer,
            "exact": peer.exact,
            "data": job.data,
            "repeat": repeat,
            **setting.to_json(),
        }
        try:
            path = data.prepare(job.data, Path(self.folder.name))
        except Missing as reason:
            found = {"skipped": str(reason)}
        else:
            self._describe(job.data, path, setting.factors)
            if (reason := self.missing.get((job.peer, job.data, setting.factors))) is not None:
                found = {"skipped": reason}
            else:
                environment = getattr(peer.module(), "ENVIRONMENT", {})
                found = in_fresh_process(
                    {
                        "peer": job.peer,
                        "file": str(path),
                        "setting": setting.to_json(),
                        "every": job.every,
                        "questions": job.questions,
                    },
                    environment,
                    self.timeout,
                )
        if "skipped" in found:
            self.missing[job.peer, job.data, setting.factors] = found["skipped"]
        self.results["measurements"].append(record | found)
        seconds = found.get("seconds_per_sweep")
        told = found.get("skipped") or f"{seconds or math.nan:.3f} s a sweep"
        print(
            f"{job.data} k={setting.factors} {setting.threads} threads {job.peer}: {told}",
            file=sys.stderr,
            flush=True,
        )

    def _describe(self, name: str, path: Path, factors: int) -> None:
        known = self.results["data"].setdefault(name, {"flops": {}})
        if str(factors) not in known["flops"]:
            matrix, _ = data.load(path)
            users, items = matrix.shape
            known |= {"users": users, "items": items, "entries": matrix.nnz}
            degrees = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=items)
            known["flops"][str(factors)] = sweep_flops(degrees, factors)

    def write(self, path: Path | None, name: str) -> Path:
        """Write the JSON file, by default into ``results/`` under the name and the hour."""
        if path is None:
            stamp = self.results["began"][:16].replace(":", "").replace("-", "")
            path = RESULTS / f"{name}-{stamp}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.results["ended"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
        path.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        return path
