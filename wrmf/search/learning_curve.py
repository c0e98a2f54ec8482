"""Learning curves: metrics on train and test as training goes on."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.splitting import Split, check_split
from wrmf.evaluation.evaluate import Evaluation, evaluate_both
from wrmf.evaluation.metrics import check_metrics
from wrmf.model.trainer import Trainer
from wrmf.model.wrmf import WRMF

__all__ = ["CurveRun", "LearningCurve", "learning_curve", "rank_curves"]

Log = Callable[[str], Any] | bool | None


@dataclass
class LearningCurve:
    """Metrics on train and test after each checkpoint of one training run.

    Attributes
    ----------
    params : dict, the model's parameters
    epochs : list of int, iterations done at each checkpoint
    train, test : dict of metric name to list of float, one a checkpoint; means over the seeds
    seconds : list of float, training time up to each checkpoint, evaluation not counted
    model : WRMF as trained at the last checkpoint (with the first seed), or None (in a search)
    stderr : dict of metric name to list of float, the standard error on test: over the seeds, or
        with one seed over the users (not of mse)
    by_seed : list of dict of metric name to list of float, test scores of each of several seeds
    """

    params: dict[str, Any]
    epochs: list[int]
    train: dict[str, list[float]]
    test: dict[str, list[float]]
    seconds: list[float] = field(default_factory=list)
    model: WRMF | None = None
    stderr: dict[str, list[float]] = field(default_factory=dict)
    by_seed: list[dict[str, list[float]]] = field(default_factory=list)

    def best(self, metric: str | None = None) -> tuple[int, float]:
        """Return (epoch, test score) of the best checkpoint, the earliest of equals.

        The best is the lowest for "mse", else the highest; ``metric`` defaults to the first.
        """
        metric = metric or next(iter(self.test))
        place = self.best_place(metric)
        return self.epochs[place], float(self.test[metric][place])

    def best_place(self, metric: str) -> int:
        """Return the position of the best checkpoint, 0 where no score is a number."""
        if metric not in self.test:
            raise ValueError(f"{metric!r} was not measured; measured: {', '.join(self.test)}")
        scores = np.array(self.test[metric], dtype=float)
        if np.isnan(scores).all():
            return 0
        return int(np.nanargmin(scores) if metric == "mse" else np.nanargmax(scores))

    def to_frame(self) -> pd.DataFrame:
        """Return epochs, "<metric> train", "<metric> test" …: a row a checkpoint."""
        columns: dict[str, Any] = {"epochs": self.epochs}
        for metric in self.test:
            columns[f"{metric} train"] = self.train[metric]
            columns[f"{metric} test"] = self.test[metric]
        return pd.DataFrame(columns)

    def plot(self, metric: str | None = None, ax: Any = None) -> Any:
        """Draw the curve (extra ``plot``); returns the matplotlib Axes."""
        from wrmf.search import plots

        return plots.plot_learning_curve(self, metric or next(iter(self.test)), ax=ax)


class LogTable:
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
        return "".join(f"| {t:^{w - 2}} " for t, w in zip(texts, self.widths, strict=True)) + "|"

    def row(self, cells: Iterable[Any]) -> str:
        return f"{self.line(cells)}\n{self.rule('-')}"


def as_epochs(epochs: Any) -> list[int]:
    """Return checkpoints as rising positive ints."""
    if isinstance(epochs, (int, np.integer)):
        epochs = [epochs]
    if not isinstance(epochs, Iterable):
        raise TypeError(f"epochs must be rising, such as range(2, 40, 2), got {epochs!r}")
    checked = [as_positive_int(epoch, "epochs") for epoch in epochs]
    if not checked or any(a >= b for a, b in itertools.pairwise(checked)):
        raise ValueError(f"epochs must be rising, such as range(2, 40, 2), got {epochs}")
    return checked


def as_log(log: Log) -> Callable[[str], Any]:
    """Return a function that takes a line: print for True, nothing for None and False."""
    if callable(log):
        return log
    return _print if log else (lambda line: None)


def _print(line: str) -> None:
    # Keeps a progress bar, where there is one, below the lines.
    tqdm.write(line)
    sys.stdout.flush()


def as_seeds(seeds: int | Sequence[int] | None, first: int) -> list[int]:
    """Return seeds as a list: ``first``, first + 1 … for a number, itself for a list."""
    if seeds is None:
        return [first]
    if isinstance(seeds, (int, np.integer)):
        return [first + number for number in range(as_positive_int(seeds, "seeds"))]
    checked = [as_positive_int(seed, "seeds", 0) for seed in seeds]
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds must be a number, or a list of different seeds, got {seeds}")
    return checked


def as_seed(random_state: Any) -> int:
    """Return an int as it is, and one drawn from anything else."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return int(random_state)
    return int(as_generator(random_state).integers(2**31))


