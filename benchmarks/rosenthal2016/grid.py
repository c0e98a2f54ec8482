"""The time of the whole grid of Rosenthal 2016, estimated from every tenth setting.

    python -m benchmarks.rosenthal2016.grid

The grid has 180 settings, each measured at 19 checkpoints. First, its time is predicted from the
time of a sweep and of an evaluation with each number of factors. Then every tenth setting is run as
``wrmf search`` runs it and, if ``implicit`` is installed, with the solver and the metrics of
implicit right after. implicit's task is easier: it has no MSE, so only precision@5 on train and on
test is measured.

This command runs the whole grid:
``wrmf search synthetic --fraction 0.2 --grid rosenthal2016 --journal grid.jsonl``
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from wrmf.evaluation.evaluate import evaluate_both
from wrmf.numerics.threads import available_threads
from wrmf.search.grid import ROSENTHAL_GRID, ROSENTHAL_INIT_SCALE
from wrmf.search.options import SearchOptions
from wrmf.search.runner import Search
from wrmf.search.space import all_settings, as_space

METRIC, METRICS = "precision@5", ("precision@5", "mse")
# The checkpoints of the grid.
EPOCHS = list(range(2, 40, 2))
# How often the whole sample is run with several settings at a time. These runs are spread between
# the settings that run one at a time, so that all ways of running have the same conditions on a
# shared machine.
BATCHES = 3
# Names of the ways of running the sample, in the record and the output.
SINGLE, IMPLICIT = "a setting at a time", "by implicit, without MSE"
SEVERAL, SEVERAL_CG = (
    "several settings at a time",
    "several settings at a time, by conjugate gradients",
)

Setting = dict[str, Any]


class Seconds(NamedTuple):
    """Wall-clock seconds and CPU seconds."""

    wall: float
    cpu: float


def timed(step: Callable[[], object]) -> Seconds:
    """Call ``step`` and return the seconds that it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def predict(split: wrmf.Split) -> float:
    """Print the cost of a setting by its number of factors; return the cost of the whole grid.

    Costs are CPU seconds of one thread, which other processes on the machine disturb least.
    """
    total = 0.0
    settings_each = len(ROSENTHAL_GRID["regularization"]) * len(ROSENTHAL_GRID["alpha"])
    print("\nfactors  start s  sweep s  evaluation s  setting s   (one thread)")
    for k in ROSENTHAL_GRID["factors"]:
        start, sweep, evaluation = part_costs(k, split)
        setting = start + sweep * EPOCHS[-1] + evaluation * len(EPOCHS)
        total += setting * settings_each
        print(f"{k:7} {start:8.3f} {sweep:8.4f} {evaluation:13.4f} {setting:10.2f}")
    return total


def part_costs(k: int, split: wrmf.Split) -> tuple[float, float, float]:
    """Return the CPU seconds of preparing a fit, of one sweep and of one evaluation."""
    model = wrmf.WRMF(
        factors=k,
        regularization=0.1,
        alpha=50.0,
        objective="wrmf",
        iterations=1,
        random_state=0,
        num_threads=1,
        init_scale=ROSENTHAL_INIT_SCALE,
    )
    first = timed(lambda: model.fit(split.train, progress=False)).cpu
    sweep = statistics.median(
        timed(lambda: model.partial_fit(split.train, 2, progress=False)).cpu / 2 for _ in range(5)
    )
    evaluation = statistics.median(
        timed(lambda: evaluate_both(model, split, METRICS, num_threads=1)).cpu for _ in range(3)
    )
    return max(0.0, first - sweep), sweep, evaluation


@dataclass(frozen=True)
class Execution:
    """How our search runs settings: the split, the threads, the jobs and the solver."""

    split: wrmf.Split
    threads: int
    n_jobs: int | str = 1
    solver: str = "exact"


def run_search(settings: Sequence[Setting], execution: Execution) -> None:
    """Run settings as a grid search does, and check that every score is a number."""
    model = wrmf.WRMF(
        objective="wrmf",
        random_state=0,
        num_threads=execution.threads,
        init_scale=ROSENTHAL_INIT_SCALE,
        solver=execution.solver,
    )
    options = SearchOptions.validate(
        execution.split, EPOCHS, METRIC, n_jobs=execution.n_jobs, progress=False
    )
    space = as_space(model, ROSENTHAL_GRID)
    with Search("grid", model, execution.split, space, options) as search:
        for curve in search.run(settings):
            assert all(np.isfinite(curve.test[metric]).all() for metric in METRICS), curve.params


