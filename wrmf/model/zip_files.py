"""Reads model files of format versions 1 and 2: zips of NumPy arrays and ``model.json``.

Later versions are written by :mod:`wrmf.model.persistence`. Nothing here is executed or unpickled,
and no array is allocated before its size is compared with that of the file.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.data.interactions import object_array
from wrmf.model.saved_ids import ids_from_json
from wrmf.model.saved_parts import params_from_json
from wrmf.model.state import Factors

__all__ = ["MAGIC", "read_zip"]

MAGIC = b"PK\x03\x04"
ENCRYPTED = 0x1
ARRAYS = ("user_factors", "item_factors", "train_data", "train_indices", "train_indptr")


def read_zip(file: IO[bytes], format_name: str) -> tuple[dict[str, Any], Factors]:
    """Return the changed parameters and the factors of an open file.

    Raises
    ------
    Exception
        Of any kind, if the file is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        members = _checked_members(archive)
        header = json.loads(archive.read("model.json"))
        if not isinstance(header, dict) or header.get("format") != format_name:
            raise ValueError("it does not name the format")
        if header["version"] not in (1, 2):
            raise ValueError(f"its format version is {header['version']!r}: update wrmf")
        names = [*ARRAYS, *(axis for axis in ("users", "items") if header[axis] is None)]
        arrays = {name: _read_array(archive, members[f"{name}.npy"]) for name in names}
    return _decode(header, arrays)


def _checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name; they must be as such files were written: stored, not encrypted.

    ``zipfile`` refuses members beyond the end of the file when they are read.
    """
    members = archive.infolist()
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise ValueError(f"its member {member.filename!r} is encrypted")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ValueError(f"its member {member.filename!r} is compressed")
    by_name = {member.filename: member for member in members}
    if len(by_name) < len(members):
        raise ValueError("it has several members of one name")
    return by_name


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as content:
        n_bytes = _size_of_array(content)
    if n_bytes != member.file_size or member.header_offset + n_bytes > _size(archive):
        raise ValueError(f"its member {member.filename!r} claims {n_bytes} bytes")
    with archive.open(member) as content:
        array: np.ndarray = np.lib.format.read_array(content, allow_pickle=False)
        # zipfile compares the checksum only once a member is read to its end.
        content.read()
    return array


def _size_of_array(content: IO[bytes]) -> int:
    """Return the number of bytes that an array and its header must take, from the header."""
    version = np.lib.format.read_magic(content)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(content)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(content)
    else:
        raise ValueError(f"it holds an array of npy version {version}")
    if dtype.kind not in "iufUS" or min(shape, default=0) < 0:
        raise ValueError(f"it holds an array of {dtype} and shape {shape}")
    return content.tell() + math.prod(shape) * dtype.itemsize


def _size(archive: zipfile.ZipFile) -> int:
    assert archive.fp is not None
    archive.fp.seek(0, 2)
    return archive.fp.tell()


def _decode(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], Factors]:
    names = header.get("item_names")
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ValueError("its names of items are not texts")
    compressed = arrays["train_data"], arrays["train_indices"], arrays["train_indptr"]
    ids = {
        axis: arrays[axis] if header[axis] is None else ids_from_json(header[axis])
        for axis in ("users", "items")
    }
    # The shape is checked against the ids, before SciPy sees it.
    shape = tuple(map(len, ids.values()))
    if header["shape"] != list(shape):
        raise ValueError(f"it has {shape} ids for data of shape {header['shape']!r:.60}")
    factors = Factors(
        users=ids["users"],
        items=ids["items"],
        user_factors=arrays["user_factors"],
        item_factors=arrays["item_factors"],
        train_matrix=as_csr(sparse.csr_matrix(compressed, shape=shape), allow_empty=True),
        iterations_done=header["iterations_done"],
        item_names=None if names is None else object_array(names),
        params=params_from_json(header["params"]),
        numbered=header.get("numbered", False),
    )
    return params_from_json(header.get("changed_params", {})), factors
