"""Section: the model beside item neighbours and popular items, on the held-out items."""

from __future__ import annotations

from html import escape

from wrmf.report.comparison import MODEL, Comparison, Contender
from wrmf.report.report_data import ReportData
from wrmf.report.template import BarRow, assemble_bars, assemble_section
from wrmf.report.wording import format_hits, format_measured, format_share

__all__ = ["comparison_section"]


def comparison_section(report: ReportData) -> str:
    """Return one row for each recommender; ``""`` without a split."""
    comparison = report.comparison
    if comparison is None:
        return ""
    n_shown = comparison.n_shown
    widest = max(contender.hits.mean() for contender in comparison.contenders) or 1.0
    heads = (
        "Recommender",
        "",
        f"Liked, of {n_shown} shown",
        "People with at least one",
        "Beside this model",
    )
    rows = [contender_row(comparison, contender, widest) for contender in comparison.contenders]
    return assemble_section(
        "Beside simpler recommenders",
        f"Each learned from the same data, without the items that were held out, and listed "
        f"{n_shown} items for each of {comparison.n_users:,} people. ± is one standard error. A "
        f"perfect list would have {format_hits(comparison.most_hits)}.",
        f'<div class="compared">{assemble_bars(heads, rows)}</div>'
        f'<p class="verdict">{escape(verdict(comparison))}</p>{choice_note(report)}'
        f"{left_out_note(comparison)}",
    )


def contender_row(comparison: Comparison, contender: Contender, widest: float) -> BarRow:
    """Return the row of one recommender; a bar of full width stands for ``widest`` hits."""
    hits = float(contender.hits.mean())
    error = contender.n_shown * contender.evaluation.stderr[f"precision@{contender.n_shown}"]
    value, margin = format_measured(hits, error)
    after = f' <span class="note">± {margin}</span>' if margin else ""
    return BarRow(
        contender.label,
        f'<span class="measure"><i style="width:{100 * hits / widest:.1f}%"></i></span>',
        (
            f"{value}{after}",
            format_share(contender.share_with_hit),
            difference_text(comparison, contender),
        ),
        is_best=contender.label == MODEL,
    )


def difference_text(comparison: Comparison, contender: Contender) -> str:
    """Return how many fewer or more hits a recommender has than the model, for the same people."""
    if contender.label == MODEL:
        return "–"
    advantage, error = comparison.advantage(contender)
    value, margin = format_measured(abs(advantage), error)
    word = "fewer" if advantage >= 0 else "more"
    return f"{value} ± {margin} {word}" if margin else f"{value} {word}"


def verdict(comparison: Comparison) -> str:
    """Return which recommenders the model is ahead of, beyond one standard error or within it."""
    level: list[str] = []
    ahead: list[str] = []
    behind: list[str] = []
    for contender in comparison.contenders[1:]:
        advantage, error = comparison.advantage(contender)
        name = contender.label.lower()
        if not abs(advantage) > error:
            level.append(name)
        else:
            (ahead if advantage > 0 else behind).append(name)
    parts = []
    if behind:
        parts.append(f"This model finds less than {' and '.join(behind)}.")
    if level:
        parts.append(
            f"This model and {' and '.join(level)} lie within one standard error of each other: "
            "the difference may be chance."
        )
    if ahead:
        parts.append(
            f"This model finds more than {' and '.join(ahead)}, by more than one standard error."
        )
    return " ".join(parts)


def choice_note(report: ReportData) -> str:
    """Return a note where the setting was chosen on the items that it is measured on."""
    n_settings = len(report.result.curves)
    if report.scored_on != "test" or n_settings < 2:
        return ""
    return (
        f'<p class="note">The setting was chosen among {n_settings:,} by the test part itself, so '
        "that its numbers are somewhat too good. Searches with a validation part are free of "
        "this.</p>"
    )


def left_out_note(comparison: Comparison) -> str:
    """Return a note where item neighbours were not measured."""
    if not comparison.n_left_out:
        return ""
    return (
        '<p class="note">Item neighbours were left out, since they would take '
        f"{comparison.n_left_out:,.0f} products of counts. write_report(…, item_knn=True) "
        "measures them.</p>"
    )
