"""Section: the learning curve of the best setting, on test and on train."""

from __future__ import annotations

from wrmf.html_table import format_score
from wrmf.report.report_data import ReportData
from wrmf.report.svg import Chart, Line, Mark, XAxis, YAxis, draw_for_screens
from wrmf.report.template import assemble_section
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.space import describe

__all__ = ["curve_section"]


def curve_section(report: ReportData) -> str:
    """Return one chart of the test scores and one of the train scores, each on its own scale."""
    curve, metric = report.best_curve, report.metric
    charts = [
        epochs_chart(
            f"{report.scored_on.capitalize()} {metric}",
            Line(curve.epochs, curve.test[metric], "line accent"),
            best_mark(curve, metric),
        )
    ]
    if metric in curve.train:
        charts.append(epochs_chart(f"Train {metric}", Line(curve.epochs, curve.train[metric])))
    figures = "".join(f"<figure>{draw_for_screens(chart)}</figure>" for chart in charts)
    return assemble_section(
        "Best learning curve", describe(curve.params), f'<div class="charts">{figures}</div>'
    )


def epochs_chart(name: str, line: Line, mark: Mark | None = None) -> Chart:
    """Return a chart of one line of scores over the epochs."""
    return Chart([line], f"{name} over the epochs", XAxis("Epochs"), YAxis(name), mark)


def best_mark(curve: LearningCurve, metric: str) -> Mark | None:
    """Return the mark of the best checkpoint, None where no score is a number."""
    best = curve.best_place(metric)
    if best is None:
        return None
    epoch, score = curve.epochs[best], float(curve.test[metric][best])
    return Mark(float(epoch), score, f"{format_score(score)} at {epoch}")
