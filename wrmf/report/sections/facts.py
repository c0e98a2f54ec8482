"""Section: the best setting, its score, and what the search took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from wrmf.evaluation.evaluate import Evaluation
from wrmf.html_table import format_score
from wrmf.report.formatting import format_duration
from wrmf.report.report_data import ReportData
from wrmf.report.template import assemble_section
from wrmf.search.space import format_value

__all__ = ["facts_section"]

# A term and its value.
Fact = tuple[str, Any]


def facts_section(report: ReportData) -> str:
    """Return the best setting with its epoch and score, the size of the search, and notes."""
    curve, metric = report.best_curve, report.metric
    score, setting = math.nan, dict(curve.params)
    best = curve.best_place(metric)
    if best is not None:
        score = curve.test[metric][best]
        setting["epoch"] = curve.epochs[best]
    facts: list[Fact] = [
        (f"best {report.scored_on} {metric}", format_score(score)),
        *held_out_facts(report.result.test, metric),
        *search_facts(report),
    ]
    return assemble_section(
        "How it was chosen",
        f"The setting with the best {report.scored_on} {metric}, of those that were tried.",
        f'<div class="facts">{definition_list(setting.items())}{definition_list(facts)}</div>'
        f"{edge_note(report.result.at_edge)}{command_lines(report.options.commands)}",
    )


def held_out_facts(test: Evaluation | None, metric: str) -> list[Fact]:
    """Return the test score of a search that ranked its settings on validation users."""
    if test is None:
        return []
    error = test.stderr.get(metric, math.nan)
    margin = f" ± {error:.5f}" if math.isfinite(error) else ""
    return [(f"Test {metric}, scored once", format_score(test[metric]) + margin)]


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


def command_lines(commands: Sequence[str]) -> str:
    """Return the commands that made the model and the page."""
    if not commands:
        return ""
    lines = "\n".join(escape(command) for command in commands)
    return f"<details><summary>Commands</summary><pre>{lines}</pre></details>"


def definition_list(facts: Iterable[Fact]) -> str:
    """Return terms and values as a ``<dl>``."""
    rows = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(format_value(value))}</dd></div>"
        for term, value in facts
    )
    return f"<dl>{rows}</dl>"
