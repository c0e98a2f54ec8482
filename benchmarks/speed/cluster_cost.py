"""What the cost model of docs/distributed.md says, beside what clusters of this machine take.

    python -m benchmarks.speed.cluster_cost sizes      # three sizes and both methods, ten minutes
    python -m benchmarks.speed.cluster_cost network    # throttled; Linux, with the rights of root
    python -m benchmarks.speed.cluster_cost predict    # 100M users × 1M items × 10B pairs

Workers of one thread fit synthetic pairs. ``sizes`` compares bytes, and says how many
floating-point operations of the model the workers do in a CPU second; any size should have the same
number. ``network`` runs in a network of its own (``unshare --net``), whose rate ``tc`` limits
between iterations: the time should grow by the bytes over the rate.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import wrmf.distributed
from benchmarks import record
from benchmarks.data import ROOT
from benchmarks.machine import load_average
from benchmarks.speed.synthetic_cluster import Cluster, model_of, start, write_parquet
from wrmf.distributed.cost import Size, cost_of, tasks_of
from wrmf.distributed.manifest import block_count
from wrmf.distributed.shards import shard_count

METHODS = ("gather", "split")
SHARDS = 8
# The burst of the filter is above the largest packet of a loopback device.
FILTER = ("tbf", "burst", "256kb", "latency", "400ms", "rate")
INSIDE = "WRMF_BENCH_OWN_NETWORK"


def size_of(model: Any, n_workers: int) -> Size:
    """Return the size of a fit, as the formulas take it."""
    training = model._training
    params = training.plan.params
    return Size(
        *model.shape,
        training.manifest.n_entries,
        params.factors,
        params.dtype.itemsize,
        n_workers,
    )


class Clock:
    """The time, the CPU seconds of the workers and the bytes of each iteration after the first."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rows: list[dict[str, float]] = []
        self.last: tuple[float, float] | None = None

    def __call__(self, model: Any, done: int) -> None:
        """Note the end of an iteration."""
        now = time.perf_counter(), self.cluster.cpu_of_workers()
        if self.last is not None:
            seconds, cpu = (after - before for after, before in zip(now, self.last, strict=True))
            n_bytes = model.history[-1].bytes
            self.rows.append({"seconds": seconds, "CPU seconds": cpu, "MB": n_bytes / 1e6})
        self.last = time.perf_counter(), self.cluster.cpu_of_workers()

    def medians(self, rows: Sequence[dict[str, float]] | None = None) -> dict[str, float]:
        """Return the median of each figure."""
        rows = self.rows if rows is None else rows
        return {name: round(median(row[name] for row in rows), 3) for name in rows[0]}


def fit(cluster: Cluster, data: Path, folder: Path, options: Any, callback: Any) -> Any:
    """Fit with both methods' arguments."""
    return wrmf.distributed.fit(
        data,
        model_of(options.factors, options.iterations),
        client=cluster.client,
        folder=folder,
        shards=SHARDS,
        method=options.method,
        callback=callback,
        progress=False,
    )


def measure_size(cluster: Cluster, data: Path, folder: Path, options: Any) -> dict[str, Any]:
    """Return what an iteration took, and what the formulas say."""
    clock = Clock(cluster)
    sharded = fit(cluster, data, folder, options, clock)
    size, taken = size_of(sharded, options.workers), clock.medians()
    cost = cost_of(size, options.method)
    return {
        "method": options.method,
        "pairs": size.n_entries,
        "users": size.n_users,
        "items": size.n_items,
        **taken,
        "MB by the formula": round(cost.total / 1e6, 1),
        "GFLOP by the formula": round(options.workers * cost.flops / 1e9, 1),
        "GFLOP a CPU second": round(options.workers * cost.flops / 1e9 / taken["CPU seconds"], 2),
        "load": load_average(),
    }


