"""Run cases of a target: ``python -m fuzz.run TARGET [FIRST] [COUNT]`` in the folder ``tests``.

A case is the target and a number, which seeds its random generator. So a failure is repeated by its
number alone. Cases run in a child process: one that ends the process, or hangs, is named as well.
A case of "sequences" is several sequences of calls, whose outcomes are counted by call.
"""

from __future__ import annotations

import collections
import faulthandler
import json
import os
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fuzz.targets import TARGETS

import wrmf

__all__ = ["Report", "run_cases"]

# A case takes milliseconds, one of sequences a second; on a busy machine, many times that. Where a
# sequence fails, Hypothesis looks for a shorter one for up to five minutes.
HANG_SECONDS = 120
HANG_SECONDS_OF_SEQUENCES = 900
TESTS = Path(__file__).parents[1]
# The variable that tells a child which build of the package it must run.
PACKAGE = "WRMF_FUZZ_PACKAGE"


@dataclass
class Report:
    """How many cases ended in which way, and what failed, by the number of the case."""

    n_cases: int = 0
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: dict[int, str] = field(default_factory=dict)


def run_cases(target: str, first: int, count: int) -> Report:
    """Run cases in a child process, and in another one after each case that ends the process."""
    whole, number = Report(), first
    while number < first + count:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            command = [sys.executable, "-m", "fuzz.run", target, str(number)]
            command += [str(first + count - number), "--log", str(log)]
            environment = {**os.environ, "PYTHONPATH": _path_of_child(), PACKAGE: wrmf.__file__}
            child = subprocess.run(command, env=environment, cwd=folder, stderr=subprocess.PIPE)
            lines = log.read_text().splitlines() if log.exists() else []
        for line in lines:
            case, outcomes, failure = json.loads(line)
            whole.n_cases += 1
            whole.outcomes.update(outcomes)
            if failure:
                whole.failures[case] = failure
            number = case + 1
        if child.returncode:
            text = child.stderr.decode(errors="replace")[-2000:]
            whole.n_cases += 1
            whole.failures[number] = f"the process ended with {child.returncode}: {text}"
            number += 1
    return whole


def _path_of_child() -> str:
    """Return the PYTHONPATH of this process for a child that runs in another folder."""
    own = os.environ.get("PYTHONPATH", str(Path(wrmf.__file__).parents[1])).split(os.pathsep)
    return os.pathsep.join([str(TESTS), *map(os.path.abspath, own)])


def _run_here(target: str, first: int, count: int, log: Path | None) -> int:
    """Run cases in this process; return the number of failures."""
    faulthandler.enable()
    total: collections.Counter[str] = collections.Counter()
    n_failures = 0
    seconds = HANG_SECONDS_OF_SEQUENCES if target == "sequences" else HANG_SECONDS
    with tempfile.TemporaryDirectory() as folder, Path(log or os.devnull).open("w") as file:
        for number in range(first, first + count):
            faulthandler.dump_traceback_later(seconds, exit=True)
            outcomes, failure = {}, ""
            try:
                outcome = TARGETS[target](np.random.default_rng(number), Path(folder))
                outcomes = {outcome: 1} if isinstance(outcome, str) else dict(outcome)
            except Exception:
                failure = traceback.format_exc()
                n_failures += 1
                if log is None:
                    print(f"case {number} of {target}:\n{failure}")
            total.update(outcomes)
            print(json.dumps([number, outcomes, failure]), file=file, flush=True)
        faulthandler.cancel_dump_traceback_later()
    if log is None:
        print(f"{target}: {count} cases, {n_failures} failures, {dict(total.most_common(20))}")
        return n_failures
    return 0


def _main(words: list[str]) -> int:
    log = None
    if "--log" in words:
        place = words.index("--log")
        log = Path(words[place + 1])
        if wrmf.__file__ != os.environ[PACKAGE]:
            raise SystemExit(f"the child runs {wrmf.__file__}, not {os.environ[PACKAGE]}")
        words = words[:place]
    target, *numbers = words
    first, count = [*map(int, numbers), *[0, 1000][len(numbers) :]]
    if log is None and count > 1:
        report = run_cases(target, first, count)
        for number, failure in report.failures.items():
            print(f"case {number} of {target}:\n{failure}")
        outcomes = dict(report.outcomes.most_common())
        print(f"{target}: {report.n_cases} cases, {len(report.failures)} failed, {outcomes}")
        return int(bool(report.failures))
    return min(1, _run_here(target, first, count, log))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
