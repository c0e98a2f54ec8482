"""Pictures downloaded from a server, at addresses made from item ids or named by a JSON API."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from typing import Any

from wrmf.pictures.cache import PictureCache
from wrmf.pictures.download import Limits, download_json, download_picture
from wrmf.pictures.json_path import JsonPath
from wrmf.pictures.picture import MAX_BYTES, Picture, image_type
from wrmf.pictures.source import CountingSource, NoPicture

__all__ = ["ApiPictures", "UrlPictures"]

# Default limit in seconds until a response must begin, and again until it must be complete.
TIMEOUT = 10.0


class RemotePictures(CountingSource):
    """Pictures from a server, or from a cache if they are there.

    Parameters
    ----------
    template : str
        An http or https address with ``{item}`` in place of the id.
    download : callable
        From an address to the bytes of a picture; raises :class:`NoPicture`.
    cache : PictureCache or None
    cache_key : str
        A text for all that determines the picture besides the item, so that different sources can
        share a cache.
    """

    def __init__(
        self,
        template: str,
        download: Callable[[str], bytes],
        cache: PictureCache | None,
        cache_key: str,
    ) -> None:
        super().__init__()
        validate_template(template)
        self.template = template
        self._download = download
        self._cache = cache
        self._cache_key = cache_key

    def _load(self, item_id: Any) -> Picture | None:
        key = f"{self._cache_key}\0{item_id}"
        data = None if self._cache is None else self._cache.load(key)
        if data is None:
            data = self._download_and_store(self._address(item_id), key)
        mime = image_type(data)
        return None if mime is None else Picture(mime, data)

    def _download_and_store(self, address: str, key: str) -> bytes:
        try:
            data = self._download(address)
        except NoPicture as error:
            if error.lasting and self._cache is not None:
                self._cache.store(key, b"")
            raise
        if self._cache is not None:
            self._cache.store(key, data)
        return data

    def _address(self, item_id: Any) -> str:
        quoted = urllib.parse.quote(str(item_id), safe="", errors="replace")
        return self.template.replace("{item}", quoted)


def validate_template(template: str) -> None:
    """Raise a ValueError if ``template`` is no http or https address that contains ``{item}``."""
    if "{item}" not in template:
        raise ValueError(
            f"the address template {template!r} has no {{item}}; expected something like "
            "https://example.org/pictures/{item}.jpg"
        )
    if urllib.parse.urlsplit(template).scheme.lower() not in ("http", "https"):
        raise ValueError(
            f"the address template {template!r} must start with http:// or https://; "
            "for files on this machine use FolderPictures"
        )


class UrlPictures(RemotePictures):
    """Pictures at addresses made from item ids.

    Parameters
    ----------
    template : str
        An http or https address with ``{item}`` in place of the id, which is percent-encoded.
    timeout : float, default 10
        Seconds until the response must begin, and again until it must be complete.
    cache : str or path, optional
        Folder in which pictures are cached, created if it is missing. The cache also records that
        an item has no picture (after a 404, or a response that is not a picture), but no timeouts
        and server errors. Delete the folder to request all pictures again.
    max_bytes : int, default 5,000,000
        Larger pictures are refused.

    Attributes
    ----------
    failures : Counter
        Number of pictures that could not be downloaded, by reason.

    Raises
    ------
    ValueError
        If the template is not such an address, or the timeout is not above 0.

    Examples
    --------
    >>> source = UrlPictures("https://example.org/thumbnails/{item}.jpg", cache=".cache/pictures")
    """

    def __init__(
        self,
        template: str,
        timeout: float = TIMEOUT,
        cache: str | os.PathLike[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        limits = Limits(timeout, max_bytes)
        super().__init__(
            template,
            lambda address: download_picture(address, limits),
            None if cache is None else PictureCache(cache),
            cache_key=template,
        )


class ApiPictures(RemotePictures):
    """Pictures whose addresses come from a JSON API.

    The JSON document at the item's address is downloaded, the path leads to the picture's address
    in it, and the picture is downloaded from there.

    Parameters
    ----------
    url_template : str
        Address of the API's document about one item, with ``{item}`` in place of its id.
    json_path : str
        Path to the picture's address, such as ``"a.b[0].url"``, or with a choice among the objects
        of a list, ``"thumbnails.images[width==200,height==200].url"``.
    timeout, cache, max_bytes
        As in :class:`UrlPictures`; the picture is cached, not the document.

    Attributes
    ----------
    failures : Counter
        Number of pictures that could not be downloaded, by reason.

    Raises
    ------
    ValueError
        If the template or the path is not valid.

    Examples
    --------
    >>> source = ApiPictures(
    ...     "https://sketchfab.com/i/models/{item}",
    ...     "thumbnails.images[width==200,height==200].url",
    ... )
    """

    def __init__(
        self,
        url_template: str,
        json_path: str,
        timeout: float = TIMEOUT,
        cache: str | os.PathLike[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        limits = Limits(timeout, max_bytes)
        path = JsonPath(json_path)
        super().__init__(
            url_template,
            lambda address: download_through_api(address, path, limits),
            None if cache is None else PictureCache(cache),
            cache_key=f"{url_template}\0{path.text}",
        )


def download_through_api(address: str, path: JsonPath, limits: Limits) -> bytes:
    """Return the picture whose address is at ``path`` of the JSON document at ``address``.

    Raises
    ------
    NoPicture
        If the document names no picture, or either download fails.
    """
    document = download_json(address, limits)
    try:
        picture_address = path.follow(document)
    except LookupError:
        picture_address = None
    if not isinstance(picture_address, str) or not picture_address:
        raise NoPicture("the API's answer names no picture", lasting=True)
    try:
        absolute_address = urllib.parse.urljoin(address, picture_address)
    except ValueError:
        raise NoPicture("the address is not valid", lasting=True) from None
    return download_picture(absolute_address, limits)
