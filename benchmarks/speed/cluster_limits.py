"""What a scheduler takes for a task, and a fit whose data is larger than the memory of its workers.

    python -m benchmarks.speed.cluster_limits tasks     # a minute
    python -m benchmarks.speed.cluster_limits memory    # five minutes

``tasks`` submits thousands of empty tasks, pinned as those of a fit are, and then runs iterations
of a tiny fit in 200 shards, whose tasks have next to nothing to compute. ``memory`` fits synthetic
pairs on two workers with a memory limit and on two without, and compares the factors bit by bit.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import wrmf.distributed
from benchmarks import record
from benchmarks.machine import load_average, peak_memory
from benchmarks.speed.synthetic_cluster import (
    Cluster,
    cpu_seconds,
    model_of,
    start,
    write_parquet,
)

SHARDS = 200


def nothing(number: int) -> int:
    """Return the number."""
    return number


def empty_tasks(cluster: Cluster, n_tasks: int) -> dict[str, Any]:
    """Return the milliseconds of a task that computes nothing."""
    from wrmf.distributed.engine import Engine

    engine = Engine(cluster.client)
    engine.check_workers()
    engine.keep("shard", [1] * SHARDS)
    engine.settle()
    names = engine.names("shard")
    started, of_scheduler = time.perf_counter(), cpu_seconds(cluster.scheduler)
    own = time.process_time()
    futures = [
        engine.submit("empty", nothing, number, home=names[number % SHARDS])
        for number in range(n_tasks)
    ]
    engine.results([engine.tree("sum", len, futures)])
    n_all = engine.count
    return {
        "tasks": n_all,
        "ms a task": round(1e3 * (time.perf_counter() - started) / n_all, 3),
        "CPU ms of the scheduler": round(
            1e3 * (cpu_seconds(cluster.scheduler) - of_scheduler) / n_all, 3
        ),
        "CPU ms of the program": round(1e3 * (time.process_time() - own) / n_all, 3),
    }


def iterations_of_tasks(cluster: Cluster, data: Path, folder: Path, method: str) -> dict[str, Any]:
    """Return what a task of an iteration takes where there is next to nothing to compute."""
    marks: list[tuple[float, float, int]] = []
    if folder.name != "gather":
        # The shards are the same.
        shutil.copytree(folder.parent / "gather/data", folder / "data")

    def note(model: Any, done: int) -> None:
        spent = cpu_seconds(cluster.scheduler)
        marks.append((time.perf_counter(), spent, model._training.engine.count))

    sharded = wrmf.distributed.fit(
        data,
        model_of(4, 4),
        client=cluster.client,
        folder=folder,
        shards=SHARDS,
        method=method,
        callback=note,
        progress=False,
    )
    seconds, of_scheduler, tasks = np.diff(np.array(marks), axis=0).T
    return {
        "method": method,
        "shards": SHARDS,
        "blocks": len(sharded._training.blocks),
        "tasks an iteration": int(median(tasks)),
        "seconds an iteration": round(float(median(seconds)), 3),
        "ms a task": round(1e3 * float(median(seconds / tasks)), 3),
        "CPU ms of the scheduler": round(1e3 * float(median(of_scheduler / tasks)), 3),
    }


def measure_tasks(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of tasks."""
    data = write_parquet(folder, 1e5)
    with start(2, in_process=options.in_process) as cluster:
        empty_tasks(cluster, 100)
        empty = [empty_tasks(cluster, n_tasks) for n_tasks in (1000, 3000)]
        print(empty, flush=True)
        fits = []
        for method in ("gather", "split"):
            fits.append(iterations_of_tasks(cluster, data, folder / method, method))
            print(fits[-1], flush=True)
    return {
        "in one process": options.in_process,
        "empty": empty,
        "iterations": fits,
        "load": load_average(),
    }


def _memory_of_worker(dask_worker: Any) -> dict[str, Any]:
    """Return the peak memory of a worker, and what it has written to its disk."""
    spilled = getattr(dask_worker.data, "cumulative_metrics", {})
    written = sum(value for key, value in spilled.items() if "disk-write" in key and "bytes" in key)
    peak = peak_memory()
    return {
        "peak MiB": None if peak is None else round(peak / 2**20),
        "spilled MB": round(float(written) / 1e6, 1),
    }


def fit_within(memory: str, data: Path, folder: Path, options: Any) -> tuple[dict[str, Any], Any]:
    """Return the record of a fit on two workers with a memory limit, and its item factors."""
    started = time.perf_counter()
    with start(2, memory=memory) as cluster:
        client = cluster.client
        before = {worker.pid for worker in cluster.workers}
        at_rest = client.run(_memory_of_worker)
        sharded = wrmf.distributed.fit(
            data,
            model_of(options.factors, options.iterations),
            client=client,
            folder=folder,
            method=options.method,
            progress=False,
        )
        answers = client.run(_memory_of_worker)
        training = sharded._training
        shards = [part for name, part in training.loaded.items() if name.startswith("shard")]
        holders = [len(workers) for workers in client.who_has(shards).values()]
        died = before - set(client.run(_process).values())
        factors = sharded.item_factors
    # Users and items of every pair, and all user factors.
    n_users, _ = sharded.shape
    n_pairs = training.manifest.n_entries
    return {
        "memory limit": memory,
        "pairs": n_pairs,
        "MB of pairs and users": round((16 * n_pairs + 4 * n_users * options.factors) / 1e6),
        "workers at rest": list(at_rest.values()),
        "workers": list(answers.values()),
        "workers killed": len(died),
        "shards": len(holders),
        "workers of a shard": sorted(set(holders)),
        "seconds an iteration": [round(reached.seconds, 1) for reached in sharded.history],
        "seconds": round(time.perf_counter() - started, 1),
        "load": load_average(),
    }, factors


def _process() -> int:
    import os

    return os.getpid()


def measure_memory(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of memory."""
    data = write_parquet(folder, options.pairs)
    small, factors = fit_within(options.limit, data, folder / "small", options)
    print(small, flush=True)
    large, expected = fit_within("6GiB", data, folder / "large", options)
    print(large, flush=True)
    return {
        "factors": options.factors,
        "method": options.method,
        "runs": [small, large],
        "same bits": bool(np.array_equal(factors, expected)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("tasks", "memory"))
    parser.add_argument("--in-process", action="store_true", help="start workers as threads")
    parser.add_argument("--pairs", type=float, default=2e7)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--method", choices=("gather", "split"), default="split")
    parser.add_argument("--limit", default="400MiB", help="memory of a worker")
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as path:
        if options.what == "tasks":
            content = measure_tasks(Path(path), options)
        else:
            content = measure_memory(Path(path), options)
    print(content)
    described = record.described("benchmarks.speed.cluster_limits", content)
    print(record.write(described, f"cluster_{options.what}", options.out))


if __name__ == "__main__":
    main()
