"""Kill workers of a cluster in each phase of a fit: ``python cluster_kills.py COUNT FOLDER``.

A fit runs on two worker processes. In each run one of them is killed (``SIGKILL``) a random time
after tasks of a phase have begun: while rows are read, shuffled or written, while shards and blocks
are loaded, users or items are solved, and losses are added up. The factors must be bitwise those of
a fit in which nobody dies.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from distributed import LocalCluster

import wrmf
import wrmf.distributed

# What the names of tasks begin with, by phase and method.
PHASES = {
    "gather": (
        "summary",
        "shuffle-transfer",
        "write",
        "wrmf-load-shard",
        "wrmf-load-block",
        "wrmf-solve-users",
        "wrmf-gather-for-blocks",
        "wrmf-solve-items",
        "wrmf-loss",
    ),
    "split": ("wrmf-load-part", "wrmf-first", "wrmf-products", "wrmf-step", "wrmf-save-items"),
}


def rows_in(folder: Path) -> Path:
    """Write rows of text users to parquet files, and return their folder."""
    generator = np.random.default_rng(0)
    n_rows = 120_000
    rows = pd.DataFrame(
        {
            "user": [f"u{number:05}" for number in generator.integers(0, 6000, n_rows)],
            "item": generator.zipf(1.3, n_rows) % 800,
        }
    )
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for number in range(4):
        rows[number::4].to_parquet(data / f"part-{number}.parquet")
    return data


def fit(data: Path, client, folder: Path, method: str) -> np.ndarray:
    """Return the factors of all users and items, one below the other."""
    model = wrmf.WRMF(
        factors=16,
        iterations=3,
        objective="ials",
        alpha=1.0,
        regularization=0.003,
        unobserved_weight=0.1,
        regularization_exponent=1.0,
        confidence="linear",
        random_state=0,
    )
    sharded = wrmf.distributed.fit(
        data, model, client=client, folder=folder, shards=6, method=method, progress=False
    )
    local = sharded.to_local()
    return np.concatenate((local.user_factors, local.item_factors))


def kill_in(phase: str, cluster, delay: float, killed: list[int]) -> None:
    """Kill a worker ``delay`` seconds after a task of a phase has begun."""
    scheduler = cluster.scheduler
    # Tasks of the fit before may still be there.
    known = set(scheduler.tasks)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        names = [str(key) for key in list(scheduler.tasks) if key not in known]
        if any(phase in name for name in names):
            time.sleep(delay)
            pids = [worker.pid for worker in cluster.workers.values() if worker.pid]
            if pids:
                pid = pids[len(killed) % len(pids)]
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            return
        time.sleep(0.002)


def survive(runs: Sequence[tuple[str, str]], data: Path, folder: Path) -> int:
    """Fit once for each run, with a kill in its phase, on clusters of two workers."""
    # Lost workers are expected here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    generator, killed = np.random.default_rng(1), []
    expected: dict[str, np.ndarray] = {}
    for number, (method, phase) in enumerate(runs):
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            cluster.get_client() as client,
        ):
            if method not in expected:
                expected[method] = fit(data, client, folder / method, method)
            place, delay = folder / f"run-{number}", generator.random() * 0.3
            killer = threading.Thread(target=kill_in, args=(phase, cluster, delay, killed))
            killer.start()
            factors = fit(data, client, place, method)
            killer.join()
            same = np.array_equal(factors, expected[method])
            print(f"{number}: {method} {phase}: {'the same' if same else 'OTHER'} bits", flush=True)
            assert same
            shutil.rmtree(place)
    return len(killed)


def main(count: int, folder: Path) -> None:
    runs = [(method, phase) for method, phases in PHASES.items() for phase in phases]
    killed = survive([runs[number % len(runs)] for number in range(count)], rows_in(folder), folder)
    print(f"{killed} kills survived")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
