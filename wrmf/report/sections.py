"""The report's sections about the search: best setting, table, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from wrmf.report.svg import Line, chart, responsive, sparkline
from wrmf.search.plots import best_point, describe, fading, lower_is_better, rank_curves, short

__all__ = [
    "curve_section",
    "fan_section",
    "headline",
    "mse_section",
    "scored_on",
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
    if getattr(result, "test", None) is not None:
        error = result.test.stderr.get(result.metric, math.nan)
        told = _score(result.test_score) + (f" ± {error:.5f}" if _finite(error) else "")
        facts.append((f"Test {result.metric}, scored once", told))
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
        f"<span>best {scored_on(result)} {escape(result.metric)}</span></p>"
        f"{_definitions(setting.items())}</div>"
        f'<div class="facts">{_definitions(facts)}</div>{_edge_note(result)}'
    )


def scored_on(result: Any) -> str:
    """What the curves' scores were measured on: "test" or "validation"."""
    return getattr(result, "scored_on", "test")


def _edge_note(result: Any) -> str:
    edges = getattr(result, "at_edge", {})
    if not edges:
        return ""
    told = "; ".join(f"{name} is best at its {end} value" for name, end in edges.items())
    return (
        f"<p class=note>At the edge of what was tried: {escape(told)}. "
        "A better one may lie beyond.</p>"
    )


def table_section(result: Any) -> str:
    """Every setting of the search, best first, with a small drawing of its curve."""
    metric = result.metric
    curves = rank_curves(result.curves, metric)
    names = list(dict.fromkeys(name for curve in curves for name in curve.params))
    best_first = "ascending" if lower_is_better(metric) else "descending"
    numeric = {name: all(_is_number(curve.params.get(name)) for curve in curves) for name in names}
    with_errors = any(getattr(curve, "stderr", {}).get(metric) for curve in curves)
    # The score stands beside the rank: a phone shows the first few columns only.
    heads = [
        '<th scope="col" data-type="number" aria-sort="ascending">Rank</th>',
        f'<th scope="col" data-type="number" data-first="{best_first}">'
        f"{scored_on(result).capitalize()} {escape(metric)}</th>",
        *(['<th scope="col" data-type="number">± std. error</th>'] if with_errors else []),
    ]
    for name in names:
        kind = 'data-type="number"' if numeric[name] else 'class="text" data-type="text"'
        heads.append(f'<th scope="col" {kind}>{escape(name)}</th>')
    heads += [
        '<th scope="col" data-type="number">Best epoch</th>',
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
        _row(rank, curve, metric, names, numeric, with_errors, x_range, y_range)
        for rank, curve in enumerate(curves)
    ]
    count = "One setting" if len(curves) == 1 else f"All {len(curves):,} settings"
    return (
        f"<section><h2>{count}</h2><p class=note>Each at its best epoch by {scored_on(result)} "
        f"{escape(metric)}, and the score on train at that epoch. The small curves show "
        f"{scored_on(result)} scores on one scale for all.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of settings">'
        f'<table class="sortable"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def curve_section(result: Any) -> str:
    """The learning curve of the best setting, on test and on train, each on its own scale."""
    metric = result.metric
    on = scored_on(result).capitalize()
    best = rank_curves(result.curves, metric)[0]
    point = best_point(best, metric)
    mark = None
    if point is not None:
        score = float(best.test[metric][point])
        mark = (float(best.epochs[point]), score, f"{_score(score)} at {best.epochs[point]}")
    figures = [_curve_figure(best, best.test, f"{on} {metric}", "line accent", mark)]
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
    on = scored_on(result).capitalize()
    label = f"{on} {metric} of all {len(curves)} settings over the epochs"
    drawing = responsive(
        lambda width, height: chart(
            lines, width, height, label=label, x_label="Epochs", y_label=f"{on} {metric}"
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
    lines = [Line(best.epochs, best.test["mse"], "line accent", label=scored_on(result))]
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
        f"of the {scored_on(result)} users’ rows.</p>"
        f'<div class="charts one"><figure>{drawing}</figure></div></section>'
    )


def _row(
    rank: int,
    curve: Any,
    metric: str,
    names: Sequence[str],
    numeric: dict[str, bool],
    with_errors: bool,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> str:
    point = best_point(curve, metric)
    test = train = error = math.nan
    epoch: Any = ""
    if point is not None:
        epoch, test = curve.epochs[point], float(curve.test[metric][point])
        if metric in curve.train:
            train = float(curve.train[metric][point])
        if with_errors and curve.stderr.get(metric):
            error = float(curve.stderr[metric][point])
    cells = [
        _cell(rank + 1, str(rank + 1)),
        _cell(test, _score(test), "key"),
        *([_cell(error, _score(error))] if with_errors else []),
    ]
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
