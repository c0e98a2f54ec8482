"""CPU seconds and time of an iteration on a cluster of this machine, beside a local fit.

    python -m benchmarks.speed.cluster                       # mtg_decks, k = 128, three minutes
    python -m benchmarks.speed.cluster --factors 64 --method split

The local fit, in a process of its own, and the cluster take turns, with as many threads in all: a
round is a few iterations of each, of which the first, with the preparation, is left out. So is the
last one of the cluster, in which workers begin no next one. The figures are medians. CPU seconds of
the cluster are those of its workers and of this process, which has the scheduler. Dask's processes
take some percent of a CPU even if they have nothing to do. That much, measured at the start, is
left out of "busy CPU seconds": on a machine that others slow down, an iteration takes longer, and
more of it. At the end the factors of both are compared bit by bit.

Workers are started as docs/distributed.md recommends it, so that they keep the memory into which
they receive; with ``--dask-memory`` as Dask starts them, so that it goes back to the system.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil

import wrmf
import wrmf.distributed
from benchmarks import record
from benchmarks.data import data_folder
from benchmarks.machine import load_average
from benchmarks.missing import Missing

# What glibc reads when a process starts.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**30)}
SECONDS, CPU, OF_WORKERS = "seconds", "CPU seconds", "CPU seconds of workers"


@dataclass
class Iterations:
    """The CPU seconds and the time of iterations.

    The first of a round is left out, and the last one where the round is ended.

    Attributes
    ----------
    cpu : callable, returns the CPU seconds so far, by name
    """

    cpu: Callable[[], dict[str, float]]
    rows: list[dict[str, float]] = field(default_factory=list)
    last: dict[str, float] | None = None

    def __call__(self, model: Any, done: int) -> None:
        """Note the end of an iteration."""
        now = {SECONDS: time.perf_counter(), **self.cpu()}
        if self.last is not None:
            self.rows.append({name: round(now[name] - self.last[name], 3) for name in now})
        self.last = now

    def end_round(self) -> None:
        """Forget the last iteration, and begin another round."""
        self.rows.pop()
        self.last = None


def own_cpu() -> dict[str, float]:
    """Return the CPU seconds of this process."""
    return {CPU: time.process_time()}


def cpu_of(workers: Sequence[psutil.Process]) -> dict[str, float]:
    """Return the CPU seconds of workers, and of these and this process."""
    times = [worker.cpu_times() for worker in workers]
    of_workers = sum(spent.user + spent.system for spent in times)
    return {CPU: of_workers + time.process_time(), OF_WORKERS: of_workers}


def idle_rates(cpu: Callable[[], dict[str, float]], seconds: float = 5.0) -> dict[str, float]:
    """Return the CPU seconds in a second of processes that have nothing to do."""
    before, start = cpu(), time.perf_counter()
    time.sleep(seconds)
    after, passed = cpu(), time.perf_counter() - start
    return {name: round((after[name] - before[name]) / passed, 4) for name in after}


class Local:
    """The local fit, in a process of its own."""

    model: wrmf.WRMF

    @classmethod
    def begin(cls, path: str, params: Mapping[str, Any]) -> None:
        """Fit the data of a saved model, for one iteration."""
        axes = wrmf.load(path)
        data = wrmf.Interactions(axes.train_matrix, axes.users, axes.items)
        cls.model = wrmf.WRMF(**params, iterations=1).fit(data)

    @classmethod
    def run(cls, iterations: int) -> list[dict[str, float]]:
        """Return the figures of further iterations."""
        noted, model = Iterations(own_cpu), cls.model
        model.partial_fit(model.train_matrix, iterations, callback=noted, progress=False)
        return noted.rows

    @classmethod
    def has_factors_of(cls, path: str) -> bool:
        """Return whether the factors are bitwise those of a saved model."""
        other, own = wrmf.load(path), cls.model
        return bool(
            np.array_equal(other.item_factors, own.item_factors)
            and np.array_equal(other.user_factors, own.user_factors)
        )


def summary(
    local: Sequence[Mapping[str, float]],
    cluster: Sequence[Mapping[str, float]],
    idle: Mapping[str, float],
) -> dict[str, Any]:
    """Return the medians of both, and their ratios."""
    busy = [
        {f"busy {name}": row[name] - rate * row[SECONDS] for name, rate in idle.items()}
        for row in cluster
    ]
    rows = [{**row, **more} for row, more in zip(cluster, busy, strict=True)]
    of_local = {name: round(median(row[name] for row in local), 3) for name in local[0]}
    of_cluster = {name: round(median(row[name] for row in rows), 3) for name in rows[0]}
    ratios = {
        name: round(value / of_local[SECONDS if name == SECONDS else CPU], 3)
        for name, value in of_cluster.items()
    }
    return {"local": of_local, "cluster": of_cluster, "ratios": ratios}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the record of a comparison."""
    from dask.distributed import LocalCluster

    source = data_folder() / f"{options.data}.parquet"
    if not source.exists():
        raise Missing(f"{source} does not exist: set WRMF_BENCH_DATA to the folder of the tables")
    params = {
        "factors": options.factors,
        "alpha": options.alpha,
        "regularization": options.regularization,
        "unobserved_weight": 1.0,
        "regularization_exponent": 0.0,
        "objective": "wrmf",
        "confidence": "linear",
        "random_state": 0,
        "num_threads": options.workers * options.threads,
    }
    of_local: list[dict[str, float]] = []
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as local,
        patch.dict(os.environ, {} if options.dask_memory else KEEP_MEMORY),
        LocalCluster(
            n_workers=options.workers,
            threads_per_worker=options.threads,
            memory_limit=options.memory_limit,
            dashboard_address=None,
        ) as cluster,
        cluster.get_client() as client,
    ):
        workers = [psutil.Process(pid) for pid in client.run(os.getpid).values()]
        of_cluster = Iterations(partial(cpu_of, workers))

        def fit(iterations: int, callback: Any = None) -> Any:
            model = wrmf.WRMF(**params, iterations=iterations)
            arguments = {"folder": folder / "fit", "method": options.method, "progress": False}
            return wrmf.distributed.fit(
                str(source), model, client=client, callback=callback, **arguments
            )

        path, sharded = str(folder / "model.wrmf"), fit(1)
        sharded.to_local().save(path, train=True)
        local.submit(Local.begin, path, params).result()
        idle = idle_rates(of_cluster.cpu)
        loads = [load_average()]
        for number in range(options.rounds):
            of_local += local.submit(Local.run, options.iterations).result()
            of_cluster.last = None
            sharded = fit(1 + (number + 1) * options.iterations, of_cluster)
            of_cluster.end_round()
            loads.append(load_average())
            print(summary(of_local, of_cluster.rows, idle), flush=True)
        axes = sharded.to_local()
        axes.save(path, train=True)
        is_same = local.submit(Local.has_factors_of, path).result()
    return {
        "data": options.data,
        "shape": list(axes.train_matrix.shape),
        "pairs": int(axes.train_matrix.nnz),
        "parameters": params,
        "method": options.method,
        "workers": options.workers,
        "threads of a worker": options.threads,
        "workers keep memory": not options.dask_memory,
        "an iteration": summary(of_local, of_cluster.rows, idle),
        "CPU seconds in a second of idle processes": idle,
        "MB received": round(median(done.bytes for done in sharded.history) / 1e6, 1),
        "same bits": is_same,
        "loss": sharded.history[-1].loss,
        "loads": loads,
        "iterations": {"local": of_local, "cluster": of_cluster.rows},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="mtg_decks")
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--alpha", type=float, default=10.0)
    parser.add_argument("--regularization", type=float, default=10.0)
    parser.add_argument("--method", choices=("gather", "split"), default="gather")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    parser.add_argument("--memory-limit", default="6GiB", help="of each worker")
    parser.add_argument("--dask-memory", action="store_true", help="as Dask starts workers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=4, help="of a round, at least 3")
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        content = measure(options, Path(folder))
    described = record.described("benchmarks.speed.cluster", content)
    print("the same bits" if content["same bits"] else "OTHER BITS")
    print(record.write(described, "cluster", options.out))


if __name__ == "__main__":
    main()