def measure_sizes(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of three sizes and both methods."""
    rows = []
    with start(options.workers, in_process=options.in_process) as cluster:
        for n_pairs in options.pairs:
            data = write_parquet(folder, n_pairs)
            for method in options.methods:
                place = folder / f"fit-{n_pairs:g}-{method}"
                if method != options.methods[0]:
                    # The shards are the same.
                    first = folder / f"fit-{n_pairs:g}-{options.methods[0]}"
                    shutil.copytree(first / "data", place / "data")
                options.method = method
                rows.append(measure_size(cluster, data, place, options))
                print(rows[-1], flush=True)
    return {"factors": options.factors, "workers": options.workers, "fits": rows}


def throttle(rate: float | None) -> None:
    """Limit the rate of the loopback device of this network, in Mbit/s; None lifts the limit."""
    command = ["tc", "qdisc", "del" if rate is None else "replace", "dev", "lo", "root"]
    if rate is not None:
        command += [FILTER[0], *FILTER[1:], f"{rate:g}mbit"]
    subprocess.run(command, check=rate is not None, capture_output=True)


def measure_network(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of iterations without and with limits of the rate."""
    data, rows = write_parquet(folder, options.pairs[-1]), []
    rates = [None, *options.rates]
    # The first iteration is left out; then there are two at each rate.
    options.iterations = 1 + 2 * len(rates)
    for method in options.methods:
        options.method = method
        throttle(None)
        with start(options.workers, in_process=options.in_process) as cluster:
            clock = Clock(cluster)

            def next_rate(model: Any, done: int, clock: Clock = clock) -> None:
                clock(model, done)
                if done % 2 == 1 and done > 1:
                    throttle(rates[done // 2] if done // 2 < len(rates) else None)
                    clock.last = time.perf_counter(), clock.cluster.cpu_of_workers()

            sharded = fit(cluster, data, folder / method, options, next_rate)
        throttle(None)
        free = clock.medians(clock.rows[:2])
        predicted = cost_of(size_of(sharded, options.workers), method).total / 1e6
        for number, rate in enumerate(rates):
            taken = clock.medians(clock.rows[2 * number : 2 * number + 2])
            row = {"method": method, "Mbit/s": rate, **taken, "MB by the formula": predicted}
            if rate is not None:
                row["seconds by the formula"] = round(free["seconds"] + 8 * predicted / rate, 2)
            rows.append({**row, "load": load_average()})
            print(rows[-1], flush=True)
    return {"factors": options.factors, "workers": options.workers, "iterations": rows}


def predictions(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the formulas say of 100M users × 1M items × 10B pairs."""
    rows = []
    for n_workers in (50, 200):
        for method in METHODS:
            size = Size(10**8, 10**6, 10**10, 128, n_workers=n_workers)
            cost = cost_of(size, method)
            tasks = tasks_of(
                size, method, shard_count(size.n_entries), block_count(size.n_entries, method)
            )
            row = {
                "workers": n_workers,
                "method": method,
                "GB received": round(cost.received / 1e9, 1),
                "network s": round(cost.received / 1e9 / options.gigabytes, 1),
                "computing s": round(cost.flops / 1e9 / options.gigaflops, 1),
                "tasks": tasks,
                "scheduling s": round(tasks * options.milliseconds / 1e3, 1),
                "memory GB": round(cost.memory / 1e9, 1),
            }
            rows.append(row)
            print(row)
    return {"predictions": rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("sizes", "network", "predict"))
    parser.add_argument("--pairs", type=float, nargs="+", default=[2e5, 6e5, 2e6])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--in-process", action="store_true", help="start workers as threads")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--rates", type=float, nargs="+", default=[100, 25], help="Mbit/s")
    parser.add_argument("--gigabytes", type=float, default=1.25, help="a second, of a worker")
    parser.add_argument("--gigaflops", type=float, default=60 * 16, help="a second, of a worker")
    parser.add_argument("--milliseconds", type=float, default=1.0, help="of the scheduler, a task")
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    if options.what == "network" and INSIDE not in os.environ:
        words = [
            sys.executable,
            "-m",
            "benchmarks.speed.cluster_cost",
            *(arguments or sys.argv[1:]),
        ]
        inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", *words]
        environment = {**os.environ, INSIDE: "1"}
        subprocess.run(["unshare", "--net", *inside], cwd=ROOT, env=environment, check=True)
        return
    if options.what == "predict":
        content = predictions(options)
    else:
        measure = {"sizes": measure_sizes, "network": measure_network}[options.what]
        with tempfile.TemporaryDirectory(dir=options.folder) as path:
            content = measure(Path(path), options)
    described = record.described("benchmarks.speed.cluster_cost", content)
    print(record.write(described, f"cluster_{options.what}", options.out))


if __name__ == "__main__":
    main()
