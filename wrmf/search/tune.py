"""Tuning with Optuna (the extra ``tune``), which stops training settings that score poorly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from wrmf.data.checks import as_positive_int
from wrmf.data.split import Split
from wrmf.evaluation.metrics import lower_is_better
from wrmf.model.wrmf import WRMF
from wrmf.search.distributions import check_same_space, suggest
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.options import SearchOptions
from wrmf.search.result import SearchResult
from wrmf.search.runner import Search
from wrmf.search.space import Setting, as_space, setting_key

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial

__all__ = ["tune"]

Direction = Literal["minimize", "maximize"]


def tune(
    model: WRMF,
    split: Split,
    space: Mapping[str, Any],
    n_trials: int = 30,
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str | None = None,
    random_state: int | None = None,
    study: Study | None = None,
    **options: Any,
) -> SearchResult:
    """Measure learning curves for settings that Optuna proposes, and prune the poor ones.

    One trial runs at a time, on all threads, since each proposal depends on the trials before.

    Parameters
    ----------
    model, split, epochs, metric
        As in :func:`wrmf.grid_search`.
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`
    n_trials : int ≥ 1, default 30
        How many settings to propose. A later call with a larger number resumes from the journal.
    random_state : int, optional
        Seed of the proposals; by default the model's.
    study : optuna.study.Study, optional
        A study with another sampler, pruner or storage; not together with a journal. The default
        is a new study with a TPE sampler and a median pruner. A study that already has trials is
        continued if its space is the same; only the ends of a range may differ. Values that Optuna
        cannot store, such as pairs, are stored as text.
    **options
        metrics, exclude_seen, journal, log, progress, patience, seeds, validation, as in
        :func:`wrmf.grid_search`. An interrupted search reports the scores of its journal to Optuna
        again, so it resumes with the same proposals and ends with the same result.

    Returns
    -------
    SearchResult
        The result. The curves of pruned settings end early.

    Raises
    ------
    ImportError
        If Optuna is not installed: ``pip install "wrmf[tune]"``.
    TypeError, ValueError
        If an argument is not valid, or the study has another space. This is checked before
        training.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> space = {"factors": [4, 8], "alpha": wrmf.Range(1.0, 100.0, log=True)}
    >>> result = wrmf.tune(wrmf.WRMF(random_state=0), split, space, 3, epochs=[1, 2])
    >>> len(result.curves)
    3
    """
    try:
        import optuna  # noqa: F401
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
    asked = SearchOptions.validate(
        split, epochs, metric, random_state=random_state, n_jobs=1, **options
    )
    with Search("tune", model, split, space, asked) as search:
        direction: Direction = "minimize" if lower_is_better(asked.plan.metric) else "maximize"
        if study is None:
            study = _default_study(search.draw_seed, direction)
        elif study.direction.name.lower() != direction:
            raise ValueError(
                f"the study must {direction} {asked.plan.metric}, it is set to the opposite"
            )
        check_same_space(study, space)
        return search.result(Tuning(search, study).run(n_trials))


def _default_study(seed: int, direction: Direction) -> Study:
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(
            direction=direction,
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(),
        )
    finally:
        optuna.logging.set_verbosity(verbosity)


class Tuning:
    """A search whose settings an Optuna study proposes, and the curves measured so far."""

    def __init__(self, search: Search, study: Study) -> None:
        self.search, self.study = search, study
        self.curves: dict[str, LearningCurve] = {}

    def run(self, n_trials: int) -> list[LearningCurve]:
        """Return the curves of ``n_trials`` proposals; a setting proposed twice has one curve."""
        from optuna.trial import TrialState

        search, last = self.search, self.search.plan.epochs[-1]
        # Until its setting is known, a trial is expected to cost as much as the model's setting.
        search.progress.expect(n_trials * search.cost({}, last))
        for _ in range(n_trials):
            trial = self.study.ask()
            setting = suggest(trial, search.space)
            search.progress.expect(search.cost(setting, last) - search.cost({}, last))
            curve, pruned = self._measure(trial, setting)
            self.curves[setting_key(setting)] = curve
            score = curve.best(search.plan.metric)[1]
            if pruned:
                self.study.tell(trial, state=TrialState.PRUNED)
            elif math.isnan(score):
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                self.study.tell(trial, score)
        return list(self.curves.values())

    def _measure(self, trial: Trial, setting: Setting) -> tuple[LearningCurve, bool]:
        """Return the curve of a proposal, and whether the study pruned it."""
        search, last = self.search, self.search.plan.epochs[-1]

        def prune(curve: LearningCurve, place: int) -> bool:
            trial.report(curve.test[search.plan.metric][place], curve.epochs[place])
            return trial.should_prune()

        curve = self.curves.get(setting_key(setting)) or search.journal.curve(setting)
        if curve is not None:
            # Report the scores of the existing curve again, so that Optuna decides as before.
            pruned = any(prune(curve, place) for place in range(len(curve.epochs)))
            if pruned or search.is_complete(curve, last):
                search.progress.expect(-search.cost(setting, last))
                return curve, pruned
        run = search.start(setting, curve)
        pruned = search.extend(run, last, search.sole_worker, prune)
        return search.finish(run), pruned
