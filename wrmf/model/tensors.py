"""Named arrays and texts in one file, in the layout of safetensors.

The file is an 8-byte little-endian length, a JSON header of this length, and the bytes of the
arrays, one after the other. The header has the dtype, the shape and the place of each array, and
texts under ``__metadata__``. So the library ``safetensors`` reads the file, too. That library
copies arrays when it reads them to NumPy, and it has no checksums; mapping and verifying files is
therefore done here.

Two texts are ours: ``checksum``, which begins the header and covers the rest of it, and
``checksums`` of the arrays. The header is verified before anything that it claims is used.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from wrmf.numerics.memory import check_memory

__all__ = ["Tensors", "header_checksum", "read_tensors", "write_tensors"]

# The dtypes that model files use, by their names in the header. Files are little-endian.
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
    "U8": np.dtype("u1"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
# Arrays begin here, counted from the start of the file, in multiples of the size of a cache line.
# Gaps between arrays are not allowed, so they are stored by falling size of their elements: each
# then begins at a multiple of this size.
ALIGNMENT = 64
# safetensors refuses longer headers, too.
MAX_HEADER = 100_000_000
LENGTH_BYTES = 8
# The header begins with its checksum of eight hexadecimal digits, which covers all bytes after it.
PREFIX = b'{"__metadata__":{"checksum":"'
DIGITS = 8


@dataclass(frozen=True)
class Tensors:
    """The content of a file.

    Attributes
    ----------
    arrays : mapping of name to ndarray
        Of the dtypes float16, float32, float64, int32, int64 and uint8.
    metadata : mapping of name to text
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, str]


def write_tensors(file: IO[bytes], content: Tensors) -> None:
    """Write arrays and texts to an open file.

    Parameters
    ----------
    file : binary file, open for writing
    content : Tensors

    Raises
    ------
    TypeError
        For an array of another dtype.
    """
    # The sort is stable: arrays of one size stay in the given order.
    ordered = sorted(content.arrays.items(), key=lambda named: -named[1].dtype.itemsize)
    arrays = {name: _as_stored(name, array) for name, array in ordered}
    checksums = {name: checksum(array) for name, array in arrays.items()}
    file.write(_assemble_header(arrays, {**content.metadata, "checksums": json.dumps(checksums)}))
    for array in arrays.values():
        file.write(_bytes_of(array))


def read_texts(file: IO[bytes]) -> dict[str, str]:
    """Return the texts of a file that :func:`write_tensors` wrote, without reading arrays.

    Errors are those of :func:`read_tensors`.
    """
    header, _ = _read_header(file, os.fstat(file.fileno()).st_size)
    return _checked_metadata(header.pop("__metadata__", None))


def read_tensors(file: IO[bytes], *, mapped: bool = False, verify: bool = True) -> Tensors:
    """Return the content of a file that :func:`write_tensors` wrote.

    Lengths are compared with the size of the file before any array is allocated.

    Parameters
    ----------
    file : binary file, open for reading, at its start
    mapped : bool, default False
        Whether arrays are read-only views of the file. The system reads a part of the file when it
        is first used, and keeps it once for all processes.
    verify : bool, default True
        Whether to compare the checksums of the arrays, for which all of them are read.

    Raises
    ------
    ValueError
        For a file that is not of this layout, or damaged.
    MemoryError
        If the arrays do not fit the memory, and are not mapped.
    """
    size = os.fstat(file.fileno()).st_size
    header, start = _read_header(file, size)
    metadata = _checked_metadata(header.pop("__metadata__", None))
    places = _checked_places(header, start, size)
    checksums = _checksums(metadata, places)
    if mapped:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        arrays = {name: place.view(view, start) for name, place in places.items()}
    else:
        check_memory(
            size - start, "the arrays of the file", "load it with mmap=True, which reads on demand"
        )
        file.seek(start)
        arrays = {name: place.read(file) for name, place in places.items()}
    for name, array in arrays.items():
        if verify and checksum(array) != checksums[name]:
            raise ValueError(f"the array {name!r} does not have its checksum")
    native = {
        name: array.astype(array.dtype.newbyteorder("="), copy=False)
        for name, array in arrays.items()
    }
    return Tensors(native, metadata)


def header_checksum(file: IO[bytes]) -> str:
    """Return the checksum in the header of an open file, at its start; it identifies the content.

    It covers the checksums of all arrays. It is not compared with anything.
    """
    return file.read(LENGTH_BYTES + len(PREFIX) + DIGITS)[-DIGITS:].decode("latin-1")


