"""Creates arrays in the layout that the kernels read: aligned, and padded with zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["aligned_bytes", "padded", "padded_width"]


def aligned_bytes(size: int) -> np.ndarray:
    """Return an array of ``size`` uninitialised bytes that begins on a 64-byte boundary."""
    room = np.empty(size + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


def padded_width(k: int) -> int:
    """Return ``k`` rounded up to the multiple of 16 that the kernels require."""
    return -(-k // 16) * 16


def padded(matrix: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return a copy of a matrix in ``dtype``, with columns of zeros up to the padded width."""
    out = np.zeros((len(matrix), padded_width(matrix.shape[1])), dtype=dtype)
    out[:, : matrix.shape[1]] = matrix
    return out
