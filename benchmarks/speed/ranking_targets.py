"""Time ranking against its targets: the plain GEMM of the same scores, and peers where installed.

    python -m benchmarks.speed.ranking_targets [--factors 64] [--rounds 5]

A and B run by turns in one process, two threads each; medians of wall-clock seconds are printed,
one JSON object a line, and written to results/ranking.json. Peers that are not installed are left
out.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

import wrmf
from benchmarks.peers import Missing
from benchmarks.quality.data import described, gowalla, write

METRICS = ("recall@20", "ndcg@20", "map@20")
THREADS = 2


def plain_gemm(x, y, rows=1024):
    """All scores in float32, in tiles of users that are thrown away: the best of BLAS."""
    own = threading.local()

    def run(start):
        if not hasattr(own, "out"):
            own.out = np.empty((rows, len(y)), dtype=np.float32)
        part = x[start : start + rows]
        np.matmul(part, y.T, out=own.out[: len(part)])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(0, len(x), rows)))


def implicit_tasks(model, split):
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


def irspack_tasks(model, split):
    try:
        from irspack import Evaluator
        from irspack.recommenders.base import BaseRecommender
    except ImportError:
        return {}
    x, y = model.user_factors, model.item_factors

    class Fixed(BaseRecommender):
        def _learn(self):
            pass

        def get_score_block(self, begin, end):
            return x[begin:end] @ y.T

        def get_score(self, users):
            return x[users] @ y.T

    peer = Fixed(split.train.matrix.astype(np.float64))
    judge = Evaluator(split.test.matrix.astype(np.float64), cutoff=20, n_threads=THREADS)
    return {"irspack Evaluator": lambda: judge.get_scores(peer, [20])}


def compare(tasks, rounds):
    """Return median seconds of each task, run by turns."""
    seconds = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, run in tasks.items():
            start = time.perf_counter()
            # The peers run threads of their own and ask for a BLAS without any.
            with threadpool_limits(1, "blas"):
                run()
            seconds[name].append(time.perf_counter() - start)
    return {name: round(statistics.median(each), 4) for name, each in seconds.items()}


def on_gowalla(factors, rounds):
    split = gowalla()
    regularization = 10.0 if factors >= 256 else 1.0
    model = wrmf.WRMF(
        factors,
        regularization,
        10.0,
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
    found = compare(tasks, rounds)
    report = {"set": "gowalla", "factors": factors, "seconds": found}
    report["evaluate / GEMM"] = round(found["wrmf evaluate"] / found["plain GEMM"], 3)
    for name, ours in (
        ("implicit ranking_metrics_at_k", "wrmf evaluate"),
        ("irspack Evaluator", "wrmf evaluate"),
        ("implicit recommend 10", "wrmf recommend 10"),
    ):
        if name in found:
            report[f"times faster than {name}"] = round(found[name] / found[ours], 1)
    return report


def at_the_articles_size(rounds):
    data = wrmf.datasets.synthetic_likes(random_state=0)
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    model = wrmf.WRMF(40, 0.1, 50.0, iterations=4, random_state=0, num_threads=THREADS)
    model.fit(split.train)
    metrics = ("precision@5", "mse")
    training = model.trainer(split.train)
    found = compare(
        {
            "one exact sweep": lambda: training.run(1, progress=False),
            "test": lambda: wrmf.evaluate(model, split, metrics, num_threads=THREADS),
            "train and test": lambda: wrmf.evaluation.metrics.evaluate_both(
                model, split, metrics, num_threads=THREADS
            ),
        },
        rounds,
    )
    return {"set": "article's size", "factors": 40, "seconds": found}


def with_a_million_items(n_items=1_000_000, n_users=2_000, factors=64):
    """Peak memory beside the factors and the data."""
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

    class Model:
        user_factors, item_factors = x, y

    # What is held now, not the peak so far, which making the factors may have raised (Linux).
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize() / 1024
    start = time.perf_counter()
    wrmf.evaluate(Model, split, METRICS, num_threads=THREADS)
    seconds = time.perf_counter() - start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {
        "set": "a million items",
        "factors": factors,
        "seconds": round(seconds, 3),
        "peak extra MiB": round(peak),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--factors", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    options = parser.parse_args()
    found = []
    # Memory first: the peak is the process's, and never falls.
    tasks = [with_a_million_items, lambda: at_the_articles_size(options.rounds)]
    tasks += [lambda k=k: on_gowalla(k, options.rounds) for k in options.factors]
    for task in tasks:
        try:
            found.append(task())
        except Missing as reason:
            print(f"left out: {reason}")
            continue
        print(json.dumps(found[-1]), flush=True)
    record = {"seed": 0, "threads": THREADS, "rounds": options.rounds, "found": found}
    print(write(described("benchmarks.speed.ranking_targets", record), "ranking", options.out))


if __name__ == "__main__":
    main()
