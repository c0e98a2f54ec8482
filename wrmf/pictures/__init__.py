"""Pictures of items for the report: from a folder, a server, a JSON API, or drawn.

A source of pictures is any callable that takes an item's id and returns a :class:`Picture`, or None
where the item has none.
"""

from wrmf.pictures.drawn import DrawnPictures, drawn_tile
from wrmf.pictures.folder import FolderPictures
from wrmf.pictures.picture import Picture
from wrmf.pictures.remote import ApiPictures, UrlPictures
from wrmf.pictures.source import fetch_all

__all__ = [
    "ApiPictures",
    "DrawnPictures",
    "FolderPictures",
    "Picture",
    "UrlPictures",
    "drawn_tile",
    "fetch_all",
]
