"""CPU seconds and time of an iteration on a cluster of this machine, beside a local fit.

    python -m benchmarks.speed.cluster                       # mtg_decks, k = 128, three minutes
    python -m benchmarks.speed.cluster --factors 64 --method split

The local fit and the cluster take turns, with as many threads in all: a round is a few iterations
of each, of which the first, with the preparation, is left out. The figures are medians. CPU seconds
of the cluster are those of its workers and of this process, which has the scheduler. At the end the
factors of both are compared bit by bit.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

import wrmf
import wrmf.distributed
from benchmarks import record
from benchmarks.data import data_folder
from benchmarks.machine import load_average
from benchmarks.missing import Missing


@dataclass
class Iterations:
    """The CPU seconds, by process, and the time of each iteration but the first of each round."""

    cpu: Callable[[], dict[str, float]]
    rows: list[dict[str, float]] = field(default_factory=list)

    def begin(self) -> None:
        """Begin a round."""
        self.last: dict[str, float] | None = None

    def __call__(self, model: Any, done: int) -> None:
        """Note the end of an iteration."""
        now = {**self.cpu(), "seconds": time.perf_counter()}
        if self.last is not None:
            self.rows.append({name: now[name] - self.last[name] for name in now})
        self.last = now

    def medians(self) -> dict[str, float]:
        """Return the median of each figure."""
        return {name: round(median(row[name] for row in self.rows), 3) for name in self.rows[0]}


def own_cpu() -> dict[str, float]:
    """Return the CPU seconds of this process."""
    return {"CPU seconds": time.process_time()}


def cpu_of(workers: Sequence[psutil.Process]) -> dict[str, float]:
    """Return the CPU seconds of workers, and of this process."""
    times = [worker.cpu_times() for worker in workers]
    of_workers = sum(spent.user + spent.system for spent in times)
    return {
        "CPU seconds": of_workers + time.process_time(),
        "CPU seconds of workers": of_workers,
    }


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
    with (
        LocalCluster(
            n_workers=options.workers,
            threads_per_worker=options.threads,
            memory_limit=options.memory_limit,
            dashboard_address=None,
        ) as cluster,
        cluster.get_client() as client,
    ):
        workers = [psutil.Process(pid) for pid in client.run(_process).values()]

        def fit(iterations: int, callback: Any = None) -> Any:
            model = wrmf.WRMF(**params, iterations=iterations)
            arguments = {"folder": folder, "method": options.method, "progress": False}
            return wrmf.distributed.fit(
                str(source), model, client=client, callback=callback, **arguments
            )

        sharded = fit(1)
        axes = sharded.to_local()
        data = wrmf.Interactions(axes.train_matrix, axes.users, axes.items)
        local = wrmf.WRMF(**params, iterations=1).fit(data)
        of_local, of_cluster = Iterations(own_cpu), Iterations(lambda: cpu_of(workers))
        loads = [load_average()]
        for number in range(options.rounds):
            of_local.begin()
            local.partial_fit(data, options.iterations, callback=of_local, progress=False)
            of_cluster.begin()
            sharded = fit(1 + (number + 1) * options.iterations, of_cluster)
            loads.append(load_average())
            print(of_local.medians(), of_cluster.medians(), flush=True)
        axes = sharded.to_local()
    same = np.array_equal(axes.item_factors, local.item_factors) and np.array_equal(
        axes.user_factors, local.user_factors
    )
    rows = {"local": of_local.medians(), "cluster": of_cluster.medians()}
    ratios = {name: round(rows["cluster"][name] / rows["local"][name], 3) for name in rows["local"]}
    workers_alone = rows["cluster"]["CPU seconds of workers"] / rows["local"]["CPU seconds"]
    return {
        "data": options.data,
        "shape": list(data.matrix.shape),
        "pairs": int(data.matrix.nnz),
        "parameters": params,
        "method": options.method,
        "workers": options.workers,
        "threads of a worker": options.threads,
        "an iteration": rows,
        "ratios": {**ratios, "CPU seconds of workers": round(workers_alone, 3)},
        "MB received": round(sharded.history[-1].bytes / 1e6, 1),
        "same bits": bool(same),
        "loss": sharded.history[-1].loss,
        "loads": loads,
        "iterations": {"local": of_local.rows, "cluster": of_cluster.rows},
    }


def _process() -> int:
    import os

    return os.getpid()


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=3, help="of a round, at least 2")
    parser.add_argument("--folder", type=Path, help="where the data in shards is kept for a rerun")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        content = measure(options, Path(folder))
    print(content["ratios"], "same bits" if content["same bits"] else "OTHER BITS")
    described = record.described("benchmarks.speed.cluster", content)
    print(record.write(described, "cluster", options.out))


if __name__ == "__main__":
    main()
