"""The result of ``autotune``: a fitted model, what was tried, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wrmf.evaluation.evaluate import Evaluation
from wrmf.evaluation.metrics import lower_is_better
from wrmf.html_table import html_table
from wrmf.model.wrmf import WRMF
from wrmf.search.result import SearchResult
from wrmf.search.space import describe, format_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Autotuned"]

# The number of rows that a notebook shows.
SHOWN_ROWS = 10
MEASURED = ["best_epoch", "best_score", "stderr", "epochs", "seconds"]


@dataclass
class Autotuned:
    """What :func:`wrmf.autotune` returns.

    Attributes
    ----------
    model : WRMF
        The best setting, fitted to all of the training data.
    search : SearchResult
        The learning curves of all settings, on the validation part.
    default_score : float or None
        The score of the first setting, which the data decides; None if it was interrupted.
    baselines : dict of name to float
        The scores of the most popular items, and of item neighbours if there was time, on the same
        validation part.
    seconds : float
        How long the call took.
    fit_seconds : float
        How long of it the fit of ``model`` took.
    interrupted : bool
        Whether Ctrl-C ended the comparison.
    """

    model: WRMF
    search: SearchResult
    default_score: float | None
    baselines: dict[str, float]
    seconds: float
    fit_seconds: float
    interrupted: bool = False

    @property
    def metric(self) -> str:
        """The metric by which settings were compared."""
        return self.search.metric

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best setting that differ from the given model's."""
        return {**self.search.best_params, "iterations": self.search.best_epoch}

    @property
    def best_score(self) -> float:
        """The score of the best setting on the validation part."""
        return self.search.best_score

    @property
    def test(self) -> Evaluation | None:
        """The evaluation of ``model`` on the test part of a Split, otherwise None."""
        return self.search.test

    @property
    def table(self) -> pd.DataFrame:
        """The settings and the baselines, the best first; as ``to_frame`` returns it."""
        return self.to_frame()

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each setting and baseline, the best first.

        Its columns are what, which tells settings from baselines; the parameters; best_epoch,
        best_score, stderr, epochs and seconds, as in ``SearchResult.to_frame``. Scores are those on
        the validation part.
        """
        import pandas as pd

        curves, base = self.search.curves, self.search.base
        varied = {name: base[name] for curve in curves for name in curve.params}
        measured = self.search.to_frame()[MEASURED].to_dict("records")
        rows: list[dict[str, Any]] = [
            {"what": "WRMF", **varied, **curve.params, **scores}
            for curve, scores in zip(curves, measured, strict=True)
        ]
        rows += [{"what": name, "best_score": score} for name, score in self.baselines.items()]
        table = pd.DataFrame(rows, columns=["what", *varied, *MEASURED])
        is_ascending = lower_is_better(self.metric)
        ranked: pd.DataFrame = table.sort_values(
            "best_score", ascending=is_ascending, kind="stable", ignore_index=True
        )
        return ranked

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the best settings, all baselines, and the summary."""
        table = self.to_frame()
        shown = table[(table.index < SHOWN_ROWS) | (table["what"] != "WRMF")]
        differing = [
            name for name in self.search.base if name in table and table[name].nunique() > 1
        ]
        names = ["what", "best_score", *differing, "best_epoch"]
        heads = ["what", f"{self.metric}, validation", *differing, "best epoch"]
        rows = [
            ["" if is_missing(value) else format_value(value) for value in row]
            for row in shown[names].astype(object).itertuples(index=False)
        ]
        caption = f"{len(rows)} of {len(table)} settings and baselines, the best first"
        return html_table(caption, heads, rows, self.summary)

    @property
    def summary(self) -> str:
        """What was found, in sentences for somebody who has read nothing else."""
        best, metric = self.best_score, self.metric
        n = len(self.search.curves)
        sentences = [
            f"{n} {'setting was' if n == 1 else 'settings were'} compared in {self.seconds:.0f} s"
            f"{' and then interrupted' if self.interrupted else ''}; the best has "
            f"{metric} {best:.4f} on the validation part ({describe(self.best_params)})."
        ]
        if self.default_score is not None:
            sentences.append(self._beside(self.default_score, "WRMF() without settings has"))
        sentences += [
            self._beside(score, f"{name.capitalize()} {'have' if name.endswith('s') else 'has'}")
            for name, score in self.baselines.items()
        ]
        sentences.append(self._verdict())
        if self.test is not None:
            score = self.test[metric]
            popular = self.test.popularity.get(metric)
            beside = "" if popular is None else f", popularity {popular:.4f}"
            sentences.append(f"On the test part the fitted model has {score:.4f}{beside}.")
        return " ".join(sentences)

    def _beside(self, score: float, who: str) -> str:
        change = "" if not score else f" ({100 * (self.best_score / score - 1):+.0f} % from there)"
        return f"{who} {score:.4f}{change}."

    def _verdict(self) -> str:
        """Return what to do with the model."""
        sign = -1.0 if lower_is_better(self.metric) else 1.0
        beaten = {
            name: score
            for name, score in self.baselines.items()
            if not sign * self.best_score > sign * score
        }
        if "popularity" in beaten:
            return (
                "No setting is better than recommending what is popular: use wrmf.Popularity(), "
                "and look at the data, which may say little about taste."
            )
        if beaten:
            return "Item neighbours are no worse: wrmf.ItemKNN() is a simpler choice here."
        if self.search.at_edge:
            edges = ", ".join(f"{name} ({end})" for name, end in self.search.at_edge.items())
            return f"The best values of {edges} are at the edge of what was tried: allow more time."
        return "The model is fitted to all training data, and ready: model.recommend()."

    def __repr__(self) -> str:
        return (
            f"Autotuned({self.metric}={self.best_score:.5f} of {len(self.search.curves)} settings)"
        )


def is_missing(value: Any) -> bool:
    """Return whether a cell of a table is empty; a pair of parameters is one value."""
    return value is None or (isinstance(value, float) and math.isnan(value))
