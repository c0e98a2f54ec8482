"""What the cost model of docs/distributed.md says, beside what clusters of this machine take.

    python -m benchmarks.speed.cluster_cost sizes      # three sizes and both methods, ten minutes
    python -m benchmarks.speed.cluster_cost network    # throttled; Linux, with the rights of root
    python -m benchmarks.speed.cluster_cost predict    # 100M users × 1M items × 10B pairs

Workers of one thread fit synthetic pairs. ``sizes`` compares bytes, and says how many
floating-point operations of the model the workers do in a CPU second; any size should have the same
number. ``network`` runs in a network of its own (``unshare --net``), whose rate ``tc`` limits
between iterations. It adds up the time in which workers send each other anything, which should be
the bytes over the rate, whatever else the machine does. ``--sums`` lets small data have items that
are not solved exactly.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

import wrmf.distributed
from benchmarks import record
from benchmarks.data import ROOT
from benchmarks.machine import load_average
from benchmarks.speed.cluster import idle_rates
from benchmarks.speed.synthetic_cluster import Cluster, model_of, start, write_parquet
from wrmf.distributed import cost as formulas
from wrmf.distributed.cost import Size, cost_of, tasks_of
from wrmf.numerics import split_solver

METHODS = ("gather", "split")
SHARDS = 8
# The burst of the filter is above the largest packet of a loopback device.
FILTER = ("tbf", "burst", "256kb", "latency", "400ms", "rate")
# The first iteration at another rate still receives what was sent before.
AT_A_RATE = 3
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
        SHARDS,
    )


def steps_of(model: Any) -> float:
    """Return how many steps items took in the mean in the latest iteration."""
    return float(getattr(model._training.item_step, "mean_steps", 0.0))


def allow_sums(n_bytes: float) -> None:
    """Solve as few items exactly as have sums of this size, so that small data has others, too."""
    split_solver.SUMS_BYTES = formulas.SUMS_BYTES = int(n_bytes)


@dataclass
class Clock:
    """What each iteration after the first takes.

    Attributes
    ----------
    cluster : Cluster
    idle : float
        The CPU seconds in a second of workers that have nothing to do, which are left out.
    rows : list of dict
    last : (float, float, int), or None
        The time, the CPU seconds of the workers and the bytes that the loopback device has sent, at
        the end of the last iteration.
    """

    cluster: Cluster
    idle: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    last: tuple[float, float, int] | None = None

    def __call__(self, model: Any, done: int) -> None:
        """Note the end of an iteration."""
        now = self._now()
        sent = self.cluster.client.run(take_transfers)
        if self.last is not None:
            seconds, cpu = now[0] - self.last[0], now[1] - self.last[1]
            transfers = [transfer for answer in sent.values() for transfer in answer]
            row = {
                "seconds": seconds,
                "CPU seconds": cpu - self.idle * seconds,
                "MB": model.history[-1].bytes / 1e6,
                "MB sent": sum(n_bytes for _, _, n_bytes in transfers) / 1e6,
                "seconds of sending": seconds_of(transfers),
                "steps": steps_of(model),
            }
            if INSIDE in os.environ:
                # With what the scheduler and the workers tell each other.
                row["MB on the device"] = (now[2] - self.last[2]) / 1e6
            self.rows.append({name: round(value, 3) for name, value in row.items()})
        self.last = self._now()

    def _now(self) -> tuple[float, float, int]:
        device = psutil.net_io_counters(pernic=True).get("lo")
        n_bytes = 0 if device is None else device.bytes_sent
        return time.perf_counter(), self.cluster.cpu_of_workers(), n_bytes

    def medians(self, rows: Sequence[dict[str, float]] | None = None) -> dict[str, float]:
        """Return the median of each figure."""
        rows = self.rows if rows is None else rows
        return {name: round(median(row[name] for row in rows), 3) for name in rows[0]}


def take_transfers(dask_worker: Any) -> list[tuple[float, float, int]]:
    """Return the beginning, the end and the bytes of what a worker has sent, and forget them."""
    log = dask_worker.transfer_outgoing_log
    taken = [(entry["start"], entry["stop"], entry["total"]) for entry in log]
    dask_worker.transfer_outgoing_log = deque(maxlen=100_000)
    return taken


def seconds_of(transfers: Sequence[tuple[float, float, int]]) -> float:
    """Return in how many seconds anything was sent."""
    total, reached = 0.0, -float("inf")
    for begin, end, _ in sorted(transfers):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


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
    clock = Clock(cluster, options.idle)
    sharded = fit(cluster, data, folder, options, clock)
    size, taken = size_of(sharded, options.workers), clock.medians()
    cost = cost_of(size, options.method, taken["steps"])
    gigaflops = options.workers * cost.flops / 1e9
    return {
        "method": options.method,
        "workers": options.workers,
        "factors": options.factors,
        "pairs": size.n_entries,
        "users": size.n_users,
        "items": size.n_items,
        **taken,
        "MB by the formula": round(cost.total / 1e6, 3),
        "bytes over the formula": round(1e6 * taken["MB"] / cost.total, 3),
        "GFLOP by the formula": round(gigaflops, 2),
        "GFLOP a CPU second": round(gigaflops / taken["CPU seconds"], 2),
        "load": load_average(),
    }


def measure_sizes(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of some sizes and both methods."""
    rows = []
    with start(options.workers, in_process=options.in_process) as cluster:
        options.idle = idle_rates(lambda: {"CPU": cluster.cpu_of_workers()})["CPU"]
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
    return {"in one process": options.in_process, "MB of sums": options.sums, "fits": rows}


