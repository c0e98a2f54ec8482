"""What all searches share: the split to choose on, seeds, journal, progress, threads."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.splitting import Split, as_validation, check_split
from wrmf.evaluation.evaluate import Evaluation, evaluate
from wrmf.evaluation.metrics import check_metrics
from wrmf.model.wrmf import WRMF
from wrmf.numerics.threads import available_threads
from wrmf.search.journal import Journal
from wrmf.search.learning_curve import (
    CurveRun,
    LearningCurve,
    Log,
    LogTable,
    as_epochs,
    as_log,
    as_seed,
    as_seeds,
    describe,
    is_stalled,
    mean_over_seeds,
)
from wrmf.search.result import SearchResult
from wrmf.search.space import Range, drawn_settings, plain

__all__ = ["Search"]


class Search:
    """One search as it runs; parameters as of :func:`wrmf.grid_search`, ``space`` checked.

    ``draws`` seeds the random settings; by default they follow from the model's seed.
    """

    def __init__(
        self,
        method: str,
        model: WRMF,
        split: Split,
        space: Mapping[str, Any],
        epochs: Iterable[int],
        metric: str,
        metrics: Sequence[str] | None = None,
        exclude_seen: bool = True,
        journal: str | os.PathLike[str] | None = None,
        n_jobs: int | str = "auto",
        log: Log = None,
        progress: bool | None = None,
        patience: int | None = None,
        seeds: int | Sequence[int] | None = None,
        validation: float | Split | None = None,
        draws: int | None = None,
    ) -> None:
        check_split(split)
        self.space, self.epochs = space, as_epochs(epochs)
        named = ("mse",) if metrics is None else (metrics,) if isinstance(metrics, str) else metrics
        self.metric, self.metrics = metric, tuple(dict.fromkeys((metric, *named)))
        check_metrics(self.metrics, split.train.n_items)
        if n_jobs != "auto":
            n_jobs = as_positive_int(n_jobs, "n_jobs")
        self.n_jobs, self.exclude_seen = n_jobs, bool(exclude_seen)
        self.patience = None if patience is None else as_positive_int(patience, "patience")
        self.draws = None if draws is None else as_positive_int(draws, "random_state", 0)
        # All that can be wrong is told before a journal is begun.
        as_seeds(seeds, 0)
        WRMF(**model.get_params()).check_params()
        if validation is not None:
            as_validation(split, validation, 0)

        told = {"epochs": self.epochs, "metrics": self.metrics, "exclude_seen": self.exclude_seen}
        if method != "grid":
            # How settings are chosen depends on these; a grid's may grow from run to run.
            told |= {"method": method, "metric": metric, "draws": self.draws, "space": repr(space)}
        chosen = validation.__dict__ if isinstance(validation, Split) else validation
        told |= {"patience": (self.patience, metric) if self.patience else None, "seeds": seeds}
        self.journal = Journal(
            journal,
            {
                "search": _fingerprint(model, split, chosen, told),
                "seed": as_seed(model.random_state),
                "metric": metric,
                "searched": list(space),
                "params": {**model.get_params(), "random_state": None},
                "scored_on": "test" if validation is None else "validation",
                "ranges": {
                    name: [values.low, values.high, values.log]
                    for name, values in space.items()
                    if isinstance(values, Range)
                },
            },
        )
        self.seed = self.journal.header["seed"]
        self.seeds = as_seeds(seeds, self.seed)
        self.base = {**model.get_params(), "random_state": self.seeds[0]}
        self.whole = split
        self.split = split if validation is None else as_validation(split, validation, self.seed)
        self.scored_on = "test" if validation is None else "validation"
        self.write = as_log(log)
        self.bar = tqdm(
            total=0.0,
            desc="search",
            disable=None if progress is None else not progress,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}",
        )
        self.lock, self.stop = threading.Lock(), threading.Event()

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def draw(self, n: int) -> list[dict[str, Any]]:
        """Return n random settings of the space."""
        seed = self.seed if self.draws is None else self.draws
        return drawn_settings(self.space, n, as_generator(seed))

    def start(self, setting: Mapping[str, Any]) -> CurveRun:
        """Return a run of a setting, nothing trained yet."""
        model = WRMF(**{**self.base, **setting})
        run = CurveRun(
            model,
            self.split,
            self.metrics,
            self.seeds,
            self.exclude_seen,
            self.metric,
            self.patience,
            self.stop.is_set,
        )
        run.curve.params = dict(setting)
        return run

    def run(self, settings: Sequence[dict[str, Any]]) -> list[LearningCurve]:
        """Return the whole curve of each setting, from the journal where it is there."""
        self.expect(sum(self.cost(setting, self.epochs[-1]) for setting in settings))

        def one(setting: dict[str, Any], threads: int, tell: Callable[[str], Any]) -> LearningCurve:
            found = self.journal.curve(setting)
            if found is not None:
                # What was done before tells nothing about the speed of this run.
                self.expect(-self.cost(setting, self.epochs[-1]))
                return found
            run = self.start(setting)
            self.extend(run, self.epochs, threads, tell)
            run.curve.model = None
            self.note(run.curve)
            return run.curve

        return self.map(one, settings)

    def extend(
        self,
        run: CurveRun,
        epochs: Sequence[int],
        threads: int,
        tell: Callable[[str], Any],
        prune: Callable[[LearningCurve, int], bool] | None = None,
    ) -> bool:
        """Take a run through the checkpoints it has not passed; return whether it was pruned.

        ``prune`` is asked after each checkpoint, with the curve and the checkpoint's place.
        """
        run.use_threads(threads)
        curve, table = run.curve, LogTable(self.metrics)
        passed = curve.epochs[-1] if curve.epochs else 0
        tell(describe(curve.params))
        tell(table.head)
        pruned = False
        for epoch in [epoch for epoch in epochs if epoch > passed]:
            if pruned or run.stopped:
                break
            tell(table.row(run.advance(epoch)))
            with self.lock:
                self.bar.update(self.cost(curve.params, epoch - passed))
            passed = epoch
            pruned = prune is not None and prune(curve, len(curve.epochs) - 1)
        run.rest()
        self.expect(-self.cost(curve.params, epochs[-1] - passed))
        return pruned

    def is_whole(self, curve: LearningCurve, epoch: int) -> bool:
        """Return whether a curve goes to an epoch, or has ended for want of patience."""
        return curve.epochs[-1] >= epoch or is_stalled(curve, self.metric, self.patience)

    def note(self, curve: LearningCurve) -> None:
        """Write a curve to the journal."""
        with self.lock:
            self.journal.note(curve.params, curve)

    def map(self, one: Callable[..., Any], settings: Sequence[Any]) -> list[Any]:
        """Return one(setting, threads, tell) for each, several at a time, in order."""
        threads = available_threads(self.base["num_threads"])
        jobs = min(threads if self.n_jobs == "auto" else int(self.n_jobs), len(settings))
        if jobs <= 1:
            return [one(setting, threads, self.write) for setting in settings]

        def quiet(setting: Any) -> Any:
            if self.stop.is_set():
                raise InterruptedError("the search was interrupted")
            lines: list[str] = []
            found = one(setting, max(1, threads // jobs), lines.append)
            with self.lock:
                if lines:
                    self.write("\n".join(lines))
            return found

        costs = [self.cost(setting, 1) for setting in settings]
        return _run_parallel(quiet, settings, costs, jobs, self.stop)

    # Time left

    def cost(self, setting: Mapping[str, Any], epochs: int) -> float:
        """Relative time of a setting: flops grow with k to a power below 2."""
        return epochs * (20.0 + {**self.base, **setting}["factors"]) ** 1.5

    def expect(self, cost: float) -> None:
        """Add to what the bar waits for, or take from it what will not be run."""
        with self.lock:
            self.bar.total += cost
            self.bar.refresh()

    def result(self, curves: Sequence[LearningCurve]) -> SearchResult:
        """Return the result; where a validation set was used, score the best on the test split."""
        result = SearchResult(
            self.metric,
            tuple(self.space),
            list(curves),
            self.base,
            scored_on=self.scored_on,
            ranges={name: v for name, v in self.space.items() if isinstance(v, Range)},
        )
        if self.scored_on == "validation":
            result.test = self._test(result.best_model())
            self.journal.note_test(result.test)
        return result

    def _test(self, best: WRMF) -> Evaluation:
        found = [
            evaluate(
                WRMF(**{**best.get_params(), "random_state": seed}).fit(
                    self.whole.train, progress=False
                ),
                self.whole,
                self.metrics,
                self.exclude_seen,
                num_threads=best.num_threads,
            )
            for seed in self.seeds
        ]
        means, errors = mean_over_seeds(found)
        return Evaluation(means, found[0].n_users, found[0].n_skipped, errors)


def _run_parallel(
    run: Callable[[Any], Any],
    settings: Sequence[Any],
    costs: Sequence[float],
    n_jobs: int,
    stop: threading.Event,
) -> list[Any]:
    """Return run(setting) for each, in order. The most costly begin, so that none is left alone."""
    with ThreadPoolExecutor(n_jobs) as pool:
        order = np.argsort(-np.array(costs), kind="stable")
        begun = {place: pool.submit(run, settings[place]) for place in order}
        futures = [begun[place] for place in range(len(settings))]
        try:
            while wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
                if any(f.done() and f.exception() is not None for f in futures):
                    break
            # The first failure in the grid's order is raised, the rest end after their sweep.
            if any(f.done() and f.exception() is not None for f in futures):
                stop.set()
                failures = [f.exception() for f in futures if f.done()]
                raise next(error for error in failures if error is not None)
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise


def _fingerprint(model: WRMF, split: Split, validation: Any, told: dict[str, Any]) -> str:
    """Return a digest of all that determines the curves, besides the setting and the seed."""
    digest = hashlib.sha256()
    parts = [split.train, split.test, split.fold_in]
    users = [split.users]
    if isinstance(validation, dict):
        parts += [validation[name] for name in ("train", "test", "fold_in")]
        users.append(validation["users"])
    for part in parts:
        if part is not None:
            for array in (part.matrix.indptr, part.matrix.indices, part.matrix.data):
                digest.update(np.ascontiguousarray(array).tobytes())
    for rows in users:
        digest.update(np.asarray(rows).tobytes())
    params = model.get_params()
    params.pop("num_threads")
    params.pop("iterations")
    seed = params.pop("random_state")
    # One that is drawn stands in the journal.
    seed = int(seed) if isinstance(seed, (int, np.integer)) else None
    share = "split" if isinstance(validation, dict) else validation
    told = {**told, "params": params, "seed": seed, "validation": share}
    digest.update(json.dumps(told, sort_keys=True, default=plain).encode())
    return digest.hexdigest()[:32]
