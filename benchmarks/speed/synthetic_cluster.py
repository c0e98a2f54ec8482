"""Synthetic pairs in parquet files, and clusters of this machine that fit them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

import wrmf
from benchmarks.speed.one_machine import blocks, shape_of

__all__ = ["Cluster", "model_of", "start", "write_parquet"]

SETTINGS = {
    # A machine with other work may take longer to answer than the half minute of the defaults.
    "comm.timeouts.tcp": "10 minutes",
    "comm.timeouts.connect": "10 minutes",
    # There, a worker whose share is done would take tasks of others, with the data they need.
    "scheduler.work-stealing": False,
}


@dataclass(frozen=True)
class Cluster:
    """A cluster of processes on this machine.

    Attributes
    ----------
    client : distributed.Client
    workers : list of psutil.Process
        One for all workers if they are in this process.
    scheduler : psutil.Process
    """

    client: Any
    workers: list[psutil.Process]
    scheduler: psutil.Process

    def cpu_of_workers(self) -> float:
        """Return the CPU seconds of all workers."""
        return sum(cpu_seconds(worker) for worker in self.workers)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


@contextmanager
def start(
    n_workers: int, threads: int = 1, memory: str = "6GiB", in_process: bool = False
) -> Iterator[Cluster]:
    """Start a scheduler and workers, each in a process of its own, or all in this one.

    In this one they start in no time, and still send each other bytes by TCP, but their kernels
    compute one at a time.
    """
    import dask
    from distributed import LocalCluster
    from distributed.deploy.subprocess import SubprocessCluster

    logging.getLogger("distributed").setLevel(logging.ERROR)
    for name, value in SETTINGS.items():
        dask.config.set({f"distributed.{name}": value})
        variable = name.upper().replace(".", "__").replace("-", "_")
        os.environ[f"DASK_DISTRIBUTED__{variable}"] = str(value)
    if in_process:
        opened = LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            memory_limit=memory,
            dashboard_address=None,
        )
    else:
        opened = SubprocessCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            worker_kwargs={"memory_limit": memory},
            scheduler_kwargs={"dashboard": False},
            dashboard_address=":0",
        )
    with opened as cluster, cluster.get_client() as client:
        client.wait_for_workers(n_workers)
        workers = [psutil.Process(pid) for pid in set(client.run(_process).values())]
        scheduler = psutil.Process(client.run_on_scheduler(_process))
        yield Cluster(client, workers, scheduler)


def _process() -> int:
    return os.getpid()


def write_parquet(folder: Path, n_pairs: float) -> Path:
    """Write synthetic pairs to parquet files, and return their folder."""
    data = folder / f"pairs-{n_pairs:g}"
    data.mkdir(parents=True)
    n_users, n_items = shape_of(n_pairs)
    first = 0
    for number, (sizes, items) in enumerate(blocks(n_users, n_items)):
        users = np.repeat(np.arange(first, first + len(sizes)), sizes)
        pd.DataFrame({"user": users, "item": items}).to_parquet(data / f"{number:04}.parquet")
        first += len(sizes)
    return data


def model_of(factors: int, iterations: int) -> wrmf.WRMF:
    """Return the model of the measurements."""
    return wrmf.WRMF(
        factors=factors,
        iterations=iterations,
        objective="wrmf",
        confidence="linear",
        alpha=10.0,
        regularization=1.0,
        regularization_exponent=0.0,
        unobserved_weight=1.0,
        random_state=0,
    )
