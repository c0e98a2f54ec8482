"""Contenders that are given the time instead of settings, and ``wrmf.autotune`` among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

import wrmf
from benchmarks.quality.contenders.treatment import SEED
from benchmarks.quality.rankers import FactorRanker, values_by_user
from benchmarks.quality.threads import n_threads

__all__ = ["Autotune", "Choice", "Chosen", "SelfTuned"]


@dataclass(frozen=True)
class Choice:
    """The setting that a contender has chosen, and how.

    Attributes
    ----------
    params : mapping
    epoch : int
    score : float
        On the validation part, as the contender measures it.
    tried : int
        The number of settings that were scored.
    tuning_seconds, training_seconds : float
    """

    params: Mapping[str, Any]
    epoch: int
    score: float
    tried: int
    tuning_seconds: float
    training_seconds: float


@dataclass(frozen=True)
class Chosen:
    """A fitted model, how it was chosen, and what else its record has."""

    model: wrmf.WRMF | FactorRanker
    choice: Choice
    more: Mapping[str, Any] = field(default_factory=dict)

    def by_user(self, split: wrmf.Split, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the values of ``metrics`` on ``split.test`` of each test user."""
        return values_by_user(self.model, split, metrics)

    def to_json(self) -> dict[str, Any]:
        """Return the fields of a contender's record, without its scores on test."""
        choice = self.choice
        return {
            "als": True,
            "tried": choice.tried,
            "tuning_seconds": round(choice.tuning_seconds, 1),
            "training_seconds": round(choice.training_seconds, 3),
            "best": {
                "params": dict(choice.params),
                "epoch": choice.epoch,
                "score": round(choice.score, 6),
            },
            **self.more,
        }


class SelfTuned(Protocol):
    """A contender that tunes itself on the validation split of all contenders."""

    name: str

    def tune(
        self, split: wrmf.Split, validation: wrmf.Split, metric: str, seconds: float, seed: int
    ) -> Chosen:
        """Return the model that it finds; it does not look at the test part."""


class Autotune:
    """wrmf.autotune with the validation split of all contenders, as a user calls it.

    Its seconds include the fit of the best model, which for other contenders comes on top.
    """

    name = "wrmf.autotune"

    def tune(
        self, split: wrmf.Split, validation: wrmf.Split, metric: str, seconds: float, seed: int
    ) -> Chosen:
        """Return the model that the call finds; it is not given the test part."""
        model = wrmf.WRMF(random_state=SEED, num_threads=n_threads())
        result = wrmf.autotune(
            split.train,
            seconds,
            metric=metric,
            model=model,
            validation=validation,
            random_state=seed,
            progress=False,
        )
        choice = Choice(
            result.best_params,
            result.search.best_epoch,
            result.best_score,
            len(result.search.curves),
            result.seconds,
            result.fit_seconds,
        )
        scores = {"WRMF()": result.default_score, **result.baselines}
        more = {"validation": {**scores, "autotune": result.best_score}, "summary": result.summary}
        return Chosen(result.model, choice, more)
