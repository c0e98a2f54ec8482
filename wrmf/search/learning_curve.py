"""Learning curves: metrics on train and test at checkpoints of one training run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.choices import shown
from wrmf.data.split import Split
from wrmf.evaluation.evaluate import Evaluation, evaluate_both, evaluate_sides
from wrmf.evaluation.metrics import lower_is_better
from wrmf.html_table import Cell, format_score, html_table
from wrmf.model.state import Factors
from wrmf.model.trainer import Trainer
from wrmf.model.wrmf import WRMF
from wrmf.search.log import Log, LogTable, as_log
from wrmf.search.options import CurvePlan, as_seed, as_seeds
from wrmf.search.space import check_model

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CurveRun", "LearningCurve", "learning_curve", "mean_over_seeds", "rank_curves"]


# About as many checkpoints are shown in a notebook.
SHOWN_CHECKPOINTS = 12


@dataclass
class LearningCurve:
    """Metrics on train and test after each checkpoint of one training run.

    Attributes
    ----------
    params : dict
        All the model's parameters; in a search, those that are varied.
    epochs : list of int
        Iterations done at each checkpoint.
    train, test : dict of metric name to list of float
        One score for each checkpoint; with several seeds, their mean.
    seconds : list of float
        Training time up to each checkpoint, without evaluation.
    model : WRMF or None
        The model of the first seed as trained at the last checkpoint; None in a search.
    stderr : dict of metric name to list of float
        Standard error of the test scores: over the seeds if there are several, otherwise over the
        users. With a single seed, mse has none.
    by_seed : list of dict of metric name to list of float
        Test scores of each seed, where there are several.
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
        """Return the epoch and the test score of the best checkpoint, the earliest if scores tie.

        Parameters
        ----------
        metric : str, optional
            By default the first one measured.

        Returns
        -------
        (int, float)
            The first checkpoint and NaN if no score is a number.

        Raises
        ------
        ValueError
            For a metric that was not measured.
        """
        metric = metric or next(iter(self.test))
        place = self.best_place(metric) or 0
        return self.epochs[place], float(self.test[metric][place])

    def best_place(self, metric: str, until: int | None = None) -> int | None:
        """Return the position of the best checkpoint, the earliest if scores tie.

        Parameters
        ----------
        metric : str
        until : int, optional
            Consider no checkpoint beyond this epoch.

        Returns
        -------
        int or None
            An index into ``epochs`` and the scores; None if no score is a number.
        """
        if metric not in self.test:
            raise ValueError(f"{shown(metric)} was not measured; measured: {', '.join(self.test)}")
        scores = np.array(self.test[metric], dtype=float)
        if until is not None:
            scores = scores[: np.searchsorted(self.epochs, until, side="right")]
        if np.isnan(scores).all():
            return None
        return int(np.nanargmin(scores) if lower_is_better(metric) else np.nanargmax(scores))

    def is_stalled(self, metric: str, patience: int | None) -> bool:
        """Return whether the last ``patience`` checkpoints are no better than the best before."""
        if patience is None or not self.epochs:
            return False
        best = self.best_place(metric) or 0
        return len(self.epochs) - 1 - best >= patience

    def _repr_html_(self) -> str:
        """Return a table for notebooks: scores at some checkpoints, the best among them."""
        best = self.best_place(next(iter(self.test))) if self.test else None
        stride = -(-len(self.epochs) // SHOWN_CHECKPOINTS) or 1
        shown = [
            place
            for place in range(len(self.epochs))
            if place in (best, len(self.epochs) - 1) or place % stride == 0
        ]
        heads = ["epochs", *(f"{metric} {on}" for metric in self.test for on in ("train", "test"))]
        rows = [
            [
                Cell(str(self.epochs[place]), is_strong=place == best),
                *(
                    Cell(format_score(scores[metric][place]), is_strong=place == best)
                    for metric in self.test
                    for scores in (self.train, self.test)
                    if metric in scores
                ),
            ]
            for place in shown
        ]
        caption = f"Learning curve of {len(self.epochs)} checkpoints"
        hidden = f"{len(shown)} of them are shown; " if len(shown) < len(self.epochs) else ""
        return html_table(caption, heads, rows, f"{hidden}the best is bold")

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each checkpoint.

        Its columns are "epochs", and "<metric> train" and "<metric> test" for each metric.
        """
        import pandas as pd

        columns: dict[str, list[int] | list[float]] = {"epochs": self.epochs}
        for metric in self.test:
            columns[f"{metric} train"] = self.train[metric]
            columns[f"{metric} test"] = self.test[metric]
        table: pd.DataFrame = pd.DataFrame(columns)
        return table

    def plot(self, metric: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the test scores over the epochs (needs the extra ``plot``).

        Parameters
        ----------
        metric : str, optional
            By default the first one measured.
        ax : matplotlib.axes.Axes, optional
            By default those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        # Imported here because matplotlib is an optional dependency.
        from wrmf.search import plots

        return plots.plot_learning_curve(self, metric, ax=ax)


def rank_curves(
    curves: Sequence[LearningCurve], metric: str, until: int | None = None
) -> list[LearningCurve]:
    """Return curves by their best test score, the best first.

    Parameters
    ----------
    curves : sequence of LearningCurve
    metric : str
    until : int, optional
        Consider no checkpoint beyond this epoch.

    Returns
    -------
    list of LearningCurve
        Curves with equal scores keep their order; curves without a score that is a number come
        last.
    """
    sign = 1.0 if lower_is_better(metric) else -1.0

    def key(curve: LearningCurve) -> tuple[bool, float]:
        place = curve.best_place(metric, until)
        return (True, 0.0) if place is None else (False, sign * curve.test[metric][place])

    return sorted(curves, key=key)


class CurveRun:
    """A learning curve that grows checkpoint by checkpoint, with one model for each seed.

    Parameters
    ----------
    model : WRMF
        Model with the parameters to train with; it is not changed.
    split : Split
    plan : CurvePlan
        The metrics to measure. The caller chooses the checkpoints, so those of the plan are not
        used.
    seeds : sequence of int
    params : mapping, optional
        The ``params`` of the curve; by default all the model's.
    should_stop : callable() -> bool, optional
        Called after each iteration; if it returns True, training raises InterruptedError.
    earlier : Factors, optional
        A state whose item weights are taken if they are of the same data, as in ``WRMF.trainer``.

    Attributes
    ----------
    curve : LearningCurve
        The scores so far.
    """

    def __init__(
        self,
        model: WRMF,
        split: Split,
        plan: CurvePlan,
        seeds: Sequence[int],
        params: Mapping[str, Any] | None = None,
        should_stop: Callable[[], bool] | None = None,
        earlier: Factors | None = None,
    ) -> None:
        self.earlier = earlier
        self.models = [WRMF(**{**model.get_params(), "random_state": seed}) for seed in seeds]
        self.trainers: list[Trainer] = []
        self.split, self.plan, self.should_stop = split, plan, should_stop
        self.curve = LearningCurve(
            params=self.models[0].get_params() if params is None else dict(params),
            epochs=[],
            train=_no_scores(plan),
            test=_no_scores(plan),
            model=self.models[0],
            by_seed=[_no_scores(plan) for _ in seeds] if len(seeds) > 1 else [],
        )

    @property
    def is_stalled(self) -> bool:
        """Return whether the curve's patience has run out."""
        return self.curve.is_stalled(self.plan.metric, self.plan.patience)

    def use_threads(self, num_threads: int) -> None:
        """Set the number of threads that the next steps use."""
        for model in self.models:
            model.num_threads = num_threads

    def resume(self, curve: LearningCurve) -> None:
        """Continue ``curve``: train up to its last checkpoint without measuring again."""
        curve.model = self.models[0]
        self.curve = curve
        self._train(curve.epochs[-1])

    def advance(self, epoch: int) -> list[float]:
        """Train up to ``epoch`` and measure.

        Returns
        -------
        list
            The new row of the log: the epoch, then train and test score of each metric.
        """
        curve, metrics = self.curve, self.plan.metrics
        seconds = self._train(epoch) + (curve.seconds[-1] if curve.seconds else 0.0)
        on_train, on_test = zip(*map(self._evaluate, self.models), strict=True)
        train, _ = mean_over_seeds(on_train)
        test, errors = mean_over_seeds(on_test)
        curve.epochs.append(epoch)
        curve.seconds.append(seconds)
        row: list[float] = [epoch]
        for metric in metrics:
            curve.train[metric].append(train[metric])
            curve.test[metric].append(test[metric])
            if metric in errors:
                curve.stderr.setdefault(metric, []).append(errors[metric])
            row += [train[metric], test[metric]]
        # With one seed, by_seed is empty.
        for scores, evaluation in zip(curve.by_seed, on_test, strict=False):
            for metric in metrics:
                scores[metric].append(float(evaluation[metric]))
        return row

    def release(self) -> None:
        """Free the memory that only training needs; the next step allocates it again."""
        self.trainers = []

    def _train(self, epoch: int) -> float:
        """Train every seed up to ``epoch``; return the seconds it took."""

        def interrupt(_model: WRMF, _iterations_done: int) -> None:
            if self.should_stop is not None and self.should_stop():
                raise InterruptedError("the search was interrupted")

        start = time.perf_counter()
        if not self.trainers:
            self.trainers = [
                model.trainer(self.split.train, earlier=self.earlier) for model in self.models
            ]
        for trainer in self.trainers:
            trainer.run(epoch - trainer.model.iterations_done, interrupt, progress=False)
        return time.perf_counter() - start

    def _evaluate(self, model: WRMF) -> tuple[Evaluation, Evaluation]:
        plan, num_threads = self.plan, model.num_threads
        if plan.on_train:
            return evaluate_both(model, self.split, plan.metrics, plan.exclude_seen, num_threads)
        sides = [("test", plan.exclude_seen)]
        (test,) = evaluate_sides(model, self.split, plan.metrics, sides, num_threads=num_threads)
        nothing = dict.fromkeys(test, float("nan"))
        return Evaluation(nothing, n_users=0, n_skipped=test.n_users), test


def _no_scores(plan: CurvePlan) -> dict[str, list[float]]:
    return {metric: [] for metric in plan.metrics}


def mean_over_seeds(
    evaluations: Sequence[Evaluation],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means and the standard errors of evaluations with different seeds.

    The standard errors of a single evaluation are those over its users.
    """
    first = evaluations[0]
    if len(evaluations) == 1:
        return {metric: float(score) for metric, score in first.items()}, dict(first.stderr)
    means, errors = {}, {}
    for metric in first:
        scores = np.array([evaluation[metric] for evaluation in evaluations])
        means[metric] = float(scores.mean())
        errors[metric] = float(scores.std(ddof=1) / len(scores) ** 0.5)
    return means, errors


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

    Training continues from checkpoint to checkpoint; it never starts over.

    Parameters
    ----------
    model : WRMF
        Model with the parameters to train with; it is not changed. The trained copy is in the
        result.
    split : Split
    epochs : increasing ints, default 2, 4, … 38
        The checkpoints: numbers of iterations after which to measure.
    metrics : sequence of str, default ("precision@5", "mse")
        Metrics to measure, as in :func:`wrmf.evaluate`.
    exclude_seen : bool, default True
        Whether training items are left out of the ranking on test. False gives scores that are
        comparable with Rosenthal 2016. The ranking on train always includes all items.
    log : bool or callable(str), optional
        True prints the table row by row; a function is called with its lines instead.
    patience : int ≥ 1, optional
        Stop after this many checkpoints in a row whose test score, by the first metric, is no
        better than the best so far. The curve is then shorter, and otherwise the same.
    seeds : int or list of int, optional
        Number of seeds to train with, starting at the model's seed, or a list of these seeds. The
        curve is the mean over the seeds.

    Returns
    -------
    LearningCurve

    Raises
    ------
    TypeError, ValueError
        For an argument that is not valid, before anything is trained.

    References
    ----------
    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> curve = wrmf.learning_curve(wrmf.WRMF(factors=8, random_state=0), split, epochs=[1, 2])
    >>> list(curve.to_frame().columns)[:3]
    ['epochs', 'precision@5 train', 'precision@5 test']
    """
    check_model(model)
    plan = CurvePlan.validate(split, epochs, metrics, exclude_seen, patience)
    run = CurveRun(model, split, plan, as_seeds(seeds, first=as_seed(model.random_state)))
    write, table = as_log(log), LogTable(plan.metrics)
    write(table.head)
    for epoch in plan.epochs:
        write(table.row(run.advance(epoch)))
        if run.is_stalled:
            break
    return run.curve
