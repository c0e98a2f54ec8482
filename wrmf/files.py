"""Write files atomically, and find the folder of downloads."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["cache_folder", "is_special", "replacing", "replacing_path", "write_atomically"]

# The folders whose links are the system's.
SYSTEM = (("/", "dev"), ("/", "proc"))
# The flag that opens files as binary on Windows, which would otherwise translate line ends.
BINARY = getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of ``path`` when the block ends.

    The content is written to a temporary file in the same folder, flushed to disk and renamed, so
    a reader sees either the old or the new content. If the block raises, the target stays as it
    was and the temporary file is removed. The file gets the permissions that the process gives to
    new files. A link is replaced, and the file that it led to stays. A device or a pipe is not
    replaced but written to.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the folder of ``path`` does not exist, or ``path`` is a folder.
    PermissionError
        If there is a file that the process must not write to, such as a read-only one.
    OSError
        If the file cannot be written.
    """
    with replacing_path(path) as temporary, temporary.open("wb") as file:
        yield file


def is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether a device or a pipe is there, or a link of the system such as /dev/stdout."""
    target = Path(path).absolute()
    if target.is_symlink() and target.parts[:2] in SYSTEM:
        return True
    return target.exists() and not (target.is_file() or target.is_dir())


@contextmanager
def replacing_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Return the path of an empty file that takes the place of ``path`` when the block ends.

    For libraries that write to a path; otherwise as :func:`replacing`.
    """
    if is_special(path):
        yield Path(path)
        return
    target = Path(path).absolute()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no such folder: {target.parent}")
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    if target.exists() and not os.access(target, os.W_OK):
        # A rename would replace it all the same.
        raise PermissionError(f"no permission to write to {path}: name another file")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
        os.close(handle)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        _name_target(error, temporary, path)
        raise


def _name_target(error: BaseException, temporary: Path, path: str | os.PathLike[str]) -> None:
    """Name the target in the error of a full disk, which names no file or the temporary one."""
    if not isinstance(error, OSError) or error.errno is None:
        return
    if error.filename in (None, str(temporary)):
        error.filename, error.filename2 = os.fspath(path), None


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` to ``path`` in one step; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(content)


def cache_folder() -> Path:
    """Return the folder of downloads: ``WRMF_DATA`` if set, else one in the user's cache folder."""
    if os.environ.get("WRMF_DATA"):
        return Path(os.environ["WRMF_DATA"])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home()))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "wrmf"
