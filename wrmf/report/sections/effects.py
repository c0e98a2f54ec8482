"""Section: how the score depends on each parameter that the search varied."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from wrmf.data.checks import is_number
from wrmf.evaluation.metrics import lower_is_better
from wrmf.report.report_data import ReportData
from wrmf.report.svg import Chart, Line, XAxis, YAxis
from wrmf.report.template import assemble_section
from wrmf.search.space import format_value

__all__ = ["effects_section"]

# Parameters with more values than this, such as those drawn from a range, are shown in groups.
MAX_VALUES = 10
# Number of groups of such a parameter.
N_GROUPS = 6
# Width and height of a chart in CSS pixels.
SIZE = (330, 230)


@dataclass(frozen=True)
class ValueScores:
    """The scores of all settings that have one value, or one group of neighbouring values."""

    label: str
    scores: list[float]


def effects_section(report: ReportData) -> str:
    """Return one chart per parameter; ``""`` if no parameter has two different values."""
    scored_params = [
        (curve.params, float(curve.test[report.metric][best]))
        for curve in report.ranked_curves
        if (best := curve.best_place(report.metric)) is not None
    ]
    names = dict.fromkeys(name for params, _ in scored_params for name in params)
    effects = {
        name: group_by_value([(p[name], score) for p, score in scored_params if name in p])
        for name in names
    }
    scores = [score for _, score in scored_params]
    figures = "".join(
        effect_figure(report, name, effect, YAxis(limits=(min(scores), max(scores))))
        for name, effect in effects.items()
        if len(effect) > 1
    )
    if not figures:
        return ""
    return assemble_section(
        "Effect of each parameter",
        f"The line joins the best {report.scored_on} {report.metric} at each value, the dashed "
        "line the medians; each dot is a setting. All charts have the same scale.",
        f'<div class="charts small">{figures}</div>',
    )


def group_by_value(pairs: Sequence[tuple[Any, float]]) -> list[ValueScores]:
    """Group scores by the value of a parameter. Numbers are sorted, other values keep their order.

    Parameters
    ----------
    pairs : sequence of (value, score)

    Returns
    -------
    list of ValueScores
        One per value. More than ``MAX_VALUES`` numbers are merged into ``N_GROUPS`` groups, each
        named by its middle value.
    """
    # Values such as lists cannot be hashed, so their repr is the key.
    by_repr: dict[str, tuple[Any, list[float]]] = {}
    for value, score in pairs:
        by_repr.setdefault(repr(value), (value, []))[1].append(score)
    by_value = list(by_repr.values())
    if all(is_number(value) for value, _ in by_value):
        by_value.sort(key=lambda value_and_scores: value_and_scores[0])
        if len(by_value) > MAX_VALUES:
            return merge_neighbours(by_value)
    return [ValueScores(format_value(value), scores) for value, scores in by_value]


def merge_neighbours(by_value: Sequence[tuple[float, list[float]]]) -> list[ValueScores]:
    """Merge sorted values into ``N_GROUPS`` groups of about equally many values."""
    bounds = [round(len(by_value) * group / N_GROUPS) for group in range(N_GROUPS + 1)]
    groups = []
    for start, end in itertools.pairwise(bounds):
        members = by_value[start:end]
        middle = members[len(members) // 2][0]
        groups.append(ValueScores(f"{middle:.2g}", [s for _, scores in members for s in scores]))
    return groups


def effect_figure(report: ReportData, name: str, effect: list[ValueScores], y_axis: YAxis) -> str:
    """Return the chart of one parameter, with its best value in the caption."""
    best_of: Callable[[list[float]], float] = min if lower_is_better(report.metric) else max
    best_scores = [best_of(group.scores) for group in effect]
    medians = [statistics.median(group.scores) for group in effect]
    best_position = best_scores.index(best_of(best_scores))
    caption = f"Best at {effect[best_position].label}"
    if name in report.result.at_edge:
        caption += ", the edge of the search range"
    positions = range(len(effect))
    other_settings = [
        Line([position], [score], "faint points")
        for position, group in enumerate(effect)
        for score in group.scores
        if score != best_scores[position]
    ]
    chart = Chart(
        [
            *other_settings,
            Line(positions, medians, "line dashed"),
            Line(positions, best_scores, "line", dots=True),
            Line([best_position], [best_scores[best_position]], "accent"),
        ],
        f"Best and median {report.scored_on} {report.metric} for each value of {name}",
        XAxis(names=[group.label for group in effect]),
        y_axis,
    )
    return (
        f"<figure><h3>{escape(name)}</h3><figcaption>{escape(caption)}</figcaption>"
        f"{chart.draw(*SIZE)}</figure>"
    )
