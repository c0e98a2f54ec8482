"""Small charts as inline SVG: strings in, strings out, no dependency.

Colours and fonts come from the page's style sheet by class name, so that one
drawing serves the light page, the dark page and paper. Every coordinate is
rounded to a tenth of a pixel; scores that are NaN or infinite leave a gap.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ["Line", "chart", "nice_ticks", "responsive", "sparkline", "tick_labels"]

# (width, height) in CSS pixels at which a chart is drawn for a desk and for a phone:
# text inside an SVG scales with it, so each screen gets its own drawing.
WIDE = (500, 300)
NARROW = (342, 250)


@dataclass
class Line:
    """One line of a chart.

    Attributes
    ----------
    xs, ys : sequence of float
        Same length; a NaN in `ys` breaks the line.
    style : str
        CSS classes of the line, e.g. ``"line accent"``.
    title : str
        Text shown when the pointer rests on the line; not yet escaped.
    opacity : float
        Between 0 and 1.
    label : str
        Text written beside the line's last point; not yet escaped.
    dots : bool
        Whether every point gets a dot.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    style: str = "line"
    title: str = ""
    opacity: float = 1.0
    label: str = ""
    dots: bool = False
    points: list[tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        pairs = zip(self.xs, self.ys, strict=True)
        self.points = [(float(x), float(y)) for x, y in pairs if math.isfinite(y)]


def responsive(draw: Callable[[int, int], str], wide: tuple[int, int] = WIDE) -> str:
    """`draw` called for a wide and for a narrow screen; the style sheet shows one of them."""
    return f'<div class="wide">{draw(*wide)}</div><div class="narrow">{draw(*NARROW)}</div>'


def chart(
    lines: Sequence[Line],
    width: int,
    height: int,
    *,
    label: str,
    x_label: str = "",
    y_label: str = "",
    mark: tuple[float, float, str] | None = None,
    x_names: Sequence[str] | None = None,
    y_range: tuple[float, float] | None = None,
) -> str:
    """One chart with axes, drawn in the order of `lines` (the last on top).

    Parameters
    ----------
    lines : sequence of Line
    width, height : int
        Size in CSS pixels.
    label : str
        What a screen reader says in place of the drawing.
    x_label, y_label : str
        Names of the axes; the y label stands above the axis, level.
    mark : (x, y, text), optional
        A point to mark, with its text.
    x_names : sequence of str, optional
        Names of the positions 0, 1, 2, … on the x axis; default: numbers.
    y_range : (low, high), optional
        Range of the y axis; default: that of the lines.

    Returns
    -------
    str
        An ``<svg>`` element, or a paragraph saying that there is nothing to draw.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return '<p class="note">No score here is a number, so there is nothing to draw.</p>'
    low, high = y_range or (min(y for _, y in points), max(y for _, y in points))
    y_ticks = nice_ticks(low, high, max(3, height // 56))
    y_names = tick_labels(y_ticks)
    # 6.4 px is the width of a digit at the charts' 12 px type.
    left = 10 + math.ceil(6.4 * max(map(len, y_names)))
    right = 12 + math.ceil(6.6 * max((len(line.label) for line in lines), default=0))
    frame = _Frame(left, width - right, 34 if y_label else 14, height - 44, points, y_ticks)
    if x_names is not None:
        frame.x_low, frame.x_high = -0.35, len(x_names) - 0.65
    parts = [_y_axis(frame, y_ticks, y_names, y_label), _x_axis(frame, x_names, x_label)]
    parts += [_draw(line, frame) for line in lines]
    parts.append(_line_labels(lines, frame))
    if mark is not None and math.isfinite(mark[1]):
        parts.append(_mark(frame, *mark))
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def sparkline(
    xs: Sequence[float],
    ys: Sequence[float],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    best: int | None = None,
) -> str:
    """A curve without axes, 96 by 22 pixels, on ranges shared by all rows of a table."""
    line = Line(xs, ys)
    if not line.points:
        return ""
    frame = _Frame(3, 93, 3, 19, line.points, list(y_range))
    frame.x_low, frame.x_high = _widened(*x_range)
    dot = ""
    if best is not None:
        dot = _dot(frame, float(xs[best]), float(ys[best]), 2.5, "dot accent")
    return (
        '<svg class="spark" viewBox="0 0 96 22" width="96" height="22" aria-hidden="true">'
        f"{_path(line, frame)}{dot}</svg>"
    )


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values from at most `low` to at least `high`."""
    low, high = _widened(low, high)
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [position * step for position in range(first, last + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as text, all with the same number of decimals, as few as tell them apart."""
    biggest = max(abs(tick) for tick in ticks)
    if biggest >= 1e7 or 0 < biggest < 1e-6:
        return [f"{tick:.3g}" for tick in ticks]
    for decimals in range(12):
        names = [f"{tick:.{decimals}f}" for tick in ticks]
        exact = all(
            abs(float(name) - tick) <= 1e-6 * biggest
            for name, tick in zip(names, ticks, strict=True)
        )
        if exact and len(set(names)) == len(names):
            return names
    return [f"{tick:.6g}" for tick in ticks]


class _Frame:
    """The plot's rectangle and the ranges shown in it; turns values into pixels."""

    def __init__(
        self,
        left: float,
        right: float,
        top: float,
        bottom: float,
        points: Sequence[tuple[float, float]],
        y_ticks: Sequence[float],
    ) -> None:
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        xs = [x for x, _ in points]
        self.x_low, self.x_high = _widened(min(xs), max(xs))
        self.y_low, self.y_high = _widened(y_ticks[0], y_ticks[-1])

    def x(self, value: float) -> float:
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return round(self.left + share * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return round(self.bottom - share * (self.bottom - self.top), 1)


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range itself, or one around it where it is a single value (to rounding)."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    half = abs(low) * 0.1 or 0.5
    return low - half, high + half


def _y_axis(frame: _Frame, ticks: Sequence[float], names: Sequence[str], label: str) -> str:
    parts = []
    if label:
        parts.append(f'<text class="axis" x="0" y="12">{escape(label)}</text>')
    for tick, name in zip(ticks, names, strict=True):
        y = frame.y(tick)
        parts.append(
            f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{frame.left - 8}" y="{round(y + 4, 1)}" '
            f'text-anchor="end">{name}</text>'
        )
    return "".join(parts)


def _x_axis(frame: _Frame, names: Sequence[str] | None, label: str) -> str:
    if names is not None:
        ticks = [(float(position), name) for position, name in enumerate(names)]
    else:
        count = max(2, int((frame.right - frame.left) // 60))
        values = [
            tick
            for tick in nice_ticks(frame.x_low, frame.x_high, count)
            if frame.x_low <= tick <= frame.x_high and tick == int(tick)
        ]
        ticks = [(value, f"{value:.0f}") for value in values]
    ticks = _thinned(ticks, frame)
    parts = [
        f'<text class="tick" x="{frame.x(value)}" y="{frame.bottom + 19}" '
        f'text-anchor="middle">{escape(name)}</text>'
        for value, name in ticks
    ]
    if label:
        parts.append(
            f'<text class="axis" x="{frame.right}" y="{frame.bottom + 38}" '
            f'text-anchor="end">{escape(label)}</text>'
        )
    return "".join(parts)


def _thinned(ticks: list[tuple[float, str]], frame: _Frame) -> list[tuple[float, str]]:
    """Every tick, or every second, third … until their names do not run into each other."""
    widest = 6.6 * max((len(name) for _, name in ticks), default=0) + 6
    for stride in range(1, len(ticks) + 1):
        kept = ticks[::stride]
        gaps = [
            frame.x(after[0]) - frame.x(before[0]) for before, after in itertools.pairwise(kept)
        ]
        if all(gap >= widest for gap in gaps):
            return kept
    return ticks


def _draw(line: Line, frame: _Frame) -> str:
    if not line.points:
        return ""
    title = f"<title>{escape(line.title)}</title>" if line.title else ""
    opacity = "" if line.opacity >= 1 else f' opacity="{line.opacity:.3g}"'
    parts = [_path(line, frame)]
    if line.dots:
        parts += [_dot(frame, x, y, 3, f"dot {line.style}") for x, y in line.points]
    return f"<g{opacity}>{title}{''.join(parts)}</g>"


def _line_labels(lines: Sequence[Line], frame: _Frame) -> str:
    """The names of lines beside their last points, pushed apart where these lie close together."""
    ends = [(frame.y(line.points[-1][1]), line) for line in lines if line.label and line.points]
    ends.sort(key=lambda end: end[0])
    # Whatever is pushed moves down, so the first starts higher by half of what it takes.
    pushed = sum(max(0.0, 14 - (b[0] - a[0])) for a, b in itertools.pairwise(ends)) / 2
    parts, level = [], -math.inf
    for y, line in ends:
        level = max(y - pushed, level + 14)
        style = "series accent" if "accent" in line.style else "series"
        parts.append(
            f'<text class="{style}" x="{frame.x(line.points[-1][0]) + 7}" '
            f'y="{round(level + 4, 1)}">{escape(line.label)}</text>'
        )
    return "".join(parts)


def _path(line: Line, frame: _Frame) -> str:
    pieces = list(_pieces(line))
    steps = "".join(
        "M" + "L".join(f"{frame.x(x)} {frame.y(y)}" for x, y in piece)
        for piece in pieces
        if len(piece) > 1
    )
    alone = [piece[0] for piece in pieces if len(piece) == 1]
    drawn = f'<path class="{line.style}" d="{steps}"/>' if steps else ""
    return drawn + "".join(_dot(frame, x, y, 3, f"dot {line.style}") for x, y in alone)


def _pieces(line: Line) -> Iterable[list[tuple[float, float]]]:
    """Runs of points with no NaN between them."""
    piece: list[tuple[float, float]] = []
    for x, y in zip(line.xs, line.ys, strict=True):
        if math.isfinite(y):
            piece.append((float(x), float(y)))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _dot(frame: _Frame, x: float, y: float, radius: float, style: str) -> str:
    return f'<circle class="{style}" cx="{frame.x(x)}" cy="{frame.y(y)}" r="{radius}"/>'


def _mark(frame: _Frame, x: float, y: float, text: str) -> str:
    share = (x - frame.x_low) / (frame.x_high - frame.x_low)
    anchor = "start" if share < 0.25 else "end" if share > 0.75 else "middle"
    # Above the point, unless that would run out of the frame at the top.
    above = frame.y(y) - 12
    level = above if above > frame.top - 8 else frame.y(y) + 22
    return (
        f'{_dot(frame, x, y, 5, "dot mark")}<text class="marked" x="{frame.x(x)}" '
        f'y="{round(level, 1)}" text-anchor="{anchor}">{escape(text)}</text>'
    )
