"""What all searches share: the split to choose settings on, seeds, journal, progress, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, TypeVar

from wrmf.data.checks import as_generator
from wrmf.data.split import Split
from wrmf.data.splitting import as_validation
from wrmf.evaluation.evaluate import Evaluation, evaluate
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF
from wrmf.numerics.threads import available_threads
from wrmf.search.journal import Journal, search_header
from wrmf.search.learning_curve import CurveRun, LearningCurve, mean_over_seeds
from wrmf.search.log import LogTable, Write, as_log
from wrmf.search.options import SearchOptions, as_seeds
from wrmf.search.parallel import map_parallel
from wrmf.search.progress import Progress, training_cost
from wrmf.search.result import SearchResult
from wrmf.search.space import Range, Setting, Space, describe, drawn_settings

__all__ = ["Prune", "Search", "Worker"]

Result = TypeVar("Result")
# A function of a curve and the position of its newest checkpoint; True ends the curve.
Prune = Callable[[LearningCurve, int], bool]


@dataclass(frozen=True)
class Worker:
    """The number of threads and the log that a running setting uses."""

    threads: int
    write: Write


class Search:
    """A search that is running: trains settings, records their curves and reports progress.

    Parameters
    ----------
    method : str
        How settings are chosen, such as "grid"; a journal resumes a search of the same method.
    model : WRMF
        Model with the parameters that are not varied; it is not changed.
    split : Split
    space : dict of parameter name to values
        As :func:`wrmf.search.space.as_space` returns it.
    options : SearchOptions

    Attributes
    ----------
    seed : int
        The model's seed, or the seed in the journal if the search resumes.
    seeds : list of int
        The seeds that every setting is trained with.
    base : dict
        The parameters that all settings share.
    earlier : Factors or None
        A state whose item weights are taken by settings that have the same, as in
        ``WRMF.trainer``.
    """

    def __init__(
        self, method: str, model: WRMF, split: Split, space: Space, options: SearchOptions
    ) -> None:
        # Validate everything before creating the journal; the options are validated already.
        WRMF(**model.get_params()).check_params()
        self.space, self.options, self.plan = space, options, options.plan
        header = search_header(method, model, split, space, options)
        self.journal = Journal(options.journal, header, self.plan)
        self.seed: int = self.journal.header["seed"]
        self.seeds = as_seeds(options.seeds, first=self.seed)
        self.base = {**model.get_params(), "random_state": self.seeds[0]}
        self.whole_split = self.split = split
        if options.validation is not None:
            self.split = as_validation(split, options.validation, self.seed)
        self.progress = Progress(options.progress)
        self.earlier: Factors | None = None
        self._write = as_log(options.log)
        self._write_lock = threading.Lock()
        self._stop = threading.Event()

    def __enter__(self) -> Search:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.progress.close()

    @property
    def draw_seed(self) -> int:
        """The seed of random settings: ``random_state`` if it is given, else the model's."""
        return self.seed if self.options.random_state is None else self.options.random_state

    @property
    def sole_worker(self) -> Worker:
        """The worker of settings that run one at a time: all threads, and the log itself."""
        return Worker(available_threads(self.base["num_threads"]), self._write)

    def cost(self, setting: Setting, epochs: int) -> float:
        """Return the relative time of ``epochs`` iterations with a setting."""
        params = {**self.base, **setting}
        return training_cost(params["factors"], epochs) * int(params["n_models"])

    def draw(self, n: int) -> list[Setting]:
        """Return ``n`` different random settings of the space, or all settings if it has fewer."""
        return drawn_settings(self.space, n, as_generator(self.draw_seed))

    # Training

    def run(self, settings: Sequence[Setting]) -> list[LearningCurve]:
        """Return the complete curve of each setting, from the journal if it has one."""
        last = self.plan.epochs[-1]
        self.progress.expect(sum(self.cost(setting, last) for setting in settings))

        def complete(setting: Setting, worker: Worker) -> LearningCurve:
            curve = self.journal.curve(setting)
            if curve is not None:
                # Curves from the journal take no time, so their cost is not expected.
                self.progress.expect(-self.cost(setting, last))
                return curve
            run = self.start(setting)
            self.extend(run, last, worker)
            return self.finish(run)

        return self.map(complete, settings)

    def start(self, setting: Setting, curve: LearningCurve | None = None) -> CurveRun:
        """Return the run of a setting, which continues ``curve`` if one is given."""
        model = WRMF(**{**self.base, **setting})
        run = CurveRun(
            model, self.split, self.plan, self.seeds, setting, self._stop.is_set, self.earlier
        )
        if curve is not None:
            run.resume(curve)
        return run

    def extend(self, run: CurveRun, until: int, worker: Worker, prune: Prune | None = None) -> bool:
        """Advance a run through its next checkpoints, up to an epoch or until patience runs out.

        Parameters
        ----------
        run : CurveRun
        until : int
            The last checkpoint to reach. ``progress`` must expect the cost up to it already.
        worker : Worker
        prune : callable(curve, position) -> bool, optional
            Called after each checkpoint; True ends the run.

        Returns
        -------
        bool
            Whether ``prune`` ended the run.
        """
        curve, table = run.curve, LogTable(self.plan.metrics)
        run.use_threads(worker.threads)
        worker.write(describe(curve.params))
        worker.write(table.head)
        reached = curve.epochs[-1] if curve.epochs else 0
        pruned = False
        for epoch in [epoch for epoch in self.plan.epochs if reached < epoch <= until]:
            if pruned or run.is_stalled:
                break
            worker.write(table.row(run.advance(epoch)))
            self.progress.advance(self.cost(curve.params, epoch - reached))
            reached = epoch
            pruned = prune is not None and prune(curve, len(curve.epochs) - 1)
        run.release()
        self.progress.expect(-self.cost(curve.params, until - reached))
        return pruned

    def finish(self, run: CurveRun) -> LearningCurve:
        """Record the curve of a run in the journal; return it without its model."""
        run.curve.model = None
        self.journal.add_curve(run.curve)
        return run.curve

    def is_complete(self, curve: LearningCurve, until: int) -> bool:
        """Return whether a curve reaches an epoch, or has ended because patience ran out."""
        return curve.epochs[-1] >= until or curve.is_stalled(self.plan.metric, self.plan.patience)

    def map(
        self, function: Callable[[Setting, Worker], Result], settings: Sequence[Setting]
    ) -> list[Result]:
        """Return ``function(setting, worker)`` for each setting, in order, ``n_jobs`` at a time."""
        sole, n_jobs = self.sole_worker, self.options.n_jobs
        jobs = min(sole.threads if n_jobs == "auto" else int(n_jobs), len(settings))
        if jobs <= 1:
            return [function(setting, sole) for setting in settings]

        def run_in_parallel(setting: Setting) -> Result:
            if self._stop.is_set():
                raise InterruptedError("the search was interrupted")
            # Each table is written as a whole, so that tables do not mix.
            lines: list[str] = []
            result = function(setting, Worker(max(1, sole.threads // jobs), lines.append))
            if lines:
                with self._write_lock:
                    self._write("\n".join(lines))
            return result

        costs = [self.cost(setting, 1) for setting in settings]
        return map_parallel(run_in_parallel, settings, costs, jobs, self._stop)

    # The result

    def result(self, curves: Sequence[LearningCurve]) -> SearchResult:
        """Return the result. With a validation set, score the best setting on the test split."""
        result = self.result_of(curves)
        if self.options.validation is not None:
            result.test = self._score_on_test(result.best_model())
            self.journal.add_test(result.test)
        return result

    def result_of(self, curves: Sequence[LearningCurve]) -> SearchResult:
        """Return the result without scores on the test split."""
        return SearchResult(
            self.plan.metric,
            tuple(self.space),
            list(curves),
            self.base,
            scored_on=self.options.scored_on,
            ranges={name: v for name, v in self.space.items() if isinstance(v, Range)},
        )

    def _score_on_test(self, best: WRMF) -> Evaluation:
        """Train the best setting on all of ``split.train``; evaluate it on the test split."""
        evaluations = [self._evaluate(best, seed) for seed in self.seeds]
        means, errors = mean_over_seeds(evaluations)
        return replace(evaluations[0], values_by_name=means, stderr=errors)

    def _evaluate(self, best: WRMF, seed: int) -> Evaluation:
        params: dict[str, Any] = {**best.get_params(), "random_state": seed}
        model = WRMF(**params).fit(self.whole_split.train, progress=False)
        return evaluate(
            model,
            self.whole_split,
            self.plan.metrics,
            self.plan.exclude_seen,
            num_threads=best.num_threads,
        )
