"""Tuning with Optuna (the extra ``tune``), pruned on the learning curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from wrmf.data.checks import as_positive_int
from wrmf.data.splitting import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search
from wrmf.search.space import Range, as_space, setting_key

__all__ = ["tune"]


def tune(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int = 30,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    random_state: int | None = None,
    study: Any = None,
    **options: Any,
) -> SearchResult:
    """Let Optuna propose settings from what was learned, and stop curves that fall behind.

    One trial runs at a time, on all threads, since each learns from those before.

    Parameters
    ----------
    model, split, epochs, metric : as in :func:`wrmf.grid_search`
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, default 30
        With a journal, a larger number later goes on from what was done.
    random_state : int, optional, seed of the proposals; by default the model's
    study : optuna.study.Study, optional
        One with a sampler, pruner or storage of your own; not together with a journal. By default
        a TPE sampler and a median pruner.
    **options
        metrics, exclude_seen, journal, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`. An interrupted search goes on from its journal by telling Optuna
        the noted scores again, and ends with the same result.

    Returns
    -------
    SearchResult
        The curves of pruned settings are shorter.

    Raises
    ------
    ImportError
        Without Optuna: ``pip install "wrmf[tune]"``.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            'tune needs Optuna, which is not installed: pip install "wrmf[tune]"'
        ) from error
    space = as_space(model, space, "space")
    n_trials = as_positive_int(n_trials, "n_trials")
    if "n_jobs" in options:
        raise TypeError("tune runs one trial at a time, on all threads: leave n_jobs out")
    if study is not None and options.get("journal") is not None:
        raise ValueError("pass either study, which keeps its own storage, or journal")
    with Search(
        "tune", model, split, space, epochs, metric, n_jobs=1, draws=random_state, **options
    ) as search:
        direction = "minimize" if metric == "mse" else "maximize"
        if study is None:
            study = _study(optuna, search.seed if search.draws is None else search.draws, direction)
        elif study.direction.name.lower() != direction:
            raise ValueError(f"the study must {direction} {metric}, it is set to the opposite")
        return search.result(_run(search, study, n_trials, optuna.trial.TrialState))


def _study(optuna: Any, seed: int, direction: str) -> Any:
    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(
            direction=direction,
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(),
        )
    finally:
        optuna.logging.set_verbosity(told)


def _run(search: Search, study: Any, n_trials: int, state: Any) -> list[LearningCurve]:
    last = search.epochs[-1]
    curves: dict[str, LearningCurve] = {}
    search.expect(n_trials * search.cost({}, last))
    for _ in range(n_trials):
        trial = study.ask()
        setting = {name: _suggest(trial, name, values) for name, values in search.space.items()}
        search.expect(search.cost(setting, last) - search.cost({}, last))

        def prune(curve: LearningCurve, place: int, trial: Any = trial) -> bool:
            trial.report(curve.test[search.metric][place], curve.epochs[place])
            return bool(trial.should_prune())

        key = setting_key(setting)
        curve = curves.get(key) or search.journal.curve(setting)
        # Optuna hears again what was measured before, and comes to the same decisions.
        pruned = curve is not None and any(
            prune(curve, place) for place in range(len(curve.epochs))
        )
        if curve is None or not (pruned or search.is_whole(curve, last)):
            run = search.start(setting)
            if curve is not None:
                run.resume(curve)
            pruned = search.extend(
                run, search.epochs, search.base["num_threads"], search.write, prune
            )
            curve = run.curve
            curve.model = None
            search.note(curve)
        else:
            search.expect(-search.cost(setting, last))
        curves[key] = curve
        score = curve.best(search.metric)[1]
        if pruned:
            study.tell(trial, state=state.PRUNED)
        elif math.isnan(score):
            study.tell(trial, state=state.FAIL)
        else:
            study.tell(trial, score)
    return list(curves.values())


def _suggest(trial: Any, name: str, values: Any) -> Any:
    if not isinstance(values, Range):
        # By place, since a value may be of a kind that Optuna does not store.
        return values[trial.suggest_categorical(name, list(range(len(values))))]
    suggest = trial.suggest_int if values.whole else trial.suggest_float
    return suggest(name, values.low, values.high, log=values.log)
