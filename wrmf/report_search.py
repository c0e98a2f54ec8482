"""The report's sections about the search: best setting, table, curves, effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from wrmf.plots import best_point, describe, fading, lower_is_better, rank_curves, short
from wrmf.report_charts import Line, chart, responsive, sparkline

__all__ = [
    "curve_section",
    "effects_section",
    "fan_section",
    "headline",
    "mse_section",
    "table_section",
]


def headline(result: Any, data: Any = None) -> str:
    """The best score, the setting and the epoch that reached it, and the size of it all."""
    best = rank_curves(result.curves, result.metric)[0]
    point = best_point(best, result.metric)
    score = _score(math.nan if point is None else best.test[result.metric][point])
    setting = dict(best.params)
    if point is not None:
        setting["epoch"] = best.epochs[point]
    facts = []
    if data is not None:
        summary = data.summary()
        facts += [
            ("Users", f"{summary.users:,}"),
            ("Items", f"{summary.items:,}"),
            ("Interactions", f"{summary.interactions:,}"),
            ("Density", f"{summary.density:.3%}"),
        ]
    facts.append(("Settings tried", f"{len(result.curves):,}"))
    seconds = sum(curve.seconds[-1] for curve in result.curves if len(curve.seconds))
    facts.append(("Training time", _duration(seconds)))
    return (
        f'<div class="headline"><p class="score"><b>{score}</b>'
        f"<span>best test {escape(result.metric)}</span></p>{_definitions(setting.items())}</div>"
        f'<div class="facts">{_definitions(facts)}</div>'
    )


def table_section(result: Any) -> str:
    """Every setting of the search, best first, with a small drawing of its curve."""
    metric = result.metric
    curves = rank_curves(result.curves, metric)
    names = list(dict.fromkeys(name for curve in curves for name in curve.params))
    best_first = "ascending" if lower_is_better(metric) else "descending"
    numeric = {name: all(_is_number(curve.params.get(name)) for curve in curves) for name in names}
    heads = ['<th scope="col" data-type="number" aria-sort="ascending">Rank</th>']
    for name in names:
        kind = 'data-type="number"' if numeric[name] else 'class="text" data-type="text"'
        heads.append(f'<th scope="col" {kind}>{escape(name)}</th>')
    heads += [
        '<th scope="col" data-type="number">Best epoch</th>',
        f'<th scope="col" data-type="number" data-first="{best_first}">'
        f"Test {escape(metric)}</th>",
        f'<th scope="col" data-type="number" data-first="{best_first}">Train {escape(metric)}</th>',
        '<th scope="col" data-type="number">Seconds</th>',
        '<th scope="col">Curve</th>',
    ]
    known = [score for curve in curves for score in curve.test.get(metric, []) if _finite(score)]
    x_range = (
        float(min(min(curve.epochs, default=0) for curve in curves)),
        float(max(max(curve.epochs, default=1) for curve in curves)),
    )
    y_range = (min(known, default=0.0), max(known, default=1.0))
    rows = [
        _row(rank, curve, metric, names, numeric, x_range, y_range)
        for rank, curve in enumerate(curves)
    ]
    count = "One setting" if len(curves) == 1 else f"All {len(curves):,} settings"
    return (
        f"<section><h2>{count}</h2><p class=note>Each at its best epoch by test "
        f"{escape(metric)}, and the score on train at that epoch. The small curves show test "
        "scores on one scale for all.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of settings">'
        f'<table class="sortable"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def curve_section(result: Any) -> str:
    """The learning curve of the best setting, on test and on train, each on its own scale."""
    metric = result.metric
    best = rank_curves(result.curves, metric)[0]
    point = best_point(best, metric)
    mark = None
    if point is not None:
        score = float(best.test[metric][point])
        mark = (float(best.epochs[point]), score, f"{_score(score)} at {best.epochs[point]}")
    figures = [_curve_figure(best, best.test, f"Test {metric}", "line accent", mark)]
    if metric in best.train:
        figures.append(_curve_figure(best, best.train, f"Train {metric}", "line", None))
    return (
        f"<section><h2>Best learning curve</h2><p class=note>{escape(describe(best.params))}</p>"
        f'<div class="charts">{"".join(figures)}</div></section>'
    )


def fan_section(result: Any) -> str:
    """The test curves of all settings in one chart, fading by rank; left out for a single one."""
    metric = result.metric
    curves = rank_curves(result.curves, metric)
    if len(curves) < 2:
        return ""
    lines = [
        Line(
            curves[rank].epochs,
            curves[rank].test.get(metric, [math.nan] * len(curves[rank].epochs)),
            "line accent" if rank == 0 else "line fan",
            title=f"{rank + 1}. {describe(curves[rank].params)}",
            opacity=fading(rank),
        )
        for rank in reversed(range(len(curves)))
    ]
    label = f"Test {metric} of all {len(curves)} settings over the epochs"
    drawing = responsive(
        lambda width, height: chart(
            lines, width, height, label=label, x_label="Epochs", y_label=f"Test {metric}"
        ),
        (1048, 460),
    )
    return (
        "<section><h2>Every setting, fading by rank</h2>"
        "<p class=note>The best one in colour, on top. Rest on a line to read its setting.</p>"
        f'<div class="charts one"><figure>{drawing}</figure></div></section>'
    )


def mse_section(result: Any) -> str:
    """Mean squared error of the best setting on train and test; left out where not measured."""
    best = rank_curves(result.curves, result.metric)[0]
    if result.metric == "mse" or "mse" not in best.test:
        return ""
    lines = [Line(best.epochs, best.test["mse"], "line accent", label="test")]
    if "mse" in best.train:
        lines.insert(0, Line(best.epochs, best.train["mse"], "line", label="train"))
    drawing = responsive(
        lambda width, height: chart(
            lines,
            width,
            height,
            label="Mean squared error of the best setting over the epochs",
            x_label="Epochs",
            y_label="MSE",
        ),
        (1048, 320),
    )
    return (
        "<section><h2>Mean squared error</h2><p class=note>Of the best setting, over all cells "
        "of the test users’ rows.</p>"
        f'<div class="charts one"><figure>{drawing}</figure></div></section>'
    )


def effects_section(result: Any) -> str:
    """The best score reached at each value of each parameter that the search varied."""
    metric = result.metric
    pick = min if lower_is_better(metric) else max
    scored = [
        (curve.params, float(curve.test[metric][point]))
        for curve in rank_curves(result.curves, metric)
        if (point := best_point(curve, metric)) is not None
    ]
    names = dict.fromkeys(name for params, _ in scored for name in params)
    by_name = {}
    for name in names:
        groups: dict[str, tuple[Any, list[float]]] = {}
        for params, score in scored:
            if name in params:
                groups.setdefault(repr(params[name]), (params[name], []))[1].append(score)
        if len(groups) > 1:
            by_name[name] = _in_order(list(groups.values()))
    if not by_name:
        return ""
    scores = [score for _, score in scored]
    y_range = (min(scores), max(scores))
    figures = []
    for name, groups_in_order in by_name.items():
        values = [value for value, _ in groups_in_order]
        tops = [pick(group) for _, group in groups_in_order]
        best_at = tops.index(pick(tops))
        note = f"Best at {short(values[best_at])}"
        if all(map(_is_number, values)) and best_at in (0, len(values) - 1):
            note += ", the edge of the grid"
        figures.append(_effect_figure(name, groups_in_order, tops, best_at, note, y_range, metric))
    return (
        "<section><h2>Effect of each parameter</h2><p class=note>The line joins the best test "
        f"{escape(metric)} at each value; each dot is a setting. All on one scale.</p>"
        f'<div class="charts small">{"".join(figures)}</div></section>'
    )


def _row(
    rank: int,
    curve: Any,
    metric: str,
    names: Sequence[str],
    numeric: dict[str, bool],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> str:
    point = best_point(curve, metric)
    test = train = math.nan
    epoch: Any = ""
    if point is not None:
        epoch, test = curve.epochs[point], float(curve.test[metric][point])
        if metric in curve.train:
            train = float(curve.train[metric][point])
    cells = [_cell(rank + 1, str(rank + 1))]
    for name in names:
        value = curve.params.get(name, "")
        if numeric[name]:
            cells.append(_cell(value, short(value)))
        else:
            cells.append(f'<td class="text">{escape(short(value))}</td>')
    seconds = float(curve.seconds[-1]) if len(curve.seconds) else math.nan
    ys = curve.test.get(metric, [math.nan] * len(curve.epochs))
    cells += [
        _cell(epoch, str(epoch) or "–"),
        _cell(test, _score(test), "key"),
        _cell(train, _score(train)),
        _cell(seconds, f"{seconds:,.1f}" if _finite(seconds) else "–"),
        f"<td>{sparkline(curve.epochs, ys, x_range, y_range, point)}</td>",
    ]
    return f"<tr{' class=best' if rank == 0 else ''}>{''.join(cells)}</tr>"


def _cell(value: Any, text: str, style: str = "") -> str:
    """A number's cell; `value` sorts it, and one that is not a number sorts last."""
    sort_by = "" if value == "" or not _finite(value) else f"{float(value)!r}"
    kind = f' class="{style}"' if style else ""
    return f'<td{kind} data-value="{sort_by}">{escape(text)}</td>'


