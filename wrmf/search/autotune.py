"""One call that finds good settings within some time, and fits the best of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.baselines.baseline import Baseline
from wrmf.baselines.neighbours import ItemKNN
from wrmf.baselines.popularity import Popularity
from wrmf.data.checks import as_generator, as_positive_int, as_real
from wrmf.data.inputs import as_interactions
from wrmf.data.split import Split
from wrmf.evaluation.evaluate import evaluate
from wrmf.model.wrmf import WRMF
from wrmf.search.autotuned import Autotuned
from wrmf.search.budget import Budget, Step
from wrmf.search.halving import Halving
from wrmf.search.held_out import sampled
from wrmf.search.item_term import (
    FIRST_WEIGHT,
    NEIGHBOURS,
    POPULAR,
    POPULAR_STRENGTHS,
    POPULAR_WEIGHT,
    STRENGTHS,
    TermTrial,
    Weighing,
    gain,
    term_of,
    terms_to_try,
)
from wrmf.search.learning_curve import LearningCurve, rank_curves
from wrmf.search.options import SearchOptions
from wrmf.search.proposals import Proposals, default_space, set_by
from wrmf.search.runner import Search
from wrmf.search.space import Setting, as_space, check_model, setting_key

__all__ = ["autotune"]

# The checkpoints of every setting, and how many settings of a rung survive.
EPOCHS, FACTOR = (2, 4, 6, 10, 16), 3
# The shares of the budget after which the first setting is trained no further, item terms are no
# longer tried on it, settings are no longer compared with few factors, then those of the model,
# then more, then near the best.
BEGINNING, WEIGHING = 0.1, 0.55
SCREENING, COMPARING, WIDENING, REFINING = 0.65, 0.76, 0.82, 0.88
N_MODELS = 4
# Most products of two items of a user for which item neighbours are computed, and their seconds.
MOST_PAIRS, PAIR_SECONDS = 10**9, 5e-8


def autotune(
    data: Any,
    seconds: float = 60.0,
    trials: int | None = None,
    metric: str = "ndcg@20",
    *,
    model: WRMF | None = None,
    space: Mapping[str, Any] | None = None,
    validation: float | Split = 0.1,
    **options: Any,
) -> Autotuned:
    """Find good settings within some time, fit the best, and say how good it is.

    Settings are compared on a validation part of the training data, beginning with those that the
    data decides (``WRMF()``). An item term is tried on it, and kept if it helps. Then many settings
    are compared with few factors, by successive halving, the best of them with more factors, with
    several models and with other item terms. The best is fitted to all of the training data. Beside
    it stand the most popular items and item neighbours.

    Parameters
    ----------
    data : Split, Interactions, or other data as in ``WRMF.fit``
        Of a Split, settings are compared on a part of ``train``, and the best model, fitted to all
        of ``train``, is evaluated once on ``test``.
    seconds : float > 0, default 60
        About how long the call takes, the fit of the best model included. The settings that are
        tried depend on the speed of the machine; their scores do not. The first setting is measured
        in any case.
    trials : int ≥ 1, optional
        The number of settings to train, whatever time it takes. The result is then always the same.
        Item terms are not counted, as they need no training.
    metric : str, default "ndcg@20"
        The metric by which settings are compared.
    model : WRMF, optional
        Parameters that are not at their defaults stay as they are. By default
        ``WRMF(random_state=0)``.
    space : mapping of parameter name to a list of values or a :class:`wrmf.Range`, optional
        What to search in place of α₀, λ, ν, damping, factors and additions, as in
        :func:`wrmf.tune`.
    validation : float or Split, default 0.1
        The share that is held out to compare settings, or a split of the training data. Of more
        than 5,000 users, so many are drawn.
    **options
        metrics, exclude_seen, journal, n_jobs, log, progress, random_state, as in
        :func:`wrmf.grid_search`. With ``trials``, an interrupted call resumes from its journal.

    Returns
    -------
    Autotuned
        With ``model``, ``summary``, ``best_params`` and ``to_frame()``.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not valid, before anything is trained.

    Notes
    -----
    Ctrl-C ends the comparison; the best setting so far is then fitted and returned. A second one
    interrupts that, too.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> tuned = wrmf.autotune(data, trials=4, model=wrmf.WRMF(factors=8, random_state=0))
    >>> tuned.best_score > tuned.baselines["popularity"]
    True
    """
    if validation is None:
        raise ValueError("validation must be a share, or a split of the training data, got None")
    model = WRMF(random_state=0) if model is None else model
    check_model(model)
    seconds = as_real(seconds, "seconds", strict=True)
    trials = None if trials is None else as_positive_int(trials, "trials")
    unknown = options.keys() & {"epochs", "patience", "seeds"}
    if unknown:
        raise TypeError(f"autotune chooses {sorted(unknown)[0]} itself: leave it out")
    split, has_test = _as_split(data)
    searched = default_space(model) if space is None else as_space(model, space, "space")
    # The error over all cells, which other searches measure, takes long with item terms.
    options = {"metrics": (), **options}
    asked = SearchOptions.validate(split, EPOCHS, metric, validation=validation, **options)
    asked = replace(asked, plan=replace(asked.plan, on_train=False))
    budget = Budget(trials, seconds)
    # With trials, the number of them decides which settings are compared.
    with Search(f"autotune {trials}", model, split, searched, asked) as search:
        search.split = sampled(search.split, search.draw_seed)
        tuning = Autotuning(search, budget, own_space=space is not None)
        try:
            tuning.run()
        except KeyboardInterrupt:
            if not tuning.curves:
                raise
            tuning.interrupted = True
        return tuning.result(has_test)


def _as_split(data: Any) -> tuple[Split, bool]:
    """Return data as a split, and whether it has a test part."""
    if isinstance(data, Split):
        return data, bool(len(data.users))
    data = as_interactions(data)
    return Split(data, data.with_matrix(sparse.csr_matrix(data.shape, dtype=np.float32))), False


class Autotuning:
    """The brackets of settings of one call, and the curves so far.

    Parameters
    ----------
    search : Search
    budget : Budget
    own_space : bool
        Whether the caller has named what to search, so that nothing else is.
    """

    def __init__(self, search: Search, budget: Budget, own_space: bool) -> None:
        self.search, self.budget, self.own_space = search, budget, own_space
        self.curves: dict[str, LearningCurve] = {}
        self.baselines: dict[str, float] = {}
        self.interrupted = False
        base = WRMF(**search.base)
        generator = as_generator(search.draw_seed)
        matrix = search.split.train.matrix
        self.proposals = Proposals(base, matrix, search.space, generator)
        self.first_key = setting_key(self.proposals.full)
        self.first_model: WRMF | None = None
        self.weighing = Weighing(search.split, search.plan)
        # The seconds that an epoch of training took, without measuring.
        self.training_seconds: dict[Step, float] = {}

    @property
    def best(self) -> LearningCurve:
        """The best curve so far."""
        return rank_curves(list(self.curves.values()), self.search.plan.metric)[0]

    def run(self) -> None:
        """Compare settings until the budget is used."""
        self._measure_baseline("popularity", Popularity())
        self._measure_first()
        self._begin_with_term()
        self._spend(SCREENING, self._screening())
        self._spend(COMPARING, self._comparing())
        self._spend(WIDENING, self._widening())
        self._spend(REFINING, self._refining())
        self._weigh_best()
        sizes = np.diff(self.search.split.train.matrix.indptr).astype(np.int64)
        n_pairs = int(sizes @ sizes)
        if n_pairs <= MOST_PAIRS and self._has_time(n_pairs * PAIR_SECONDS, 1.0):
            self._measure_baseline("item neighbours", ItemKNN())
        self._spend(1.0, self._joining())
        self._spend(1.0, self._refining())
        self._spend(1.0, self._screening())

    def _spend(self, share: float, brackets: Iterator[list[Setting]]) -> None:
        """Train brackets until they end, or this share of the budget is used."""
        for settings in brackets:
            if not self._bracket(settings, share):
                return

    def _measure_first(self) -> None:
        """Measure what the data decides, for as many epochs as there is time for."""
        search, setting = self.search, self.proposals.full
        curve = search.journal.curve(setting)
        began = time.perf_counter()
        if curve is None or not search.is_complete(curve, EPOCHS[-1]):
            search.progress.expect(search.cost(setting, EPOCHS[-1]))
            run = search.start(setting)
            curve = run.curve
            try:
                search.extend(
                    run,
                    EPOCHS[-1],
                    search.sole_worker,
                    lambda _curve, _place: self.budget.is_over(BEGINNING),
                )
                self.first_model = curve.model
                search.finish(run)
            except KeyboardInterrupt:
                curve.model = None
                if curve.epochs:
                    self.curves[self.first_key] = curve
                raise
        self.curves[self.first_key] = curve
        seconds = time.perf_counter() - began
        self._record([setting], seconds)

    # The brackets

    def _screening(self) -> Iterator[list[Setting]]:
        if not self.search.space:
            return
        yield self.proposals.first()
        while True:
            yield self.proposals.further(self._screened()[0].params)

    def _comparing(self) -> Iterator[list[Setting]]:
        full = self.proposals.full
        if full != self.proposals.screened:
            yield [{**curve.params, **full} for curve in self._screened()[:FACTOR]]
        if not self.own_space:
            yield self.proposals.variants(dict(self.best.params))

    def _widening(self) -> Iterator[list[Setting]]:
        if not self.own_space:
            yield from self.proposals.wider(dict(self.best.params))

    def _refining(self) -> Iterator[list[Setting]]:
        while self.search.space:
            yield self.proposals.near(dict(self.best.params))

    def _joining(self) -> Iterator[list[Setting]]:
        # The joint model is trained for the comparison, and again for the result.
        seconds = (2 * N_MODELS - 1) * self._last_seconds()
        is_free = not self.own_space and "n_models" not in set_by(self.proposals.model)
        if is_free and self._has_time(seconds, 1.0):
            yield [{**self.best.params, "n_models": N_MODELS}]

    def _screened(self) -> list[LearningCurve]:
        """Return the curves with few factors, the best first; if there are none, all curves."""
        few = self.proposals.screened
        curves = list(self.curves.values())
        screened = [curve for curve in curves if few.items() <= curve.params.items()]
        return rank_curves(screened or curves, self.search.plan.metric)

    def _bracket(self, settings: list[Setting], share: float) -> bool:
        """Train those settings of a bracket that the budget admits; return whether any was."""
        new = [setting for setting in settings if setting_key(setting) not in self.curves]
        steps = [self._step(setting) for setting in new]
        spent = self._last_seconds() / max(self.budget.seconds, 1e-9)
        admitted = self.budget.admitted(steps, EPOCHS, FACTOR, min(share, 1.0 - spent))
        if not admitted:
            return False
        self._measure(new[:admitted])
        return True

    def _measure(self, settings: list[Setting]) -> None:
        halving = Halving(self.search, settings, FACTOR)
        began = time.perf_counter()
        try:
            halving.run()
        finally:
            for curve in halving.curves.values():
                curve.model = None
            self.curves.update(halving.curves)
        self._record(settings, time.perf_counter() - began)

    def _record(self, settings: list[Setting], seconds: float) -> None:
        """Note the time of settings that were trained."""
        curves = [self.curves[setting_key(setting)] for setting in settings]
        steps = [self._step(setting) for setting in settings]
        for step, curve in zip(steps, curves, strict=True):
            self.training_seconds[step] = curve.seconds[-1] / curve.epochs[-1]
        self.budget.record(steps, [curve.epochs[-1] for curve in curves], seconds)

    def _step(self, setting: Setting) -> Step:
        params = {**self.search.base, **setting}
        return Step(params["factors"], params["n_models"])

    def _last_seconds(self) -> float:
        """Return the seconds to keep for the fit of the best setting; 0 with ``trials``."""
        if self.budget.trials is not None or not self.curves:
            return 0.0
        best = self.best
        epoch = best.best(self.search.plan.metric)[0]
        weights = self.weighing.seconds.get(best.params.get("item_neighbors", 0), 0.0)
        # All of the training data are more than the part that is trained on here.
        parts = self.search.whole_split.train, self.search.split.train
        more = parts[0].n_interactions / parts[1].n_interactions
        step = self._step(best.params)
        rate = self.training_seconds.get(step, self.budget.rate(step))
        return more * (epoch * rate + weights)

    # What is compared with fixed factors

    def _measure_baseline(self, name: str, baseline: Baseline) -> None:
        split, plan = self.search.split, self.search.plan
        try:
            scores = evaluate(baseline.fit(split.train), split, [plan.metric], plan.exclude_seen)
        except (TypeError, ValueError):
            # Lists of neighbours have no scores of all items, which some metrics need.
            return
        self.baselines[name] = float(scores[plan.metric])

    def _begin_with_term(self) -> None:
        """Try item terms on the first model; if one helps, give it to all further settings."""
        model, self.first_model = self.first_model, None
        first = self.curves[self.first_key]
        if not self._may_weigh() or not self._has_time(0.0, WEIGHING):
            return
        if model is None:
            model = self._trained(first.params, first.epochs[-1])
        trial = TermTrial(model, dict(first.params), first.epochs[-1])
        starts, least_skipped = [FIRST_WEIGHT, POPULAR_WEIGHT], np.inf
        for place, term in enumerate(terms_to_try(self.search.split.train.matrix)):
            before, neighbors = self._best_gain, term["item_neighbors"]
            is_popular = "item_regularization" in term
            if is_popular and neighbors >= least_skipped:
                continue
            # Large inverses take the time of what would gain less.
            share = WEIGHING if neighbors <= POPULAR[0] else 1.0
            best = self._weigh(trial, term, starts[is_popular], share)
            if best is not None and self._best_gain > before:
                starts[is_popular], self.search.earlier = best, model.state
            elif place == 0:
                break
            elif term.get("item_regularization") == POPULAR_STRENGTHS[0]:
                least_skipped = min(least_skipped, neighbors)
        self.proposals = replace(self.proposals, term=term_of(self.best.params))
        neighbors = int(self.proposals.term.get("item_neighbors", 0))
        self.budget.measuring = self.weighing.evaluation_seconds.get(neighbors, 0.0)

    def _weigh_best(self) -> None:
        """Compare item terms once more, with the factors of the best setting."""
        best, seconds = self.best, self._last_seconds()
        if not self._may_weigh() or not self._has_time(seconds, 1.0):
            return
        epoch, _ = best.best(self.search.plan.metric)
        trial = TermTrial(self._trained(best.params, epoch), dict(best.params), epoch)
        term = {"item_neighbors": NEIGHBOURS, **term_of(best.params)}
        weight = self._weigh(trial, term, float(term.pop("item_weight", FIRST_WEIGHT)), 1.0)
        if weight is not None and term_of(self.best.params):
            present = float(term.get("item_regularization", trial.model.item_regularization))
            for factor in STRENGTHS:
                changed = {**term, "item_regularization": factor * present}
                self._weigh(trial, changed, weight, 1.0)

    def _trained(self, setting: Mapping[str, Any], epoch: int) -> WRMF:
        """Return the model of a setting after an epoch."""
        model = WRMF(**{**self.search.base, **setting})
        trainer = model.trainer(self.search.split.train, earlier=self.search.earlier)
        trainer.run(epoch, None, progress=False)
        return model

    def _weigh(self, trial: TermTrial, term: Setting, start: float, share: float) -> float | None:
        """Compare weights of an item term; return the best one, None if there is no time."""
        tried = []
        for curve in self.weighing.curves(
            trial, term, start, lambda seconds: self._has_time(seconds, share)
        ):
            self.curves.setdefault(setting_key(curve.params), curve)
            tried.append(curve)
        best = rank_curves(tried, self.search.plan.metric)
        return float(best[0].params["item_weight"]) if best else None

    def _may_weigh(self) -> bool:
        return not (self.own_space or "item_weight" in set_by(self.proposals.model))

    def _has_time(self, seconds: float, share: float) -> bool:
        """Return whether so many seconds are left of a share of the budget; True with trials."""
        if self.budget.trials is not None:
            return True
        end = self.budget.elapsed + seconds
        whole = self.budget.seconds
        return end <= share * whole and end + self._last_seconds() <= whole

    @property
    def _best_gain(self) -> float:
        return gain(self.best.best(self.search.plan.metric)[1], self.search.plan.metric)

    # The result

    def result(self, has_test: bool) -> Autotuned:
        """Fit the best setting to all of the training data; evaluate it on the test part."""
        search = self.search
        result = search.result_of(list(self.curves.values()))
        began = time.perf_counter()
        model = result.best_model().fit(search.whole_split.train, progress=False)
        fit_seconds = time.perf_counter() - began
        if has_test:
            result.test = evaluate(
                model, search.whole_split, search.plan.metrics, search.plan.exclude_seen
            )
            search.journal.add_test(result.test)
        return Autotuned(
            model=model,
            search=result,
            default_score=self._default_score(),
            baselines=self.baselines,
            seconds=self.budget.elapsed,
            fit_seconds=fit_seconds,
            interrupted=self.interrupted,
        )

    def _default_score(self) -> float | None:
        """Return the score of the first setting after the iterations of the model."""
        curve = self.curves.get(self.first_key)
        if curve is None:
            return None
        done = [epoch <= self.search.base["iterations"] for epoch in curve.epochs]
        return float(curve.test[self.search.plan.metric][max(0, sum(done) - 1)])