def checksum(array: np.ndarray) -> str:
    """Return the CRC-32 of the bytes of a contiguous array, as eight hexadecimal digits."""
    return f"{zlib.crc32(_bytes_of(array)):08x}"


@dataclass(frozen=True)
class _Place:
    """The dtype, the shape and the place of an array, as the header states them."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def of(cls, name: str, entry: Any) -> _Place:
        """Return the validated entry of the header."""
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"the header does not describe the array {name!r}")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise ValueError(f"the array {name!r} has the unknown dtype {dtype!r:.40}")
        if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):
            raise ValueError(f"the array {name!r} has no valid shape or place")
        if len(shape) > 2:
            raise ValueError(f"the array {name!r} has {len(shape)} dimensions")
        place = cls(DTYPES[dtype], tuple(shape), *offsets)
        n_bytes = place.end - place.begin
        if math.prod(shape) * place.dtype.itemsize != n_bytes:
            raise ValueError(f"the array {name!r} of shape {shape} does not fill {n_bytes} bytes")
        return place

    def view(self, file: mmap.mmap, start: int) -> np.ndarray:
        """Return the array as a view of a mapped file, whose arrays begin at ``start``."""
        count = math.prod(self.shape)
        return np.frombuffer(file, self.dtype, count, start + self.begin).reshape(self.shape)

    def read(self, file: IO[bytes]) -> np.ndarray:
        """Return the array read from an open file, which is at its place."""
        array: np.ndarray = np.empty(self.shape, self.dtype)
        if file.readinto(_bytes_of(array)) != array.nbytes:  # type: ignore[attr-defined]
            raise ValueError("the file became shorter while it was read")
        return array


def _as_stored(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array contiguous and little-endian, without a copy where it already is."""
    little = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
    if little not in NAMES:
        raise TypeError(
            f"the array {name!r} has the dtype {array.dtype}, not one of {list(DTYPES)}"
        )
    return np.ascontiguousarray(array, dtype=little)


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _assemble_header(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Return the length and the header, padded so that arrays begin at ``ALIGNMENT``."""
    header: dict[str, Any] = {"__metadata__": {"checksum": "0" * DIGITS, **metadata}}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        dtype, shape = NAMES[array.dtype], list(array.shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(LENGTH_BYTES + len(text)) % ALIGNMENT)
    rest = text[len(PREFIX) + DIGITS :]
    if len(text) > MAX_HEADER:
        raise ValueError(f"the header takes {len(text)} bytes, the limit is {MAX_HEADER}")
    digits = f"{zlib.crc32(rest):08x}".encode()
    return len(text).to_bytes(LENGTH_BYTES, "little") + PREFIX + digits + rest


def _read_header(file: IO[bytes], size: int) -> tuple[dict[str, Any], int]:
    """Return the header, whose checksum is verified, and the place where arrays begin."""
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    start = LENGTH_BYTES + length
    if not len(PREFIX) + DIGITS < length <= MAX_HEADER or start > size:
        raise ValueError(f"it does not begin with a header that fits into its {size} bytes")
    text = file.read(length)
    rest = text[len(PREFIX) + DIGITS :]
    if text[: -len(rest)] != PREFIX + f"{zlib.crc32(rest):08x}".encode():
        raise ValueError("its header does not have its checksum")
    try:
        header = json.loads(text)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    return header, start


def _checked_metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("the metadata of its header are not texts")
    return metadata


def _checked_places(header: Mapping[str, Any], start: int, size: int) -> dict[str, _Place]:
    """Return the places of all arrays, which must fill the file after ``start`` without gaps.

    Compiled code reads elements at multiples of their size only.
    """
    places = {name: _Place.of(name, entry) for name, entry in header.items()}
    end = 0
    for name, place in places.items():
        if place.begin != end:
            raise ValueError(f"the array {name!r} begins at {place.begin}, not at {end}")
        if (start + end) % place.dtype.itemsize:
            raise ValueError(f"the array {name!r} begins between two multiples of its elements")
        end = place.end
    if start + end != size:
        raise ValueError(f"its arrays take {end} bytes, but {size - start} bytes follow the header")
    return places


def _checksums(metadata: Mapping[str, str], places: Mapping[str, _Place]) -> dict[str, Any]:
    """Return the checksum of each array."""
    try:
        checksums = json.loads(metadata.get("checksums", "null"))
    except RecursionError:
        checksums = None
    if not isinstance(checksums, dict) or set(checksums) != set(places):
        raise ValueError("its header does not have one checksum for each array")
    return checksums


def _are_sizes(values: Any) -> bool:
    """Return whether a JSON value is a list of whole numbers ≥ 0."""
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
