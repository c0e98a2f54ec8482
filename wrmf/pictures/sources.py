"""Pictures of items: from a folder, an address template, an API, or drawn.

A source is any callable that takes an item's id and returns a
:class:`Picture`, or None where there is none. The sources here never raise for
a single item: a picture that cannot be had is None, counted by reason in
``source.failures`` and logged (logger ``wrmf.pictures``), so that a report is
never stopped by a server.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import tempfile
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrmf.pictures.download import JsonPath, NoPicture, download_json, download_picture, sniff
from wrmf.pictures.drawing import draw_poster

__all__ = [
    "ApiPictures",
    "DrawnPictures",
    "FolderPictures",
    "Picture",
    "UrlPictures",
    "drawn_tile",
    "fetch_all",
]

_logger = logging.getLogger(__name__)

MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    mime : str
        Its type, e.g. ``"image/png"``.
    data : bytes
        The file itself.
    """

    mime: str
    data: bytes

    def data_uri(self) -> str:
        """The picture as a ``data:`` address, to stand inside an HTML page."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"


Source = Callable[[Any], "Picture | None"]


class _Failures:
    """Counts and logs, from any thread, why items have no picture."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._counting = threading.Lock()

    def _failed(self, item_id: Any, reason: str) -> None:
        with self._counting:
            self.failures[reason] += 1
        _logger.info("no picture for item %r: %s", item_id, reason)


class FolderPictures(_Failures):
    """Pictures in a folder, each file named by an item's id: ``5dceb.jpg``, ``42.png``.

    Known endings are jpg, jpeg, png, webp, svg and gif. The folder is listed
    once and ids are only compared with what it holds, so no id, however
    hostile, reaches a file elsewhere. An id with letters that no file name can
    hold (a slash, say) stands percent-encoded in the name: ``a%2Fb.png``.

    Parameters
    ----------
    folder : str or path
        The folder; files in folders within it are not looked at.
    max_bytes : int, default 5,000,000
        Larger files count as no picture.

    Attributes
    ----------
    failures : Counter
        Why files that are there could not be used, and how often.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "42.gif").write_bytes(b"GIF89a")
    >>> FolderPictures(folder)(42).mime
    'image/gif'
    >>> FolderPictures(folder)("../42") is None
    True
    """

    _ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".svg", ".gif")

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        if not self.folder.is_dir():
            raise NotADirectoryError(
                f"there is no folder {str(folder)!r}; expected a folder of pictures "
                "named by item id, e.g. 42.jpg"
            )
        found: dict[str, tuple[int, Path]] = {}
        for path in sorted(self.folder.iterdir()):
            ending = path.suffix.lower()
            if ending not in self._ENDINGS or not path.is_file():
                continue
            # Of several files for one item the first ending of the list counts.
            order = self._ENDINGS.index(ending)
            if path.stem not in found or order < found[path.stem][0]:
                found[path.stem] = (order, path)
        self._files = {stem: path for stem, (_, path) in found.items()}

    def __call__(self, item_id: Any) -> Picture | None:
        """The picture of one item, or None."""
        name = str(item_id)
        path = self._files.get(name)
        if path is None:
            path = self._files.get(urllib.parse.quote(name, safe=" ", errors="replace"))
        if path is None:
            return None
        try:
            if path.stat().st_size > self.max_bytes:
                self._failed(item_id, f"larger than {self.max_bytes:,} bytes")
                return None
            data = path.read_bytes()
        except OSError as error:
            self._failed(item_id, f"the file cannot be read ({type(error).__name__})")
            return None
        mime = sniff(data)
        if mime is None:
            self._failed(item_id, "the file is not a jpg, png, webp, gif or svg image")
            return None
        return Picture(mime, data)


class _RemotePictures(_Failures):
    """What the two downloading sources share: the address template, limits and the cache."""

    def __init__(
        self,
        template: str,
        timeout: float,
        cache: str | os.PathLike[str] | None,
        max_bytes: int,
    ) -> None:
        super().__init__()
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
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout!r}; expected a number of seconds above 0")
        self.template = template
        self.timeout = timeout
        self.cache = None if cache is None else Path(cache)
        self.max_bytes = max_bytes

    def __call__(self, item_id: Any) -> Picture | None:
        """The picture of one item, from the cache or the network, or None."""
        data = self._cached(item_id)
        if data is None:
            try:
                data = self._download(self._address(item_id))
            except NoPicture as error:
                self._failed(item_id, error.reason)
                # An empty file in the cache says: asked, and there is none.
                if error.lasting:
                    self._keep(item_id, b"")
                return None
            self._keep(item_id, data)
        mime = sniff(data)
        return None if mime is None else Picture(mime, data)

    def _download(self, address: str) -> bytes:
        raise NotImplementedError

    def _address(self, item_id: Any) -> str:
        quoted = urllib.parse.quote(str(item_id), safe="", errors="replace")
        return self.template.replace("{item}", quoted)

    def _identity(self) -> str:
        """What besides the item decides which picture comes; part of the cache key."""
        return self.template

    def _cache_file(self, item_id: Any) -> Path | None:
        if self.cache is None:
            return None
        key = f"{self._identity()}\0{item_id}".encode("utf-8", "surrogatepass")
        return self.cache / hashlib.sha256(key).hexdigest()

    def _cached(self, item_id: Any) -> bytes | None:
        path = self._cache_file(item_id)
        if path is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        # What is neither an image nor the mark for "none" is not ours: ask again.
        return data if not data or sniff(data) else None

    def _keep(self, item_id: Any, data: bytes) -> None:
        path = self._cache_file(item_id)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink()
                raise
        except OSError as error:
            _logger.warning("cannot keep a picture in %s: %s", path.parent, error)