def run_implicit(setting: Setting, split: wrmf.Split, threads: int) -> None:
    """Run one setting with implicit's default solver (conjugate gradients) and its metrics."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k

    confidence = split.train.matrix.copy()
    confidence.data = (1 + setting["alpha"] * confidence.data).astype(np.float32)
    is_tested = np.isin(np.arange(split.train.n_users), split.users).astype(np.float32)
    tested_rows = (sparse.diags(is_tested) @ split.train.matrix).tocsr()
    nothing_seen = sparse.csr_matrix(tested_rows.shape, dtype=np.float32)
    model = AlternatingLeastSquares(
        factors=setting["factors"],
        regularization=setting["regularization"],
        alpha=1.0,
        iterations=EPOCHS[0],
        num_threads=threads,
        random_state=0,
    )
    options = {"K": 5, "show_progress": False, "num_threads": threads}
    done = 0
    for epoch in EPOCHS:
        model.iterations, done = epoch - done, epoch
        model.fit(confidence, show_progress=False)
        ranking_metrics_at_k(model, split.train.matrix, split.test.matrix, **options)
        ranking_metrics_at_k(model, nothing_seen, tested_rows, **options)


def has_implicit() -> bool:
    """Return whether implicit can be imported."""
    try:
        import implicit  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass
class Measurements:
    """The seconds that were measured. Each field stands for one way of running the sample.

    ``ours`` and ``implicit`` have an entry for each setting, ``exact_batches`` and ``cg_batches``
    for each run of the whole sample.
    """

    ours: list[Seconds] = field(default_factory=list)
    implicit: list[Seconds] = field(default_factory=list)
    exact_batches: list[Seconds] = field(default_factory=list)
    cg_batches: list[Seconds] = field(default_factory=list)

    def of_sample(self) -> dict[str, np.ndarray]:
        """Return the (wall-clock, CPU) seconds of the whole sample by way of running."""
        ways = {SINGLE: np.sum(self.ours, axis=0), IMPLICIT: np.sum(self.implicit, axis=0)}
        if self.exact_batches:
            ways[SEVERAL] = np.median(self.exact_batches, axis=0)
            # implicit's default solver is conjugate gradients, so our solver ``cg`` is compared,
            # too.
            ways[SEVERAL_CG] = np.median(self.cg_batches, axis=0)
        return {name: seconds for name, seconds in ways.items() if np.any(seconds)}


def measure(sample: Sequence[Setting], split: wrmf.Split, threads: int, peer: bool) -> Measurements:
    """Run the sample in all ways, and print a line for each setting."""
    measured = Measurements()
    batch_every = -(-len(sample) // BATCHES)
    for number, setting in enumerate(sample, 1):
        single = Execution(split, threads)
        ours = timed(lambda setting=setting, single=single: run_search([setting], single))
        measured.ours.append(ours)
        line = f"{setting}  {ours.wall:6.1f} s ({ours.cpu:6.1f} CPU)"
        if peer:
            theirs = timed(lambda setting=setting: run_implicit(setting, split, threads))
            measured.implicit.append(theirs)
            line += (
                f"; implicit {theirs.wall:6.1f} s ({theirs.cpu:6.1f} CPU), ratio "
                f"{theirs.wall / ours.wall:.1f} ({theirs.cpu / ours.cpu:.1f})"
            )
        print(line, flush=True)
        if threads > 1 and number % batch_every == 0:
            for solver, batches in (
                ("exact", measured.exact_batches),
                ("cg", measured.cg_batches),
            ):
                several = Execution(split, threads, "auto", solver)
                batches.append(timed(lambda several=several: run_search(sample, several)))
    return measured


def estimate(measured: Measurements, scale: float) -> dict[str, dict[str, float]]:
    """Print and return the minutes of the whole grid, which are ``scale`` times the sample's."""
    whole = {name: scale * seconds for name, seconds in measured.of_sample().items()}
    for name, (wall, cpu) in whole.items():
        line = f"whole grid, {name}: {wall / 60:.1f} min ({cpu / 60:.1f} CPU min)"
        if IMPLICIT in whole and name != IMPLICIT:
            ratio = whole[IMPLICIT] / (wall, cpu)
            line += f"; implicit takes {ratio[0]:.1f} ({ratio[1]:.1f}) times as long"
        print(line)
    return {
        name: {"minutes": wall / 60, "cpu_minutes": cpu / 60} for name, (wall, cpu) in whole.items()
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rosenthal2016.grid", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--stride", type=int, default=10, help="run every STRIDE-th setting")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-peer", action="store_true", help="do not run implicit")
    parser.add_argument("--out", type=Path, help="the JSON file; default results/article-grid.json")
    options = parser.parse_args()
    threads = available_threads(options.threads)
    data = wrmf.datasets.DATASETS["synthetic"].load()
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    settings = all_settings(ROSENTHAL_GRID)
    # The middle setting of every STRIDE settings, so that the sample covers the whole range of each
    # parameter.
    sample = settings[options.stride // 2 :: options.stride]
    print(
        f"{data!r}, {len(settings)} settings × {len(EPOCHS)} checkpoints, {threads} threads; "
        f"{len(sample)} settings are run"
    )
    predicted = predict(split)
    print(
        f"predicted from the parts: {predicted / 60:.1f} CPU min, on {threads} idle CPUs "
        f"{predicted / 60 / threads:.1f} min\n"
    )
    peer = not options.no_peer and has_implicit()
    if not peer and not options.no_peer:
        print("implicit is not installed, so only our search is run")
    measured = measure(sample, split, threads, peer)
    content = {
        "seed": 0,
        "threads": threads,
        "settings_run": len(sample),
        "predicted_cpu_s": predicted,
        **estimate(measured, len(settings) / len(sample)),
    }
    described = record.described("benchmarks.rosenthal2016.grid", content)
    print(record.write(described, "article-grid", options.out))


if __name__ == "__main__":
    main()
