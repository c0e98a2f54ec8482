"""``wrmf evaluate``: split, train and measure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from wrmf.baselines import ItemKNN, Popularity
from wrmf.cli.data import add_data_options
from wrmf.cli.features import add_feature_options, load_features
from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.parameters import add_model_options, build_model
from wrmf.cli.splits import add_split_options, load_split
from wrmf.cli.tables import add_table_option, write_table
from wrmf.evaluation.evaluate import Evaluation, evaluate
from wrmf.evaluation.metrics import METRICS

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the data, the split, the model's parameters and the metrics."""
    add_data_options(command)
    add_split_options(command)
    add_model_options(command)
    add_feature_options(command)
    add_thread_option(command)
    add_seed_option(command)
    command.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        default=["precision@5", "recall@20", "ndcg@20", "mse"],
        help=f"any of {', '.join(METRICS)}; a cut-off follows the name, as in recall@20",
    )
    command.add_argument(
        "--cold",
        default="report",
        metavar="NAME",
        help="report, drop or error: what to do with test users and items without training data; "
        "drop leaves them out of the scores",
    )
    command.add_argument(
        "--baselines",
        action="store_true",
        help="also measure the most popular items and item neighbours (metrics with a cut-off)",
    )
    add_table_option(command.add_argument)


def run(options: argparse.Namespace) -> None:
    """Train on the training part and write a table of scores on train and on test."""
    import pandas as pd

    unfitted = build_model(options)
    split = load_split(options)
    models: dict[str, Any] = {
        "wrmf": unfitted.fit(split.train, **load_features(options, split.train))
    }
    if options.baselines:
        models["popularity"] = Popularity(options.threads).fit(split.train)
        models["item-knn"] = ItemKNN().fit(split.train)
    rows: list[dict[str, Any]] = []
    on_test: dict[str, Evaluation] = {}
    for name, model in models.items():
        metrics = list_metrics_of(options.metrics) if name == "item-knn" else options.metrics
        for side in ("train", "test") if metrics else ():
            scores = evaluate(
                model,
                split,
                metrics,
                exclude_seen=not options.keep_seen,
                on=side,
                cold=options.cold,
            )
            if name == "wrmf" and side == "test":
                on_test[name] = scores
            named = {"model": name} if options.baselines else {}
            rows.append({**named, "on": side, "users": scores.n_users, **dict(scores)})
    for name, beside in on_test.items():
        print(describe_popularity(name, beside), file=sys.stderr)
    cold = f"{scores.n_cold_users} test users, {scores.n_cold_items} test items"
    print(f"Without training data: {cold}", file=sys.stderr)
    write_table(pd.DataFrame(rows), options.out, options.format)


def describe_popularity(name: str, scores: Evaluation) -> str:
    """Return a line with the scores of the most popular items, and whether a model beats them."""
    if not scores.popularity:
        return "The most popular items were not measured: name a metric such as ndcg@20"
    shown = ", ".join(f"{metric}={value:.5f}" for metric, value in scores.popularity.items())
    worse = scores.no_better_than_popularity
    verdict = f"; {name} is no better by {', '.join(worse)}" if worse else ""
    return f"The most popular items on test: {shown}{verdict}"


def list_metrics_of(names: Sequence[str]) -> list[str]:
    """Return the metrics that can be computed of lists alone: those with a cut-off."""
    return [name for name in names if "@" in name]
