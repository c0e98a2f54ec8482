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
from collections.abc import Mapping
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
    def prepare(cls, path: str | os.PathLike[str]) -> Folder:
        """Return a folder, made if it does not exist, without the remains of dead processes.

        Raises
        ------
        NotADirectoryError, PermissionError, OSError
            If it is a file, or cannot be written to.
        """
        folder = cls(str(Path(path).expanduser().absolute()))
        root = Path(folder.root)
        try:
            for part in (root, *(root / name for name in FOLDERS)):
                part.mkdir(parents=True, exist_ok=True)
            write_atomically(root / "run.json.probe", b"")
            (root / "run.json.probe").unlink()
        except FileExistsError:
            raise NotADirectoryError(f"folder={root} is a file: name a folder") from None
        except OSError as error:
            raise type(error)(
                error.errno, f"folder={root} cannot be written to ({error.strerror})"
            ) from error
        for remains in root.rglob(".*.tmp"):
            remains.unlink(missing_ok=True)
        return folder

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

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file, or None if it does not exist.

        Raises
        ------
        ValueError
            If it is no JSON.
        """
        path = self.path(name)
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"{path} is damaged ({error}): pass resume=False to begin again"
            ) from None

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file in one step."""
        write_atomically(self.path(name), json.dumps(content, indent=1).encode())


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
            f"{path} cannot be used: {error}. Pass resume=False to begin again"
        ) from None
