"""Successive halving: many settings for a few epochs, the best of them for more."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wrmf.data.checks import as_positive_int
from wrmf.data.splitting import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import CurveRun, LearningCurve
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search
from wrmf.search.space import all_settings, as_space, setting_key

__all__ = ["halving_search"]


def halving_search(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int | None = None,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    factor: int = 3,
    random_state: int | None = None,
    **options: Any,
) -> SearchResult:
    """Train all settings for a few epochs, and let only the best go on, rung by rung.

    The best third (for ``factor=3``) of each rung trains three times as long in the next, up to
    the last checkpoint. Survivors go on from where they are; nothing is trained twice. The best
    are those with the best score so far.

    Parameters
    ----------
    model, split, epochs, metric : as in :func:`wrmf.grid_search`
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, optional
        How many settings to draw at random; by default all combinations (lists only).
    factor : int ≥ 2, default 3
    random_state : int, optional, what settings are drawn with; by default the model's seed
    **options
        As in :func:`wrmf.random_search`.

    Returns
    -------
    SearchResult
        Its curves are as long as their settings survived.

    Notes
    -----
    Memory: the factors of those that may still survive, 1/factor of all settings. A search that
    goes on from its journal trains its survivors again up to where they were.

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
    with Search(
        f"halving {factor}", model, split, space, epochs, metric, draws=random_state, **options
    ) as search:
        settings = all_settings(space) if n_trials is None else search.draw(n_trials)
        return search.result(_run(search, settings, factor))


def rungs(n: int, epochs: Sequence[int], factor: int) -> list[int]:
    """Return the epochs after which the settings are thinned out, the last checkpoint last."""
    # Exact where n is a power of the factor, unlike a quotient of logarithms.
    n_rungs = next(power for power in itertools.count() if factor**power >= n) + 1
    wanted = [epochs[-1] / factor**power for power in reversed(range(n_rungs))]
    return sorted({next(epoch for epoch in epochs if epoch >= least) for least in wanted})


def _run(search: Search, settings: list[dict[str, Any]], factor: int) -> list[LearningCurve]:
    ends = rungs(len(settings), search.epochs, factor)
    counts = [math.ceil(len(settings) / factor**rung) for rung in range(len(ends) + 1)]
    # Who will survive is not known yet: later rungs are expected to cost the mean.
    mean = sum(search.cost(setting, 1) for setting in settings) / len(settings)
    steps = [end - start for start, end in itertools.pairwise([0, *ends])]
    search.expect(mean * sum(n * step for n, step in zip(counts, steps, strict=False)))

    curves: dict[str, LearningCurve] = {}
    runs: dict[str, CurveRun] = {}
    alive = settings
    for rung, end in enumerate(ends):
        last = rung == len(ends) - 1
        exact = sum(search.cost(setting, steps[rung]) for setting in alive)
        search.expect(exact - mean * counts[rung] * steps[rung])
        keep = 0 if last else counts[rung + 1]
        _climb(search, alive, end, steps[rung], keep, curves, runs)
        alive = sorted(_ranked(alive, curves, end, search)[:keep], key=settings.index)
    for curve in curves.values():
        curve.model = None
    return [curves[setting_key(setting)] for setting in settings]


def _climb(
    search: Search,
    alive: list[dict[str, Any]],
    end: int,
    step: int,
    keep: int,
    curves: dict[str, LearningCurve],
    runs: dict[str, CurveRun],
) -> None:
    """Take the living settings to the end of a rung; hold on to the runs that may go on."""
    epochs = [epoch for epoch in search.epochs if epoch <= end]
    finished: set[str] = set()

    def one(setting: dict[str, Any], threads: int, tell: Callable[[str], Any]) -> None:
        key = setting_key(setting)
        run, noted = runs.get(key), search.journal.curve(setting)
        if run is None and noted is not None and search.is_whole(noted, end):
            search.expect(-search.cost(setting, step))
            curve = noted
        else:
            if run is None:
                run = search.start(setting)
                if noted is not None:
                    run.resume(noted)
            curve, passed = run.curve, len(run.curve.epochs)
            search.extend(run, epochs, threads, tell)
            if len(curve.epochs) > passed:
                search.note(curve)
        with search.lock:
            curves[key] = curve
            finished.add(key)
            if run is not None:
                runs[key] = run
            best = _ranked([s for s in alive if setting_key(s) in finished], curves, end, search)
            for lost in finished & runs.keys() - {setting_key(s) for s in best[:keep]}:
                curves[lost].model = None
                del runs[lost]

    search.map(one, alive)


def _ranked(
    settings: Sequence[dict[str, Any]], curves: dict[str, LearningCurve], end: int, search: Search
) -> list[dict[str, Any]]:
    """Return settings by their best score up to an epoch, the best first, NaN last."""
    sign = 1 if search.metric == "mse" else -1

    def key(setting: dict[str, Any]) -> float:
        curve = curves[setting_key(setting)]
        # A curve from the journal may be longer than this rung.
        n = sum(epoch <= end for epoch in curve.epochs)
        scores = sign * np.array(curve.test[search.metric][:n])
        return float(np.min(scores[~np.isnan(scores)], initial=np.inf))

    return sorted(settings, key=key)
