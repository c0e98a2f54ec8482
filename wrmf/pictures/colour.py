"""Colours whose perceived lightness does not depend on their hue."""

from __future__ import annotations

import math

__all__ = ["oklch"]


def oklch(lightness: float, chroma: float, hue: float) -> str:
    """Return a colour of the OKLCH space as ``#rrggbb``, clipped to sRGB.

    The matrices are those of Ottosson 2020, "A perceptual color space for image processing".

    Parameters
    ----------
    lightness : float
        From 0, black, to 1, white.
    chroma : float
        0 is grey; about 0.3 is the most that a screen shows.
    hue : float
        Angle in degrees.

    Examples
    --------
    >>> oklch(1.0, 0.0, 0.0)
    '#ffffff'
    """
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear_rgb = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * gamma_encode(value)):02x}" for value in linear_rgb)


def gamma_encode(linear: float) -> float:
    """Return the sRGB value of a linear channel, both from 0 to 1."""
    clipped = min(max(linear, 0.0), 1.0)
    return 12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055
