"""Runs the jobs of a study, each in a fresh process."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import data, record
from benchmarks.machine import load_average
from benchmarks.missing import Missing
from benchmarks.peers import PEERS, Setting
from benchmarks.speed.flops import degrees_of, sweep_flops
from benchmarks.speed.jobs import Job, Round


def in_fresh_process(
    task: dict[str, Any], environment: dict[str, str], timeout: float
) -> dict[str, Any]:
    """Run a task in ``worker.py`` and return the record that it answers with.

    A process that fails, or takes longer than ``timeout`` seconds, gives ``{"skipped": reason}``.
    """
    try:
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(task)],
            cwd=data.ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"took longer than {timeout:.0f} s"}
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["no message"])[-1]
        return {"skipped": f"failed with exit status {process.returncode}: {last_line}"}
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def environment_of(adapter: ModuleType) -> dict[str, str]:
    """Return the environment variables that a library's documentation asks for."""
    variables: dict[str, str] = getattr(adapter, "ENVIRONMENT", {})
    return variables


class Session:
    """The measurements of one command; ``results`` is the content of its JSON file.

    Parameters
    ----------
    arguments : sequence of str
        Command-line arguments, for the record.
    timeout : float, default 900
        Seconds that one process may take.
    """

    def __init__(self, arguments: Sequence[str], timeout: float = 900.0) -> None:
        self.timeout = timeout
        # Why a peer cannot run, by (peer, data, factors), so that it is not tried again.
        self.reasons: dict[tuple[str, str, int], str] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.results: dict[str, Any] = {
            **record.provenance("benchmarks.speed", arguments),
            "began": record.now(),
            "load_before": load_average(),
            "data": {},
            "calibration": [],
            "measurements": [],
        }

    def calibrate(self, threads: int) -> None:
        """Record the GEMM rate."""
        answer = in_fresh_process({"task": "gemm", "threads": threads}, {}, self.timeout)
        self.results["calibration"].append({"threads": threads, **answer})

    def run(self, measured: Round) -> None:
        """Measure all jobs once, then repeat, so that a slow minute of the machine affects all."""
        for repeat in range(measured.repeats):
            for threads in sorted({job.setting.threads for job in measured.jobs}):
                self.calibrate(threads)
            for job in measured.jobs:
                if not (repeat and PEERS[job.peer].slow):
                    self._measure(job, repeat)

    def prove(self, names: Sequence[str], threads: int) -> bool:
        """Run the proofs; return whether all succeeded, or failed for a stated reason."""
        proofs = []
        for name in names:
            task = {"task": "prove", "peer": name, "threads": threads}
            answer = in_fresh_process(task, environment_of(PEERS[name].module()), self.timeout)
            proofs.append({"peer": name, **answer})
        self.results["proofs"] = proofs
        return all(
            "skipped" in proof or proof["proved"] or PEERS[proof["peer"]].unproved
            for proof in proofs
        )

    def _measure(self, job: Job, repeat: int) -> None:
        peer = PEERS[job.peer]
        sweeps = 1 if peer.slow else job.setting.sweeps
        setting = replace(job.setting, sweeps=sweeps, options=peer.options)
        answer = self._answer(job, setting)
        if "skipped" in answer:
            self.reasons[job.peer, job.data, setting.factors] = answer["skipped"]
        self.results["measurements"].append(
            {
                "peer": job.peer,
                "exact": peer.exact,
                "data": job.data,
                "repeat": repeat,
                **setting.to_json(),
                **answer,
            }
        )
        seconds = answer.get("seconds_per_sweep")
        outcome = answer.get("skipped") or f"{seconds or math.nan:.3f} s a sweep"
        print(
            f"{job.data} k={setting.factors} {setting.threads} threads {job.peer}: {outcome}",
            file=sys.stderr,
            flush=True,
        )

    def _answer(self, job: Job, setting: Setting) -> dict[str, Any]:
        try:
            path = data.prepare(job.data, Path(self.folder.name))
        except Missing as reason:
            return {"skipped": str(reason)}
        self._describe(job.data, path, setting.factors)
        known_reason = self.reasons.get((job.peer, job.data, setting.factors))
        if known_reason is not None:
            return {"skipped": known_reason}
        task = {
            "task": "measure",
            "peer": job.peer,
            "file": str(path),
            "setting": setting.to_json(),
            "every": job.every,
            "questions": job.questions,
        }
        return in_fresh_process(task, environment_of(PEERS[job.peer].module()), self.timeout)

    def _describe(self, name: str, path: Path, factors: int) -> None:
        about = self.results["data"].setdefault(name, {"flops": {}})
        if str(factors) not in about["flops"]:
            matrix, _ = data.load(path)
            users, items = matrix.shape
            about |= {"users": users, "items": items, "entries": matrix.nnz}
            about["flops"][str(factors)] = sweep_flops(degrees_of(matrix), factors)

    def write(self, name: str, path: Path | None) -> Path:
        """Write the JSON file, by default ``results/NAME.json``, and return its path."""
        self.results["ended"] = record.now()
        return record.write(self.results, name, path)
