"""Section: what the lists are worth, in one sentence, and the size of the data."""

from __future__ import annotations

from html import escape

from wrmf.data.interactions import Interactions
from wrmf.report.report_data import ReportData
from wrmf.report.wording import Sentence, describe_hits, describe_score

__all__ = ["headline_section"]


def headline_section(report: ReportData) -> str:
    """Return the sentence, and the size of the data."""
    sentence = sentence_html(headline_sentence(report))
    return f'<div class="headline">{sentence}{data_note(report.data)}</div>'


def headline_sentence(report: ReportData) -> Sentence:
    """Return what was measured last: on the split, on the test part of a search, or by a search."""
    comparison, test = report.comparison, report.result.test
    if comparison is not None:
        n_shown = comparison.n_shown
        model, popular = (
            (
                contender.evaluation[f"precision@{n_shown}"],
                contender.evaluation[f"hit_rate@{n_shown}"],
            )
            for contender in (comparison.contenders[0], comparison.contenders[-1])
        )
        return describe_hits(n_shown, model, popular, comparison.most_hits)
    if test is not None:
        beside = test.popularity.get(report.metric)
        return describe_score(report.metric, test[report.metric], beside)
    return describe_score(report.metric, report.best_curve.best(report.metric)[1])


def sentence_html(sentence: Sentence) -> str:
    """Return a sentence as HTML, its number emphasised."""
    after = f' <span class="after">{escape(sentence.after)}</span>' if sentence.after else ""
    return (
        f'<p class="sentence">{escape(sentence.start)}<b>{escape(sentence.value)}</b>'
        f"{escape(sentence.end)}{after}</p>"
    )


def data_note(data: Interactions | None) -> str:
    """Return the size of the data in one line."""
    if data is None:
        return ""
    summary = data.summary()
    return (
        f'<p class="note">{summary.users:,} people, {summary.items:,} items and '
        f"{summary.interactions:,} interactions: {100 * summary.density:.3f} % of all pairs.</p>"
    )