def throttle(rate: float | None) -> None:
    """Limit the rate of the loopback device of this network, in MB/s; None lifts the limit."""
    command = ["tc", "qdisc", "del" if rate is None else "replace", "dev", "lo", "root"]
    if rate is not None:
        command += [FILTER[0], *FILTER[1:], f"{8 * rate:g}mbit"]
    subprocess.run(command, check=rate is not None, capture_output=True)


def measure_network(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of iterations without and with limits of the rate."""
    data, rows = write_parquet(folder, options.pairs[-1]), []
    rates = [None, *options.rates]
    options.iterations = 1 + AT_A_RATE * len(rates)
    for method in options.methods:
        options.method = method
        throttle(None)
        with start(options.workers, in_process=options.in_process) as cluster:
            clock = Clock(cluster)

            def next_rate(model: Any, done: int, clock: Clock = clock) -> None:
                clock(model, done)
                if done % AT_A_RATE == 1:
                    number = done // AT_A_RATE
                    throttle(rates[number] if number < len(rates) else None)

            sharded = fit(cluster, data, folder / method, options, next_rate)
        throttle(None)
        size = size_of(sharded, options.workers)
        for number, rate in enumerate(rates):
            first = AT_A_RATE * number
            taken = clock.medians(clock.rows[first + 1 : first + AT_A_RATE])
            n_bytes = cost_of(size, method, taken["steps"]).total
            row = {"method": method, "MB a second": rate, **taken}
            row["MB by the formula"] = round(n_bytes / 1e6, 3)
            if rate is not None:
                row["seconds by the formula"] = round(n_bytes / 1e6 / rate, 2)
            rows.append({**row, "load": load_average()})
            print(rows[-1], flush=True)
    return {
        "pairs": size.n_entries,
        "factors": options.factors,
        "workers": options.workers,
        "MB of sums": options.sums,
        "iterations": rows,
    }


def predictions(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the formulas say of 100M users × 1M items × 10B pairs."""
    rows = []
    for n_workers in (50, 200):
        for method in METHODS:
            size = Size(10**8, 10**6, 10**10, 128, n_workers=n_workers)
            cost = cost_of(size, method)
            tasks = tasks_of(size, method)
            row = {
                "workers": n_workers,
                "method": method,
                "GB received": round(cost.received / 1e9, 1),
                "GB sent": round(cost.sent / 1e9, 1),
                "network s": round(max(cost.received, cost.sent) / 1e9 / options.gigabytes, 1),
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
    parser.add_argument("--sums", type=float, help="MB for the sums of exact items in 'split'")
    parser.add_argument("--rates", type=float, nargs="+", default=[20, 10, 5], help="MB/s")
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
    if options.sums is not None:
        allow_sums(1e6 * options.sums)
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