class UrlPictures(_RemotePictures):
    """Pictures at addresses made from the item's id.

    Parameters
    ----------
    template : str
        An http or https address with ``{item}`` where the id goes, percent-encoded.
    timeout : float, default 10
        Seconds for the answer to begin, and again for the picture to be there.
    cache : str or path, optional
        Folder to keep pictures in between runs, made where missing. That an
        item has none (a 404, a page in place of a picture) is kept, too; a
        time-out or a server's error is not. Delete the folder to ask again.
    max_bytes : int, default 5,000,000
        Larger pictures count as none.

    Attributes
    ----------
    failures : Counter
        Why pictures could not be had, and how often.

    Raises
    ------
    ValueError
        If the template is no such address, or the timeout not above 0.

    Examples
    --------
    >>> source = UrlPictures("https://example.org/thumbnails/{item}.jpg", cache=".cache/pictures")
    """

    def __init__(
        self,
        template: str,
        timeout: float = 10.0,
        cache: str | os.PathLike[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(template, timeout, cache, max_bytes)

    def _download(self, address: str) -> bytes:
        return download_picture(address, self.timeout, self.max_bytes)


class ApiPictures(_RemotePictures):
    """Pictures whose addresses a JSON API tells.

    The document at the item's address is fetched, the path leads to the
    picture's address in it, and that is downloaded.

    Parameters
    ----------
    url_template : str
        Address of the API's answer for one item, with ``{item}`` for its id.
    json_path : str
        Way to the picture's address, e.g. ``"a.b[0].url"``, or with a choice
        among the objects of a list,
        ``"thumbnails.images[width==200,height==200].url"``.
    timeout, cache, max_bytes
        As in :class:`UrlPictures`; the cache keeps the picture, not the document.

    Attributes
    ----------
    failures : Counter
        Why pictures could not be had, and how often.

    Raises
    ------
    ValueError
        If the template or the path cannot be read.

    Examples
    --------
    >>> source = ApiPictures("https://sketchfab.com/i/models/{item}",
    ...                      "thumbnails.images[width==200,height==200].url")
    """

    def __init__(
        self,
        url_template: str,
        json_path: str,
        timeout: float = 10.0,
        cache: str | os.PathLike[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(url_template, timeout, cache, max_bytes)
        self.json_path = JsonPath(json_path)

    def _identity(self) -> str:
        return f"{self.template}\0{self.json_path.text}"

    def _download(self, address: str) -> bytes:
        document = download_json(address, self.timeout, self.max_bytes)
        try:
            picture = self.json_path.follow(document)
        except LookupError:
            raise NoPicture("the API's answer names no picture", lasting=True) from None
        if not isinstance(picture, str) or not picture:
            raise NoPicture("the API's answer names no picture", lasting=True)
        try:
            picture = urllib.parse.urljoin(address, picture)
        except ValueError:
            raise NoPicture("the address is not valid", lasting=True) from None
        return download_picture(picture, self.timeout, self.max_bytes)


class DrawnPictures:
    """A drawn tile for every item of a data set without pictures.

    Parameters
    ----------
    data : Interactions
        Gives the items their names.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> data = SimpleNamespace(item_index=lambda ids: [0], names_of=lambda rows: ["Red kite"])
    >>> DrawnPictures(data)("a").mime
    'image/svg+xml'
    """

    def __init__(self, data: Any) -> None:
        self._data = data

    def __call__(self, item_id: Any) -> Picture | None:
        """The tile of one item; of an item the data do not know, one made of its id."""
        try:
            name = str(self._data.names_of(self._data.item_index([item_id]))[0])
        except (ValueError, LookupError):
            name = str(item_id)
        return drawn_tile(item_id, name)


def drawn_tile(item_id: Hashable, name: str) -> Picture:
    """A small SVG poster made of an item's name, always the same for the same item.

    Items whose names share a word share a part of their look (the first word
    decides the sky, the last one the ground), so neighbours that belong
    together can be seen to.

    Parameters
    ----------
    item_id : hashable
        The item's id; moves the shapes a little.
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


def fetch_all(
    source: Source, ids: Iterable[Hashable], threads: int = 8
) -> dict[Hashable, Picture | None]:
    """The pictures of many items, several at a time.

    Parameters
    ----------
    source : callable
        Takes an id, returns a :class:`Picture` or None. What it raises is
        logged and counts as None.
    ids : iterable
        Item ids; each is asked for once.
    threads : int, default 8
        How many items are fetched at a time.

    Returns
    -------
    dict
        Id to picture or None, in the order of `ids`.

    Examples
    --------
    >>> found = fetch_all(lambda item: drawn_tile(item, "Kite"), ["a", "b", "a"])
    >>> list(found)
    ['a', 'b']
    """
    wanted = list(dict.fromkeys(ids))

    def fetch(item_id: Hashable) -> Picture | None:
        try:
            return source(item_id)
        except Exception as error:
            _logger.warning("the picture source failed for item %r: %r", item_id, error)
            return None

    pool = ThreadPoolExecutor(max_workers=max(1, threads))
    try:
        found = dict(zip(wanted, pool.map(fetch, wanted), strict=True))
    finally:
        # On Ctrl-C, do not first fetch everything that is still waiting.
        pool.shutdown(wait=False, cancel_futures=True)
    missing = sum(picture is None for picture in found.values())
    if missing:
        _logger.info("no picture for %d of %d items", missing, len(wanted))
    return found
