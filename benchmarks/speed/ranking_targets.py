"""Time ranking, to compare it with a GEMM of the same scores and with the installed peers.

    python -m benchmarks.speed.ranking_targets [--factors 64 256] [--rounds 5]

All tasks run in one process, with two threads, once in every round. The medians of their wall-clock
seconds are printed, one JSON object per line, and written to ``results/ranking.json``. Peers that
are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

import wrmf
from benchmarks import record
from benchmarks.data import gowalla
from benchmarks.machine import peak_memory, resident_memory
from benchmarks.missing import Missing
from wrmf.evaluation.evaluate import evaluate_both

METRICS = ("recall@20", "ndcg@20", "map@20")
SKETCHFAB_METRICS = ("precision@5", "mse")
THREADS = 2
# From this number of factors on, gowalla needs more regularisation.
MANY_FACTORS = 256

Task = Callable[[], Any]


def plain_gemm(x: np.ndarray, y: np.ndarray, tile: int = 1024) -> None:
    """Compute all scores in float32, in tiles of users, and discard them."""
    own = threading.local()

    def multiply(start: int) -> None:
        if not hasattr(own, "out"):
            own.out = np.empty((tile, len(y)), dtype=np.float32)
        part = x[start : start + tile]
        np.matmul(part, y.T, out=own.out[: len(part)])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(multiply, range(0, len(x), tile)))


def implicit_tasks(model: wrmf.WRMF, split: wrmf.Split) -> dict[str, Task]:
    """Return tasks that rank our factors with implicit, none if it is not installed."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.evaluation import ranking_metrics_at_k
    except ImportError:
        return {}
    peer = AlternatingLeastSquares(factors=model.factors, num_threads=THREADS)
    peer.user_factors, peer.item_factors = model.user_factors, model.item_factors
    train, test = split.train.matrix, split.test.matrix
    everyone = np.arange(train.shape[0])
    return {
        "implicit ranking_metrics_at_k": lambda: ranking_metrics_at_k(
            peer, train, test, K=20, show_progress=False, num_threads=THREADS
        ),
        "implicit recommend 10": lambda: peer.recommend(everyone, train, N=10),
    }


def irspack_tasks(model: wrmf.WRMF, split: wrmf.Split) -> dict[str, Task]:
    """Return the task to evaluate our factors with irspack, none if it is not installed."""
    try:
        from irspack import Evaluator
        from irspack.recommenders.base import BaseRecommender
    except ImportError:
        return {}
    x, y = model.user_factors, model.item_factors

    class FixedFactors(BaseRecommender):  # type: ignore[misc]
        def _learn(self) -> None:
            pass

        def get_score_block(self, begin: int, end: int) -> np.ndarray:
            return x[begin:end] @ y.T

        def get_score(self, users: np.ndarray) -> np.ndarray:
            return x[users] @ y.T

    peer = FixedFactors(split.train.matrix.astype(np.float64))
    evaluator = Evaluator(split.test.matrix.astype(np.float64), cutoff=20, n_threads=THREADS)
    return {"irspack Evaluator": lambda: evaluator.get_scores(peer, [20])}


