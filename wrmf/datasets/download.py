"""Download archives once, into the folder of :func:`wrmf.files.cache_folder`."""

from __future__ import annotations

import hashlib
import re
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wrmf.files import cache_folder, replacing

__all__ = ["archive_errors", "download"]

# Seconds without any byte from the server after which a download fails.
TIMEOUT = 30.0
# Number of bytes that are read at a time.
CHUNK = 1 << 20


def download(url: str, name: str, *, md5: str | None = None, md5_url: str | None = None) -> Path:
    """Return the path of a file in the cache folder, after downloading it if it is not there.

    The file appears under its name only when it is complete and its checksum is right.

    Parameters
    ----------
    url : str
    name : str
        File name in the cache folder.
    md5 : str, optional
        Checksum of the file in hexadecimal digits, lower case.
    md5_url : str, optional
        Address of a text that contains the checksum. It is loaded only if the file is downloaded.

    Raises
    ------
    OSError
        If a download fails, is incomplete or has another checksum.
    """
    target = cache_folder() / name
    if target.exists():
        return target
    try:
        if md5_url is not None:
            md5 = _load_checksum(md5_url)
        target.parent.mkdir(parents=True, exist_ok=True)
        _download_to(target, url, md5)
    except OSError as error:
        raise OSError(
            f"could not download {url}: {error}; fetch it by hand and save it as {target}"
        ) from error
    return target


def _download_to(target: Path, url: str, md5: str | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with replacing(target) as file, urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
        while chunk := reply.read(CHUNK):
            file.write(chunk)
            digest.update(chunk)
        n_received, n_expected = file.tell(), reply.headers.get("Content-Length")
        if n_expected is not None and n_received != int(n_expected):
            raise OSError(f"the connection broke off after {n_received} of {n_expected} bytes")
        if md5 is not None and digest.hexdigest() != md5:
            raise OSError(f"its checksum is {digest.hexdigest()}, expected is {md5}")


def _load_checksum(url: str) -> str:
    """Return the MD5 checksum in a text such as ``<digest>  <file name>``."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
            text = str(reply.read(4096), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OSError(f"its checksum {url} could not be loaded: {error}") from error
    checksum = re.search(r"\b[0-9a-f]{32}\b", text.lower())
    if checksum is None:
        raise OSError(f"{url} holds no checksum")
    return checksum[0]


@contextmanager
def archive_errors(path: Path, contents: str) -> Iterator[None]:
    """Turn errors of reading an archive into an OSError that says what to do.

    Parameters
    ----------
    path : Path
    contents : str
        The expected contents of the archive, for the error message.
    """
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, KeyError, ValueError) as error:
        raise OSError(
            f"{path} is not the archive of {contents} ({error}): delete it, and it is fetched again"
        ) from error
