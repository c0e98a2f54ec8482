"""Searches over learning curves, with a journal that an interrupted one resumes from."""

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

from wrmf.checks import as_generator, as_positive_int
from wrmf.journal import Journal, read_journal
from wrmf.metrics import Evaluation, check_metrics, evaluate
from wrmf.model import WRMF
from wrmf.search_result import SearchResult
from wrmf.selection import (
    CurveRun,
    LearningCurve,
    Log,
    LogTable,
    as_epochs,
    as_log,
    as_seed,
    as_seeds,
    describe,
    mean_over_seeds,
)
from wrmf.space import Range, all_settings, as_space, drawn_settings, plain
from wrmf.split import Split, as_validation
from wrmf.threads import available_threads

__all__ = ["ARTICLE_GRID", "Search", "grid_search", "random_search", "read_journal"]

# Rosenthal's grid of 2016: 180 settings, each measured after 2, 4, … 38 epochs.
ARTICLE_GRID: dict[str, list[Any]] = {
    "factors": [10, 20, 40, 80, 120],
    "regularization": [0.0, 1e-5, 1e-3, 0.1, 10.0, 100.0],
    "alpha": [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0],
}


def grid_search(
    model: WRMF,
    split: Split,
    grid: Mapping[str, Sequence[Any]],
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    metrics: Sequence[str] | None = None,
    exclude_seen: bool = True,
    journal: str | os.PathLike[str] | None = None,
    n_jobs: int | str = "auto",
    log: Log = None,
    progress: bool | None = None,
    patience: int | None = None,
    seeds: int | Sequence[int] | None = None,
    validation: float | Split | None = None,
) -> SearchResult:
    """Measure a learning curve for every combination of parameter values.

    Parameters
    ----------
    model : WRMF
        Gives the parameters that are not varied; it is not changed. All settings start from the
        same seed (one is drawn where ``random_state`` is not an int).
    split : Split
    grid : mapping of parameter name to the values to try
    epochs : rising ints, default 2, 4, … 38, the checkpoints
    metric : str, default "precision@5", what settings are ranked by
    metrics : sequence of str, default (metric, "mse"), what is measured
    exclude_seen : bool, default True, as in :func:`wrmf.evaluate`
    journal : path, optional
        Each finished setting is appended to this file. Called again with the same arguments, the
        search goes on after the last one finished and ends with the same result. A journal of
        another search is refused.
    n_jobs : int ≥ 1, or "auto", the default
        Settings at a time; the threads are shared out. "auto" is a setting a thread, which was
        measured to be the faster way (docs/search.md). No result depends on it.
    log : bool or callable(str), optional
        True prints each setting's table as it grows (with n_jobs > 1: when it is finished).
    progress : bool, optional
        Whether to show a bar with the time left; by default where standard error is a terminal.
    patience : int ≥ 1, optional
        A curve ends after this many checkpoints in a row without a better ``metric``.
    seeds : int or list of int, optional
        How many seeds each setting is trained with (the model's, the next one …), or which.
        Scores are their means, with standard errors.
    validation : float or Split, optional
        Choose settings without a look at the test split: on this share of ``split.train``'s
        interactions (with ``split.fold_in``: of its users), drawn with the seed, or on a split of
        ``split.train`` made by you. The best setting is then trained on all of ``split.train``
        and scored once on the test split, ``result.test``. By default settings are ranked on the
        test split itself, as the article does: their best score then flatters.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> result = wrmf.grid_search(wrmf.WRMF(random_state=0), split,
    ...                           {"factors": [4, 8]}, epochs=[1, 2])
    >>> len(result.curves)
    2
    """
    space = as_space(model, grid)
    settings = all_settings(space)
    search = Search("grid", model, split, space, epochs, metric, metrics, exclude_seen, journal,
                    n_jobs, log, progress, patience, seeds, validation)  # fmt: skip
    with search:
        return search.result(search.run(settings))


def random_search(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int = 20,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    random_state: int | None = None,
    **options: Any,
) -> SearchResult:
    """Measure a learning curve for settings drawn at random, all different.

    Parameters
    ----------
    model, split, epochs, metric : as in :func:`wrmf.grid_search`
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, default 20
        With a journal, a larger number later goes on from what was done.
    random_state : int, optional, what settings are drawn with; by default the model's seed
    **options
        metrics, exclude_seen, journal, n_jobs, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> space = {"factors": [4, 8], "alpha": wrmf.Range(1.0, 100.0, log=True)}
    >>> result = wrmf.random_search(wrmf.WRMF(random_state=0), split, space, 3, epochs=[1, 2])
    >>> len(result.curves)
    3
    """
    space = as_space(model, space, "space")
    n_trials = as_positive_int(n_trials, "n_trials")
    with Search("random", model, split, space, epochs, metric, draws=random_state,
                **options) as search:  # fmt: skip
        return search.result(search.run(search.draw(n_trials)))


