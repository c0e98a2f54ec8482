"""The folder of a distributed fit: what it holds, and how it is written and trusted.

::

    data/items.tensors            ids of items, and their numbers of entries
    data/shard-00000.tensors      the interactions of a part of the users, and their ids
    data/manifest.json            written last: what the files of ``data`` must be
    run.json                      the parameters, and the state of the random generator
    held-out/                     what an evaluation ranks, while it runs
    items/00003-00000.tensors     a block of the item factors after iteration 3
    latest.json                   written last: the last complete iteration

Every file is written under a temporary name, flushed to disk and renamed. Whatever is in the folder
when a process dies, a rerun trusts only what a manifest or ``latest.json`` names, and only if its
checksum is right. The folder must be the same one on all workers and where ``fit`` is called.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.files import replacing, write_atomically
from wrmf.model.tensors import Tensors, header_checksum, read_tensors, write_tensors

__all__ = ["FileRecord", "Folder", "read_arrays", "write_arrays"]

# What the folder has; anything else in it is left alone.
FOLDERS = ("data", "items", "held-out")
POINTERS = ("latest.json", "data/manifest.json", "run.json")


@dataclass(frozen=True)
class FileRecord:
    """A file of arrays, as a manifest names it.

    Attributes
    ----------
    name : str, relative to the folder, with "/"
    size : int, in bytes
    checksum : str
        The checksum of the file's header, which holds those of its arrays.
    """

    name: str
    size: int
    checksum: str


@dataclass(frozen=True)
class Folder:
    """The folder of a distributed fit.

    Attributes
    ----------
    root : str
    """

    root: str

    @classmethod
    def prepare(cls, path: str | os.PathLike[str], apart_from: Iterable[Path] = ()) -> Folder:
        """Return a folder, which is made if it does not exist.

        Parameters
        ----------
        path : path
        apart_from : paths of the source

        Raises
        ------
        NotADirectoryError, PermissionError, OSError
            If it is a file, or cannot be written to.
        ValueError
            If it has no name, or is within a folder of the source.
        """
        if not str(path):
            raise ValueError("folder is an empty text: name a folder that all workers share")
        folder = cls(str(Path(path).expanduser().absolute()))
        root = Path(folder.root)
        folder._check_apart(apart_from)
        try:
            for part in (root, *(root / name for name in FOLDERS)):
                part.mkdir(parents=True, exist_ok=True)
            write_atomically(root / "run.json.probe", b"")
            (root / "run.json.probe").unlink(missing_ok=True)
        except FileExistsError:
            raise NotADirectoryError(f"folder={root} is a file: name a folder") from None
        except OSError as error:
            raise type(error)(
                error.errno, f"folder={root} cannot be written to ({error.strerror})"
            ) from error
        return folder

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other fits on this machine out, and remove what dead processes have left.

        Raises
        ------
        ValueError
            If another fit uses the folder.
        """
        try:
            handle = _lock(self.root)
        except (BlockingIOError, FileExistsError, PermissionError):
            raise ValueError(
                f"another fit uses folder={self.root}: wait for its end, or name another folder"
            ) from None
        try:
            for remains in Path(self.root).rglob(".*.tmp"):
                remains.unlink(missing_ok=True)
            yield
        finally:
            if handle is not None:
                os.close(handle)

    def _check_apart(self, paths: Iterable[Path]) -> None:
        """Raise a ValueError if the folder is within a folder of the source.

        Its files would be read as data by the next call.
        """
        root = Path(self.root).resolve()
        for path in paths:
            within = path.expanduser().resolve()
            if within.is_dir() and within in (root, *root.parents):
                raise ValueError(
                    f"folder={self.root} is within the source {path}, of which every file is "
                    "data: name a folder elsewhere"
                )

    def path(self, name: str) -> Path:
        """Return the path of a file, by its name with "/"."""
        return Path(self.root, *name.split("/"))

    def clear(self) -> None:
        """Remove what an earlier fit has left in the folder, and nothing else."""
        # The pointers first: without them nothing else is trusted.
        for name in POINTERS:
            self.path(name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(self.path(name), ignore_errors=True)
            self.path(name).mkdir(exist_ok=True)

    def read_json(self, name: str, build: Callable[[Any], Any] = lambda content: content) -> Any:
        """Return what is built of the content of a JSON file, or None if it does not exist.

        Raises
        ------
        ValueError
            If it is no JSON, or nothing can be built of it.
        """
        path = self.path(name)
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._damaged(path, str(error)) from None
        try:
            return build(content)
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"unlike what this version of wrmf writes: {type(error).__name__}: {error}"
            raise self._damaged(path, reason) from None

    @staticmethod
    def _damaged(path: Path, reason: str) -> ValueError:
        return ValueError(f"{path} is damaged ({reason}): pass resume=False to begin again")

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file in one step."""
        write_atomically(self.path(name), json.dumps(content, indent=1).encode())


def _lock(root: str) -> int | None:
    """Return an open file that keeps others from locking a folder, None where there are no locks.

    It is closed when the process ends, however that happens.
    """
    if sys.platform == "win32":
        # The file exists as long as it is open.
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY
        return os.open(Path(root, "lock"), flags)
    import fcntl

    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        # Some shared file systems have no locks.
        os.close(handle)
        return None
    return handle


def write_arrays(folder: Folder, name: str, arrays: Mapping[str, np.ndarray]) -> FileRecord:
    """Write named arrays to a file in one step, and return its record.

    Raises
    ------
    OSError
        If it cannot be written; the message names the file and says how to go on.
    """
    path = folder.path(name)
    try:
        with replacing(path) as file:
            write_tensors(file, Tensors(arrays, {}))
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write {path} ({error.strerror or error}): nothing half-written is trusted, "
            "so make room or mend the folder, and call fit again with the same arguments",
        ) from error
    with path.open("rb") as written:
        return FileRecord(name, path.stat().st_size, header_checksum(written))


def read_arrays(folder: Folder, record: FileRecord, *, mapped: bool = False) -> dict[str, Any]:
    """Return the arrays of a file that a manifest names.

    Parameters
    ----------
    folder : Folder
    record : FileRecord
    mapped : bool, default False
        Whether the arrays are views of the file, of which only the parts that are used are read.
        The checksums of the arrays are then not compared.

    Raises
    ------
    ValueError
        If it is missing, damaged, or not the file of the record.
    """
    path = folder.path(record.name)
    try:
        with path.open("rb") as file:
            size, checksum = path.stat().st_size, header_checksum(file)
            if (size, checksum) != (record.size, record.checksum):
                raise ValueError(f"it is another file than the one that was written ({size} bytes)")
            file.seek(0)
            return dict(read_tensors(file, mapped=mapped, verify=not mapped).arrays)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(
            f"{path} cannot be used: {error}. If another fit has gone on in this folder, use its "
            "model, or call fit again with the same arguments; if the file is lost, pass "
            "resume=False to begin again"
        ) from None
