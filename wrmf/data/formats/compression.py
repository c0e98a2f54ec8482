"""Open files and decompress them where necessary, judged by their bytes and not by their names."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from wrmf.data.formats.reasons import reason_of

__all__ = ["format_ending", "is_packed", "open_unpacked", "unpacking"]

# Endings of the names of compressed files.
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
# A tar archive holds the bytes TAR_MAGIC at the position TAR_OFFSET.
TAR_MAGIC, TAR_OFFSET = b"ustar", 257


def format_ending(path: Path) -> str:
    """Return the ending of a file name without that of compression: ``.csv`` for ``x.csv.gz``."""
    ending = path.suffix.lower()
    return Path(path.stem).suffix.lower() if ending in ENDINGS else ending


def _open_zst(path: Path) -> BinaryIO:
    import pyarrow as pa

    stream: BinaryIO = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return stream


def _open_zip(path: Path) -> BinaryIO:
    """Open the only file in a zip archive; folders and files added by macOS do not count."""
    archive = zipfile.ZipFile(path)
    members = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        names = [info.filename for info in members]
        raise ValueError(f"{path} holds {len(members)} files, not one: {names}: unpack one of them")
    if members[0].flag_bits & 1:
        raise ValueError(f"{path} is encrypted: unpack it first")
    return cast(BinaryIO, archive.open(members[0]))


# The function that opens a compressed file, by the first bytes of the file.
OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _open_zst,
    b"PK\x03\x04": _open_zip,
    b"PK\x05\x06": _open_zip,
}


def _opener(path: Path) -> Callable[[Path], Any] | None:
    with path.open("rb") as file:
        start = file.read(8)
    return next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), None)


def is_packed(path: Path) -> bool:
    """Return whether a file is compressed, by its first bytes."""
    return _opener(path) is not None


def open_unpacked(path: Path) -> BinaryIO:
    """Open a file for reading its bytes, which are decompressed if the file is compressed.

    The first bytes of the file tell whether and how it is compressed.

    Raises
    ------
    ValueError
        For a zip archive that does not hold one readable file, and for a tar archive.
    """
    with unpacking(path):
        opener = _opener(path)
        with path.open("rb") if opener is None else opener(path) as file:
            start = file.read(TAR_OFFSET + len(TAR_MAGIC))
        if start[TAR_OFFSET:] == TAR_MAGIC:
            raise ValueError(f"{path} is a tar archive: unpack it, and name a file of it")
        if opener is not None and any(map(start.startswith, OPENERS)):
            raise ValueError(f"{path} is compressed twice: unpack it once")
        return path.open("rb") if opener is None else cast(BinaryIO, opener(path))


@contextlib.contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Convert the errors of decompressing a damaged file to a ValueError with one line of text."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from None
    except NotImplementedError as error:
        raise ValueError(f"{path} cannot be unpacked: {error}; unpack it first") from None
    except OSError as error:
        # bz2 and zstd report damage by an OSError without errno; the operating system sets errno.
        if error.errno is not None:
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Any) -> ValueError:
    reason = reason_of(error)
    return ValueError(f"{path} cannot be unpacked, it is damaged or cut off: {reason}")