def median_seconds(tasks: Mapping[str, Task], rounds: int) -> dict[str, float]:
    """Run all tasks once per round; return the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, run in tasks.items():
            start = time.perf_counter()
            # The peers start threads of their own and ask for a BLAS with one thread.
            with threadpool_limits(1, "blas"):
                run()
            seconds[name].append(time.perf_counter() - start)
    return {name: round(statistics.median(times), 4) for name, times in seconds.items()}


def on_gowalla(factors: int, rounds: int) -> dict[str, Any]:
    """Time evaluation and recommendation for all users, of wrmf and of the peers, and a GEMM."""
    split = gowalla()
    model = wrmf.WRMF(
        factors,
        10.0 if factors >= MANY_FACTORS else 1.0,
        10.0,
        objective="wrmf",
        iterations=8,
        random_state=0,
        init_scale=0.0125,
        num_threads=THREADS,
    ).fit(split.train)
    tasks = {
        "wrmf evaluate": lambda: wrmf.evaluate(model, split, METRICS, num_threads=THREADS),
        "wrmf recommend 10": lambda: model.recommend(n=10),
        "wrmf auc": lambda: wrmf.evaluate(model, split, ["auc"], num_threads=THREADS),
        "plain GEMM": lambda: plain_gemm(model.user_factors, model.item_factors),
        **implicit_tasks(model, split),
        **irspack_tasks(model, split),
    }
    seconds = median_seconds(tasks, rounds)
    result: dict[str, Any] = {"set": "gowalla", "factors": factors, "seconds": seconds}
    result["evaluate / GEMM"] = round(seconds["wrmf evaluate"] / seconds["plain GEMM"], 3)
    for name, ours in (
        ("implicit ranking_metrics_at_k", "wrmf evaluate"),
        ("irspack Evaluator", "wrmf evaluate"),
        ("implicit recommend 10", "wrmf recommend 10"),
    ):
        if name in seconds:
            result[f"times faster than {name}"] = round(seconds[name] / seconds[ours], 1)
    return result


def at_sketchfabs_size(rounds: int) -> dict[str, Any]:
    """Time the metrics of Rosenthal 2016, and an exact sweep for comparison, on synthetic likes."""
    data = wrmf.datasets.synthetic_likes(random_state=0)
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    model = wrmf.WRMF(
        40, 0.1, 50.0, iterations=4, objective="wrmf", random_state=0, num_threads=THREADS
    )
    model.fit(split.train)
    trainer = model.trainer(split.train)
    seconds = median_seconds(
        {
            "one exact sweep": lambda: trainer.run(1, progress=False),
            "test": lambda: wrmf.evaluate(model, split, SKETCHFAB_METRICS, num_threads=THREADS),
            "train and test": lambda: evaluate_both(
                model, split, SKETCHFAB_METRICS, num_threads=THREADS
            ),
        },
        rounds,
    )
    return {"set": "Sketchfab's size", "factors": 40, "seconds": seconds}


@dataclass(frozen=True)
class FixedModel:
    """Factors that were not trained."""

    user_factors: np.ndarray
    item_factors: np.ndarray


def with_a_million_items(
    n_items: int = 1_000_000, n_users: int = 2_000, factors: int = 64
) -> dict[str, Any]:
    """Measure the peak memory that an evaluation needs in addition to the factors and the data."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((n_users, factors), dtype=np.float32)
    y = generator.standard_normal((n_items, factors), dtype=np.float32)
    y *= generator.pareto(2.0, (n_items, 1)).astype(np.float32) + 0.1
    rows = np.repeat(np.arange(n_users), 10)
    train, test = (
        sparse.csr_matrix(
            (np.ones(len(rows)), (rows, generator.integers(low, high, len(rows)))),
            shape=(n_users, n_items),
        )
        for low, high in ((0, n_items // 2), (n_items // 2, n_items))
    )
    split = wrmf.Split(train, test)
    # Generating the factors may have raised the peak, so the memory in use now is the baseline.
    before = resident_memory()
    start = time.perf_counter()
    wrmf.evaluate(FixedModel(x, y), split, METRICS, num_threads=THREADS)
    seconds = time.perf_counter() - start
    peak = peak_memory()
    extra = None if before is None or peak is None else round((peak - before) / 2**20)
    return {
        "set": "a million items",
        "factors": factors,
        "seconds": round(seconds, 3),
        "peak extra MiB": extra,
    }


def main() -> None:
    """Run all tasks and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--factors", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="the JSON file; default results/ranking.json")
    options = parser.parse_args()
    # Memory is measured first, because the peak of a process never decreases.
    studies: list[Callable[[], dict[str, Any]]] = [
        with_a_million_items,
        lambda: at_sketchfabs_size(options.rounds),
    ]
    studies += [lambda k=k: on_gowalla(k, options.rounds) for k in options.factors]
    results = []
    for study in studies:
        try:
            results.append(study())
        except Missing as reason:
            print(f"left out: {reason}")
            continue
        print(json.dumps(results[-1]), flush=True)
    content = {"seed": 0, "threads": THREADS, "rounds": options.rounds, "found": results}
    described = record.described("benchmarks.speed.ranking_targets", content)
    print(record.write(described, "ranking", options.out))


if __name__ == "__main__":
    main()
