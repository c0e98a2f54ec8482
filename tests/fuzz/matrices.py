"""Matrices of every format, dtype and layout, sound or broken, and what they stand for."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["Case", "draw_matrix"]

VALUES = [0.0, -0.0, 1.0, 1.0, 2.0, 0.5, 3.0, 1e9]
EXTREME = [5e-324, 1e-45, 1e-39, 1e38, 3.5e38, 1e39, 1e308, math.nan, math.inf, -math.inf, -1.0]
EXTREME += [-1e-30, 2.0**53, 255.0]
DTYPES = ["f4", "f8", "?", "i1", "i2", "i4", "i8", "u1", "u4", "u8", "f2", ">f4", ">f8", ">i4", "g"]
OTHER_DTYPES = ["c8", "c16", "O", "U3", "S3", "M8[s]", "m8[s]"]
INDEX_DTYPES = ["i4", "i4", "i8", "i2", "u4", "u8", ">i4", ">i8", "u1"]
OTHER_INDEX_DTYPES = ["f8", "?", "c16", "O"]
HUGE = [2**31 - 1, 2**31, 2**40, 2**62, -1, -(2**31), -(2**62)]
# The largest count that float32 holds, rounded up; sums are in float64.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Case:
    """A matrix, and the sums of its cells; None if it must be refused.

    A sound matrix without entries, or without rows or columns, has sums; some calls take it.
    """

    matrix: Any
    expected: np.ndarray | None


def draw_matrix(generator: np.random.Generator, shape: tuple[int, int]) -> Case:
    """Draw a matrix of a shape; a third of them are broken, or hold values that are no counts."""
    draw = generator.choice([_draw_compressed, _draw_coordinates, _draw_dense, _draw_other])
    return draw(generator, shape)


def _draw_values(generator: np.random.Generator, n: int) -> np.ndarray:
    """Draw values in some dtype; an extreme value is among one in four arrays."""
    values = generator.choice(VALUES, n)
    if generator.random() < 0.25 and n:
        values[generator.integers(n)] = generator.choice(EXTREME)
    name = generator.choice(OTHER_DTYPES if generator.random() < 0.05 else DTYPES)
    if name == "O":
        out = np.empty(n, dtype=object)
        out[:] = values.tolist()
        return out
    with np.errstate(all="ignore"):
        if np.dtype(name).kind in "mM":
            return np.nan_to_num(values).clip(0, 9).astype("i8").astype(name)
        return values.astype(name)


def _laid_out(generator: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Return an array with the same content: read-only, strided, misaligned or mapped."""
    match generator.integers(8):
        case 0:
            array = array.copy()
            array.flags.writeable = False
        case 1:
            wide = np.zeros((*array.shape, 2), array.dtype)
            wide[..., 0] = array
            array = wide[..., 0]
        case 2 if array.dtype.kind not in "OmM":
            content = bytearray(1 + array.nbytes)
            content[1:] = array.tobytes()
            array = np.frombuffer(content, array.dtype, offset=1).reshape(array.shape)
        case 3 if array.size and array.dtype.kind not in "OmM":
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "array")
                array.tofile(path)
                array = np.memmap(path, array.dtype, "r", shape=array.shape)
        case 4:
            array = np.asfortranarray(array)
    return array


def _as_indices(generator: np.random.Generator, values: list[int]) -> np.ndarray:
    name = generator.choice(OTHER_INDEX_DTYPES if generator.random() < 0.03 else INDEX_DTYPES)
    numbers = np.array(values, dtype="i8")
    if np.dtype(name).kind in "iu":
        bounds = np.iinfo(name)
        if len(numbers) and not bounds.min <= numbers.min() <= numbers.max() <= bounds.max:
            name = "i8"
    return numbers.astype(name)


def _are_indices(array: np.ndarray) -> bool:
    return array.ndim == 1 and array.dtype.kind in "iu"


def _sums(
    triples: list[tuple[int, int, Any]], dtype: np.dtype, shape: tuple[int, int]
) -> np.ndarray | None:
    """Return the sum of each cell, or None if an entry lies outside or is no count."""
    if dtype.kind not in "biuf":
        return None
    out = np.zeros(shape)
    for row, column, value in triples:
        number = float(value)
        inside = 0 <= row < shape[0] and 0 <= column < shape[1]
        if not inside or not math.isfinite(number) or number < 0:
            return None
        out[row, column] += number
    # Values that round to infinity are beyond the range of float32.
    with np.errstate(over="ignore"):
        is_large = np.isinf(out.astype(np.float32)).any()
    return None if is_large else out


