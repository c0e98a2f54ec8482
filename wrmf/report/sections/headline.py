"""Section: the best score, the setting that reached it, and the sizes of data and search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

from wrmf.data.interactions import Interactions
from wrmf.evaluation.evaluate import Evaluation
from wrmf.report.formatting import format_duration, format_score
from wrmf.report.report_data import ReportData
from wrmf.search.space import format_value

__all__ = ["headline_section"]

# A term and its value.
Fact = tuple[str, Any]


def headline_section(report: ReportData) -> str:
    """Return the best score with its setting and epoch, the sizes, and a note on edge values."""
    curve, metric = report.best_curve, report.metric
    score, setting = math.nan, dict(curve.params)
    best = curve.best_place(metric)
    if best is not None:
        score = curve.test[metric][best]
        setting["epoch"] = curve.epochs[best]
    facts = [
        *held_out_facts(report.result.test, metric),
        *data_facts(report.data),
        *search_facts(report),
    ]
    return (
        f'<div class="headline"><p class="score"><b>{format_score(score)}</b>'
        f"<span>best {report.scored_on} {escape(metric)}</span></p>"
        f"{definition_list(setting.items())}</div>"
        f'<div class="facts">{definition_list(facts)}</div>{edge_note(report.result.at_edge)}'
    )


def held_out_facts(test: Evaluation | None, metric: str) -> list[Fact]:
    """Return the test score of a search that ranked its settings on validation users."""
    if test is None:
        return []
    error = test.stderr.get(metric, math.nan)
    margin = f" ± {error:.5f}" if math.isfinite(error) else ""
    facts: list[Fact] = [(f"Test {metric}, scored once", format_score(test[metric]) + margin)]
    if metric in test.popularity:
        worse = metric in test.no_better_than_popularity
        note = ": the model is no better" if worse else ""
        popular = format_score(test.popularity[metric]) + note
        facts.append((f"Test {metric} of the most popular items", popular))
    return facts


def data_facts(data: Interactions | None) -> list[Fact]:
    """Return the size of the data."""
    if data is None:
        return []
    summary = data.summary()
    return [
        ("Users", f"{summary.users:,}"),
        ("Items", f"{summary.items:,}"),
        ("Interactions", f"{summary.interactions:,}"),
        ("Density", f"{summary.density:.3%}"),
    ]


def search_facts(report: ReportData) -> list[Fact]:
    """Return the number of settings and the time spent on training them."""
    curves = report.result.curves
    seconds = sum(curve.seconds[-1] for curve in curves if curve.seconds)
    return [
        ("Settings tried", f"{len(curves):,}"),
        ("Training time", format_duration(seconds)),
    ]


def edge_note(edges: dict[str, str]) -> str:
    """Return a note on parameters whose best value is at an end of the search range."""
    if not edges:
        return ""
    list_of_edges = "; ".join(f"{name} is best at its {end} value" for name, end in edges.items())
    return (
        f"<p class=note>At the edge of the search range: {escape(list_of_edges)}. "
        "A better value may lie beyond it.</p>"
    )


def definition_list(facts: Iterable[Fact]) -> str:
    """Return terms and values as a ``<dl>``."""
    rows = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(format_value(value))}</dd></div>"
        for term, value in facts
    )
    return f"<dl>{rows}</dl>"
