"""Line charts as inline SVG.

Colours and fonts come from ``report.css`` by class name, so one drawing serves the light page, the
dark page and print. Coordinates are rounded to a tenth of a pixel. Scores that are NaN or infinite
leave a gap.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from wrmf.cached import cached_property
from wrmf.report.ticks import format_ticks, non_empty_range, round_ticks

__all__ = ["Chart", "Line", "Mark", "Sparkline", "XAxis", "YAxis", "draw_for_screens"]

Point = tuple[float, float]
Interval = tuple[float, float]

# Width and height of a chart on a desktop, in CSS pixels.
DESKTOP_SIZE = (500, 300)
# Width and height of a chart on a phone. Text inside an SVG is scaled with the drawing, so phones
# get a drawing of their own.
PHONE_SIZE = (342, 250)

# Estimated width in pixels of a digit in the charts' 12 px font.
DIGIT_WIDTH = 6.4
# Estimated width of any other character.
CHARACTER_WIDTH = 6.6
# Least distance in pixels between the labels of two lines.
LABEL_HEIGHT = 14


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes
    ----------
    xs, ys : sequence of float
        Coordinates, of equal length. A NaN or infinite value in ``ys`` interrupts the line.
    style : str, default "line"
        CSS classes, such as ``"line accent"``.
    title : str
        Text shown while the pointer is on the line, not escaped.
    opacity : float, default 1
        Between 0 and 1.
    label : str
        Text next to the last point, not escaped.
    dots : bool, default False
        Whether every point is marked by a dot.
    rank : int, optional
        Rank of the setting that the line belongs to, for scripts.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    style: str = "line"
    title: str = ""
    opacity: float = 1.0
    label: str = ""
    dots: bool = False
    rank: int | None = None

    @cached_property
    def points(self) -> list[Point]:
        """The points whose y is finite."""
        return [point for segment in self.segments for point in segment]

    @cached_property
    def segments(self) -> list[list[Point]]:
        """Runs of consecutive points whose y is finite."""
        pairs = zip(self.xs, self.ys, strict=True)
        runs = itertools.groupby(pairs, key=lambda pair: math.isfinite(pair[1]))
        return [[(float(x), float(y)) for x, y in run] for is_finite, run in runs if is_finite]


@dataclass(frozen=True)
class XAxis:
    """The horizontal axis: its label, and names of the positions 0, 1, 2, … (default: numbers)."""

    label: str = ""
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class YAxis:
    """The vertical axis: its label, and its range (by default the range of the lines)."""

    label: str = ""
    limits: Interval | None = None


@dataclass(frozen=True)
class Mark:
    """A highlighted point and its text, not escaped."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines with axes.

    Attributes
    ----------
    lines : sequence of Line
        In drawing order, the last one on top.
    description : str
        Text that a screen reader reads in place of the drawing.
    x_axis, y_axis : XAxis, YAxis
        Default: no labels, and the range of the lines.
    mark : Mark, optional
        A point to highlight.

    Examples
    --------
    >>> Chart([Line([1, 2, 3], [0.1, 0.3, 0.2])], "Scores").draw(500, 300)[:18]
    '<svg class="chart"'
    """

    lines: Sequence[Line]
    description: str
    x_axis: XAxis = field(default_factory=XAxis)
    y_axis: YAxis = field(default_factory=YAxis)
    mark: Mark | None = None

    def draw(self, width: int, height: int) -> str:
        """Return an ``<svg>`` element of this size in CSS pixels.

        If no line has a finite score, return a paragraph that says so instead.
        """
        points = [point for line in self.lines for point in line.points]
        if not points:
            return '<p class="note">No score here is a number, so there is nothing to draw.</p>'
        low, high = self.y_axis.limits or range_of(y for _, y in points)
        ticks = round_ticks(low, high, max(3, height // 56))
        labels = format_ticks(ticks)
        left = 10 + math.ceil(DIGIT_WIDTH * max(map(len, labels)))
        longest_label = max(len(line.label) for line in self.lines)
        right = width - 12 - math.ceil(CHARACTER_WIDTH * longest_label)
        top = 34 if self.y_axis.label else 14
        x_range = range_of(x for x, _ in points)
        if self.x_axis.names is not None:
            x_range = (-0.35, len(self.x_axis.names) - 0.65)
        frame = Frame(
            Scale.over(x_range, left, right), Scale.over((ticks[0], ticks[-1]), height - 44, top)
        )
        parts = [
            draw_y_axis(frame, list(zip(ticks, labels, strict=True)), self.y_axis.label),
            draw_x_axis(frame, self.x_axis),
            *(draw_line(line, frame) for line in self.lines),
            draw_line_labels(self.lines, frame),
        ]
        if self.mark is not None and math.isfinite(self.mark.y):
            parts.append(draw_mark(self.mark, frame))
        return (
            f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(self.description)}">{"".join(parts)}</svg>'
        )


@dataclass(frozen=True)
class Sparkline:
    """Small curves, 96 by 22 pixels, without axes. They have the same ranges, to compare them."""

    x_range: Interval
    y_range: Interval

    def draw(self, line: Line, marked_position: int | None = None) -> str:
        """Return an ``<svg>`` element with a dot at one point; ``""`` if no score is finite."""
        if not line.points:
            return ""
        frame = Frame(Scale.over(self.x_range, 3, 93), Scale.over(self.y_range, 19, 3))
        dot = ""
        if marked_position is not None:
            x, y = line.xs[marked_position], line.ys[marked_position]
            dot = draw_dot(frame, (float(x), float(y)), 2.5, "dot accent")
        return (
            '<svg class="spark" viewBox="0 0 96 22" width="96" height="22" aria-hidden="true">'
            f"{draw_path(line, frame)}{dot}</svg>"
        )


def draw_for_screens(chart: Chart, desktop_size: tuple[int, int] = DESKTOP_SIZE) -> str:
    """Return a drawing for desktops and one for phones; the style sheet shows one of them."""
    return (
        f'<div class="wide">{chart.draw(*desktop_size)}</div>'
        f'<div class="narrow">{chart.draw(*PHONE_SIZE)}</div>'
    )


@dataclass(frozen=True)
class Scale:
    """A linear map from the values ``low`` … ``high`` to the pixels ``start`` … ``end``."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Interval, start: float, end: float) -> Scale:
        """Return the scale of a range of values, which is widened if both ends are equal."""
        return cls(*non_empty_range(*values), start, end)

    def share(self, value: float) -> float:
        """Return the relative position of a value: 0 at ``low``, 1 at ``high``."""
        return (value - self.low) / (self.high - self.low)

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return round(self.start + self.share(value) * (self.end - self.start), 1)