def _draw_compressed(generator: np.random.Generator, shape: tuple[int, int]) -> Case:
    """Draw a CSR or CSC matrix whose arrays are replaced one by one, so that SciPy checks none."""
    is_csr = bool(generator.integers(2))
    n_outer, n_inner = shape if is_csr else shape[::-1]
    counts = generator.integers(0, 4, n_outer)
    if n_outer and generator.random() < 0.1:
        counts[generator.integers(n_outer)] = 3 * max(n_inner, 1)
    indptr = np.concatenate(([0], np.cumsum(counts))).tolist()
    indices = generator.integers(0, max(n_inner, 1), indptr[-1]).tolist()
    values = _draw_values(generator, indptr[-1])
    broken = generator.integers(20)
    if broken == 0 and len(indptr) > 1:
        indptr[generator.integers(len(indptr))] = int(generator.choice([*HUGE, 1, 3, 100]))
    elif broken == 1 and indices:
        indices[generator.integers(len(indices))] = int(generator.choice([*HUGE, n_inner]))
    elif broken == 2:
        indptr.append(indptr[-1])
    elif broken == 3:
        indptr.pop()
    elif broken == 4 and indices:
        indices.pop()
    elif broken == 5 and len(values):
        values = values[:-1]
    elif broken == 6:
        indices.append(n_inner + 5)
        values = np.append(values, values[:1]) if len(values) else values
    kinds = ("csr_matrix", "csr_array") if is_csr else ("csc_matrix", "csc_array")
    matrix = getattr(sparse, str(generator.choice(kinds)))(shape, dtype="f8")
    arrays = values, _as_indices(generator, indices), _as_indices(generator, indptr)
    matrix.data, matrix.indices, matrix.indptr = (_laid_out(generator, array) for array in arrays)
    return Case(matrix, _of_compressed(matrix, n_outer, is_csr))


def _of_compressed(matrix: Any, n_outer: int, is_csr: bool) -> np.ndarray | None:
    data, indices, indptr = matrix.data, matrix.indices, matrix.indptr
    if not (_are_indices(indices) and _are_indices(indptr)) or len(indptr) != n_outer + 1:
        return None
    ends = [int(end) for end in indptr]
    stored = min(len(data), len(indices))
    if ends[0] != 0 or ends != sorted(ends) or ends[-1] > stored:
        return None
    triples = []
    for outer in range(n_outer):
        for place in range(ends[outer], ends[outer + 1]):
            pair = outer, int(indices[place])
            triples.append((*(pair if is_csr else pair[::-1]), data[place]))
    return _sums(triples, data.dtype, matrix.shape)


def _draw_coordinates(generator: np.random.Generator, shape: tuple[int, int]) -> Case:
    """Draw a COO matrix with repeated pairs, whose arrays SciPy has not checked."""
    n = int(generator.integers(0, 12)) if 0 not in shape else 0
    places = [generator.integers(0, max(length, 1), n).tolist() for length in shape]
    broken = generator.integers(12)
    if broken == 0 and n:
        axis = generator.integers(2)
        places[axis][generator.integers(n)] = int(generator.choice([*HUGE, shape[axis]]))
    elif broken == 1 and n:
        places[generator.integers(2)].pop()
    values = _draw_values(generator, n)
    matrix = getattr(sparse, str(generator.choice(["coo_matrix", "coo_array"])))(shape, dtype="f8")
    rows, columns = (_laid_out(generator, _as_indices(generator, place)) for place in places)
    matrix.data, matrix.coords = _laid_out(generator, values), (rows, columns)
    # Whole numbers are accepted as floats.
    rows, columns = (
        array.astype("i8") if array.dtype == "f8" and array.ndim == 1 else array
        for array in (rows, columns)
    )
    same_length = len(rows) == len(columns) == len(values)
    if not (_are_indices(rows) and _are_indices(columns) and same_length):
        return Case(matrix, None)
    triples = [
        (int(row), int(column), value)
        for row, column, value in zip(rows, columns, values, strict=True)
    ]
    return Case(matrix, _sums(triples, values.dtype, shape))


def _draw_dense(generator: np.random.Generator, shape: tuple[int, int]) -> Case:
    """Draw an array, which may be masked, a matrix, or not of two dimensions."""
    values = _draw_values(generator, shape[0] * shape[1])
    array = _laid_out(generator, values.reshape(shape))
    is_masked = np.zeros(shape, dtype=bool)
    match generator.integers(8):
        case 0:
            array = array[..., None]
        case 1:
            array = array[0] if shape[0] else np.empty(0)
        case 2 if array.dtype.kind in "fiu":
            is_masked = generator.random(shape) < 0.3
            array = np.ma.MaskedArray(array, is_masked)
        case 3 if array.dtype != object:
            array = array.view(np.matrix)
    if array.ndim != 2:
        return Case(array, None)
    plain = np.ma.getdata(array)
    triples = [
        (row, column, plain[row, column])
        for row, column in np.ndindex(*shape)
        if not is_masked[row, column]
    ]
    return Case(array, _sums(triples, array.dtype, shape))


def _draw_other(generator: np.random.Generator, shape: tuple[int, int]) -> Case:
    """Draw a LIL, DOK, DIA or BSR matrix of sound values."""
    dense = generator.choice(VALUES, shape) * (generator.random(shape) < 0.5)
    name = str(generator.choice(["lil", "dok", "dia", "bsr"]))
    kind = str(generator.choice(["matrix", "array"]))
    # SciPy makes no matrices of these formats without rows or columns.
    matrix = getattr(sparse, f"{name}_{kind}" if all(shape) else f"csr_{kind}")(dense)
    if matrix.format == "bsr" and len(matrix.indices) and generator.random() < 0.3:
        matrix.indices = matrix.indices.astype("i8")
        matrix.indices[0] = generator.choice(HUGE[:2])
        return Case(matrix, None)
    triples = [(row, column, dense[row, column]) for row, column in np.ndindex(*shape)]
    return Case(matrix, _sums(triples, dense.dtype, shape))
