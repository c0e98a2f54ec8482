"""The shapes in the sky of posters, as SVG elements, and the outlines of their ground."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["OUTLINES", "SHAPES", "Place"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where a shape is drawn, how large, and in which two colours (``#rrggbb``)."""

    x: float
    y: float
    radius: float
    tint: str
    light: str

    def point(self, right: float, down: float) -> Point:
        """Return the point at an offset from the centre, in radii."""
        return (self.x + self.radius * right, self.y + self.radius * down)

    def disc(self, fill: str, radius: float = 1.0, right: float = 0.0, down: float = 0.0) -> str:
        """Return a disc; its radius and the offset of its centre are in radii of the shape."""
        x, y = self.point(right, down)
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{self.radius * radius:.1f}" fill="{fill}"/>'

    def regular(self, fill: str, radius: float, n_points: int, inner: float | None = None) -> str:
        """Return a regular polygon, or a star if the radius of its inner corners is given.

        ``radius`` is in radii of the shape, and ``inner`` is relative to ``radius``.
        """
        reaches = [1.0] if inner is None else [1.0, inner]
        n_corners = n_points * len(reaches)
        corners = []
        for corner in range(n_corners):
            angle = 2 * math.pi * corner / n_corners - math.pi / 2
            reach = self.radius * radius * reaches[corner % len(reaches)]
            corners.append((self.x + reach * math.cos(angle), self.y + reach * math.sin(angle)))
        return polygon(corners, fill)


def polygon(corners: list[Point], fill: str) -> str:
    """Return a polygon with slightly rounded corners."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    style = f'fill="{fill}" stroke="{fill}" stroke-width="3" stroke-linejoin="round"'
    return f'<path {style} d="M{path}z"/>'


def sun(at: Place) -> str:
    return at.disc(at.light) + at.disc(at.tint, 0.72)


def moon(at: Place) -> str:
    x, y, r = at.x, at.y, at.radius
    return (
        f'<path fill="{at.light}" d="M{x + r * 0.5:.1f} {y - r * 0.87:.1f}'
        f"A{r:.1f} {r:.1f} 0 1 0 {x + r * 0.87:.1f} {y + r * 0.5:.1f}"
        f'A{r * 0.8:.1f} {r * 0.8:.1f} 0 0 1 {x + r * 0.5:.1f} {y - r * 0.87:.1f}z"/>'
        + at.disc(at.tint, 0.13, right=0.75, down=-0.35)
    )


def rings(at: Place) -> str:
    radii = ((1.0, at.tint), (0.76, at.light), (0.52, at.tint), (0.26, at.light))
    return "".join(at.disc(fill, radius) for radius, fill in radii)


def star(at: Place) -> str:
    return at.regular(at.light, 1.08, 5, 0.48) + at.regular(at.tint, 0.6, 5, 0.48)


def gem(at: Place) -> str:
    return at.regular(at.tint, 1.0, 6) + at.regular(at.light, 0.55, 6)


def kite(at: Place) -> str:
    top, bottom = at.point(0, -1), at.point(0, 1)
    left, right = at.point(-0.7, -0.15), at.point(0.7, -0.15)
    return polygon([top, right, bottom, left], at.light) + polygon([top, right, bottom], at.tint)


def flower(at: Place) -> str:
    angles = [2 * math.pi * petal / 7 for petal in range(7)]
    petals = [
        at.disc(at.light, 0.42, right=0.58 * math.cos(angle), down=0.58 * math.sin(angle))
        for angle in angles
    ]
    return "".join(petals) + at.disc(at.tint, 0.34)


def balloon(at: Place) -> str:
    x, y, r = at.x, at.y, at.radius
    basket = [at.point(-0.2, 0.9), at.point(0.2, 0.9), at.point(0.15, 1.12), at.point(-0.15, 1.12)]
    return (
        at.disc(at.tint, 0.85, down=-0.15)
        + f'<ellipse cx="{x:.1f}" cy="{y - r * 0.15:.1f}" rx="{r * 0.36:.1f}" '
        f'ry="{r * 0.85:.1f}" fill="{at.light}"/>' + polygon(basket, at.tint)
    )


def cloud(at: Place) -> str:
    x, y, r = at.x, at.y, at.radius
    return (
        at.disc(at.tint, 0.6, right=0.25, down=-0.3)
        + at.disc(at.light, 0.45, right=-0.5, down=0.15)
        + at.disc(at.light, 0.6, right=0.1)
        + at.disc(at.light, 0.4, right=0.75, down=0.2)
        + f'<rect x="{x - r * 0.5:.1f}" y="{y + r * 0.1:.1f}" width="{r * 1.25:.1f}" '
        f'height="{r * 0.5:.1f}" fill="{at.light}"/>'
    )


def blades(at: Place) -> str:
    return at.regular(at.tint, 1.1, 12, 0.62) + at.disc(at.light, 0.5)


def arch(at: Place) -> str:
    x, y, r = at.x, at.y, at.radius
    bows = []
    for radius, fill in ((1.0, at.tint), (0.74, at.light), (0.48, at.tint), (0.22, at.light)):
        reach = r * radius * 1.1
        bows.append(
            f'<path fill="{fill}" d="M{x - reach:.1f} {y + r * 1.7:.1f}V{y + r * 0.2:.1f}'
            f"a{reach:.1f} {reach:.1f} 0 0 1 {2 * reach:.1f} 0"
            f'V{y + r * 1.7:.1f}z"/>'
        )
    return "".join(bows)


# Shapes in the sky. A word selects one by its position here, so a new entry changes all posters.
SHAPES: tuple[Callable[[Place], str], ...] = (
    sun,
    moon,
    rings,
    star,
    gem,
    kite,
    flower,
    balloon,
    cloud,
    blades,
    arch,
)


def hills(t: float) -> float:
    return math.sin(2 * math.pi * t)


def peaks(t: float) -> float:
    return 2 * abs(2 * ((1.5 * t) % 1) - 1) - 1


def dunes(t: float) -> float:
    return 2 * abs(math.sin(math.pi * 1.5 * t)) - 1


def waves(t: float) -> float:
    return 0.5 * math.sin(2 * math.pi * 3 * t)


def terraces(t: float) -> float:
    return 0.6 * (round(1.5 * math.sin(2 * math.pi * t)))


def slope(t: float) -> float:
    return 1.4 * math.sin(math.pi * t)


# Outlines of the ground: functions from the horizontal position, in widths of a poster, to the
# height, about −1 to 1. A word selects one by its position here, too.
OUTLINES: tuple[Callable[[float], float], ...] = (hills, peaks, dunes, waves, terraces, slope)
