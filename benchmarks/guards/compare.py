"""Time two installed versions of wrmf alternately, on one machine and in one run.

    python -m benchmarks.guards.compare BEFORE_PYTHON AFTER_PYTHON [--data gowalla mtg_players]

``BEFORE_PYTHON`` and ``AFTER_PYTHON`` are the interpreters of two environments. ``--before-path``
and ``--after-path`` name source trees with compiled modules, from which wrmf is imported if it is
not installed. Each version has one process for all cases. The two are timed alternately, A B B A A
B …, so that a busy or slow minute of the machine affects both. The table has the median times, the
ratio of the median after the change to the median before it, and the same ratio of the fastest
times, which noise affects less.

For each data set and number of factors, these cases are timed: a sweep of the solver ``exact`` and
one of ``cg``, without the preparation; ``evaluate`` with recall@20 and ndcg@20; and ``recommend``
of ten items to every user. The last two use a model after two sweeps. ``import wrmf`` is timed,
too, each time in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import wrmf
from benchmarks import data, record
from benchmarks.missing import Missing
from benchmarks.speed.table import aligned

WORKER = Path(__file__).with_name("compare_worker.py")
# Numbers of factors that are timed on each data set.
FACTORS = {"gowalla": (64, 128), "mtg_players": (64,)}
# Numbers of factors that are timed on any other data set.
OTHER_FACTORS = (64,)
# Sweeps of the model that evaluates and recommends.
SWEEPS_BEFORE_RANKING = 2
# Code that prints the seconds of the import.
IMPORT = "import time; start = time.perf_counter(); import wrmf; print(time.perf_counter() - start)"


@dataclass(frozen=True)
class Version:
    """A version of wrmf: a Python interpreter, and a source tree if wrmf is not installed in it."""

    python: str
    path: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the processes of this version."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if self.path is not None:
            environment["PYTHONPATH"] = str(self.path.resolve())
        return environment

    def run(self, code: str) -> str:
        """Run Python code in a fresh process, in an empty folder, and return its output."""
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.run(
                [self.python, "-c", code],
                cwd=folder,
                env=self.environment(),
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
        return process.stdout.strip()

    def location(self) -> str:
        """Return the folder that wrmf is imported from."""
        return self.run("import wrmf; print(wrmf.__path__[0])")


class Worker:
    """The process of one version.

    It runs in ``folder``, which contains no wrmf, so none is imported from the current folder.
    """

    def __init__(self, version: Version, folder: Path, threads: int) -> None:
        self.python = version.python
        self.process = subprocess.Popen(
            [version.python, str(WORKER), str(threads)],
            cwd=folder,
            env=version.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, action: str, **arguments: Any) -> list[float]:
        """Run an action of ``compare_worker.py`` and return the seconds that it reports.

        Raises
        ------
        RuntimeError
            If the process has failed; its message is on standard error.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"action": action, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"{self.python} failed at {action!r} with {arguments}: see its message above"
            )
        seconds: list[float] = json.loads(answer)
        return seconds

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


