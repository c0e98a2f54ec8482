"""Drawn stand-ins for pictures: a small poster for each item, made of its name.

A poster is a sky with one shape in it over a hilly ground. The first word of
the name decides the sky, the last word the ground, so items whose names share
a word share half of their picture, and items that share both look like one
series. The item's own id only moves things about. The same name and id give
the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from html import escape

__all__ = ["draw_poster", "theme_words"]

_SIZE = 160
# Words that say nothing about what an item is.
_EMPTY_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "by",
        "de",
        "der",
        "des",
        "die",
        "el",
        "for",
        "from",
        "in",
        "la",
        "le",
        "les",
        "no",
        "number",
        "of",
        "on",
        "or",
        "the",
        "to",
        "und",
        "von",
        "with",
        "item",
        "model",
        "new",
        "my",
    ]
)


def theme_words(name: str) -> list[str]:
    """The words of `name` that can tell its theme: lower case, singular, no numbers.

    Examples
    --------
    >>> theme_words("The Copper Lanterns, No. 12")
    ['copper', 'lantern']
    """
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if len(word) > 1]
    words = [word for word in words if word not in _EMPTY_WORDS]
    return [
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in words
    ]


def draw_poster(item_id: str, name: str) -> str:
    """The poster of one item as SVG text, 160 by 160 units.

    Parameters
    ----------
    item_id : str
        Moves the shapes a little, so that two items of one name still differ.
    name : str
        Decides colours and shapes; where it has no words, `item_id` does.

    Returns
    -------
    str
        An ``<svg>`` document without scripts or references.
    """
    words = theme_words(name) or [name.strip() or item_id]
    first, last = _numbers(words[0]), _numbers(words[-1])
    own = _numbers(f"{item_id}\0{name}")
    sky_hue, ground_hue = 360 * first[0], 360 * last[0]
    if len(set(words)) == 1:
        ground_hue = sky_hue + 40
    top, horizon = _colour(0.80, 0.085, sky_hue), _colour(0.92, 0.045, sky_hue + 18)
    shape = _SHAPES[int(first[1] * len(_SHAPES))]
    centre_x = 80 + 44 * (own[0] - 0.5)
    centre_y = 58 + 14 * (own[1] - 0.5)
    tint = _colour(0.62, 0.135, sky_hue - 12)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}">',
        f'<linearGradient id="sky" x2="0" y2="1"><stop stop-color="{top}"/>'
        f'<stop offset=".8" stop-color="{horizon}"/></linearGradient>',
        f'<path fill="url(#sky)" d="M0 0h{_SIZE}v{_SIZE}H0z"/>',
        shape(centre_x, centre_y, 29 + 7 * own[2], tint, _colour(0.97, 0.02, sky_hue)),
        _ground(last[1], own[3], ground_hue),
        f'<text x="11" y="148" font-family="Helvetica Neue,Liberation Sans,Arial,sans-serif" '
        f'font-size="15" font-weight="700" letter-spacing=".8" '
        f'fill="{_colour(0.95, 0.03, ground_hue)}">{escape(_initials(name, item_id))}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _initials(name: str, item_id: str) -> str:
    words = re.findall(r"\w+", name) or re.findall(r"\w+", item_id)
    letters = [word[0] for word in words if not word.isdigit()][:3]
    return "".join(letters).upper() or "".join(words)[:4]


def _numbers(text: str) -> list[float]:
    """Four numbers in [0, 1) that depend on `text` alone, on any machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return [int.from_bytes(digest[at : at + 4], "big") / 2**32 for at in range(0, 16, 4)]


