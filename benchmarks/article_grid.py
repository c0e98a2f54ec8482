"""The article's whole grid, 180 settings × 19 checkpoints, estimated from every tenth setting.

``python -m benchmarks.article_grid`` predicts the time from its parts (sweeps and evaluations of
each number of factors), then runs every tenth setting as ``wrmf search`` would and, where
``implicit`` is installed, by its solver and its metrics, turn by turn. implicit gets the easier
task: it has no MSE, so only precision@5 on train and on test is measured.

The whole grid: ``wrmf search synthetic --fraction 0.2 --grid article --journal article.jsonl``
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from wrmf.metrics import evaluate_both
from wrmf.search import ARTICLE_GRID
from wrmf.search_run import Search
from wrmf.space import all_settings
from wrmf.threads import available_threads

METRICS = ("precision@5", "mse")


def predict(split: Any, epochs: list[int]) -> float:
    """Print the cost of the parts and return that of the whole grid, in CPU seconds.

    Measured on one thread by CPU time, which other processes on the machine disturb least.
    """
    total = 0.0
    each = len(ARTICLE_GRID["regularization"]) * len(ARTICLE_GRID["alpha"])
    print("\nfactors  start s  sweep s  evaluation s  setting s   (one thread)")
    for k in ARTICLE_GRID["factors"]:
        model = wrmf.WRMF(factors=k, regularization=0.1, alpha=50.0, iterations=1, random_state=0,
                          num_threads=1)  # fmt: skip
        first = cpu(lambda model=model: model.fit(split.train, progress=False))
        sweep = statistics.median(
            cpu(lambda model=model: model.partial_fit(split.train, 2, progress=False)) / 2
            for _ in range(5)
        )
        evaluation = statistics.median(
            cpu(lambda model=model: evaluate_both(model, split, METRICS, num_threads=1))
            for _ in range(3)
        )
        start = max(0.0, first - sweep)
        setting = start + sweep * epochs[-1] + evaluation * len(epochs)
        total += setting * each
        print(f"{k:7} {start:8.3f} {sweep:8.4f} {evaluation:13.4f} {setting:10.2f}")
    return total


def cpu(step: Any) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def ours(
    settings: list[dict[str, Any]], split: Any, epochs: list[int], jobs: Any, threads: int
) -> tuple[float, list[wrmf.LearningCurve]]:
    """Return the seconds and curves of settings as a grid search runs them."""
    model = wrmf.WRMF(random_state=0, num_threads=threads)
    start = time.perf_counter()
    with Search("grid", model, split, ARTICLE_GRID, epochs, *METRICS, n_jobs=jobs,
                progress=False) as search:  # fmt: skip
        curves = search.run(settings)
    seconds = time.perf_counter() - start
    for curve in curves:
        assert all(np.isfinite(curve.test[metric]).all() for metric in METRICS), curve.params
    return seconds, curves


def implicit_curve(setting: dict[str, Any], split: Any, epochs: list[int], threads: int) -> float:
    """Return the seconds of one setting by implicit's solver (its default, CG) and metrics."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k

    confidence = split.train.matrix.copy()
    confidence.data = (1 + setting["alpha"] * confidence.data).astype(np.float32)
    chosen = sparse.diags(np.isin(np.arange(split.train.n_users), split.users).astype(np.float32))
    own = (chosen @ split.train.matrix).tocsr()
    nothing = sparse.csr_matrix(own.shape, dtype=np.float32)
    model = AlternatingLeastSquares(
        factors=setting["factors"], regularization=setting["regularization"], alpha=1.0,
        iterations=epochs[0], num_threads=threads, random_state=0,
    )  # fmt: skip
    options = {"K": 5, "show_progress": False, "num_threads": threads}
    start, done = time.perf_counter(), 0
    for epoch in epochs:
        model.iterations, done = epoch - done, epoch
        model.fit(confidence, show_progress=False)
        ranking_metrics_at_k(model, split.train.matrix, split.test.matrix, **options)
        ranking_metrics_at_k(model, nothing, own, **options)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stride", type=int, default=10, help="every n-th setting is run")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    options = parser.parse_args()
    threads = available_threads(options.threads)
    epochs = list(range(2, 40, 2))
    data = wrmf.datasets.synthetic_likes(random_state=0)
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    settings = all_settings(ARTICLE_GRID)
    # From the middle of each stretch, so that the whole range of each parameter is met.
    sample = settings[options.stride // 2 :: options.stride]
    scale = len(settings) / len(sample)
    print(f"{data!r}, {len(settings)} settings × {len(epochs)} checkpoints, {threads} threads; "
          f"{len(sample)} settings are run")  # fmt: skip
    found: dict[str, Any] = {"threads": threads, "settings_run": len(sample)}
    found["predicted_cpu_s"] = predict(split, epochs)
    print(f"predicted from the parts: {found['predicted_cpu_s'] / 60:.1f} CPU min, on {threads} "
          f"quiet CPUs {found['predicted_cpu_s'] / 60 / threads:.1f} min\n")  # fmt: skip

    rows, peer = 0.0, 0.0
    try:
        import implicit  # noqa: F401
    except ImportError:
        options.no_peer = True
        print("implicit is not installed: ours alone")
    for setting in sample:
        seconds, curves = ours([setting], split, epochs, 1, threads)
        rows += seconds
        line = f"{setting}  {seconds:6.1f} s, sweeps {curves[0].seconds[-1]:6.1f} s"
        if not options.no_peer:
            theirs = implicit_curve(setting, split, epochs, threads)
            peer += theirs
            line += f"; implicit {theirs:6.1f} s, ratio {theirs / seconds:.1f}"
        print(line, flush=True)
    used = time.process_time()
    jobs, _ = ours(sample, split, epochs, "auto", threads)
    used = time.process_time() - used
    found |= {"rows_parallel_s": rows * scale, "settings_parallel_s": jobs * scale,
              "settings_parallel_cpu_s": used * scale}  # fmt: skip
    print(f"\nwhole grid, a setting at a time, rows in parallel: {rows * scale / 60:.1f} min")
    print(f"whole grid, settings in parallel (n_jobs='auto'):    {jobs * scale / 60:.1f} min "
          f"({used * scale / 60:.1f} CPU min)")  # fmt: skip
    if not options.no_peer:
        found["implicit_s"] = peer * scale
        print(f"whole grid by implicit (without MSE):               {peer * scale / 60:.1f} min; "
              f"ratio {peer / min(rows, jobs):.1f}")  # fmt: skip
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
