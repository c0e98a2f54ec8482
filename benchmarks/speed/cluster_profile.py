"""Where an iteration on a cluster of this machine spends its CPU seconds and its time.

    python -m benchmarks.speed.cluster_profile               # mtg_decks, k = 128, two minutes
    python -m benchmarks.speed.cluster_profile --factors 64 --method split

The figures are medians of iterations, over all workers together: of each kind of task how many
there are, their CPU seconds, seconds and page faults; of each thread of the workers its CPU
seconds, those of the event loop being what Dask itself takes; and the seconds in which a worker
runs no task.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

import wrmf
import wrmf.distributed
from benchmarks import record
from benchmarks.data import data_folder
from benchmarks.machine import load_average
from benchmarks.missing import Missing


class Task(NamedTuple):
    """What a task took.

    Attributes
    ----------
    name : str
    cpu, seconds : float
    faults : int, the pages that the system had to supply
    """

    name: str
    cpu: float
    seconds: float
    faults: int


# The tasks that have run in this process since they were last taken.
TASKS: list[Task] = []


def _faults() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt


def run_noted(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns, and note what it took."""
    cpu, start, faults = time.thread_time(), time.perf_counter(), _faults()
    try:
        return function(*args, **kwargs)
    finally:
        spent = time.thread_time() - cpu, time.perf_counter() - start
        TASKS.append(Task(name, *spent, _faults() - faults))


def take() -> tuple[list[Task], dict[str, float]]:
    """Return the tasks since the last call, and the CPU seconds of each thread so far."""
    taken = TASKS.copy()
    TASKS.clear()
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    seconds: dict[str, float] = defaultdict(float)
    for thread in psutil.Process().threads():
        name = names.get(thread.id, "other threads")
        kind = "tasks" if "Dask-Default" in name else "event loop"
        kind = kind if name in names.values() else name
        seconds[f"CPU seconds of {kind}"] += thread.user_time + thread.system_time
    return taken, dict(seconds)


def figures(
    before: Mapping[str, Any], after: Mapping[str, Any], seconds: float
) -> dict[str, dict[str, float]]:
    """Return the figures of an iteration, from what workers answered at its start and end."""
    rows: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    workers = rows["workers"]
    for address, (tasks, threads) in after.items():
        for task in tasks:
            row = rows[task.name]
            row["tasks"] += 1
            for name in ("cpu", "seconds", "faults"):
                row[name] += getattr(task, name)
        for name, value in threads.items():
            workers[name] += value - before[address][1].get(name, 0.0)
        workers["seconds without a task"] += seconds - sum(task.seconds for task in tasks)
    workers["seconds of an iteration"] = seconds
    return {name: dict(row) for name, row in rows.items()}


def medians(iterations: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Return the medians of the figures of several iterations, the largest tasks first."""
    names = {name: row.keys() for figures in iterations for name, row in figures.items()}
    rows = {
        name: {
            key: round(median(figures.get(name, {}).get(key, 0.0) for figures in iterations), 3)
            for key in keys
        }
        for name, keys in names.items()
    }
    return dict(sorted(rows.items(), key=lambda row: -row[1].get("cpu", float("inf"))))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the record of a fit."""
    from dask.distributed import LocalCluster

    from benchmarks.speed import cluster_profile
    from wrmf.distributed.engine import Engine

    source = data_folder() / f"{options.data}.parquet"
    if not source.exists():
        raise Missing(f"{source} does not exist: set WRMF_BENCH_DATA to the folder of the tables")
    submit = Engine.submit

    def submit_noted(engine: Any, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        # Not those of this module, which workers would know by the name __main__.
        noted = partial(cluster_profile.run_noted, name, function)
        return submit(engine, name, noted, *args, **kwargs)

    marks: list[tuple[float, dict[str, Any]]] = []
    model = wrmf.WRMF(
        factors=options.factors,
        alpha=10.0,
        regularization=10.0,
        unobserved_weight=1.0,
        regularization_exponent=0.0,
        objective="wrmf",
        confidence="linear",
        random_state=0,
        # Shards are read in the first one, and the last one begins no other.
        iterations=options.iterations + 2,
    )
    with (
        LocalCluster(
            n_workers=options.workers,
            threads_per_worker=options.threads,
            memory_limit=options.memory_limit,
            dashboard_address=None,
        ) as cluster,
        cluster.get_client() as client,
    ):

        def mark(model: Any, done: int) -> None:
            marks.append((time.perf_counter(), client.run(cluster_profile.take)))

        Engine.submit = submit_noted
        try:
            wrmf.distributed.fit(
                str(source),
                model,
                client=client,
                folder=folder,
                method=options.method,
                callback=mark,
                progress=False,
            )
        finally:
            Engine.submit = submit
    pairs = itertools.pairwise(marks[:-1])
    rows = [figures(before, after, end - start) for (start, before), (end, after) in pairs]
    return {
        "data": options.data,
        "factors": options.factors,
        "method": options.method,
        "workers": options.workers,
        "threads of a worker": options.threads,
        "an iteration": medians(rows),
        "load": load_average(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="mtg_decks")
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--method", choices=("gather", "split"), default="gather")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    parser.add_argument("--memory-limit", default="6GiB", help="of each worker")
    parser.add_argument("--iterations", type=int, default=5, help="of which medians are taken")
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        content = measure(options, Path(folder))
    for name, row in content["an iteration"].items():
        print(f"{name:20}", row)
    described = record.described("benchmarks.speed.cluster_profile", content)
    print(record.write(described, "cluster_profile", options.out))


if __name__ == "__main__":
    main()
