"""What ``value_damping`` gains on validation parts, over undamped values tuned alike.

    python -m benchmarks.quality.damping FOLDER --sets citeulike_a gowalla retail

FOLDER has a table NAME.parquet for each data set, with the columns user, item, value and part. Part
0 is trained on and part 1 is scored; other parts, such as test data, are not read. For each value
of ``value_damping``, the best of a small grid over α₀ and α₀·λ is taken. The table shows ndcg@20
and recall@20, and the mean of the paired differences of users to the undamped model with its
standard error.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import wrmf
from benchmarks.data import matrix_of

METRICS = ["ndcg@20", "recall@20"]
DAMPING = (0.0, 0.25)
# The good region of α₀·λ for weights whose mean is 1.
UNOBSERVED = (0.03, 0.12)
PRODUCTS = (0.00015, 0.0005)
FACTORS, ITERATIONS = 128, 8


def load(path: Path) -> wrmf.Split:
    """Return the training and the validation part of a table."""
    frame = pd.read_parquet(path, filters=[("part", "in", [0, 1])])
    shape = int(frame["user"].max()) + 1, int(frame["item"].max()) + 1
    parts = [matrix_of(frame[frame["part"] == part], shape) for part in (0, 1)]
    return wrmf.Split(*parts)


def candidates(
    split: wrmf.Split, unobserved: Sequence[float], products: Sequence[float]
) -> list[dict[str, Any]]:
    """Return the settings that are tried with each damping: α₀, and λ by the product α₀·λ."""
    # The mean weight becomes 1, so that α₀ and λ mean the same on every data set.
    alpha = 1.0 / float(np.log1p(split.train.matrix.data.astype(float)).mean())
    return [
        {"alpha": alpha, "unobserved_weight": weight, "regularization": product / weight}
        for weight, product in itertools.product(unobserved, products)
    ]


def score(split: wrmf.Split, params: dict[str, Any]) -> pd.DataFrame:
    """Return the metrics of each validation user."""
    model = wrmf.WRMF(
        FACTORS,
        iterations=ITERATIONS,
        objective="ials",
        regularization_exponent=1.0,
        confidence="log",
        solver="cg",
        cg_steps=3,
        random_state=0,
        **params,
    ).fit(split.train, progress=False)
    evaluation = wrmf.evaluate(model, split, METRICS, per_user=True)
    assert evaluation.per_user is not None
    return evaluation.per_user


def compare(name: str, split: wrmf.Split, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each damping, with the best of its settings."""
    rows: list[dict[str, Any]] = []
    undamped: pd.DataFrame | None = None
    for damping in DAMPING:
        started = time.perf_counter()
        tried = [{**params, "value_damping": damping} for params in settings]
        users, best = max(
            ((score(split, params), params) for params in tried),
            key=lambda pair: float(pair[0][METRICS[0]].mean()),
        )
        undamped = users if undamped is None else undamped
        row: dict[str, Any] = {"set": name, "value_damping": damping}
        for metric in METRICS:
            difference = users[metric] - undamped[metric]
            row[metric] = round(float(users[metric].mean()), 4)
            row[f"{metric} gain"] = round(float(difference.mean()), 4)
            row[f"{metric} ±"] = round(float(difference.std()) / len(users) ** 0.5, 4)
        row |= {name: round(best[name], 4) for name in ("unobserved_weight", "regularization")}
        row["seconds"] = round(time.perf_counter() - started, 1)
        rows.append(row)
        print(row, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=["citeulike_a", "gowalla", "retail"])
    parser.add_argument("--unobserved", nargs="+", type=float, default=UNOBSERVED)
    parser.add_argument("--products", nargs="+", type=float, default=PRODUCTS)
    options = parser.parse_args(arguments)
    rows = []
    for name in options.sets:
        split = load(options.folder / f"{name}.parquet")
        rows += compare(name, split, candidates(split, options.unobserved, options.products))
    print(pd.DataFrame(rows).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
