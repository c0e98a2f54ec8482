"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from wrmf.evaluation.evaluate import Evaluation
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import LearningCurve, rank_curves
from wrmf.search.space import Range

__all__ = ["SearchResult"]

# The share of a range next to its end that counts as its edge.
EDGE = 0.05


@dataclass
class SearchResult:
    """What a search found: a learning curve for each setting.

    Attributes
    ----------
    metric : str, what the settings are ranked by, on test (the validation set where one was used)
    searched : tuple of str, names of the parameters that were varied
    curves : list of LearningCurve, in the order tried; their params are the varied ones
    base : dict, the parameters that all settings share, the seed among them
    scored_on : {"test", "validation"}, what the curves' test scores were measured on
    ranges : dict of parameter name to the Range it was drawn from
    test : Evaluation of the best setting, trained on all of split.train, on the test split, which
        nothing else saw; None where settings were ranked on the test split itself
    """

    metric: str
    searched: tuple[str, ...]
    curves: list[LearningCurve]
    base: dict[str, Any] = field(default_factory=dict)
    scored_on: str = "test"
    ranges: dict[str, Range] = field(default_factory=dict)
    test: Evaluation | None = None

    def __repr__(self) -> str:
        told = [
            f"{len(self.curves)} settings",
            f"best_params={self.best_params}",
            f"best_epoch={self.best_epoch}",
            f"best_score={self.best_score:.5f} ({self.scored_on} {self.metric})",
        ]
        if self.test_score is not None:
            told.append(f"test_score={self.test_score:.5f}")
        if self.at_edge:
            told.append(f"at_edge={self.at_edge}")
        return f"SearchResult({', '.join(told)})"

    @property
    def ranked(self) -> list[LearningCurve]:
        """The curves, best first."""
        return rank_curves(self.curves, self.metric)

    @property
    def best_curve(self) -> LearningCurve:
        return self.ranked[0]

    @property
    def best_params(self) -> dict[str, Any]:
        """The varied parameters of the best setting."""
        return dict(self.best_curve.params)

    @property
    def best_epoch(self) -> int:
        return self.best_curve.best(self.metric)[0]

    @property
    def best_score(self) -> float:
        return self.best_curve.best(self.metric)[1]

    @property
    def best_stderr(self) -> float:
        """Standard error of the best score: over seeds, or over users where there is one seed."""
        return _stderr(self.best_curve, self.metric)

    @property
    def test_score(self) -> float | None:
        """The metric on the test split, None where settings were ranked on that split itself."""
        return None if self.test is None else self.test[self.metric]

    @property
    def at_edge(self) -> dict[str, str]:
        """Parameters whose best value is the "lowest" or "highest" tried, so that a better one may
        lie beyond.

        Numbers with more than two values count, and ranges (within 5 % of an end). Where other
        settings score as well with a value further inside, nothing is said.
        """
        found = {}
        equals = [self.best_params]
        equals += [c.params for c in self.curves if c.best(self.metric)[1] == self.best_score]
        for name in self.best_params:
            if name in self.ranges:
                shares = [self.ranges[name].share(params[name]) for params in equals]
                low = all(share <= EDGE for share in shares)
                high = all(share >= 1 - EDGE for share in shares)
            else:
                values = {_hashable(curve.params.get(name)) for curve in self.curves}
                if len(values) < 3 or not all(map(_is_number, values)):
                    continue
                low = all(params.get(name) == min(values) for params in equals)
                high = all(params.get(name) == max(values) for params in equals)
            if low or high:
                found[name] = "lowest" if low else "highest"
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a row a setting, in the order tried.

        Columns: the parameters, best_epoch, best_score, stderr (of that score), epochs (trained
        in all), seconds.
        """
        rows = []
        for curve in self.curves:
            epoch, score = curve.best(self.metric)
            found = {
                "best_epoch": epoch,
                "best_score": score,
                "stderr": _stderr(curve, self.metric),
                "epochs": curve.epochs[-1],
                "seconds": curve.seconds[-1],
            }
            rows.append({**curve.params, **found})
        return pd.DataFrame(rows)

    def best_model(self) -> WRMF:
        """Return an unfitted model with the best parameters and epoch, to train on everything."""
        return WRMF(**{**self.base, **self.best_params, "iterations": self.best_epoch})

    def plot(self, kind: str = "best", ax: Any = None) -> Any:
        """Draw (extra ``plot``) the "best" curve, the "traces" of all settings, or the "mse"."""
        from wrmf.search import plots

        if kind == "best":
            ax = plots.plot_learning_curve(self.best_curve, self.metric, ax=ax)
            ax.set_ylabel(f"{self.scored_on.capitalize()} {self.metric}")
            return ax
        if kind == "traces":
            return plots.plot_traces(self, self.metric, ax=ax)
        if kind == "mse":
            return plots.plot_mse(self.best_curve, ax=ax)
        raise ValueError(f"kind must be 'best', 'traces' or 'mse', got {kind!r}")


def _stderr(curve: LearningCurve, metric: str) -> float:
    errors = curve.stderr.get(metric)
    return errors[curve.best_place(metric)] if errors else float("nan")


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
