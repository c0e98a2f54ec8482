"""Successive halving: train many settings for a few epochs, and the best of them for more."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.data.split import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import CurveRun, LearningCurve, rank_curves
from wrmf.search.options import SearchOptions
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search, Worker
from wrmf.search.space import Setting, all_settings, as_space, setting_key

__all__ = ["halving_search"]


def halving_search(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int | None = None,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str | None = None,
    factor: int = 3,
    random_state: int | None = None,
    **options: Any,
) -> SearchResult:
    """Train all settings for a few epochs, and only the best of them further, rung by rung.

    The best third (for ``factor=3``) of each rung trains three times as long in the next, up to
    the last checkpoint. Settings are compared by their best score so far. Training continues from
    rung to rung; no epoch is trained twice.

    Parameters
    ----------
    model, split, epochs, metric
        As in :func:`wrmf.grid_search`.
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, optional
        Number of settings to draw at random. By default, all combinations of the values in
        ``space`` are trained, which must then be lists.
    factor : int ≥ 2, default 3
        One setting in ``factor`` survives a rung.
    random_state : int, optional
        Seed with which the settings are drawn; by default the model's.
    **options
        metrics, exclude_seen, journal, n_jobs, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`.

    Returns
    -------
    SearchResult
        Each curve ends with the last rung that its setting reached.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not valid, before anything is trained.

    Notes
    -----
    The factors of all settings that may still survive a rung are in memory: those of one setting
    in ``factor``. A search that resumes from its journal has to train the survivors again up to
    their last checkpoint.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> space = {"factors": [4, 8, 16], "alpha": [1.0, 10.0, 100.0]}
    >>> result = wrmf.halving_search(wrmf.WRMF(random_state=0), split, space, epochs=[1, 2, 4])
    >>> [curve.epochs[-1] for curve in result.curves].count(4)
    1
    """
    space = as_space(model, space, "space")
    factor = as_positive_int(factor, "factor", 2)
    if n_trials is not None:
        n_trials = as_positive_int(n_trials, "n_trials")
    asked = SearchOptions.validate(split, epochs, metric, random_state=random_state, **options)
    with Search(f"halving {factor}", model, split, space, asked) as search:
        settings = all_settings(space) if n_trials is None else search.draw(n_trials)
        return search.result(Halving(search, settings, factor).run())


@dataclass(frozen=True)
class Rung:
    """One step of the search: settings train up to a checkpoint, and the best survive."""

    end: int  # the rung's last checkpoint
    epochs: int  # trained in this rung
    n_settings: int
    n_survivors: int  # 0 in the last rung


def rung_ends(n: int, epochs: Sequence[int], factor: int) -> list[int]:
    """Return the checkpoint that ends each rung of ``n`` settings, the last checkpoint last."""
    # Counting is exact where n is a power of the factor, unlike a quotient of logarithms.
    n_rungs = next(power for power in itertools.count() if factor**power >= n) + 1
    wanted = [epochs[-1] / factor**power for power in reversed(range(n_rungs))]
    return sorted({next(epoch for epoch in epochs if epoch >= least) for least in wanted})


def all_rungs(n: int, epochs: Sequence[int], factor: int) -> list[Rung]:
    """Return the rungs of a search over ``n`` settings."""
    ends = rung_ends(n, epochs, factor)
    counts = [math.ceil(n / factor**rung) for rung in range(len(ends))]
    starts, survivors = [0, *ends[:-1]], [*counts[1:], 0]
    return [
        Rung(end, end - start, n_settings, n_survivors)
        for start, end, n_settings, n_survivors in zip(starts, ends, counts, survivors, strict=True)
    ]


class Halving:
    """The settings of a search, their curves, and the runs that may continue in the next rung."""

    def __init__(self, search: Search, settings: list[Setting], factor: int) -> None:
        self.search, self.settings = search, settings
        self.rungs = all_rungs(len(settings), search.plan.epochs, factor)
        self.curves: dict[str, LearningCurve] = {}
        self.runs: dict[str, CurveRun] = {}
        self._lock = threading.Lock()

    def run(self) -> list[LearningCurve]:
        """Run all rungs; return the curve of each setting up to the last rung that it reached."""
        search, alive = self.search, self.settings
        # Until the survivors are known, each setting of a later rung is expected to have mean cost.
        mean = sum(search.cost(setting, 1) for setting in alive) / len(alive)
        search.progress.expect(mean * sum(rung.n_settings * rung.epochs for rung in self.rungs))
        for rung in self.rungs:
            cost = sum(search.cost(setting, rung.epochs) for setting in alive)
            search.progress.expect(cost - mean * rung.n_settings * rung.epochs)
            alive = self._climb(rung, alive)
        for curve in self.curves.values():
            curve.model = None
        return [self.curves[setting_key(setting)] for setting in self.settings]

    def _climb(self, rung: Rung, alive: list[Setting]) -> list[Setting]:
        """Train settings up to the end of a rung; return the survivors, in their order."""
        finished: set[str] = set()

        def climb(setting: Setting, worker: Worker) -> None:
            key = setting_key(setting)
            curve, run = self._extended(rung, setting, worker)
            with self._lock:
                self.curves[key] = curve
                if run is not None:
                    self.runs[key] = run
                finished.add(key)
                # Free the memory of a setting as soon as enough other settings are better.
                survivors = self._survivors(rung, [s for s in alive if setting_key(s) in finished])
                for lost in (finished & self.runs.keys()) - survivors:
                    self.curves[lost].model = None
                    del self.runs[lost]

        self.search.map(climb, alive)
        survivors = self._survivors(rung, alive)
        return [setting for setting in alive if setting_key(setting) in survivors]

    def _extended(
        self, rung: Rung, setting: Setting, worker: Worker
    ) -> tuple[LearningCurve, CurveRun | None]:
        """Return the curve of a setting up to the end of a rung, and its run if it was trained."""
        search, run = self.search, self.runs.get(setting_key(setting))
        if run is None:
            stored = search.journal.curve(setting)
            if stored is not None and search.is_complete(stored, rung.end):
                search.progress.expect(-search.cost(setting, rung.epochs))
                return stored, None
            run = search.start(setting, stored)
        n_before = len(run.curve.epochs)
        search.extend(run, rung.end, worker)
        if len(run.curve.epochs) > n_before:
            search.journal.add_curve(run.curve)
        return run.curve, run

    def _survivors(self, rung: Rung, settings: Sequence[Setting]) -> set[str]:
        """Return the keys of the settings that survive a rung if only ``settings`` take part."""
        curves = [self.curves[setting_key(setting)] for setting in settings]
        # A curve from the journal may be longer than the rung.
        ranked = rank_curves(curves, self.search.plan.metric, until=rung.end)
        return {setting_key(curve.params) for curve in ranked[: rung.n_survivors]}
