"""The result of a search: its curves, the best setting, and where to look further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wrmf.data.checks import is_number
from wrmf.data.choices import as_choice
from wrmf.evaluation.evaluate import Evaluation
from wrmf.evaluation.metrics import lower_is_better
from wrmf.html_table import Cell, format_score, html_table
from wrmf.model.wrmf import WRMF
from wrmf.search.learning_curve import LearningCurve, rank_curves
from wrmf.search.space import Range, Setting, format_value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SearchResult"]

# Width of the edge at each end of a range, as a share of the range.
EDGE = 0.05
# The number of settings that a notebook shows.
SHOWN_SETTINGS = 10


@dataclass
class SearchResult:
    """The result of a search: a learning curve for each setting.

    Attributes
    ----------
    metric : str
        Metric by which the settings are ranked.
    searched : tuple of str
        Names of the parameters that were varied.
    curves : list of LearningCurve
        One curve per setting, in the order tried; their ``params`` are the varied parameters.
    base : dict
        The parameters that all settings share, the seed among them.
    scored_on : {"test", "validation"}
        The set on which the curves' test scores were measured.
    ranges : dict of parameter name to Range
        The ranges that settings were drawn from.
    test : Evaluation or None
        If settings were chosen on a validation set, the scores of the best setting on the test
        split, after training on all of ``split.train``. None if they were ranked on the test split.
    """

    metric: str
    searched: tuple[str, ...]
    curves: list[LearningCurve]
    base: dict[str, Any] = field(default_factory=dict)
    scored_on: str = "test"
    ranges: dict[str, Range] = field(default_factory=dict)
    test: Evaluation | None = None

    def __repr__(self) -> str:
        parts = [
            f"{len(self.curves)} settings",
            f"best_params={self.best_params}",
            f"best_epoch={self.best_epoch}",
            f"best_score={self.best_score:.5f} ({self.scored_on} {self.metric})",
        ]
        if self.test_score is not None:
            parts.append(f"test_score={self.test_score:.5f}")
        if self.at_edge:
            parts.append(f"at_edge={self.at_edge}")
        return f"SearchResult({', '.join(parts)})"

    @property
    def ranked(self) -> list[LearningCurve]:
        """The curves, the best first; curves without a score that is a number are last."""
        return self.ranked_by(self.metric)

    def ranked_by(self, metric: str) -> list[LearningCurve]:
        """Return the curves, sorted by another measured metric, the best first."""
        return rank_curves(self.curves, metric)

    @property
    def best_curve(self) -> LearningCurve:
        """The curve of the best setting."""
        return self.ranked[0]

    @property
    def best_params(self) -> dict[str, Any]:
        """The varied parameters of the best setting."""
        return dict(self.best_curve.params)

    @property
    def best_epoch(self) -> int:
        """The epoch at which the best setting scored best."""
        return self.best_curve.best(self.metric)[0]

    @property
    def best_score(self) -> float:
        """The best score of all settings and epochs, measured on ``scored_on``."""
        return self.best_curve.best(self.metric)[1]

    @property
    def best_stderr(self) -> float:
        """Standard error of the best score: over seeds, or over users if there is only one seed."""
        return _stderr(self.best_curve, self.metric)

    @property
    def within_error(self) -> list[LearningCurve]:
        """The other curves whose best scores are within one standard error of the best, in order.

        The differences may be chance. Empty if there is no standard error.

        Examples
        --------
        >>> def curve(factors, score):
        ...     test, errors = {"mrr": [score]}, {"mrr": [0.01]}
        ...     return LearningCurve({"factors": factors}, [2], {}, test, stderr=errors)
        >>> curves = [curve(8, 0.2), curve(16, 0.395), curve(32, 0.4)]
        >>> result = SearchResult("mrr", ("factors",), curves)
        >>> [level.params for level in result.within_error]
        [{'factors': 16}]
        """
        sign = 1.0 if lower_is_better(self.metric) else -1.0
        best, error = self.best_score, self.best_stderr
        return [
            curve
            for curve in self.ranked[1:]
            if sign * (curve.best(self.metric)[1] - best) <= error
        ]

    @property
    def test_score(self) -> float | None:
        """The metric on the test split, None if settings were ranked on that split itself."""
        return None if self.test is None else self.test[self.metric]

    @property
    def at_edge(self) -> dict[str, str]:
        """Parameters whose best value is the "lowest" or "highest" tried, so better ones may exist.

        Only two kinds of parameters are considered: those with at least three values, all of them
        numbers, and those drawn from a range, whose edges are 5 % wide. A parameter is left out if
        a setting with a value further inside has the same score.
        """
        best, best_score = self.best_curve, self.best_score
        # The best curve is added explicitly, because a score of NaN does not equal itself.
        equals = [best, *(c for c in self.curves if c.best(self.metric)[1] == best_score)]
        edges = {name: self._edge(name, [c.params for c in equals]) for name in best.params}
        return {name: edge for name, edge in edges.items() if edge is not None}

    def _edge(self, name: str, settings: Sequence[Setting]) -> str | None:
        """Return the edge at which all settings have their value of a parameter, or None."""
        if name in self.ranges:
            shares = [self.ranges[name].share(setting[name]) for setting in settings]
            lowest = all(share <= EDGE for share in shares)
            highest = all(share >= 1 - EDGE for share in shares)
        else:
            tried: list[Any] = [curve.params.get(name) for curve in self.curves]
            if not all(map(is_number, tried)) or len(set(tried)) < 3:
                return None
            lowest = all(setting[name] == min(tried) for setting in settings)
            highest = all(setting[name] == max(tried) for setting in settings)
        return "lowest" if lowest else "highest" if highest else None

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the best settings and their scores."""
        names = list(dict.fromkeys(name for curve in self.curves for name in curve.params))
        heads = ["rank", f"{self.scored_on} {self.metric}", "std. error", *names, "best epoch"]
        rows: list[list[str | Cell]] = []
        for rank, curve in enumerate(self.ranked[:SHOWN_SETTINGS], 1):
            epoch, score = curve.best(self.metric)
            values = [format_value(curve.params.get(name, "")) for name in names]
            shown = Cell(format_score(score), is_strong=rank == 1)
            error = format_score(_stderr(curve, self.metric))
            rows.append([str(rank), shown, error, *values, str(epoch)])
        notes = []
        if len(self.curves) > SHOWN_SETTINGS:
            notes.append(f"the best {SHOWN_SETTINGS} are shown")
        if self.within_error:
            notes.append(f"{len(self.within_error)} lie within one standard error of the best")
        if self.test_score is not None:
            notes.append(f"the best has test {self.metric} {format_score(self.test_score)}")
        notes += [f"{name} is best at its {end} value" for name, end in self.at_edge.items()]
        return html_table(f"Search of {len(self.curves)} settings", heads, rows, "; ".join(notes))

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each setting, in the order tried.

        Its columns are the parameters, best_epoch, best_score, stderr (of that score), epochs
        (that were trained) and seconds (of training).
        """
        import pandas as pd

        rows = []
        for curve in self.curves:
            epoch, score = curve.best(self.metric)
            scores = {
                "best_epoch": epoch,
                "best_score": score,
                "stderr": _stderr(curve, self.metric),
                "epochs": curve.epochs[-1],
                "seconds": curve.seconds[-1],
            }
            rows.append({**curve.params, **scores})
        table: pd.DataFrame = pd.DataFrame(rows)
        return table

    def best_model(self) -> WRMF:
        """Return an unfitted model with the best parameters and epoch, to train on everything."""
        return WRMF(**{**self.base, **self.best_params, "iterations": self.best_epoch})

    def plot(self, kind: str = "best", ax: Axes | None = None) -> Axes:
        """Draw the search (needs the extra ``plot``).

        Parameters
        ----------
        kind : {"best", "traces", "mse"}, default "best"
            The best curve, the curves of all settings, or the mean squared error of the best.
        ax : matplotlib.axes.Axes, optional
            By default those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        # Imported here because matplotlib is an optional dependency.
        from wrmf.search import plots

        if as_choice(kind, "kind", ("best", "traces", "mse")) == "best":
            ax = plots.plot_learning_curve(self.best_curve, self.metric, ax=ax)
            ax.set_ylabel(f"{self.scored_on.capitalize()} {self.metric}")
            return ax
        if kind == "traces":
            return plots.plot_traces(self, self.metric, ax=ax)
        return plots.plot_mse(self.best_curve, ax=ax)


def _stderr(curve: LearningCurve, metric: str) -> float:
    errors, place = curve.stderr.get(metric), curve.best_place(metric)
    return float("nan") if errors is None or place is None else errors[place]
