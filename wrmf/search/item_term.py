"""The search for an item term, whose weight and neighbours are compared with fixed factors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.split import Split
from wrmf.evaluation.evaluate import evaluate
from wrmf.evaluation.metrics import lower_is_better
from wrmf.model.wrmf import WRMF
from wrmf.numerics.item_weights import MOST_NEIGHBOURS
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.options import CurvePlan
from wrmf.search.space import Setting

__all__ = [
    "FIRST_WEIGHT",
    "NEIGHBOURS",
    "POPULAR",
    "POPULAR_STRENGTHS",
    "POPULAR_WEIGHT",
    "STRENGTHS",
    "TermTrial",
    "Weighing",
    "gain",
    "term_of",
    "terms_to_try",
    "weigh",
]

# The weights β that are tried, next to each other.
WEIGHTS = (0.15, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0)
# The first weight, and that of popular items, which often say more than factors.
FIRST_WEIGHT, POPULAR_WEIGHT = 0.3, 4.0
# The neighbours that are tried first, and decide whether others are.
NEIGHBOURS = 30
# The numbers of most popular items that are then tried as each other's neighbours, with strengths
# of the regression, if they have this share of the interactions; and then the next number of
# neighbours.
POPULAR, POPULAR_STRENGTHS, POPULAR_SHARE = (4500, 12_500), (80.0, 20.0), 0.85
MORE_NEIGHBOURS = 100
# The multiples of the strength that are tried at the best weight.
STRENGTHS = (4.0, 0.25)
# About how long one thread takes to invert a matrix, by the cube of its size; and the power by
# which the time of all that is done with an inverse grows.
INVERSE_SECONDS, INVERSE_POWER = 2e-11, 2.4

# A function of β that returns a score, higher being better, or None if there is no time.
Score = Callable[[float], float | None]


def terms_to_try(matrix: sparse.csr_matrix) -> list[Setting]:
    """Return the neighbours of item terms, and the strengths of those of popular items.

    More items than users have dependent columns, which gain nothing.
    """
    n_users, n_items = matrix.shape
    terms: list[Setting] = [{"item_neighbors": min(NEIGHBOURS, n_items)}]
    counts = np.sort(np.bincount(matrix.indices, minlength=n_items))[::-1]
    sizes = {min(most, n_items, n_users) for most in POPULAR}
    popular = [
        size
        for size in sorted(sizes)
        if size > MOST_NEIGHBOURS and counts[:size].sum() >= POPULAR_SHARE * matrix.nnz
    ]
    terms += [
        {"item_neighbors": size, "item_regularization": strength}
        for strength in POPULAR_STRENGTHS
        for size in popular
    ]
    if n_items > NEIGHBOURS:
        terms.append({"item_neighbors": min(MORE_NEIGHBOURS, n_items)})
    return terms


def weigh(score: Score, start: float = FIRST_WEIGHT) -> Iterator[tuple[float, float]]:
    """Try weights from ``start`` upwards while they are better; if the first is not, downwards.

    Yields
    ------
    (weight, score)
    """
    place = min(range(len(WEIGHTS)), key=lambda i: abs(WEIGHTS[i] - start))
    best = score(WEIGHTS[place])
    if best is None:
        return
    yield WEIGHTS[place], best
    for step in (1, -1):
        at, moved = place + step, False
        while 0 <= at < len(WEIGHTS):
            value = score(WEIGHTS[at])
            if value is None:
                return
            yield WEIGHTS[at], value
            if value <= best:
                break
            best, moved, at = value, True, at + step
        if moved:
            return


def term_of(setting: Mapping[str, Any]) -> Setting:
    """Return the part of a setting that is the item term."""
    return {name: value for name, value in setting.items() if name.startswith("item_")}


def gain(score: float, metric: str) -> float:
    """Return a score such that higher is better."""
    return -score if lower_is_better(metric) else score


@dataclass(frozen=True)
class TermTrial:
    """A fitted model whose item term is changed, its setting, and the epochs of its training."""

    model: WRMF
    setting: Setting
    epoch: int


class Weighing:
    """Compares item terms of fitted models on the held-out part of a split.

    Parameters
    ----------
    split : Split
    plan : CurvePlan

    Attributes
    ----------
    seconds : dict of int to float
        How long the weights of a number of neighbours took.
    evaluation_seconds : dict of int to float
        How long an evaluation with so many neighbours took.
    """

    def __init__(self, split: Split, plan: CurvePlan) -> None:
        self.split, self.plan = split, plan
        self.seconds: dict[int, float] = {}
        self.evaluation_seconds: dict[int, float] = {}

    def curves(
        self, trial: TermTrial, term: Setting, start: float, has_time: Callable[[float], bool]
    ) -> Iterator[LearningCurve]:
        """Yield the curve, of one epoch, of each weight of a term that is tried.

        Parameters
        ----------
        trial : TermTrial
        term : dict
            ``item_neighbors`` and, if it is not the default, ``item_regularization``.
        start : float
            The first weight.
        has_time : callable(seconds) -> bool
            Whether so many more seconds may be used.
        """
        neighbors, expected = int(term["item_neighbors"]), 0.0
        curves: list[LearningCurve] = []

        def score(weight: float) -> float | None:
            nonlocal expected
            if not has_time(expected or self._expected(neighbors)):
                return None
            began = time.perf_counter()
            try:
                trial.model.reweigh_items(weight, **term)
            except MemoryError:
                return None
            if not expected:
                self.seconds[neighbors] = time.perf_counter() - began
            curves.append(self._evaluated(trial, {**term, "item_weight": weight}))
            self.evaluation_seconds[neighbors] = expected = curves[-1].seconds[0]
            return gain(curves[-1].test[self.plan.metric][0], self.plan.metric)

        for _ in weigh(score, start):
            yield curves[-1]

    def _evaluated(self, trial: TermTrial, term: Setting) -> LearningCurve:
        began, plan = time.perf_counter(), self.plan
        scores = evaluate(trial.model, self.split, plan.metrics, plan.exclude_seen)
        return LearningCurve(
            params={**trial.setting, **term},
            epochs=[trial.epoch],
            train={name: [float("nan")] for name in plan.metrics},
            test={name: [float(scores[name])] for name in plan.metrics},
            seconds=[time.perf_counter() - began],
            stderr={name: [error] for name, error in scores.stderr.items()},
        )

    def _expected(self, neighbors: int) -> float:
        """Return how long the weights of so many neighbours and an evaluation should take.

        Weights that take long are computed once more if they are chosen, for the last fit.
        """
        known = [n for n in self.seconds if n <= neighbors]
        if not known:
            return 0.0
        ratio = neighbors / max(known)
        if ratio == 1:
            weights = 0.0
        elif max(known) > MOST_NEIGHBOURS:
            weights = 2 * self.seconds[max(known)] * ratio**INVERSE_POWER
        elif neighbors > MOST_NEIGHBOURS:
            weights = 2 * INVERSE_SECONDS * float(neighbors) ** 3
        else:
            weights = self.seconds[max(known)] * ratio**1.5
        return weights + float(self.evaluation_seconds[max(known)] * ratio**0.35)
