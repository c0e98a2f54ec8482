"""Section: the mean squared error of the best setting over the epochs."""

from __future__ import annotations

from wrmf.report.report_data import ReportData
from wrmf.report.svg import Chart, Line, XAxis, YAxis, draw_for_screens
from wrmf.report.template import assemble_section

__all__ = ["mse_section"]

SIZE = (1048, 320)


def mse_section(report: ReportData) -> str:
    """Return train and test error in one chart.

    Returns ``""`` if the error was not measured, or is the metric of the other sections.
    """
    curve = report.best_curve
    if report.metric == "mse" or "mse" not in curve.test:
        return ""
    lines = [Line(curve.epochs, curve.test["mse"], "line accent", label=report.scored_on)]
    if "mse" in curve.train:
        lines.insert(0, Line(curve.epochs, curve.train["mse"], label="train"))
    chart = Chart(
        lines,
        "Mean squared error of the best setting over the epochs",
        XAxis("Epochs"),
        YAxis("MSE"),
    )
    return assemble_section(
        "Mean squared error",
        f"Of the best setting, over all cells of the {report.scored_on} users’ rows.",
        f'<div class="charts one"><figure>{draw_for_screens(chart, SIZE)}</figure></div>',
    )