@dataclass
class Case:
    """One timed operation, and the seconds that it took with both versions."""

    name: str
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Return the ratio of the median time after the change to the median time before it."""
        return median(self.after) / median(self.before)

    @property
    def fastest_ratio(self) -> float:
        """Return the ratio of the fastest time after the change to the fastest time before it."""
        return min(self.after) / min(self.before)

    def to_json(self) -> dict[str, Any]:
        """Return the times with six decimals, and their ratios."""
        return {
            "case": self.name,
            "ratio": round(self.ratio, 4),
            "fastest_ratio": round(self.fastest_ratio, 4),
            "before": [round(seconds, 6) for seconds in self.before],
            "after": [round(seconds, 6) for seconds in self.after],
        }


def in_turn(name: str, repeats: int, ask: Callable[[int], list[float]]) -> Case:
    """Time two versions alternately and return the times as a case.

    ``ask`` is called with the version, in the order 0 1 1 0 0 1 …
    """
    case = Case(name)
    for repeat in range(repeats):
        for version in (0, 1) if repeat % 2 == 0 else (1, 0):
            (case.before, case.after)[version].extend(ask(version))
    return case


def split_file(name: str, folder: Path) -> Path:
    """Return a file with a train and a test matrix; data without a test part is split at random."""
    path = data.prepare(name, folder)
    train, test = data.load(path)
    if test is not None:
        return path
    split = wrmf.split_interactions(train, 0.1, random_state=0)
    return data.save(folder / f"{name}-split.npz", split.train.matrix, split.test.matrix)


@dataclass(frozen=True)
class Repeats:
    """How often each case is timed, and the number of sweeps of each fit."""

    repeats: int
    sweeps: int


def model_cases(workers: Sequence[Worker], label: str, k: int, times: Repeats) -> Iterator[Case]:
    """Yield the cases of one number of factors k, on the data set that the workers have loaded."""
    for solver in ("exact", "cg"):
        fit = {"factors": k, "solver": solver, "sweeps": times.sweeps}
        yield in_turn(
            f"{label} {k}: {solver} sweep",
            times.repeats,
            lambda version, fit=fit: workers[version].ask("fit", **fit),
        )
    for worker in workers:
        worker.ask("fit", factors=k, solver="exact", sweeps=SWEEPS_BEFORE_RANKING)
    for action in ("evaluate", "recommend"):
        yield in_turn(
            f"{label} {k}: {action}",
            times.repeats,
            lambda version, action=action: workers[version].ask(action),
        )


def compare(versions: Sequence[Version], options: argparse.Namespace) -> Iterator[Case]:
    """Yield each case as soon as it has been timed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield in_turn(
            "import wrmf", options.repeats, lambda version: [float(versions[version].run(IMPORT))]
        )
        # The first sweep of a fit does not count, so a fit needs at least two.
        times = Repeats(options.repeats, max(2, options.sweeps))
        workers = [Worker(version, folder, options.threads) for version in versions]
        try:
            for label in options.data:
                try:
                    file = split_file(label, folder)
                except Missing as reason:
                    print(f"{label}: left out: {reason}", file=sys.stderr)
                    continue
                for worker in workers:
                    worker.ask("load", file=str(file))
                for k in FACTORS.get(label, OTHER_FACTORS):
                    yield from model_cases(workers, label, k, times)
        finally:
            for worker in workers:
                worker.close()


def table(cases: Sequence[Case]) -> str:
    """Return the cases as a Markdown table of milliseconds and ratios."""
    rows = [["", "before, ms", "after, ms", "after / before", "ratio of fastest", "times"]]
    for case in cases:
        rows.append(
            [
                case.name,
                f"{median(case.before) * 1e3:.2f}",
                f"{median(case.after) * 1e3:.2f}",
                f"{case.ratio:.3f}",
                f"{case.fastest_ratio:.3f}",
                str(len(case.after)),
            ]
        )
    return aligned(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a ratio of medians exceeds ``--max-ratio``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guards.compare", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("before", metavar="BEFORE_PYTHON", help="interpreter of the version before a change")
    add("after", metavar="AFTER_PYTHON", help="interpreter of the version after the change")
    add("--before-path", type=Path, metavar="DIR", help="source tree to import wrmf from")
    add("--after-path", type=Path, metavar="DIR", help="source tree to import wrmf from")
    add("--data", nargs="*", default=list(FACTORS), metavar="NAME", help="see benchmarks/data.py")
    add("--repeats", type=int, default=10, help="timings of each case and version; default 10")
    add("--sweeps", type=int, default=6, help="sweeps of each fit; default 6")
    add("--threads", type=int, default=0, help="default 0, all CPUs")
    add("--max-ratio", type=float, help="exit with 1 if a ratio of medians is higher")
    add("--out", type=Path, help="also write the times to this JSON file")
    options = parser.parse_args(arguments)
    versions = (
        Version(options.before, options.before_path),
        Version(options.after, options.after_path),
    )
    locations = [version.location() for version in versions]
    print(f"before: {locations[0]}\nafter: {locations[1]}", flush=True)
    cases = []
    for case in compare(versions, options):
        cases.append(case)
        print(f"{case.name}: {case.ratio:.3f}", file=sys.stderr, flush=True)
    print(table(cases))
    if options.out:
        content = {"locations": locations, "cases": [case.to_json() for case in cases]}
        described = record.described("benchmarks.guards.compare", content)
        print(record.write(described, "compare", options.out))
    limit = options.max_ratio
    return int(limit is not None and any(case.ratio > limit for case in cases))


if __name__ == "__main__":
    sys.exit(main())
