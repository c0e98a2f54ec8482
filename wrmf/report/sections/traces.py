"""Section: the curves of all settings in one chart, fading by rank."""

from __future__ import annotations

from wrmf.report.report_data import ReportData
from wrmf.report.svg import Chart, Line, XAxis, YAxis, draw_for_screens
from wrmf.report.template import assemble_section
from wrmf.search.plots import fading
from wrmf.search.space import describe

__all__ = ["traces_section"]

SIZE = (1048, 460)


def traces_section(report: ReportData) -> str:
    """Return the chart, the best setting drawn last; ``""`` where there is only one setting."""
    curves, metric = report.ranked_curves, report.metric
    if len(curves) < 2:
        return ""
    lines = [
        Line(
            curve.epochs,
            curve.test[metric],
            "line accent" if rank == 0 else "line trace",
            title=f"{rank + 1}. {describe(curve.params)}",
            opacity=fading(rank),
        )
        for rank, curve in enumerate(curves)
    ]
    name = f"{report.scored_on.capitalize()} {metric}"
    chart = Chart(
        lines[::-1],
        f"{name} of all {len(curves)} settings over the epochs",
        XAxis("Epochs"),
        YAxis(name),
    )
    return assemble_section(
        "Every setting, fading by rank",
        "The best one is in colour, on top. Point at a line to see its setting.",
        f'<div class="charts one"><figure>{draw_for_screens(chart, SIZE)}</figure></div>',
    )
