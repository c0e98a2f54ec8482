"""The contender that tunes itself: ``wrmf.autotune``, as a user calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import wrmf
from benchmarks.quality.contenders.treatment import SEED, THREADS
from benchmarks.quality.rankers import Scores

__all__ = ["Autotune", "Tuned"]


@dataclass
class Tuned:
    """A fitted model, and how it was found."""

    result: wrmf.Autotuned

    def evaluate(self, split: wrmf.Split, metrics: Sequence[str]) -> Scores:
        """Return the means and the standard errors of ``metrics`` on ``split.test``."""
        evaluation = wrmf.evaluate(self.result.model, split, metrics, num_threads=THREADS)
        return dict(evaluation), dict(evaluation.stderr)

    def to_json(self) -> dict[str, Any]:
        """Return the fields of a contender's record, without its scores on test."""
        result = self.result
        return {
            "als": True,
            "tried": len(result.search.curves),
            "tuning_seconds": round(result.seconds, 1),
            "training_seconds": round(result.fit_seconds, 3),
            "best": {
                "params": result.best_params,
                "epoch": result.search.best_epoch,
                "score": round(result.best_score, 6),
            },
            "validation": {
                "WRMF()": result.default_score,
                **result.baselines,
                "autotune": result.best_score,
            },
            "summary": result.summary,
        }


class Autotune:
    """wrmf.autotune with the validation split of all contenders.

    Its seconds include the fit of the best model, which for other contenders comes on top.
    """

    name = "wrmf.autotune"

    def tune(self, split: wrmf.Split, validation: wrmf.Split, metric: str, seconds: float) -> Tuned:
        """Return the model that the call finds; it is not given the test part."""
        model = wrmf.WRMF(random_state=SEED, num_threads=THREADS)
        return Tuned(
            wrmf.autotune(
                split.train,
                seconds,
                metric=metric,
                model=model,
                validation=validation,
                progress=False,
            )
        )
