"""The input of a report: the search, the model, the data and the options of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wrmf.data.interactions import Interactions
from wrmf.model.wrmf import WRMF
from wrmf.pictures.source import PictureSource
from wrmf.search.learning_curve import LearningCurve, rank_curves
from wrmf.search.result import SearchResult

__all__ = ["ReportData", "ReportOptions", "Section"]


@dataclass(frozen=True)
class ReportOptions:
    """The choices about the page; see :func:`wrmf.write_report` for their meaning."""

    items: Sequence[Any] | None
    n_neighbours: int
    random_state: int

    def __post_init__(self) -> None:
        if self.n_neighbours < 1:
            raise ValueError(f"n_neighbours must be at least 1, got {self.n_neighbours!r}")


@dataclass(frozen=True)
class ReportData:
    """Everything that the sections of one report read.

    Attributes
    ----------
    result : SearchResult
        A search with at least one curve.
    model : WRMF or None
        The fitted model whose neighbours are shown.
    data : Interactions or None
        Data from which the sizes, item names and popularity are taken.
    pictures : callable or None
        From an item's id to its picture, or None where it has none.
    options : ReportOptions

    Raises
    ------
    TypeError
        If ``result`` is not a SearchResult.
    ValueError
        If it has no curves.
    """

    result: SearchResult
    model: WRMF | None
    data: Interactions | None
    pictures: PictureSource | None
    options: ReportOptions

    def __post_init__(self) -> None:
        if not isinstance(self.result, SearchResult):
            raise TypeError(
                "result must be a SearchResult, which is what grid_search returns, "
                f"got {type(self.result).__name__}"
            )
        if not self.result.curves:
            raise ValueError("the search result has no curves; expected at least one setting")

    @property
    def metric(self) -> str:
        """The metric by which the settings are ranked."""
        return self.result.metric

    @property
    def scored_on(self) -> str:
        """The users by whose scores the settings are ranked: ``"test"`` or ``"validation"``."""
        return self.result.scored_on

    @cached_property
    def ranked_curves(self) -> list[LearningCurve]:
        """The learning curves, best first."""
        return rank_curves(self.result.curves, self.metric)

    @property
    def best_curve(self) -> LearningCurve:
        """The learning curve of the best setting."""
        return self.ranked_curves[0]


# A function that returns the HTML of one section, or "" if the data have nothing for it.
Section = Callable[[ReportData], str]
