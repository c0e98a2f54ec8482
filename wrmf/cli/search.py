"""The verb ``search``: what is varied, how, and what is told at the end."""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wrmf.data.splitting import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.grid import ARTICLE_GRID, ARTICLE_INIT_SCALE, grid_search, random_search
from wrmf.search.halving import halving_search
from wrmf.search.result import SearchResult
from wrmf.search.space import Range
from wrmf.search.tune import tune

__all__ = ["run_search", "search_options", "told"]

GRIDS: dict[str, dict[str, Any]] = {
    "article": ARTICLE_GRID,
    "small": {"factors": [32, 64, 128], "alpha": [10.0, 40.0]},
}


def search_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add = command.add_argument
    add(
        "--grid",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=V,V",
        help="values to try of one parameter; repeatable. NAME=LOW:HIGH or NAME=LOW:HIGH:log is "
        "a range to draw from. 'article' names its 180 settings, started from N(0, 1); "
        "'small', where none is given: factors=32,64,128 and alpha=10,40",
    )
    add(
        "--method",
        choices=("grid", "random", "halving", "tune"),
        default="grid",
        help="all; some at random; many briefly and the best longer; by Optuna",
    )
    add("--trials", type=int, help="settings to draw (not for grid; halving: else all)")
    add("--epochs", type=_epochs, default="2:40:2", help="checkpoints")
    add("--metric", default="precision@5", help="what settings are ranked by")
    add("--patience", type=int, help="checkpoints without a better score that end a curve")
    add("--seeds", type=int, help="seeds to average over")
    add(
        "--validation",
        type=float,
        metavar="SHARE",
        help="choose on this share of the training set, score the best on test",
    )
    add("--journal", type=Path, help="file to resume from, and for the report")
    add("--jobs", type=_jobs, default="auto", help="settings at a time; auto is one a thread")
    add("--quiet", action="store_true", help="no table for each setting")
    add("--out", type=Path, help="file for the table of settings, else printed")


def run_search(model: WRMF, split: Split, options: argparse.Namespace) -> SearchResult:
    """Search as the options say."""
    space: dict[str, Any] = {}
    for part in options.grid or [GRIDS["small"]]:
        space.update(part)
        if part is ARTICLE_GRID and model.init_scale is None:
            model.set_params(init_scale=ARTICLE_INIT_SCALE)
    shared = {
        "metric": options.metric,
        "exclude_seen": not options.keep_seen,
        "journal": options.journal,
        "log": not options.quiet,
        "patience": options.patience,
        "seeds": options.seeds,
        "validation": options.validation,
    }
    trials = {} if options.trials is None else {"n_trials": options.trials}
    if options.method == "grid":
        if trials:
            raise ValueError("--trials is for --method random, halving and tune")
        return grid_search(model, split, space, options.epochs, n_jobs=options.jobs, **shared)
    if options.method == "tune":
        return tune(model, split, space, epochs=options.epochs, **trials, **shared)
    search = random_search if options.method == "random" else halving_search
    return search(
        model, split, space, epochs=options.epochs, n_jobs=options.jobs, **trials, **shared
    )


def told(result: SearchResult) -> str:
    """Return what is said at the end of a search."""
    error = "" if math.isnan(result.best_stderr) else f" ± {result.best_stderr:.5f}"
    lines = [
        f"best: {result.best_params}, epoch {result.best_epoch}, {result.scored_on} "
        f"{result.metric} {result.best_score:.5f}{error}"
    ]
    if result.test_score is not None:
        lines.append(f"on the test split: {result.test}")
    for name, end in result.at_edge.items():
        lines.append(f"{name} is best at the {end} value tried: a better one may lie beyond")
    return "\n".join(lines)


def _parameter(text: str) -> dict[str, Any]:
    if text in GRIDS:
        return GRIDS[text]
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise argparse.ArgumentTypeError(
            f"expected name=value,value,… or name=low:high or {', '.join(GRIDS)}, got {text!r}"
        )
    low, colon, rest = values.partition(":")
    if not colon:
        return {name: [_literal(value) for value in values.split(",")]}
    high, _, kind = rest.partition(":")
    if kind not in ("", "log"):
        raise argparse.ArgumentTypeError(f"expected low:high or low:high:log, got {values!r}")
    try:
        return {name: Range(_literal(low), _literal(high), log=kind == "log")}
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _epochs(text: str) -> Sequence[int]:
    try:
        numbers = [int(part) for part in text.replace(":", ",").split(",")]
        return range(*numbers) if ":" in text else numbers
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(
            f"expected start:stop:step or a,b,c, got {text!r}"
        ) from None


def _jobs(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}") from None
