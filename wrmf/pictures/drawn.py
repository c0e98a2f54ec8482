"""Drawn pictures for data sets without pictures."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from wrmf.data.interactions import Interactions
from wrmf.pictures.drawing import draw_poster
from wrmf.pictures.picture import Picture

__all__ = ["DrawnPictures", "drawn_tile", "item_name"]


class DrawnPictures:
    """A drawn tile for every item.

    Parameters
    ----------
    data : Interactions
        Source of the items' names.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(50, 40, 400, random_state=0)
    >>> DrawnPictures(data)(data.items[0]).mime
    'image/svg+xml'
    """

    def __init__(self, data: Interactions) -> None:
        self._data = data

    def __call__(self, item_id: Any) -> Picture | None:
        """Return the tile of one item, made from its id where the data do not contain it."""
        return drawn_tile(item_id, item_name(self._data, item_id))


def drawn_tile(item_id: Hashable, name: str) -> Picture:
    """Return a small SVG poster made from an item's name, always the same for the same item.

    Items whose names share a word share a part of their look (the first word determines the sky,
    the last one the ground), so that related items look related.

    Parameters
    ----------
    item_id : hashable
        The item's id; it moves the shapes a little.
    name : str
        The item's name.

    Returns
    -------
    Picture
        An SVG of about 2 kB.

    Examples
    --------
    >>> drawn_tile(7, "Copper lantern") == drawn_tile(7, "Copper lantern")
    True
    """
    return Picture("image/svg+xml", draw_poster(str(item_id), name).encode("utf-8", "replace"))


def item_name(data: Interactions | None, item_id: Any) -> str:
    """Return an item's name, or its id as text where the data do not contain it."""
    if data is not None:
        try:
            return data.names_of(data.item_index([item_id]))[0]
        except (ValueError, LookupError):
            pass
    return str(item_id)
