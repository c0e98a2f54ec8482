"""Pictures of items for the report: from a folder, addresses, an API, or drawn."""

from wrmf.pictures.sources import (
    ApiPictures,
    DrawnPictures,
    FolderPictures,
    Picture,
    UrlPictures,
    drawn_tile,
    fetch_all,
)

__all__ = [
    "ApiPictures",
    "DrawnPictures",
    "FolderPictures",
    "Picture",
    "UrlPictures",
    "drawn_tile",
    "fetch_all",
]
