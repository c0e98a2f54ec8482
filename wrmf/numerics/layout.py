"""Arrays laid out as the kernels read them: aligned, and padded with zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["aligned_bytes", "padded", "padded_width"]


def aligned_bytes(size: int) -> np.ndarray:
    """Return uint8 (size,), its content undefined, beginning on a 64-byte boundary."""
    room = np.empty(size + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


def padded_width(k: int) -> int:
    """Return ``k`` rounded up to the multiple of 16 that the kernels want."""
    return -(-k // 16) * 16


def padded(matrix: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return a matrix (n, k) in a dtype, with zeros in columns up to the padded width."""
    out = np.zeros((len(matrix), padded_width(matrix.shape[1])), dtype=dtype)
    out[:, : matrix.shape[1]] = matrix
    return out