@dataclass(frozen=True)
class Frame:
    """The rectangle in which lines are drawn. Its y pixels decrease as the values increase."""

    x: Scale
    y: Scale


def range_of(values: Iterable[float]) -> Interval:
    """Return the smallest and the largest value."""
    known = list(values)
    return min(known), max(known)


def draw_y_axis(frame: Frame, ticks: Sequence[tuple[float, str]], label: str) -> str:
    """Return grid lines with their tick labels, and the label of the axis above them."""
    left, right = frame.x.start, frame.x.end
    parts = [f'<text class="axis" x="0" y="12">{escape(label)}</text>'] if label else []
    for value, name in ticks:
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{left - 8}" y="{round(y + 4, 1)}" '
            f'text-anchor="end">{name}</text>'
        )
    return "".join(parts)


def draw_x_axis(frame: Frame, axis: XAxis) -> str:
    """Return tick labels, whole numbers or names, and the axis label at the right end."""
    bottom = frame.y.start
    parts = [
        f'<text class="tick" x="{frame.x(value)}" y="{bottom + 19}" '
        f'text-anchor="middle">{escape(name)}</text>'
        for value, name in drop_overlapping(x_ticks(frame.x, axis.names), frame.x)
    ]
    if axis.label:
        parts.append(
            f'<text class="axis" x="{frame.x.end}" y="{bottom + 38}" '
            f'text-anchor="end">{escape(axis.label)}</text>'
        )
    return "".join(parts)


