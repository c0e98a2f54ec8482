"""The input of a report: the search, the model, the data and the options of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.cached import cached_property
from wrmf.data.checks import as_positive_int
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split, check_split
from wrmf.model.wrmf import WRMF
from wrmf.pictures.source import PictureSource
from wrmf.report.choices import item_popularity
from wrmf.report.comparison import Comparison, compare
from wrmf.report.explorer_data import Explorer, choose_explored
from wrmf.search.learning_curve import LearningCurve, rank_curves
from wrmf.search.result import SearchResult

__all__ = ["ReportData", "ReportOptions", "Section"]


@dataclass(frozen=True)
class ReportOptions:
    """The choices about the page; see :func:`wrmf.write_report` for their meaning."""

    items: Sequence[Any] | None = None
    users: Sequence[Any] | None = None
    n_neighbours: int = 5
    random_state: int = 0
    item_knn: bool | None = None
    max_items: int = 20_000
    max_users: int = 2_000
    commands: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, least in (("n_neighbours", 1), ("max_items", 0), ("max_users", 0)):
            as_positive_int(getattr(self, name), name, least)


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
    split : Split or None
        The split on whose test part the best setting is compared with baselines.

    Raises
    ------
    TypeError
        If ``result`` is not a SearchResult, or ``split`` not a Split.
    ValueError
        If the result has no curves.
    """

    result: SearchResult
    model: WRMF | None
    data: Interactions | None
    pictures: PictureSource | None
    options: ReportOptions
    split: Split | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.result, SearchResult):
            raise TypeError(
                "result must be a SearchResult, which is what grid_search returns, a LearningCurve "
                f"or what autotune returns, got {type(self.result).__name__}"
            )
        if self.split is not None:
            check_split(self.split)
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

    @cached_property
    def comparison(self) -> Comparison | None:
        """The best setting beside baselines; None without a split."""
        if self.split is None:
            return None
        options = self.options
        return compare(self.result, self.split, options.item_knn, options.random_state)

    @property
    def shown_model(self) -> WRMF | None:
        """The model whose neighbours and lists are shown: the given one, or the one compared."""
        if self.model is not None or self.comparison is None:
            return self.model
        return self.comparison.model

    @cached_property
    def explorer(self) -> Explorer | None:
        """The items and people that can be searched; None without a model."""
        model, options = self.shown_model, self.options
        if model is None or not options.max_items:
            return None
        popularity = item_popularity(model, self.data)
        if popularity is None:
            popularity = np.zeros(len(model.items))
        return choose_explored(
            model, popularity, options.max_items, options.max_users, options.random_state
        )

    def item_names(self, model: WRMF) -> list[str]:
        """Return the names of all items of a model, or their ids as text where they have none."""
        if model.item_names is not None:
            return [str(name) for name in model.item_names.tolist()]
        ids = model.items.tolist()
        if self.data is None or self.data.item_names is None:
            return [str(item) for item in ids]
        name_of = dict(zip(self.data.items.tolist(), self.data.item_names.tolist(), strict=True))
        return [str(name_of.get(item, item)) for item in ids]


# A function that returns the HTML of one section, or "" if the data have nothing for it.
Section = Callable[[ReportData], str]
