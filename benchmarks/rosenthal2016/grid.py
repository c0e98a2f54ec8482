"""The article's whole grid, 180 settings × 19 checkpoints, estimated from every tenth setting.

``python -m benchmarks.rosenthal2016.grid`` predicts the time from its parts (sweeps
and evaluations of each number of factors), then runs every tenth setting as ``wrmf search``
would and, where ``implicit`` is installed, by its solver and its metrics, turn by turn. implicit gets the easier
task: it has no MSE, so only precision@5 on train and on test is measured.

The whole grid: ``wrmf search synthetic --fraction 0.2 --grid article --journal article.jsonl``
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.quality.data import described, write
from wrmf.evaluation.evaluate import evaluate_both
from wrmf.numerics.threads import available_threads
from wrmf.search.grid import ARTICLE_GRID, ARTICLE_INIT_SCALE
from wrmf.search.runner import Search
from wrmf.search.space import all_settings

METRICS = ("precision@5", "mse")


def predict(split: Any, epochs: list[int]) -> float:
    """Print the cost of the parts and return that of the whole grid, in CPU seconds.

    Measured on one thread by CPU time, which other processes on the machine disturb least.
    """
    total = 0.0
    each = len(ARTICLE_GRID["regularization"]) * len(ARTICLE_GRID["alpha"])
    print("\nfactors  start s  sweep s  evaluation s  setting s   (one thread)")
    for k in ARTICLE_GRID["factors"]:
        model = wrmf.WRMF(
            factors=k,
            regularization=0.1,
            alpha=50.0,
            iterations=1,
            random_state=0,
            num_threads=1,
            init_scale=ARTICLE_INIT_SCALE,
        )
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


def both(step: Any) -> np.ndarray:
    """Return wall and CPU seconds."""
    start = np.array([time.perf_counter(), time.process_time()])
    step()
    return np.array([time.perf_counter(), time.process_time()]) - start


def cpu(step: Any) -> float:
    return float(both(step)[1])


def ours(
    settings: list[dict[str, Any]],
    split: Any,
    epochs: list[int],
    jobs: Any,
    threads: int,
    solver: str = "exact",
) -> None:
    """Run settings as a grid search does, and see that every score is a number."""
    model = wrmf.WRMF(
        random_state=0, num_threads=threads, init_scale=ARTICLE_INIT_SCALE, solver=solver
    )
    with Search(
        "grid", model, split, ARTICLE_GRID, epochs, *METRICS, n_jobs=jobs, progress=False
    ) as search:
        for curve in search.run(settings):
            assert all(np.isfinite(curve.test[metric]).all() for metric in METRICS), curve.params


def implicit_curve(setting: dict[str, Any], split: Any, epochs: list[int], threads: int) -> None:
    """Run one setting by implicit's solver (its default, CG) and metrics."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k

    confidence = split.train.matrix.copy()
    confidence.data = (1 + setting["alpha"] * confidence.data).astype(np.float32)
    chosen = sparse.diags(np.isin(np.arange(split.train.n_users), split.users).astype(np.float32))
    own = (chosen @ split.train.matrix).tocsr()
    nothing = sparse.csr_matrix(own.shape, dtype=np.float32)
    model = AlternatingLeastSquares(
        factors=setting["factors"],
        regularization=setting["regularization"],
        alpha=1.0,
        iterations=epochs[0],
        num_threads=threads,
        random_state=0,
    )
    options = {"K": 5, "show_progress": False, "num_threads": threads}
    done = 0
    for epoch in epochs:
        model.iterations, done = epoch - done, epoch
        model.fit(confidence, show_progress=False)
        ranking_metrics_at_k(model, split.train.matrix, split.test.matrix, **options)
        ranking_metrics_at_k(model, nothing, own, **options)


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
    print(
        f"{data!r}, {len(settings)} settings × {len(epochs)} checkpoints, {threads} threads; "
        f"{len(sample)} settings are run"
    )
    found: dict[str, Any] = {"seed": 0, "threads": threads, "settings_run": len(sample)}
    found["predicted_cpu_s"] = predict(split, epochs)
    print(
        f"predicted from the parts: {found['predicted_cpu_s'] / 60:.1f} CPU min, on {threads} "
        f"quiet CPUs {found['predicted_cpu_s'] / 60 / threads:.1f} min\n"
    )

    if not options.no_peer:
        try:
            import implicit  # noqa: F401
        except ImportError:
            options.no_peer = True
            print("implicit is not installed: ours alone")
    sums = np.zeros((4, 2))
    # implicit's default is conjugate gradients: ours, too, for the like of it.
    batches: dict[str, list[np.ndarray]] = {"exact": [], "cg": []}
    for number, setting in enumerate(sample, 1):
        mine = both(lambda setting=setting: ours([setting], split, epochs, 1, threads))
        sums[0] += mine
        line = f"{setting}  {mine[0]:6.1f} s ({mine[1]:6.1f} CPU)"
        if not options.no_peer:
            theirs = both(lambda setting=setting: implicit_curve(setting, split, epochs, threads))
            sums[1] += theirs
            line += (
                f"; implicit {theirs[0]:6.1f} s ({theirs[1]:6.1f} CPU), ratio "
                f"{theirs[0] / mine[0]:.1f} ({theirs[1] / mine[1]:.1f})"
            )
        print(line, flush=True)
        # The sample by several at a time is run three times meanwhile, so that all see the same
        # machine, which others may share.
        if threads > 1 and number % -(-len(sample) // 3) == 0:
            for solver, seconds in batches.items():
                seconds.append(
                    both(lambda solver=solver: ours(sample, split, epochs, "auto", threads, solver))
                )
    for row, seconds in zip(sums[2:], batches.values(), strict=True):
        row[:] = np.median(seconds, axis=0) if seconds else 0
    names = (
        "a setting at a time",
        "by implicit, without MSE",
        "several settings at a time",
        "several settings at a time, by conjugate gradients",
    )
    for name, (seconds, used) in zip(names, sums * scale, strict=True):
        if seconds:
            found[name] = {"minutes": seconds / 60, "cpu_minutes": used / 60}
            line = f"whole grid, {name}: {seconds / 60:.1f} min ({used / 60:.1f} CPU min)"
            if not options.no_peer and name != names[1]:
                ratio = scale * sums[1] / (seconds, used)
                line += f"; implicit takes {ratio[0]:.1f} ({ratio[1]:.1f}) times as long"
            print(line)
    if options.out:
        write(described("benchmarks.rosenthal2016.grid", found), "article-grid", options.out)


if __name__ == "__main__":
    main()