def _curve_figure(
    curve: Any,
    scores: dict[str, Sequence[float]],
    name: str,
    style: str,
    mark: tuple[float, float, str] | None,
) -> str:
    metric = name.split(" ", 1)[1]
    line = Line(curve.epochs, scores.get(metric, [math.nan] * len(curve.epochs)), style)
    drawing = responsive(
        lambda width, height: chart(
            [line],
            width,
            height,
            label=f"{name} over the epochs",
            x_label="Epochs",
            y_label=name,
            mark=mark,
        )
    )
    return f"<figure>{drawing}</figure>"


def _effect_figure(
    name: str,
    groups: Sequence[tuple[Any, Sequence[float]]],
    tops: Sequence[float],
    best_at: int,
    note: str,
    y_range: tuple[float, float],
    metric: str,
) -> str:
    pairs = [(at, score) for at, (_, group) in enumerate(groups) for score in group]
    lines = [
        Line([at], [score], "faint points") for at, score in pairs if score != tops[at]
    ]
    lines.append(Line(range(len(tops)), tops, "line", dots=True))
    lines.append(Line([best_at], [tops[best_at]], "accent"))
    drawing = chart(
        lines,
        330,
        230,
        label=f"Best test {metric} for each value of {name}",
        x_names=[short(value) for value, _ in groups],
        y_range=y_range,
    )
    return (
        f"<figure><h3>{escape(name)}</h3><figcaption>{escape(note)}</figcaption>{drawing}</figure>"
    )


def _in_order(groups: list[tuple[Any, list[float]]]) -> list[tuple[Any, list[float]]]:
    """By value where all values are numbers, else as they first came."""
    if all(_is_number(value) for value, _ in groups):
        return sorted(groups, key=lambda group: group[0])
    return groups


def _definitions(pairs: Any) -> str:
    rows = "".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(short(value))}</dd></div>"
        for name, value in pairs
    )
    return f"<dl>{rows}</dl>"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return math.isfinite(float(value))


def _score(value: float) -> str:
    """Five decimals, as learning curves are logged; a dash for what is not a number."""
    return f"{value:.5f}" if _finite(value) else "–"


def _duration(seconds: float) -> str:
    if not _finite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
