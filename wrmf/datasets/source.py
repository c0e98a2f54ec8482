"""Where a data set comes from, and how its files are opened: downloaded, or unpacked by hand."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from wrmf.datasets.download import CHUNK, download
from wrmf.files import cache_folder

__all__ = ["Source", "archive_errors", "open_member"]


@dataclass(frozen=True)
class Source:
    """An archive, and the terms under which its owner gives it away.

    Attributes
    ----------
    title : str
    contents : str
        What the file holds, such as "ratings", for error messages.
    url : str
        Address of the archive; "" if it can only be fetched by hand.
    terms : str
        What the owner allows, and where that is written.
    home : str
        Address of the page about the data set.
    megabytes : int or None
        Approximate size of the download, if it is known.
    md5 : str, optional
        Checksum of the archive that the owner publishes.
    md5_url : str, optional
        Address of a text with the checksum.
    member_md5 : str, optional
        Checksum of the file in the archive, where the owner publishes that one.
    """

    title: str
    contents: str
    url: str
    terms: str
    home: str
    megabytes: int | None
    md5: str | None = None
    md5_url: str | None = None
    member_md5: str | None = None

    @property
    def archive(self) -> str:
        """The name of the archive."""
        return PurePosixPath(self.url).name

    @property
    def notice(self) -> str:
        """What is printed before a download."""
        size = "" if self.megabytes is None else f"about {self.megabytes} MB "
        return f"{self.title}: {size}from {self.url}\nTerms of use: {self.terms} See {self.home}"


@contextmanager
def open_member(
    source: Source, member: str, folder: str | os.PathLike[str] | None = None
) -> Iterator[IO[bytes]]:
    """Open a file of a data set for reading; nothing is unpacked to disk.

    The first of these is read: the file or the archive in ``folder``, the file in the cache folder,
    the archive there, the archive that is downloaded. Folders are searched for a file of the
    member's name, with or without the folders that the archive has.

    Parameters
    ----------
    source : Source
    member : str
        Path of the file in the archive. A file in another folder of it is taken, too, and for
        ``*-x.tsv`` one whose name ends so.
    folder : str or path, optional
        Where the archive or what it holds is, or the path of either.

    Raises
    ------
    FileNotFoundError
        If neither is in ``folder``.
    OSError
        If the archive cannot be downloaded or is not as expected.
    """
    path = _unpacked(member, Path(folder) if folder is not None else cache_folder())
    if path is None and folder is not None:
        path = _archive_in(source, Path(folder), member)
    elif path is None and not source.url:
        raise FileNotFoundError(
            f"{source.title} cannot be downloaded by a program: fetch it from {source.home}, "
            f"unpack it, and name the folder, or save {PurePosixPath(member).name} in "
            f"{cache_folder()}"
        )
    elif path is None:
        verify = partial(_check_member, source=source, member=member)
        path = download(source, verify if source.member_md5 else None)
    with (
        archive_errors(path, source.contents, is_cached=folder is None),
        _open(path, member) as file,
    ):
        yield file


def _unpacked(member: str, place: Path) -> Path | None:
    """Return the path of the unpacked member within a folder, or the path itself if it is one."""
    name = PurePosixPath(member).name
    if place.is_file():
        return place if place.match(name) else None
    for path in (place / member, *sorted(place.glob(name)), *sorted(place.glob(f"*/{name}"))):
        if path.is_file():
            return path
    return None


def _archive_in(source: Source, place: Path, member: str) -> Path:
    path = place if place.is_file() else place / (source.archive or "-")
    if not path.is_file():
        wanted = " or ".join(filter(None, [PurePosixPath(member).name, source.archive]))
        raise FileNotFoundError(f"{place} holds no {wanted}, the files of {source.title}")
    return path


def _open(path: Path, member: str) -> Any:
    """Open the member of an archive, or a file that is no archive."""
    for ending, opener in OPENERS.items():
        if path.name.endswith(ending) and not member.endswith(ending):
            return opener(path, member)
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


@contextmanager
def _open_zip(path: Path, member: str) -> Iterator[IO[bytes]]:
    with (
        zipfile.ZipFile(path) as archive,
        archive.open(_match(archive.namelist(), member)) as file,
    ):
        yield file


@contextmanager
def _open_tar(path: Path, member: str) -> Iterator[IO[bytes]]:
    with tarfile.open(path) as archive:
        name = _match([info.name for info in archive if info.isfile()], member)
        file = archive.extractfile(name)
        if file is None:
            raise ValueError(f"{name} in it is no file")
        with file:
            yield file


@contextmanager
def _open_7z(path: Path, member: str) -> Iterator[IO[bytes]]:
    try:
        import py7zr
    except ImportError:
        raise ImportError(
            f"{path.name} is a .7z archive: pip install py7zr, or unpack {path} by hand in "
            f"{path.parent}"
        ) from None
    with tempfile.TemporaryDirectory(prefix="wrmf-") as folder:
        with py7zr.SevenZipFile(path) as archive:
            # Only a name without folders is unpacked, so that nothing is written elsewhere.
            name = _match([name for name in archive.getnames() if Path(name).name == name], member)
            archive.extract(path=folder, targets=[name])
        with (Path(folder) / name).open("rb") as file:
            yield file


# How archives are opened, by the endings of their names.
OPENERS: dict[str, Callable[[Path, str], Any]] = {
    ".zip": _open_zip,
    ".tar.gz": _open_tar,
    ".tgz": _open_tar,
    ".tar": _open_tar,
    ".7z": _open_7z,
}


def _match(names: list[str], member: str) -> str:
    """Return the name in an archive that is the member, in whatever folder it is."""
    if member in names:
        return member
    wanted = PurePosixPath(member).name
    for name in names:
        if PurePosixPath(name).match(wanted):
            return name
    raise ValueError(f"no file in it is called {wanted}")


def _check_member(path: Path, name: str, source: Source, member: str) -> None:
    """Raise an OSError if the member of an archive has another checksum than is published."""
    digest = hashlib.md5(usedforsecurity=False)
    opener = next(opener for ending, opener in OPENERS.items() if name.endswith(ending))
    with archive_errors(path, source.contents), opener(path, member) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != source.member_md5:
        raise OSError(
            f"{member} in it has the checksum {digest.hexdigest()}, expected is {source.member_md5}"
        )


@contextmanager
def archive_errors(path: Path, contents: str, *, is_cached: bool = True) -> Iterator[None]:
    """Turn errors of reading an archive into an OSError that says what to do.

    Parameters
    ----------
    path : Path
    contents : str
        The expected contents of the archive, for the error message.
    is_cached : bool, default True
        Whether the file was downloaded, and is downloaded again if it is deleted.
    """
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, KeyError, ValueError) as error:
        advice = ": delete it, and it is fetched again" if is_cached else ""
        raise OSError(f"{path} is not the archive of {contents} ({error}){advice}") from error
