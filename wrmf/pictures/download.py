"""Downloads of pictures and JSON documents, with limits on time and size.

Servers may be slow, send a web page in place of a picture, or never stop sending. Each download
returns the requested content, or raises :class:`NoPicture` with the reason.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

from wrmf.data.choices import shown
from wrmf.pictures.picture import UNKNOWN_TYPE, image_type
from wrmf.pictures.source import NoPicture

__all__ = ["Limits", "download", "download_json", "download_picture"]

# Number of bytes that are read at a time.
CHUNK_BYTES = 1 << 16
# ``Accept`` header of requests for pictures.
PICTURE_TYPES = "image/webp,image/png,image/jpeg,image/gif,image/svg+xml"
# Client errors that may be temporary: request timeout, too early, too many requests.
PASSING_STATUS = frozenset({408, 425, 429})
# Characters of an address that are not percent-encoded.
SAFE_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
# Handlers of http and https addresses. There are none for file:, ftp: and data:, so these are
# refused, even after a redirect.
HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
)


@dataclass(frozen=True)
class Limits:
    """Limits of one download.

    Attributes
    ----------
    timeout : float
        Seconds until the response must begin, and again until it must be complete.
    max_bytes : int
        A longer response is refused without being read to its end.

    Raises
    ------
    ValueError
        If the timeout is not above 0.
    """

    timeout: float
    max_bytes: int

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(
                f"timeout must be a number of seconds above 0, got {shown(self.timeout)}"
            )


def download(url: str, limits: Limits, accept: str) -> tuple[bytes, str]:
    """Return the body and the content type of the response at an address.

    Parameters
    ----------
    url : str
        An http or https address; redirects are followed only to such addresses.
    limits : Limits
    accept : str
        The ``Accept`` header.

    Returns
    -------
    body : bytes
    content_type : str
        In lower case and without parameters; ``""`` where none was sent.

    Raises
    ------
    NoPicture
        If the request fails or a limit is exceeded.
    """
    try:
        # Addresses from an API may contain spaces or letters outside ASCII.
        url = urllib.parse.quote(url, safe=SAFE_CHARACTERS)
        if urllib.parse.urlsplit(url).scheme.lower() not in ("http", "https"):
            raise NoPicture("the address is not http or https", lasting=True)
        headers = {"User-Agent": "wrmf", "Accept": accept, "Accept-Encoding": "identity"}
        request = urllib.request.Request(url, headers=headers)
        with http_opener().open(request, timeout=limits.timeout) as response:
            has_type = "content-type" in response.headers
            content_type = response.headers.get_content_type().lower() if has_type else ""
            return read_body(response, limits), content_type
    except urllib.error.HTTPError as error:
        error.close()
        lasting = 400 <= error.code < 500 and error.code not in PASSING_STATUS
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


def download_picture(url: str, limits: Limits) -> bytes:
    """Return the picture at an address.

    Raises
    ------
    NoPicture
        If the download fails, or the response is not a picture.
    """
    data, content_type = download(url, limits, PICTURE_TYPES)
    # File stores often send pictures as octet-stream or without a type.
    is_declared = content_type.startswith("image/")
    if not is_declared and content_type not in ("", "application/octet-stream"):
        raise NoPicture(f"the server sent {content_type}, not an image", lasting=True)
    if image_type(data) is None:
        raise NoPicture(UNKNOWN_TYPE, lasting=True)
    return data


def download_json(url: str, limits: Limits) -> Any:
    """Return the JSON document at an address.

    Raises
    ------
    NoPicture
        If the download fails, or the response is not JSON.
    """
    data, _ = download(url, limits, "application/json")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NoPicture("the answer is not JSON", lasting=True) from None


def read_body(response: HTTPResponse, limits: Limits) -> bytes:
    """Return the body of a response, or raise a TimeoutError or :class:`NoPicture`."""
    deadline = time.monotonic() + limits.timeout
    declared = response.headers.get("Content-Length", "")
    declared_bytes = int(declared) if declared.isdecimal() else None
    too_large = NoPicture(f"larger than {limits.max_bytes:,} bytes", lasting=True)
    if declared_bytes is not None and declared_bytes > limits.max_bytes:
        raise too_large
    body = bytearray()
    # read1 returns after each packet, so the deadline also holds for a server that sends slowly.
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > limits.max_bytes:
            raise too_large
        if time.monotonic() > deadline:
            raise TimeoutError
    if declared_bytes is not None and len(body) < declared_bytes:
        raise NoPicture("the connection broke off", lasting=False)
    return bytes(body)


def http_opener() -> urllib.request.OpenerDirector:
    """Return an opener of http and https addresses only."""
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    return opener
