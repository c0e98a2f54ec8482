"""A cluster of this machine beside MLlib's ALS on the same cores: seconds an iteration, and loss.

    python -m benchmarks.speed.mllib                        # 40,000 decks, k = 64
    python -m benchmarks.speed.mllib --users 0 --executor-memory 3000    # all decks, 9 GB

Both minimise the same loss: MLlib multiplies λ by the number of entries of a row, which is
``regularization_counts="observed"`` with ν = 1 here. MLlib cannot continue a fit, so that its
seconds an iteration are the difference of fits with several and with one iteration, after one that
warms its virtual machine up. Those of the cluster contain the exact loss and saving, which MLlib
does not have. As many threads compute in all, here in a worker each. Those of MLlib are in one
process, or with ``--executor-memory`` in an executor each, as on a cluster. CPU seconds are those
of all its processes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

import wrmf
import wrmf.distributed
from benchmarks import record
from benchmarks.data import read_pairs
from benchmarks.machine import load_average
from benchmarks.peers import FactorPair, Setting, spark
from benchmarks.speed.synthetic_cluster import cpu_seconds, start


class Fits:
    """Times fits with several numbers of iterations, as ``SweepRecorder`` for MLlib."""

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        self.seconds: dict[int, float] = {}
        self.cpu: dict[int, float] = {}
        self.factors: dict[int, FactorPair] = {}

    def fits(self, fit: Any) -> None:
        """Fit with one iteration and with several."""
        for sweeps in (1, self.iterations):
            started, cpu = time.perf_counter(), cpu_of_machines()
            self.factors[sweeps] = fit(sweeps)
            self.seconds[sweeps] = time.perf_counter() - started
            self.cpu[sweeps] = cpu_of_machines() - cpu

    def an_iteration(self, of: dict[int, float]) -> float:
        """Return what an iteration takes."""
        return round((of[self.iterations] - of[1]) / (self.iterations - 1), 2)


def cpu_of_machines() -> float:
    """Return the CPU seconds of the virtual machines, which descend from this process."""
    import psutil

    return sum(cpu_seconds(process) for process in psutil.Process().children(recursive=True))


def rows_of_decks(options: argparse.Namespace) -> pd.DataFrame:
    """Return the pairs of the first users of the decks, or of all."""
    rows = read_pairs(options.data)[["user", "item"]]
    if options.users:
        rows = rows[rows["user"].isin(rows["user"].unique()[: options.users])]
    return rows.drop_duplicates()


def model_of(options: argparse.Namespace) -> wrmf.WRMF:
    """Return the model with MLlib's loss."""
    return wrmf.WRMF(
        factors=options.factors,
        iterations=options.iterations,
        regularization=options.regularization,
        alpha=options.alpha,
        unobserved_weight=1.0,
        objective="wrmf",
        confidence="linear",
        regularization_exponent=1.0,
        regularization_counts="observed",
        random_state=0,
    )


def fit_on_cluster(rows: pd.DataFrame, folder: Path, options: Any) -> tuple[dict[str, Any], Any]:
    """Return the record of a fit on two workers, and its data on the axes of the model."""
    rows.to_parquet(folder / "rows.parquet")
    marks = []
    with start(options.threads) as cluster:

        def note(model: Any, done: int) -> None:
            marks.append((time.perf_counter(), cluster.cpu_of_workers()))

        sharded = wrmf.distributed.fit(
            folder / "rows.parquet",
            model_of(options),
            client=cluster.client,
            folder=folder / "fit",
            method="gather",
            callback=note,
            progress=False,
        )
        local = sharded.to_local()
    seconds, cpu = np.diff(np.array(marks), axis=0).T
    return {
        "seconds an iteration": round(float(median(seconds)), 2),
        "CPU seconds an iteration": round(float(median(cpu)), 2),
        "losses": [reached.loss for reached in sharded.history],
        "load": load_average(),
    }, local


def fit_by_mllib(local: wrmf.WRMF, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of MLlib."""
    fits = Fits(options.iterations)
    memory = options.executor_memory
    executors = {} if memory is None else {"executor_memory": memory}
    setting = Setting(
        factors=options.factors,
        regularization=options.regularization,
        alpha=options.alpha,
        threads=options.threads,
        options={"driver_memory": options.driver_memory, **executors},
    )
    matrix = local.train_matrix
    spark.train(matrix, setting, fits)
    losses = {sweeps: loss_of(local, *factors) for sweeps, factors in fits.factors.items()}
    return {
        "seconds an iteration": fits.an_iteration(fits.seconds),
        "CPU seconds an iteration": fits.an_iteration(fits.cpu),
        "losses": losses,
        "load": load_average(),
    }


def loss_of(local: wrmf.WRMF, users: np.ndarray, items: np.ndarray) -> float:
    """Return the exact loss of other factors, by the model that has the data."""
    local.user_factors, local.item_factors = users, items
    return float(local.loss(local.train_matrix))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="mtg_decks")
    parser.add_argument("--users", type=int, default=40_000, help="the first ones; 0 for all")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--alpha", type=float, default=10.0)
    parser.add_argument("--regularization", type=float, default=0.1)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--driver-memory", default="3g", help="of MLlib's driver")
    parser.add_argument("--executor-memory", type=int, help="MB of each executor of MLlib, if any")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    rows = rows_of_decks(options)
    with tempfile.TemporaryDirectory() as folder:
        ours, local = fit_on_cluster(rows, Path(folder), options)
    print(ours, flush=True)
    content = {
        "data": options.data,
        "shape": list(local.train_matrix.shape),
        "pairs": int(local.train_matrix.nnz),
        "factors": options.factors,
        "threads": options.threads,
        "MB of an executor": options.executor_memory,
        "wrmf.distributed": ours,
        f"MLlib {spark.load()}": fit_by_mllib(local, options),
    }
    print(content)
    described = record.described("benchmarks.speed.mllib", content)
    print(record.write(described, "mllib", options.out))


if __name__ == "__main__":
    main()
