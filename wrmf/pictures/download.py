"""Downloading one small picture with the standard library, distrusting what comes back.

Servers are slow, answer with pages in place of pictures, or never stop
sending. Everything here either returns what was asked for or raises
:class:`NoPicture`, which says in a few words why there is none and whether
asking again later could help.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

__all__ = ["JsonPath", "NoPicture", "download", "download_json", "download_picture", "sniff"]

_CHUNK = 1 << 16
# Refusals that a server means for now, not for good.
_PASSING_STATUS = frozenset({408, 425, 429})


class NoPicture(Exception):
    """There is no picture, and why.

    Parameters
    ----------
    reason : str
        A few words that do not name the item, so that equal reasons can be counted.
    lasting : bool
        Whether asking again would give the same answer (a 404), rather than
        perhaps a better one (a time-out).
    """

    def __init__(self, reason: str, lasting: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


def sniff(data: bytes) -> str | None:
    """The image type that the first bytes of `data` show, or None if they show none.

    Examples
    --------
    >>> sniff(b"GIF89a...")
    'image/gif'
    >>> sniff(b"<!doctype html>") is None
    True
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if _is_svg(data[:4096]) else None


def _is_svg(head: bytes) -> bool:
    """Whether an ``<svg>`` comes first, after an XML declaration, comments or a doctype.

    Each of these is cut off at its first end: one pattern for all of them could
    be made to try every way of pairing starts with ends.
    """
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while True:
        for start, end in ((b"<?xml", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE svg", b">")):
            if head.startswith(start):
                head = head.partition(end)[2].lstrip()
                break
        else:
            return re.match(rb"<svg[\s>/]", head) is not None


def download(url: str, timeout: float, max_bytes: int, accept: str) -> tuple[bytes, str]:
    """The body and the content type at `url`.

    Parameters
    ----------
    url : str
        An http or https address; redirects are followed to these only.
    timeout : float
        Seconds until the server must have answered, and again until the whole
        body must have come.
    max_bytes : int
        A longer body is refused, without being read to its end.
    accept : str
        The ``Accept`` header.

    Returns
    -------
    (bytes, str)
        The content type is lower case, without parameters, ``""`` if none was sent.

    Raises
    ------
    NoPicture
        For whatever reason there is no such body.
    """
    try:
        # Addresses out of an API may hold spaces or letters beyond ASCII.
        url = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
        if urllib.parse.urlsplit(url).scheme.lower() not in ("http", "https"):
            raise NoPicture("the address is not http or https", lasting=True)
        headers = {"User-Agent": "wrmf", "Accept": accept, "Accept-Encoding": "identity"}
        request = urllib.request.Request(url, headers=headers)
        with _opener().open(request, timeout=timeout) as response:
            declared = response.headers.get_content_type() if response.headers else ""
            if "content-type" not in response.headers:
                declared = ""
            return _read(response, timeout, max_bytes), declared.lower()
    except urllib.error.HTTPError as error:
        error.close()
        lasting = 400 <= error.code < 500 and error.code not in _PASSING_STATUS
        raise NoPicture(f"the server answered {error.code}", lasting) from None
    except TimeoutError:
        raise NoPicture("timed out", lasting=False) from None
    except urllib.error.URLError as error:
        timed_out = isinstance(error.reason, TimeoutError)
        reason = "timed out" if timed_out else f"no connection ({error.reason})"
        raise NoPicture(reason, lasting=False) from None
    except (OSError, HTTPException) as error:
        raise NoPicture(f"no connection ({type(error).__name__})", lasting=False) from None
    except ValueError:
        raise NoPicture("the address is not valid", lasting=True) from None


def download_picture(url: str, timeout: float, max_bytes: int) -> bytes:
    """The picture at `url`; a :class:`NoPicture` if it is not one."""
    accept = "image/webp,image/png,image/jpeg,image/gif,image/svg+xml"
    data, declared = download(url, timeout, max_bytes, accept)
    # Plain file stores send pictures as octet-stream, or say nothing.
    if not declared.startswith("image/") and declared not in ("", "application/octet-stream"):
        raise NoPicture(f"the server sent {declared}, not an image", lasting=True)
    if sniff(data) is None:
        raise NoPicture("the file is not a jpg, png, webp, gif or svg image", lasting=True)
    return data


def download_json(url: str, timeout: float, max_bytes: int) -> Any:
    """The JSON document at `url`; a :class:`NoPicture` if it is not one."""
    data, _ = download(url, timeout, max_bytes, "application/json")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NoPicture("the answer is not JSON", lasting=True) from None


def _read(response: Any, timeout: float, max_bytes: int) -> bytes:
    deadline = time.monotonic() + timeout
    promised = response.headers.get("Content-Length", "")
    if promised.isdigit() and int(promised) > max_bytes:
        raise NoPicture(f"larger than {max_bytes:,} bytes", lasting=True)
    chunks, size = [], 0
    # read1 comes back after each packet, so a server that drips is seen to be late.
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise NoPicture(f"larger than {max_bytes:,} bytes", lasting=True)
        if time.monotonic() > deadline:
            raise TimeoutError
    if promised.isdigit() and size < int(promised):
        raise NoPicture("the connection broke off", lasting=False)
    return b"".join(chunks)


def _opener() -> urllib.request.OpenerDirector:
    """An opener that knows http and https only: no file:, ftp: or data:, redirected or not."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


class JsonPath:
    """A way through a JSON document: ``a.b[0].url``, ``images[width==200,height==200].url``.

    ``name`` enters an object, ``["name"]`` too, ``[0]`` a list (``[-1]`` from
    its end), and ``[name==value, …]`` takes the first object of a list in which
    every name has its value: a number, ``true``, ``false``, ``null`` or text,
    in double quotes where it holds a comma or a bracket.

    Parameters
    ----------
    text : str
        The path.

    Raises
    ------
    ValueError
        If `text` is not such a path.

    Examples
    --------
    >>> document = {"images": [{"width": 50, "url": "small"}, {"width": 200, "url": "large"}]}
    >>> JsonPath("images[width==200].url").follow(document)
    'large'
    """

    _TEXT = r'"(?:[^"\\]|\\.)*"'
    _STEP = re.compile(rf'\.?(?P<name>[^.\[\]]+)|\[(?P<inner>(?:{_TEXT}|[^\]"])*)\]')
    _TEST = re.compile(rf'\s*(?P<name>[^=,\s]+)\s*==\s*(?P<value>{_TEXT}|[^,"=]+?)\s*(?:,|$)')

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[str | int | dict[str, Any]] = []
        position = 0
        while position < len(text):
            match = self._STEP.match(text, position)
            if match is None or (position == 0 and text.startswith(".")):
                raise self._wrong(position)
            name, inner = match["name"], match["inner"]
            self.steps.append(name.strip() if inner is None else self._bracket(inner, position))
            position = match.end()
        if not self.steps:
            raise self._wrong(0)

    def follow(self, document: Any) -> Any:
        """What stands at the end of the path in `document`.

        Raises
        ------
        LookupError
            If the path leads nowhere.
        """
        here = document
        for step in self.steps:
            if isinstance(step, dict):
                rows = here if isinstance(here, list) else []
                matching = [row for row in rows if _has(row, step)]
                if not matching:
                    raise LookupError(self.text)
                here = matching[0]
            elif isinstance(step, int):
                if not isinstance(here, list):
                    raise LookupError(self.text)
                here = here[step]
            elif isinstance(here, dict) and step in here:
                here = here[step]
            else:
                raise LookupError(self.text)
        return here

    def _bracket(self, inner: str, position: int) -> str | int | dict[str, Any]:
        inner = inner.strip()
        if re.fullmatch(r"-?\d+", inner):
            return int(inner)
        if re.fullmatch(self._TEXT, inner):
            return str(json.loads(inner))
        tests: dict[str, Any] = {}
        at = 0
        while at < len(inner):
            match = self._TEST.match(inner, at)
            if match is None:
                raise self._wrong(position)
            tests[match["name"]] = _literal(match["value"])
            at = match.end()
        if not tests:
            raise self._wrong(position)
        return tests

    def _wrong(self, position: int) -> ValueError:
        return ValueError(
            f"cannot read the JSON path {self.text!r} at position {position}; expected names, "
            "[number] or [name==value, ...], as in a.b[0].url or images[width==200].url"
        )


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _has(row: Any, tests: dict[str, Any]) -> bool:
    """Whether `row` is an object with these values; true is not 1 here, as in JSON."""
    return isinstance(row, dict) and all(
        name in row
        and row[name] == value
        and isinstance(row[name], bool) == isinstance(value, bool)
        for name, value in tests.items()
    )
