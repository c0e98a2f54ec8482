"""Section: every setting, as a curve of one chart and as a row of a table.

The row that is pointed at, or has the focus, has its curve marked; ``settings.js`` joins both by
the rank of the setting.
"""

from __future__ import annotations

import math

from wrmf.html_table import format_score
from wrmf.report.report_data import ReportData
from wrmf.report.settings_table import assemble_table
from wrmf.report.svg import Chart, Line, XAxis, YAxis, draw_for_screens
from wrmf.report.template import assemble_section
from wrmf.search.plots import fading
from wrmf.search.result import SearchResult
from wrmf.search.space import describe

__all__ = ["settings_section"]

# Width and height of the chart on a desktop: low enough to stay in view above the table.
SIZE = (1048, 300)


def settings_section(report: ReportData) -> str:
    """Return the chart, unless there is only one setting, and the table."""
    n_settings = len(report.ranked_curves)
    return assemble_section(
        "One setting" if n_settings == 1 else f"All {n_settings:,} settings",
        f"Each at its best epoch by {report.scored_on} {report.metric}, and the score on train at "
        f"that epoch. The small curves show {report.scored_on} scores, all on the same scale."
        f"{level_note(report.result)}",
        (traces_figure(report) if n_settings > 1 else "") + assemble_table(report),
        "settings",
    )


def traces_figure(report: ReportData) -> str:
    """Return the curves of all settings in one chart, fading by rank, the best one on top."""
    curves, metric = report.ranked_curves, report.metric
    lines = [
        Line(
            curve.epochs,
            curve.test[metric],
            "line accent" if rank == 1 else "line trace",
            title=f"{rank}. {describe(curve.params)}",
            opacity=fading(rank - 1),
            rank=rank,
        )
        for rank, curve in enumerate(curves, 1)
    ]
    name = f"{report.scored_on.capitalize()} {metric}"
    chart = Chart(
        lines[::-1],
        f"{name} of all {len(curves)} settings over the epochs",
        XAxis("Epochs"),
        YAxis(name),
    )
    return (
        f'<figure class="traces">{draw_for_screens(chart, SIZE)}'
        "<figcaption>The best setting is in colour; the lower its rank, the fainter a curve."
        "</figcaption></figure>"
    )


def level_note(result: SearchResult) -> str:
    """Return which settings lie within one standard error of the best; ``""`` without errors."""
    if len(result.curves) < 2 or not math.isfinite(result.best_stderr):
        return ""
    n_level = len(result.within_error)
    error = f"one standard error ({format_score(result.best_stderr)}) of the best"
    if not n_level:
        return f" No other setting lies within {error}."
    if n_level == 1:
        return f" The second lies within {error}: the difference may be chance."
    return f" The {n_level} next ones lie within {error}: the differences may be chance."
