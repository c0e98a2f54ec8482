"""Section: how much of the catalogue is shown, and how popular it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from wrmf.report.choices import item_popularity
from wrmf.report.comparison import MODEL
from wrmf.report.report_data import ReportData
from wrmf.report.template import BarRow, assemble_bars, assemble_section
from wrmf.report.wording import format_share

__all__ = ["catalogue_section", "popularity_groups"]

# The shares of the items, from the most popular on, at which the groups end.
GROUP_ENDS = (0.01, 0.1, 1.0)
GROUP_NAMES = ("most popular 1 %", "next 9 %", "other 90 %")
HISTORY = "What people have"


@dataclass(frozen=True, eq=False)
class Exposure:
    """How often each item of the catalogue appears: in histories, or in the lists of a model."""

    label: str
    counts: np.ndarray


def catalogue_section(report: ReportData) -> str:
    """Return a row for the histories and for each recommender; ``""`` without lists."""
    exposures, popularity, n_people = measure_exposure(report)
    if not exposures:
        return ""
    groups = popularity_groups(popularity)
    names = [name.capitalize() for name in GROUP_NAMES]
    heads = ("Lists", "Where it comes from", *names, "Items listed at least once")
    rows = [exposure_row(exposure, groups) for exposure in exposures]
    key = "".join(
        f'<span class="key-item"><i class="part{place}"></i>{escape(name)} of the items</span>'
        for place, name in enumerate(GROUP_NAMES)
    )
    return assemble_section(
        "How much of the catalogue is shown",
        f"Of all that is listed for {n_people:,} people, the share that the most popular items "
        f"take, and beside it their share of what people have. Popularity is the number of people "
        f"that have an item; there are {len(popularity):,} items.",
        f'<p class="keys" aria-hidden="true">{key}</p>{assemble_bars(heads, rows)}',
    )


def measure_exposure(report: ReportData) -> tuple[list[Exposure], np.ndarray, int]:
    """Return the exposures, the popularity of each item, and the number of people with lists."""
    comparison = report.comparison
    if comparison is not None:
        popularity = item_popularity(comparison.model, None)
        assert popularity is not None
        lists = [
            Exposure(contender.label, count_items(contender.lists, len(popularity)))
            for contender in comparison.contenders
        ]
        return [Exposure(HISTORY, popularity), *lists], popularity, len(comparison.part.users)
    explorer, model = report.explorer, report.shown_model
    if explorer is None or model is None or not explorer.people:
        return [], np.zeros(0), 0
    popularity = item_popularity(model, None)
    assert popularity is not None
    shown = np.array([place for person in explorer.people for place in person.shown], dtype=int)
    counts = count_items(explorer.positions[shown], len(popularity))
    exposures = [Exposure(HISTORY, popularity), Exposure(MODEL, counts)]
    return exposures, popularity, len(explorer.people)


def count_items(lists: np.ndarray, n_items: int) -> np.ndarray:
    """Return how often each item is listed."""
    return np.bincount(lists[lists >= 0], minlength=n_items)


def popularity_groups(popularity: np.ndarray) -> list[np.ndarray]:
    """Return the positions of the items of each group, the most popular group first.

    Examples
    --------
    >>> [len(group) for group in popularity_groups(np.arange(200))]
    [2, 18, 180]
    """
    order = np.argsort(-popularity, kind="stable")
    ends = [math.ceil(share * len(order)) for share in GROUP_ENDS]
    return np.split(order, ends[:-1])


def exposure_row(exposure: Exposure, groups: Sequence[np.ndarray]) -> BarRow:
    """Return a row: a bar of the shares of the groups, the shares, and the number of items."""
    total = exposure.counts.sum() or 1
    shares = [float(exposure.counts[group].sum() / total) for group in groups]
    bar = "".join(
        f'<i class="part{place}" style="width:{100 * share:.2f}%"></i>'
        for place, share in enumerate(shares)
        if share > 0
    )
    n_listed, n_items = np.count_nonzero(exposure.counts), len(exposure.counts)
    listed = f"{n_listed:,} <span class=note>({format_share(n_listed / n_items)})</span>"
    return BarRow(
        exposure.label,
        f'<span class="stack">{bar}</span>',
        (*map(format_share, shares), listed),
        is_best=exposure.label == MODEL,
    )
