"""Creates arrays in the layout that the kernels read: aligned, and padded with zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

__all__ = [
    "ALIGNMENT",
    "FromBuffers",
    "Recycler",
    "Workspace",
    "Workspaces",
    "aligned_array",
    "aligned_bytes",
    "as_aligned",
    "padded",
    "padded_width",
]

# The size of a cache line in bytes.
ALIGNMENT = 64


def aligned_bytes(size: int) -> np.ndarray:
    """Return an array of ``size`` uninitialised bytes that begins on a 64-byte boundary."""
    room = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def aligned_array(shape: tuple[int, int], dtype: DTypeLike) -> np.ndarray:
    """Return an uninitialised array that begins on a 64-byte boundary."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    array: np.ndarray = aligned_bytes(size).view(dtype).reshape(shape)
    return array


def as_aligned(array: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return an array as the kernels read arrays: contiguous, in ``dtype``, its numbers aligned.

    It is copied only if need be. Arrays within a buffer that came over a network may begin at any
    byte.
    """
    return np.require(array, dtype, ["C", "A"])


class FromBuffers:
    """A record whose arrays are aligned when it is unpickled, as :func:`as_aligned` does it."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            is_array = isinstance(value, np.ndarray)
            object.__setattr__(self, name, as_aligned(value, value.dtype) if is_array else value)


def padded_width(k: int) -> int:
    """Return ``k`` rounded up to the multiple of 16 that the kernels require."""
    return -(-k // 16) * 16


def padded(matrix: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return a copy of a matrix in ``dtype``, with columns of zeros up to the padded width."""
    out = np.zeros((len(matrix), padded_width(matrix.shape[1])), dtype=dtype)
    out[:, : matrix.shape[1]] = matrix
    return out


class Workspace:
    """Scratch arrays by name, which are used again and grow as needed."""

    def __init__(self) -> None:
        self.kept: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, int], dtype: DTypeLike) -> np.ndarray:
        """Return an uninitialised array that begins on a 64-byte boundary."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        kept = self.kept.get(name)
        if kept is None or kept.nbytes < size:
            kept = self.kept[name] = aligned_bytes(size)
        return kept[:size].view(dtype).reshape(shape)


class Workspaces:
    """Lends a workspace to each computation, so that no two that overlap share arrays.

    Computations one after the other get the same workspace. Those of several threads, or of a
    signal handler and what it interrupted, overlap. Pickled, they are as new.
    """

    def __init__(self) -> None:
        self.free: list[Workspace] = []

    def __reduce__(self) -> tuple[type[Workspaces], tuple[()]]:
        return Workspaces, ()

    @contextmanager
    def borrow(self) -> Iterator[Workspace]:
        """Lend a workspace for the length of the block."""
        try:
            # A list's pop and append need no lock.
            workspace = self.free.pop()
        except IndexError:
            workspace = Workspace()
        try:
            yield workspace
        finally:
            self.free.append(workspace)


class Recycler:
    """Makes arrays from the memory of earlier ones, as soon as these are gone.

    The system clears new memory when it is first used, which takes about as long as to copy as
    much. The memory of an array, of its views and of buffers on them is free when the last is gone.

    Attributes
    ----------
    most : int, the number of bytes that may be kept while no array uses them

    Examples
    --------
    >>> recycler = Recycler(most=2**20)
    >>> first = recycler.array((1000, 16), "float32")
    >>> place = first.ctypes.data
    >>> del first
    >>> recycler.array((995, 16), "float32").ctypes.data == place
    True
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        # By size. A list's pop and append need no lock.
        self.free: dict[int, list[np.ndarray]] = {}

    def array(self, shape: tuple[int, int], dtype: DTypeLike) -> np.ndarray:
        """Return an uninitialised array that begins on a 64-byte boundary."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        # Sizes that differ by less than a sixteenth have the same room, mostly.
        step = 1 << max(6, size.bit_length() - 5)
        rounded = max(step, -(-size // step) * step)
        try:
            room = self.free[rounded].pop()
        except (KeyError, IndexError):
            room = aligned_bytes(rounded)
        lease = np.asarray(_Lease(room, self))
        array: np.ndarray = lease[:size].view(dtype).reshape(shape)
        return array

    def take_back(self, room: np.ndarray) -> None:
        """Keep memory that no array uses any more, unless that would be too much."""
        kept = sum(size * len(rooms) for size, rooms in list(self.free.items()))
        if kept + room.nbytes <= self.most:
            self.free.setdefault(room.nbytes, []).append(room)


class _Lease:
    """The owner of an array's memory, which lives as long as the array or a view of it."""

    def __init__(self, room: np.ndarray, recycler: Recycler) -> None:
        self.room = room
        self.recycler = recycler
        self.__array_interface__ = room.__array_interface__

    def __del__(self) -> None:
        self.recycler.take_back(self.room)
