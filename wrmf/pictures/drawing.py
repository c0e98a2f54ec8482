"""Posters of items, drawn from their names.

A poster shows the sky with one shape, and the ground below. The first word of the name determines
the sky, the last word the ground. So items whose names share one of these words share half of their
picture, and items that share both look like one series. The item's id only moves the shapes a
little. The same name and id give the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import re
from html import escape

from wrmf.pictures.colour import oklch
from wrmf.pictures.shapes import OUTLINES, SHAPES, Place

__all__ = ["draw_poster", "theme_words"]

# Width and height of a poster, in SVG units.
SIZE = 160
# Number of straight segments in the outline of the ground.
N_STEPS = 40
# Words that do not describe what an item is.
STOP_WORDS = re.compile(
    "a|an|and|at|by|de|der|des|die|el|for|from|in|item|la|le|les|model|my|new|no|number|of|on|or|"
    "the|to|und|von|with"
)
FONT = "Helvetica Neue,Liberation Sans,Arial,sans-serif"


def theme_words(name: str) -> list[str]:
    """Return the words of ``name`` that describe its theme: lower case, singular, no numbers.

    Examples
    --------
    >>> theme_words("The Copper Lanterns, No. 12")
    ['copper', 'lantern']
    """
    words = [word for word in re.findall(r"[^\W\d_]+", name.casefold()) if len(word) > 1]
    return [singular(word) for word in words if not STOP_WORDS.fullmatch(word)]


def singular(word: str) -> str:
    """Return an English word without its plural s."""
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if is_plural else word


def draw_poster(item_id: str, name: str) -> str:
    """Return the poster of one item as SVG text, 160 by 160 units.

    Parameters
    ----------
    item_id : str
        Moves the shapes a little, so that two items of one name still differ.
    name : str
        Determines colours and shapes; where it has no words, ``item_id`` does.

    Returns
    -------
    str
        An ``<svg>`` document without scripts or references.

    Examples
    --------
    >>> draw_poster("7", "Copper lantern")[:4]
    '<svg'
    """
    words = theme_words(name) or [name.strip() or item_id]
    sky_hash, ground_hash = hash_fractions(words[0]), hash_fractions(words[-1])
    item_hash = hash_fractions(f"{item_id}\0{name}")
    sky_hue, ground_hue = 360 * sky_hash[0], 360 * ground_hash[0]
    if len(set(words)) == 1:
        ground_hue = sky_hue + 40
    draw_shape = SHAPES[int(sky_hash[1] * len(SHAPES))]
    place = Place(
        80 + 44 * (item_hash[0] - 0.5),
        58 + 14 * (item_hash[1] - 0.5),
        29 + 7 * item_hash[2],
        tint=oklch(0.62, 0.135, sky_hue - 12),
        light=oklch(0.97, 0.02, sky_hue),
    )
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">',
            draw_sky(sky_hue),
            draw_shape(place),
            draw_ground(ground_hash[1], item_hash[3], ground_hue),
            f'<text x="11" y="148" font-family="{FONT}" '
            f'font-size="15" font-weight="700" letter-spacing=".8" '
            f'fill="{oklch(0.95, 0.03, ground_hue)}">{escape(initials(name, item_id))}</text>',
            "</svg>",
        ]
    )


def draw_sky(hue: float) -> str:
    """Return the background, a little lighter and warmer at the horizon."""
    top, horizon = oklch(0.80, 0.085, hue), oklch(0.92, 0.045, hue + 18)
    return (
        f'<linearGradient id="sky" x2="0" y2="1"><stop stop-color="{top}"/>'
        f'<stop offset=".8" stop-color="{horizon}"/></linearGradient>'
        f'<path fill="url(#sky)" d="M0 0h{SIZE}v{SIZE}H0z"/>'
    )


def draw_ground(outline_fraction: float, shift: float, hue: float) -> str:
    """Return two layers of ground, back and front.

    Parameters
    ----------
    outline_fraction : float in [0, 1)
        Selects the outline.
    shift : float
        Moves the outline sideways, in widths of the poster.
    hue : float
        Angle in degrees.
    """
    outline = OUTLINES[int(outline_fraction * len(OUTLINES))]
    steps = range(N_STEPS + 1)
    back = [106 - 15 * outline(step / N_STEPS + shift) for step in steps]
    front = [126 - 10 * outline(step / N_STEPS + (shift + 0.4)) for step in steps]
    return draw_layer(back, oklch(0.55, 0.10, hue)) + draw_layer(front, oklch(0.40, 0.085, hue))


def draw_layer(levels: list[float], colour: str) -> str:
    """Return the area below a line, given by its y coordinates at equal steps in x."""
    width = SIZE // N_STEPS
    line = "L".join(f"{width * step} {level:.1f}" for step, level in enumerate(levels))
    return f'<path fill="{colour}" d="M{line}V{SIZE}H0z"/>'


def initials(name: str, item_id: str) -> str:
    """Return up to three initials of the name, or up to four digits where it has no letters."""
    words = re.findall(r"\w+", name) or re.findall(r"\w+", item_id)
    letters = [word[0] for word in words if not word.isdigit()][:3]
    return "".join(letters).upper() or "".join(words)[:4]


def hash_fractions(text: str) -> list[float]:
    """Return four numbers in [0, 1) that depend only on ``text``."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return [int.from_bytes(digest[start : start + 4], "big") / 2**32 for start in range(0, 16, 4)]