class Search:
    """What all searches share: the split to choose on, seeds, journal, progress, threads."""

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
        self.space, self.epochs = space, as_epochs(epochs)
        named = ("mse",) if metrics is None else (metrics,) if isinstance(metrics, str) else metrics
        self.metric, self.metrics = metric, tuple(dict.fromkeys((metric, *named)))
        check_metrics(self.metrics, split.train.n_items)
        if n_jobs != "auto":
            n_jobs = as_positive_int(n_jobs, "n_jobs")
        self.n_jobs, self.exclude_seen = n_jobs, bool(exclude_seen)
        self.patience = None if patience is None else as_positive_int(patience, "patience")
        self.draws = None if draws is None else as_positive_int(draws, "random_state", 0)
        as_seeds(seeds, 0)
        WRMF(**model.get_params()).check_params()

        told = {"epochs": self.epochs, "metrics": self.metrics, "exclude_seen": self.exclude_seen}
        if method != "grid":
            # How settings are chosen depends on these; a grid's may grow from run to run.
            told |= {"method": method, "metric": metric, "draws": self.draws, "space": repr(space)}
        chosen = validation.__dict__ if isinstance(validation, Split) else validation
        told |= {"patience": (self.patience, metric) if self.patience else None, "seeds": seeds}
        self.journal = Journal(journal, {
            "search": _fingerprint(model, split, chosen, told),
            "seed": as_seed(model.random_state),
            "metric": metric,
            "searched": list(space),
            "params": {**model.get_params(), "random_state": None},
            "scored_on": "test" if validation is None else "validation",
            "ranges": {name: [values.low, values.high, values.log]
                       for name, values in space.items() if isinstance(values, Range)},
        })  # fmt: skip
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

    def start(self, setting: Mapping[str, Any], threads: int = 0) -> CurveRun:
        """Return a run of a setting, nothing trained yet."""
        model = WRMF(**{**self.base, **setting, "num_threads": threads})
        run = CurveRun(model, self.split, self.metrics, self.seeds, self.exclude_seen, self.metric,
                       self.patience, self.stop.is_set)  # fmt: skip
        run.curve.params = dict(setting)
        return run

    def run(self, settings: Sequence[dict[str, Any]]) -> list[LearningCurve]:
        """Return the whole curve of each setting, from the journal where it is there."""
        self.expect(settings, self.epochs)

        def one(setting: dict[str, Any], threads: int, tell: Callable[[str], Any]) -> LearningCurve:
            found = self.journal.curve(setting)
            if found is not None:
                self.skip(setting, self.epochs)
                return found
            run = self.start(setting, threads)
            self.extend(run, self.epochs, tell)
            curve, curve.model = run.curve, None
            with self.lock:
                self.journal.note(setting, curve)
            return curve

        return self.map(one, settings)

    def extend(self, run: CurveRun, epochs: Sequence[int], tell: Callable[[str], Any]) -> None:
        """Take a run through the checkpoints that it has not passed yet, to its end at most."""
        setting, table = run.curve.params, LogTable(self.metrics)
        passed = run.curve.epochs[-1] if run.curve.epochs else 0
        tell(describe(setting))
        tell(table.head)
        left = [epoch for epoch in epochs if epoch > passed]
        for place, epoch in enumerate(left):
            if run.stopped:
                self.skip(setting, left[place:], left[place - 1] if place else passed)
                break
            tell(table.row(run.advance(epoch)))
            with self.lock:
                self.bar.update(self.cost(setting, epoch - (left[place - 1] if place else passed)))

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

        return _run_parallel(quiet, settings, jobs, self.stop)

    # Time left

    def cost(self, setting: Mapping[str, Any], epochs: int) -> float:
        """Relative time of a setting: flops grow with k to a power below 2."""
        return epochs * (20.0 + {**self.base, **setting}["factors"]) ** 1.5

    def expect(self, settings: Iterable[Mapping[str, Any]], epochs: Sequence[int]) -> None:
        """Add to the bar what these settings will take."""
        self.bar.total += sum(self.cost(setting, epochs[-1]) for setting in settings)
        self.bar.refresh()

    def skip(self, setting: Mapping[str, Any], epochs: Sequence[int], passed: int = 0) -> None:
        """Take out of the bar what is not run: it tells nothing about the speed of this run."""
        with self.lock:
            self.bar.total -= self.cost(setting, epochs[-1] - passed)
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
    run: Callable[[Any], Any], settings: Sequence[Any], n_jobs: int, stop: threading.Event
) -> list[Any]:
    with ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(run, setting) for setting in settings]
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
    share = "split" if isinstance(validation, dict) else validation
    told = {**told, "params": params, "seed": seed if isinstance(seed, int) else None,
            "validation": share}  # fmt: skip
    digest.update(json.dumps(told, sort_keys=True, default=plain).encode())
    return digest.hexdigest()[:32]