def x_ticks(scale: Scale, names: Sequence[str] | None) -> list[tuple[float, str]]:
    """Return position and text of the ticks: the names, or whole numbers within the range."""
    if names is not None:
        return [(float(position), name) for position, name in enumerate(names)]
    count = max(2, int((scale.end - scale.start) // 60))
    return [
        (tick, f"{tick:.0f}")
        for tick in round_ticks(scale.low, scale.high, count)
        if scale.low <= tick <= scale.high and tick == int(tick)
    ]


def drop_overlapping(ticks: list[tuple[float, str]], scale: Scale) -> list[tuple[float, str]]:
    """Return every tick, or every second, third, … so that their texts do not overlap."""
    widest = CHARACTER_WIDTH * max((len(name) for _, name in ticks), default=0) + 6
    for stride in range(1, len(ticks) + 1):
        kept = ticks[::stride]
        pixels = [scale(value) for value, _ in kept]
        if all(after - before >= widest for before, after in itertools.pairwise(pixels)):
            return kept
    return ticks


def draw_line(line: Line, frame: Frame) -> str:
    """Return a line with its dots and its title as one group."""
    if not line.points:
        return ""
    title = f"<title>{escape(line.title)}</title>" if line.title else ""
    opacity = "" if line.opacity >= 1 else f' opacity="{line.opacity:.3g}"'
    rank = "" if line.rank is None else f' data-rank="{line.rank}"'
    dots = [draw_dot(frame, point, 3, f"dot {line.style}") for point in line.points if line.dots]
    return f"<g{rank}{opacity}>{title}{draw_path(line, frame)}{''.join(dots)}</g>"


def draw_path(line: Line, frame: Frame) -> str:
    """Return the segments of a line as one path; a segment of one point is a dot."""
    steps = "".join(
        "M" + "L".join(f"{frame.x(x)} {frame.y(y)}" for x, y in segment)
        for segment in line.segments
        if len(segment) > 1
    )
    path = f'<path class="{line.style}" d="{steps}"/>' if steps else ""
    isolated = [segment[0] for segment in line.segments if len(segment) == 1]
    return path + "".join(draw_dot(frame, point, 3, f"dot {line.style}") for point in isolated)


def draw_line_labels(lines: Sequence[Line], frame: Frame) -> str:
    """Return the labels next to the last points, moved apart where they would overlap."""
    ends = [(frame.y(line.points[-1][1]), line) for line in lines if line.label and line.points]
    ends.sort(key=lambda end: end[0])
    # Overlapping labels are moved down. Half of the total movement is subtracted from all of them,
    # which centres the group.
    overlaps = [max(0.0, LABEL_HEIGHT - (b[0] - a[0])) for a, b in itertools.pairwise(ends)]
    parts, level = [], -math.inf
    for y, line in ends:
        level = max(y - sum(overlaps) / 2, level + LABEL_HEIGHT)
        style = "series accent" if "accent" in line.style else "series"
        parts.append(
            f'<text class="{style}" x="{frame.x(line.points[-1][0]) + 7}" '
            f'y="{round(level + 4, 1)}">{escape(line.label)}</text>'
        )
    return "".join(parts)


def draw_mark(mark: Mark, frame: Frame) -> str:
    """Return a dot and its text, above the point unless that would leave the frame."""
    share = frame.x.share(mark.x)
    anchor = "start" if share < 0.25 else "end" if share > 0.75 else "middle"
    above = frame.y(mark.y) - 12
    level = above if above > frame.y.end - 8 else frame.y(mark.y) + 22
    return (
        f"{draw_dot(frame, (mark.x, mark.y), 5, 'dot mark')}"
        f'<text class="marked" x="{frame.x(mark.x)}" '
        f'y="{round(level, 1)}" text-anchor="{anchor}">{escape(mark.text)}</text>'
    )


def draw_dot(frame: Frame, point: Point, radius: float, style: str) -> str:
    """Return a circle at a point."""
    x, y = point
    return f'<circle class="{style}" cx="{frame.x(x)}" cy="{frame.y(y)}" r="{radius}"/>'
