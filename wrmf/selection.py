"""Learning curves and grid search over them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from wrmf.checks import as_positive_int
from wrmf.metrics import evaluate_both
from wrmf.model import WRMF
from wrmf.split import Split

__all__ = ["LearningCurve", "SearchResult", "learning_curve", "rank_curves"]

Log = Callable[[str], Any] | bool | None


@dataclass
class LearningCurve:
    """Metrics on train and test after each checkpoint of one training run.

    Attributes
    ----------
    params : dict, the model's parameters
    epochs : list of int, iterations done at each checkpoint
    train, test : dict of metric name to list of float, one a checkpoint
    seconds : list of float, training time up to each checkpoint, evaluation not counted
    model : WRMF as trained at the last checkpoint, or None (in a search)
    """

    params: dict[str, Any]
    epochs: list[int]
    train: dict[str, list[float]]
    test: dict[str, list[float]]
    seconds: list[float] = field(default_factory=list)
    model: WRMF | None = None

    def best(self, metric: str | None = None) -> tuple[int, float]:
        """Return (epoch, test score) of the best checkpoint, the earliest of equals.

        The best is the lowest for "mse", else the highest; ``metric`` defaults to the first.
        """
        metric = metric or next(iter(self.test))
        if metric not in self.test:
            raise ValueError(f"{metric!r} was not measured; measured: {', '.join(self.test)}")
        scores = np.array(self.test[metric], dtype=float)
        if np.isnan(scores).all():
            return self.epochs[0], float("nan")
        place = int(np.nanargmin(scores) if metric == "mse" else np.nanargmax(scores))
        return self.epochs[place], float(scores[place])

    def to_frame(self) -> pd.DataFrame:
        """Return epochs, "<metric> train", "<metric> test" …: a row a checkpoint."""
        columns: dict[str, Any] = {"epochs": self.epochs}
        for metric in self.test:
            columns[f"{metric} train"] = self.train[metric]
            columns[f"{metric} test"] = self.test[metric]
        return pd.DataFrame(columns)

    def plot(self, metric: str | None = None, ax: Any = None) -> Any:
        """Draw the curve (extra ``plot``); returns the matplotlib Axes."""
        from wrmf import plots

        return plots.plot_learning_curve(self, metric or next(iter(self.test)), ax=ax)


class _LogTable:
    """The boxed table of a learning curve, a line at a time."""

    width = 12

    def __init__(self, metrics: Sequence[str]) -> None:
        cut_offs = [metric for metric in metrics if metric.startswith("precision@")]
        titles = ["epochs"]
        for metric in metrics:
            # One precision only: headed as the field writes it.
            short = "p@k" if cut_offs == [metric] else metric.replace("precision@", "p@")
            titles += [f"{short} train", f"{short} test"]
        self.widths = [max(self.width, len(title) + 2) for title in titles]
        self.head = "\n".join((self.rule("-"), self.line(titles), self.rule("=")))

    def rule(self, sign: str) -> str:
        return "".join(f"+{sign * width}" for width in self.widths) + "+"

    def line(self, cells: Iterable[Any]) -> str:
        texts = (f"{cell:.5f}" if isinstance(cell, float) else str(cell) for cell in cells)
        return (
            "".join(f"| {t:^{w - 2}} " for t, w in zip(texts, self.widths, strict=True)) + "|"
        )

    def row(self, cells: Iterable[Any]) -> str:
        return f"{self.line(cells)}\n{self.rule('-')}"


def as_epochs(epochs: Any) -> list[int]:
    """Return checkpoints as rising positive ints."""
    if isinstance(epochs, (int, np.integer)):
        epochs = [epochs]
    checked = [as_positive_int(epoch, "epochs") for epoch in epochs]
    if not checked or any(a >= b for a, b in itertools.pairwise(checked)):
        raise ValueError(f"epochs must be rising, such as range(2, 40, 2), got {epochs}")
    return checked


def as_log(log: Log) -> Callable[[str], Any]:
    """Return a function that takes a line: print for True, nothing for None and False."""
    if callable(log):
        return log
    return (lambda line: print(line, flush=True)) if log else (lambda line: None)


def learning_curve(
    model: WRMF,
    split: Split,
    epochs: Iterable[int] = range(2, 40, 2),
    metrics: Sequence[str] = ("precision@5", "mse"),
    exclude_seen: bool = True,
    log: Log = None,
    on_checkpoint: Callable[[int], Any] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LearningCurve:
    """Train on ``split.train`` and measure at checkpoints, on train and on test.

    Training goes on from checkpoint to checkpoint; it never starts over.

    Parameters
    ----------
    model : WRMF
        Its parameters are used; it is not changed. The trained copy is in the result.
    split : Split
    epochs : rising ints, default 2, 4, … 38
    metrics : sequence of str, as :func:`wrmf.evaluate` takes them
    exclude_seen : bool, default True
        Whether training items are masked on test. False compares with the article's figures.
        On train nothing is masked.
    log : bool or callable(str), optional
        True prints the table as it grows.
    on_checkpoint : callable(epoch), optional, called after each checkpoint
    should_stop : callable() -> bool, optional, asked after each sweep; True raises InterruptedError

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> curve = wrmf.learning_curve(wrmf.WRMF(factors=8, random_state=0), split, epochs=[1, 2])
    >>> list(curve.to_frame().columns)[:3]
    ['epochs', 'precision@5 train', 'precision@5 test']
    """
    checkpoints = as_epochs(epochs)
    if isinstance(metrics, str):
        metrics = (metrics,)
    write = as_log(log)
    run = WRMF(**model.get_params())
    curve = LearningCurve(
        run.get_params(), [], {m: [] for m in metrics}, {m: [] for m in metrics}, [], run
    )

    def watch(_model: WRMF, _done: int) -> None:
        if should_stop is not None and should_stop():
            raise InterruptedError("the search was interrupted")

    table = _LogTable(metrics)
    write(table.head)
    spent = 0.0
    for epoch in checkpoints:
        start = time.perf_counter()
        run.partial_fit(
            split.train, iterations=epoch - run.iterations_done, callback=watch, progress=False
        )
        spent += time.perf_counter() - start
        train, test = evaluate_both(
            run, split, metrics, exclude_seen=exclude_seen, num_threads=run.num_threads
        )
        curve.epochs.append(epoch)
        curve.seconds.append(spent)
        cells: list[Any] = [epoch]
        for metric in metrics:
            curve.train[metric].append(float(train[metric]))
            curve.test[metric].append(float(test[metric]))
            cells += [curve.train[metric][-1], curve.test[metric][-1]]
        write(table.row(cells))
        if on_checkpoint is not None:
            on_checkpoint(epoch)
    return curve


def rank_curves(curves: Sequence[LearningCurve], metric: str) -> list[LearningCurve]:
    """Return curves with the best first; NaN last, equals in their order."""
    sign = 1 if metric == "mse" else -1

    def key(curve: LearningCurve) -> tuple[bool, float]:
        score = curve.best(metric)[1]
        return (bool(np.isnan(score)), sign * score)

    return sorted(curves, key=key)


@dataclass
class SearchResult:
    """What a search found: a learning curve for each setting.

    Attributes
    ----------
    metric : str, what the settings are ranked by, on test
    searched : tuple of str, names of the parameters that were varied
    curves : list of LearningCurve, in the grid's order; their params are the varied ones
    base : dict, the parameters that all settings share, the seed among them
    """

    metric: str
    searched: tuple[str, ...]
    curves: list[LearningCurve]
    base: dict[str, Any] = field(default_factory=dict)

    @property
    def ranked(self) -> list[LearningCurve]:
        """The curves, best first."""
        return rank_curves(self.curves, self.metric)

    @property
    def best_curve(self) -> LearningCurve:
        return self.ranked[0]

    @property
    def best_params(self) -> dict[str, Any]:
        """The varied parameters of the best setting."""
        return dict(self.best_curve.params)

    @property
    def best_epoch(self) -> int:
        return self.best_curve.best(self.metric)[0]

    @property
    def best_score(self) -> float:
        return self.best_curve.best(self.metric)[1]

    def to_frame(self) -> pd.DataFrame:
        """Return parameters, best_epoch, best_score, seconds: a row a setting, in grid order."""
        rows = []
        for curve in self.curves:
            epoch, score = curve.best(self.metric)
            found = {"best_epoch": epoch, "best_score": score, "seconds": curve.seconds[-1]}
            rows.append({**curve.params, **found})
        return pd.DataFrame(rows)

    def best_model(self) -> WRMF:
        """Return an unfitted model with the best parameters and epoch, to train on everything."""
        return WRMF(**{**self.base, **self.best_params, "iterations": self.best_epoch})

    def plot(self, kind: str = "best", ax: Any = None) -> Any:
        """Draw (extra ``plot``) the "best" curve, the "traces" of all settings, or the "mse"."""
        from wrmf import plots

        if kind == "best":
            return plots.plot_learning_curve(self.best_curve, self.metric, ax=ax)
        if kind == "traces":
            return plots.plot_traces(self, self.metric, ax=ax)
        if kind == "mse":
            return plots.plot_mse(self.best_curve, ax=ax)
        raise ValueError(f"kind must be 'best', 'traces' or 'mse', got {kind!r}")


def describe(params: Mapping[str, Any]) -> str:
    """Return ``alpha: 50 | factors: 40``."""
    return " | ".join(f"{name}: {value}" for name, value in params.items())
