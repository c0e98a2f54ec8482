"""Download archives once, into the folder of :func:`wrmf.files.cache_folder`.

A download that breaks off is continued where it stopped, if the server says that the file is still
the same. Archives without a published checksum are trusted once: the checksum of the first
download is recorded, and later downloads must have the same one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol

from wrmf.files import cache_folder, write_atomically
from wrmf.progress import load_tqdm

__all__ = ["CHUNK", "Downloadable", "download"]

# Seconds without any byte from the server after which a download fails.
TIMEOUT = 30.0
# Number of bytes that are read at a time.
CHUNK = 1 << 20
# How often a connection that broke off after some bytes is made again.
RETRIES = 5
# Checksums of archives for which none is published, by file name, in the cache folder.
RECORD = "checksums.json"


class Downloadable(Protocol):
    """What is known of an archive; see :class:`wrmf.datasets.source.Source`."""

    @property
    def url(self) -> str: ...
    @property
    def archive(self) -> str: ...
    @property
    def notice(self) -> str: ...
    @property
    def md5(self) -> str | None: ...
    @property
    def md5_url(self) -> str | None: ...


def download(source: Downloadable, verify: Callable[[Path, str], None] | None = None) -> Path:
    """Return the path of an archive in the cache folder, after downloading it if it is not there.

    The file appears under its name only when it is complete and its checksum is right. The size and
    the terms of use are printed to standard error before.

    Parameters
    ----------
    source : Downloadable
    verify : callable(path, name), optional
        Raises an OSError if a downloaded file, which will have the name, is not as expected.

    Raises
    ------
    OSError
        If a download fails, is incomplete or has another checksum. What is there of an incomplete
        one is kept, and the next call continues it.
    """
    target = cache_folder() / source.archive
    if target.exists():
        return target
    part = target.with_name(f".{target.name}.part")
    try:
        md5 = source.md5 or (_load_checksum(source.md5_url) if source.md5_url else None)
        print(source.notice, file=sys.stderr)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(part.with_suffix(".lock")):
            _complete(part, source.url)
            try:
                if md5 is not None or verify is None:
                    _check(part, target.name, md5)
                if verify is not None:
                    verify(part, target.name)
            except BaseException:
                _forget(part)
                raise
            _validator_file(part).unlink(missing_ok=True)
            part.replace(target)
    except OSError as error:
        kept = ""
        if _validator(part, source.url) is None:
            _forget(part)
        elif part.exists():
            kept = f"try again, which continues after {part.stat().st_size} bytes, or "
        raise OSError(
            f"could not download {source.url}: {error}; {kept}fetch it by hand and save it as "
            f"{target}"
        ) from error
    return target


def _complete(part: Path, url: str) -> None:
    """Download to ``part``, from its end on where possible, and again after a broken connection."""
    for attempt in range(RETRIES + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _transfer(part, url)
            return
        except (OSError, HTTPException) as error:
            has_grown = part.exists() and part.stat().st_size > before
            if attempt == RETRIES or not has_grown:
                raise OSError(_reason(error)) from error


def _transfer(part: Path, url: str) -> None:
    """Append the rest of a file to ``part``, or write all of it if the server has another one."""
    validator = _validator(part, url)
    start = part.stat().st_size if validator and part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers.update({"Range": f"bytes={start}-", "If-Range": str(validator)})
    request = urllib.request.Request(url, headers=headers)
    try:
        reply = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        # There is nothing beyond what is there: the file on the server has become shorter.
        error.close()
        _forget(part)
        return _transfer(part, url)
    with reply:
        place = re.match(r"bytes (\d+)-\d+/(\d+|\*)", reply.headers.get("Content-Range") or "")
        resumes = reply.status == 206 and place is not None and int(place[1]) == start
        if reply.status == 206 and not resumes:
            _forget(part)
            raise OSError("the server sent another part of the file than was asked for")
        start = start if resumes else 0
        length = reply.headers.get("Content-Length")
        end = None if length is None else start + int(length)
        _remember(part, url, reply.headers)
        _write(part, reply, start, end)
    return None


def _write(part: Path, reply: Any, start: int, end: int | None) -> None:
    with (
        part.open("r+b" if start else "wb") as file,
        load_tqdm()(total=end, initial=start, unit="B", unit_scale=True, disable=None) as bar,
    ):
        file.seek(start)
        try:
            while chunk := reply.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        finally:
            file.flush()
            os.fsync(file.fileno())
        if end is not None and file.tell() != end:
            raise OSError(f"the connection broke off after {file.tell()} of {end} bytes")


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remember(part: Path, url: str, headers: Any) -> None:
    """Keep what identifies the file on the server; without it, nothing can be continued."""
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    # A weak tag does not promise the same bytes.
    validator = etag if etag and not etag.startswith("W/") else modified
    content = {"url": url, "validator": validator}
    write_atomically(_validator_file(part), json.dumps(content).encode())


def _validator(part: Path, url: str) -> str | None:
    """Return what identifies the file of which ``part`` is the beginning."""
    try:
        content = json.loads(_validator_file(part).read_bytes())
        same = content["url"] == url
        return str(content["validator"]) if same and content["validator"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other processes from the same download; theirs fails at once."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock_handle(handle)
    except OSError as error:
        # File systems without locks raise errors of other types, and are used without.
        if isinstance(error, (BlockingIOError, PermissionError)):
            os.close(handle)
            raise OSError("another process is downloading it: wait until it has ended") from None
    try:
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            path.unlink()


def _lock_handle(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _check(part: Path, name: str, md5: str | None) -> None:
    """Compare the checksum with the published one, or with that of the first download."""
    kind = "sha256" if md5 is None else "md5"
    digest = hashlib.new(kind, usedforsecurity=False)
    with part.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    checksum = digest.hexdigest()
    if md5 is not None:
        if checksum != md5:
            raise OSError(f"its checksum is {checksum}, expected is {md5}")
        return
    record = cache_folder() / RECORD
    known = json.loads(record.read_bytes()) if record.exists() else {}
    if known.setdefault(name, checksum) != checksum:
        raise OSError(
            f"its checksum is {checksum}, and that of the first download on this machine was "
            f"{known[name]}: if its owner has changed it, delete its line in {record}"
        )
    write_atomically(record, json.dumps(known, indent=1).encode())
    print(f"No checksum of {name} is published; recorded: sha256 {checksum}", file=sys.stderr)


def _reason(error: Exception) -> str:
    """Return what went wrong, in words for somebody without a network, too."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection to the server ({error.reason}), as on a machine that is offline"
    return str(error) or type(error).__name__


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