def _colour(lightness: float, chroma: float, hue: float) -> str:
    """A colour of OKLCH (even in lightness to the eye, whatever the hue) as ``#rrggbb``."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    channels = []
    for value in linear:
        clipped = min(max(value, 0.0), 1.0)
        curved = 12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055
        channels.append(round(255 * curved))
    return "#{:02x}{:02x}{:02x}".format(*channels)


def _ground(kind: float, shift: float, hue: float) -> str:
    """Two layers of land, back and front; `kind` decides their outline, `shift` slides it."""
    back, front = _colour(0.55, 0.10, hue), _colour(0.40, 0.085, hue)
    outline = _OUTLINES[int(kind * len(_OUTLINES))]
    layers = []
    for colour, level, height, slide in ((back, 106, 15, shift), (front, 126, 10, shift + 0.4)):
        heights = [outline(step / 40 + slide) for step in range(41)]
        line = "L".join(
            f"{4 * step} {level - height * value:.1f}" for step, value in enumerate(heights)
        )
        layers.append(f'<path fill="{colour}" d="M{line}V{_SIZE}H0z"/>')
    return "".join(layers)


def _hills(t: float) -> float:
    return math.sin(2 * math.pi * t)


def _peaks(t: float) -> float:
    return 2 * abs(2 * ((1.5 * t) % 1) - 1) - 1


def _dunes(t: float) -> float:
    return 2 * abs(math.sin(math.pi * 1.5 * t)) - 1


def _waves(t: float) -> float:
    return 0.5 * math.sin(2 * math.pi * 3 * t)


def _terraces(t: float) -> float:
    return 0.6 * (round(1.5 * math.sin(2 * math.pi * t)))


def _slope(t: float) -> float:
    return 1.4 * math.sin(math.pi * t)


_OUTLINES = (_hills, _peaks, _dunes, _waves, _terraces, _slope)


def _polygon(points: list[tuple[float, float]], fill: str) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    style = f'fill="{fill}" stroke="{fill}" stroke-width="3" stroke-linejoin="round"'
    return f'<path {style} d="M{path}z"/>'


def _round(x: float, y: float, radius: float, count: int, fill: str, inner: float = 1.0) -> str:
    """A regular polygon, or a star where every second corner lies at `inner` of the radius."""
    corners = count if inner == 1.0 else 2 * count
    points = []
    for corner in range(corners):
        angle = 2 * math.pi * corner / corners - math.pi / 2
        reach = radius * (inner if corner % 2 and inner != 1.0 else 1.0)
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    return _polygon(points, fill)


def _disc(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}"/>'


def _sun(x: float, y: float, r: float, tint: str, light: str) -> str:
    return _disc(x, y, r, light) + _disc(x, y, r * 0.72, tint)


def _moon(x: float, y: float, r: float, tint: str, light: str) -> str:
    return (
        f'<path fill="{light}" d="M{x + r * 0.5:.1f} {y - r * 0.87:.1f}'
        f"A{r:.1f} {r:.1f} 0 1 0 {x + r * 0.87:.1f} {y + r * 0.5:.1f}"
        f'A{r * 0.8:.1f} {r * 0.8:.1f} 0 0 1 {x + r * 0.5:.1f} {y - r * 0.87:.1f}z"/>'
        + _disc(x + r * 0.75, y - r * 0.35, r * 0.13, tint)
    )


def _rings(x: float, y: float, r: float, tint: str, light: str) -> str:
    return "".join(
        _disc(x, y, r * share, fill)
        for share, fill in ((1.0, tint), (0.76, light), (0.52, tint), (0.26, light))
    )


def _star(x: float, y: float, r: float, tint: str, light: str) -> str:
    return _round(x, y, r * 1.08, 5, light, 0.48) + _round(x, y, r * 0.6, 5, tint, 0.48)


def _gem(x: float, y: float, r: float, tint: str, light: str) -> str:
    return _round(x, y, r, 6, tint) + _round(x, y, r * 0.55, 6, light)


def _kite(x: float, y: float, r: float, tint: str, light: str) -> str:
    top, bottom = (x, y - r), (x, y + r)
    left, right = (x - r * 0.7, y - r * 0.15), (x + r * 0.7, y - r * 0.15)
    return _polygon([top, right, bottom, left], light) + _polygon([top, right, bottom], tint)


def _flower(x: float, y: float, r: float, tint: str, light: str) -> str:
    petals = [
        _disc(x + r * 0.58 * math.cos(angle), y + r * 0.58 * math.sin(angle), r * 0.42, light)
        for angle in (2 * math.pi * petal / 7 for petal in range(7))
    ]
    return "".join(petals) + _disc(x, y, r * 0.34, tint)


def _balloon(x: float, y: float, r: float, tint: str, light: str) -> str:
    return (
        _disc(x, y - r * 0.15, r * 0.85, tint)
        + f'<ellipse cx="{x:.1f}" cy="{y - r * 0.15:.1f}" rx="{r * 0.36:.1f}" '
        f'ry="{r * 0.85:.1f}" fill="{light}"/>'
        + _polygon(
            [
                (x - r * 0.2, y + r * 0.9),
                (x + r * 0.2, y + r * 0.9),
                (x + r * 0.15, y + r * 1.12),
                (x - r * 0.15, y + r * 1.12),
            ],
            tint,
        )
    )


def _cloud(x: float, y: float, r: float, tint: str, light: str) -> str:
    return (
        _disc(x + r * 0.25, y - r * 0.3, r * 0.6, tint)
        + _disc(x - r * 0.5, y + r * 0.15, r * 0.45, light)
        + _disc(x + r * 0.1, y, r * 0.6, light)
        + _disc(x + r * 0.75, y + r * 0.2, r * 0.4, light)
        + f'<rect x="{x - r * 0.5:.1f}" y="{y + r * 0.1:.1f}" width="{r * 1.25:.1f}" '
        f'height="{r * 0.5:.1f}" fill="{light}"/>'
    )


def _blades(x: float, y: float, r: float, tint: str, light: str) -> str:
    return _round(x, y, r * 1.1, 12, tint, 0.62) + _disc(x, y, r * 0.5, light)


def _arch(x: float, y: float, r: float, tint: str, light: str) -> str:
    bows = []
    for share, fill in ((1.0, tint), (0.74, light), (0.48, tint), (0.22, light)):
        reach = r * share * 1.1
        bows.append(
            f'<path fill="{fill}" d="M{x - reach:.1f} {y + r * 1.7:.1f}V{y + r * 0.2:.1f}'
            f"a{reach:.1f} {reach:.1f} 0 0 1 {2 * reach:.1f} 0"
            f'V{y + r * 1.7:.1f}z"/>'
        )
    return "".join(bows)


_Shape = Callable[[float, float, float, str, str], str]
_SHAPES: tuple[_Shape, ...] = (
    _sun,
    _moon,
    _rings,
    _star,
    _gem,
    _kite,
    _flower,
    _balloon,
    _cloud,
    _blades,
    _arch,
)
