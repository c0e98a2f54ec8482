"""The table of all settings, best first, with a small drawing of the curve of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from wrmf.data.checks import is_number
from wrmf.evaluation.metrics import lower_is_better
from wrmf.html_table import NO_VALUE, format_score
from wrmf.report.report_data import ReportData
from wrmf.report.svg import Line, Sparkline
from wrmf.report.template import label_cell
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.space import format_value

__all__ = ["assemble_table"]


@dataclass(frozen=True)
class Row:
    """One setting at its best checkpoint.

    Attributes
    ----------
    rank : int
        1 for the best setting.
    curve : LearningCurve
    best : int or None
        Position of the best checkpoint, None where no score is a number.
    test, train, stderr : float
        Scores at that checkpoint and the standard error on test, NaN where not measured.
    """

    rank: int
    curve: LearningCurve
    best: int | None
    test: float
    train: float
    stderr: float

    @classmethod
    def of(cls, rank: int, curve: LearningCurve, metric: str) -> Row:
        """Return the row of a curve."""
        best = curve.best_place(metric)

        def at_best(scores: dict[str, list[float]]) -> float:
            values = scores.get(metric)
            return float(values[best]) if values and best is not None else math.nan

        return cls(
            rank, curve, best, at_best(curve.test), at_best(curve.train), at_best(curve.stderr)
        )


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    title : str
    head : str
        Its ``<th>`` element.
    cell : callable(Row) -> str
        Returns the ``<td>`` element of a row.
    """

    title: str
    head: str
    cell: Callable[[Row], str]


def assemble_table(report: ReportData) -> str:
    """Return the table, as HTML. ``settings.js`` makes it sortable and shows a page of its rows."""
    columns = table_columns(report)
    rows = [
        Row.of(rank, curve, report.metric) for rank, curve in enumerate(report.ranked_curves, 1)
    ]
    head = "".join(column.head for column in columns)
    body = "".join(
        f'<tr data-rank="{row.rank}"{" class=best" if row.rank == 1 else ""}>'
        f"{''.join(label_cell(column.cell(row), column.title) for column in columns)}</tr>"
        for row in rows
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of settings">'
        f'<table class="sortable cards"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def table_columns(report: ReportData) -> list[Column]:
    """Return the columns. The score is next to the rank, as a phone shows only the first few."""
    metric, curves = report.metric, report.ranked_curves
    best_first = "ascending" if lower_is_better(metric) else "descending"
    test_title = f"{report.scored_on.capitalize()} {metric}"
    columns = [
        number_column("Rank", lambda row: number_cell(row.rank), is_sorted=True),
        number_column(test_title, lambda row: score_cell(row.test, "key"), best_first),
    ]
    if any(curve.stderr.get(metric) for curve in curves):
        columns.append(number_column("± std. error", lambda row: score_cell(row.stderr)))
    columns += [
        parameter_column(name, curves)
        for name in dict.fromkeys(name for curve in curves for name in curve.params)
    ]
    return [
        *columns,
        number_column("Best epoch", epoch_cell),
        number_column(f"Train {metric}", lambda row: score_cell(row.train), best_first),
        number_column("Seconds", seconds_cell),
        curve_column(metric, curves),
    ]


def parameter_column(name: str, curves: Sequence[LearningCurve]) -> Column:
    """Return the column of a parameter, sorted as numbers if every setting has a number."""
    if all(is_number(curve.params.get(name)) for curve in curves):

        def cell(row: Row) -> str:
            value = row.curve.params[name]
            return number_cell(value, format_value(value))

        return number_column(name, cell)
    return Column(
        name,
        f'<th scope="col" class="text" data-type="text">{escape(name)}</th>',
        lambda row: f'<td class="text">{escape(format_value(row.curve.params.get(name, "")))}</td>',
    )


def curve_column(metric: str, curves: Sequence[LearningCurve]) -> Column:
    """Return the column of small curves, whose axes have the same ranges for all settings."""
    epochs = [epoch for curve in curves for epoch in curve.epochs]
    scores = [score for curve in curves for score in curve.test[metric] if math.isfinite(score)]
    sparkline = Sparkline(
        (float(min(epochs, default=0)), float(max(epochs, default=1))),
        (min(scores, default=0.0), max(scores, default=1.0)),
    )

    def cell(row: Row) -> str:
        line = Line(row.curve.epochs, row.curve.test[metric])
        return f"<td>{sparkline.draw(line, row.best)}</td>"

    return Column("Curve", '<th scope="col">Curve</th>', cell)


def number_column(
    title: str, cell: Callable[[Row], str], first_sort: str = "", is_sorted: bool = False
) -> Column:
    """Return a column of numbers.

    Parameters
    ----------
    title : str
        Text, escaped here.
    cell : callable(Row) -> str
    first_sort : {"ascending", "descending", ""}
        Direction of the first click; ``""`` is ascending.
    is_sorted : bool, default False
        Whether the rows are in ascending order of this column already.
    """
    attributes = f' data-first="{first_sort}"' if first_sort else ""
    attributes += ' aria-sort="ascending"' if is_sorted else ""
    head = f'<th scope="col" data-type="number"{attributes}>{escape(title)}</th>'
    return Column(title, head, cell)


def number_cell(value: float, text: str | None = None, style: str = "") -> str:
    """Return a cell that is sorted by ``value``, last where that is not finite."""
    sort_key = f"{float(value)!r}" if math.isfinite(value) else ""
    css_class = f' class="{style}"' if style else ""
    text = str(value) if text is None else text
    return f'<td{css_class} data-value="{sort_key}">{escape(text)}</td>'


def score_cell(score: float, style: str = "") -> str:
    """Return a score with five decimals."""
    return number_cell(score, format_score(score), style)


def epoch_cell(row: Row) -> str:
    """Return the epoch of the best checkpoint."""
    if row.best is None:
        return number_cell(math.nan, NO_VALUE)
    return number_cell(row.curve.epochs[row.best])


def seconds_cell(row: Row) -> str:
    """Return the training time of a setting."""
    seconds = row.curve.seconds[-1] if row.curve.seconds else math.nan
    return number_cell(seconds, f"{seconds:,.1f}" if math.isfinite(seconds) else NO_VALUE)
