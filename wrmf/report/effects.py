"""The report's section about the effect of each parameter that a search varied."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from html import escape
from typing import Any

from wrmf.report.sections import scored_on
from wrmf.report.svg import Line, chart
from wrmf.search.plots import best_point, lower_is_better, rank_curves, short

__all__ = ["effects_section"]

# More values than these, as those drawn from a range, are put together in so many groups.
MOST_VALUES, GROUPS = 10, 6

Groups = list[tuple[str, list[float]]]


def effects_section(result: Any) -> str:
    """The best and the median score at each value of each parameter that the search varied."""
    metric = result.metric
    scored = [
        (curve.params, float(curve.test[metric][point]))
        for curve in rank_curves(result.curves, metric)
        if (point := best_point(curve, metric)) is not None
    ]
    by_name = {
        name: groups
        for name in dict.fromkeys(name for params, _ in scored for name in params)
        if len(groups := _groups([(p[name], score) for p, score in scored if name in p])) > 1
    }
    if not by_name:
        return ""
    scores = [score for _, score in scored]
    figures = [
        _figure(name, groups, (min(scores), max(scores)), result)
        for name, groups in by_name.items()
    ]
    return (
        "<section><h2>Effect of each parameter</h2><p class=note>The line joins the best "
        f"{scored_on(result)} {escape(metric)} at each value, the dashed line the medians; each "
        "dot is a setting. All on one scale.</p>"
        f'<div class="charts small">{"".join(figures)}</div></section>'
    )


def _groups(pairs: Sequence[tuple[Any, float]]) -> Groups:
    """Scores by value, in order; where there are many values, by neighbouring ones."""
    found: dict[str, tuple[Any, list[float]]] = {}
    for value, score in pairs:
        found.setdefault(repr(value), (value, []))[1].append(score)
    by_value = list(found.values())
    if not all(_is_number(value) for value, _ in by_value):
        return [(short(value), scores) for value, scores in by_value]
    by_value.sort(key=lambda group: group[0])
    if len(by_value) <= MOST_VALUES:
        return [(short(value), scores) for value, scores in by_value]
    cuts = [round(len(by_value) * part / GROUPS) for part in range(GROUPS + 1)]
    groups = []
    for first, last in itertools.pairwise(cuts):
        part = by_value[first:last]
        middle = part[len(part) // 2][0]
        groups.append((f"{middle:.2g}", [score for _, scores in part for score in scores]))
    return groups


def _figure(name: str, groups: Groups, y_range: tuple[float, float], result: Any) -> str:
    pick = min if lower_is_better(result.metric) else max
    tops = [pick(scores) for _, scores in groups]
    medians = [statistics.median(scores) for _, scores in groups]
    best_at = tops.index(pick(tops))
    note = f"Best at {groups[best_at][0]}"
    if name in getattr(result, "at_edge", {}):
        note += ", the edge of what was tried"
    places = range(len(groups))
    lines = [
        Line([at], [score], "faint points")
        for at, (_, scores) in enumerate(groups)
        for score in scores
        if score != tops[at]
    ]
    lines += [
        Line(places, medians, "line dashed"),
        Line(places, tops, "line", dots=True),
        Line([best_at], [tops[best_at]], "accent"),
    ]
    drawing = chart(
        lines,
        330,
        230,
        label=f"Best and median {scored_on(result)} {result.metric} for each value of {name}",
        x_names=[text for text, _ in groups],
        y_range=y_range,
    )
    return (
        f"<figure><h3>{escape(name)}</h3><figcaption>{escape(note)}</figcaption>{drawing}</figure>"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