class CurveRun:
    """A learning curve that grows checkpoint by checkpoint, with several seeds side by side.

    Parameters
    ----------
    model : WRMF, whose parameters are used
    split : Split
    metrics : sequence of str
    seeds : list of int
    exclude_seen : bool
    metric, patience : str, int or None
        ``stopped`` is True once ``metric`` has not become better for ``patience`` checkpoints.
    should_stop : callable() -> bool, asked after each sweep; True raises InterruptedError
    """

    def __init__(
        self,
        model: WRMF,
        split: Split,
        metrics: Sequence[str],
        seeds: Sequence[int],
        exclude_seen: bool = True,
        metric: str | None = None,
        patience: int | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        params = model.get_params()
        self.models = [WRMF(**{**params, "random_state": seed}) for seed in seeds]
        self.trainings: list[Trainer] = []
        self.split, self.metrics, self.exclude_seen = split, tuple(metrics), exclude_seen
        self.metric = metric or self.metrics[0]
        self.patience = None if patience is None else as_positive_int(patience, "patience")
        self.should_stop = should_stop
        params = self.models[0].get_params()
        self.curve = LearningCurve(
            params, [], {m: [] for m in metrics}, {m: [] for m in metrics}, [], self.models[0]
        )
        if len(seeds) > 1:
            self.curve.by_seed = [{m: [] for m in metrics} for _ in seeds]

    @property
    def stopped(self) -> bool:
        return is_stalled(self.curve, self.metric, self.patience)

    def use_threads(self, num_threads: int) -> None:
        """Set how many threads the next steps may use."""
        for model in self.models:
            model.num_threads = num_threads

    def resume(self, curve: LearningCurve) -> None:
        """Go on from where ``curve`` ends: train so far without measuring again."""
        curve.model = self.models[0]
        self.curve = curve
        self._train(curve.epochs[-1])

    def _train(self, epoch: int) -> float:
        def watch(_model: WRMF, _done: int) -> None:
            if self.should_stop is not None and self.should_stop():
                raise InterruptedError("the search was interrupted")

        start = time.perf_counter()
        if not self.trainings:
            self.trainings = [model.trainer(self.split.train) for model in self.models]
        for training in self.trainings:
            training.run(epoch - training.model.iterations_done, watch, progress=False)
        return time.perf_counter() - start

    def rest(self) -> None:
        """Let go of what only training needs, until it goes on."""
        self.trainings = []

    def advance(self, epoch: int) -> list[Any]:
        """Train to ``epoch`` and measure; return the new row of the log table."""
        curve = self.curve
        spent = self._train(epoch) + (curve.seconds[-1] if curve.seconds else 0.0)
        pairs = [
            evaluate_both(
                model,
                self.split,
                self.metrics,
                exclude_seen=self.exclude_seen,
                num_threads=model.num_threads,
            )
            for model in self.models
        ]
        curve.epochs.append(epoch)
        curve.seconds.append(spent)
        test, errors = mean_over_seeds([test for _, test in pairs])
        train, _ = mean_over_seeds([train for train, _ in pairs])
        row: list[Any] = [epoch]
        for metric in self.metrics:
            curve.train[metric].append(train[metric])
            curve.test[metric].append(test[metric])
            if metric in errors:
                curve.stderr.setdefault(metric, []).append(errors[metric])
            row += [train[metric], test[metric]]
        for scores, (_, mine) in zip(curve.by_seed, pairs, strict=False):
            for metric in self.metrics:
                scores[metric].append(float(mine[metric]))
        return row


def is_stalled(curve: LearningCurve, metric: str, patience: int | None) -> bool:
    """Return whether the last ``patience`` checkpoints are no better than the best before."""
    if patience is None or not curve.epochs:
        return False
    return len(curve.epochs) - 1 - curve.best_place(metric) >= patience


def mean_over_seeds(found: Sequence[Evaluation]) -> tuple[dict[str, float], dict[str, float]]:
    """Return means and standard errors: over the seeds, or over the users where one seed is."""
    if len(found) == 1:
        return {m: float(v) for m, v in found[0].items()}, dict(found[0].stderr)
    scores = {metric: np.array([one[metric] for one in found]) for metric in found[0]}
    return (
        {metric: float(values.mean()) for metric, values in scores.items()},
        {
            metric: float(values.std(ddof=1) / len(found) ** 0.5)
            for metric, values in scores.items()
        },
    )


def learning_curve(
    model: WRMF,
    split: Split,
    epochs: Iterable[int] = range(2, 40, 2),
    metrics: Sequence[str] = ("precision@5", "mse"),
    exclude_seen: bool = True,
    log: Log = None,
    patience: int | None = None,
    seeds: int | Sequence[int] | None = None,
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
    patience : int ≥ 1, optional
        Stop after this many checkpoints in a row that are no better on test than the best so far
        by the first metric. The curve is then shorter, and otherwise the same.
    seeds : int or list of int, optional
        How many seeds (the model's, the next one …), or which. The curve is their mean.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> curve = wrmf.learning_curve(wrmf.WRMF(factors=8, random_state=0), split, epochs=[1, 2])
    >>> list(curve.to_frame().columns)[:3]
    ['epochs', 'precision@5 train', 'precision@5 test']
    """
    if not isinstance(model, WRMF):
        raise TypeError(f"model must be a WRMF, got {type(model).__name__}")
    check_split(split)
    checkpoints = as_epochs(epochs)
    metrics = tuple(check_metrics(metrics, split.train.n_items))
    numbers = as_seeds(seeds, as_seed(model.random_state))
    run = CurveRun(model, split, metrics, numbers, exclude_seen, patience=patience)
    write = as_log(log)
    table = LogTable(metrics)
    write(table.head)
    for epoch in checkpoints:
        write(table.row(run.advance(epoch)))
        if run.stopped:
            break
    return run.curve


def rank_curves(curves: Sequence[LearningCurve], metric: str) -> list[LearningCurve]:
    """Return curves with the best first; NaN last, equals in their order."""
    sign = 1 if metric == "mse" else -1

    def key(curve: LearningCurve) -> tuple[bool, float]:
        score = curve.best(metric)[1]
        return (bool(np.isnan(score)), sign * score)

    return sorted(curves, key=key)


def describe(params: Mapping[str, Any]) -> str:
    """Return ``alpha: 50 | factors: 40``."""
    return " | ".join(f"{name}: {value}" for name, value in params.items())
