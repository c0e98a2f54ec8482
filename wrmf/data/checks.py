"""Validate the numbers, random states and matrices that callers pass in.

Every function returns its argument in one canonical form or raises an error that names it.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from scipy import sparse

from wrmf.data.choices import as_choice, shown

__all__ = [
    "MatrixLike",
    "RandomStateLike",
    "as_csr",
    "as_entries",
    "as_generator",
    "as_negative",
    "as_positive_int",
    "as_real",
    "as_share",
    "check_indices",
    "is_integer",
    "is_number",
]

MatrixLike: TypeAlias = "sparse.spmatrix | sparse.sparray | np.ndarray"
RandomStateLike: TypeAlias = int | np.integer | np.random.Generator | np.random.RandomState | None

# A function of values and the name of their matrix that raises an error for those not wanted.
CheckValues: TypeAlias = Callable[[np.ndarray, str], None]

# The largest number of rows or columns of a matrix: the kernels hold column indices as int32.
MAX_LENGTH = 2**31 - 1
# What to do with negative values of a matrix.
NEGATIVE = ("error", "dislike")


def is_number(value: object) -> TypeGuard[float]:
    """Return whether ``value`` is a real number other than a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def is_integer(value: object) -> TypeGuard[int]:
    """Return whether ``value`` is a whole number of an integer type other than bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def _described(value: object) -> str:
    """Return a value and its type for an error message."""
    return f"{shown(value)} ({type(value).__name__})"


def _as_float(value: float) -> float:
    """Return a number as a float, infinite if it is beyond the range of floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def as_positive_int(value: object, name: str, minimum: int = 1) -> int:
    """Return ``value`` as an int ≥ ``minimum``; bools, floats and strings raise a TypeError."""
    # The class of numbers is asked for less common types only, which takes longer.
    if type(value) is int and value >= minimum:
        return value
    if not is_integer(value):
        raise TypeError(f"{name} must be a whole number, got {_described(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {shown(int(value))}")
    return int(value)


def as_real(value: object, name: str, minimum: float = 0.0, strict: bool = False) -> float:
    """Return ``value`` as a finite float ≥ ``minimum``, or > ``minimum`` if ``strict``."""
    if not is_number(value):
        raise TypeError(f"{name} must be a number, got {_described(value)}")
    number = _as_float(value)
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        bound = f"{'above' if strict else 'at least'} {minimum:g}"
        raise ValueError(f"{name} must be finite and {bound}, got {shown(value)}")
    return number


def as_share(value: object, name: str, *, include_one: bool = False) -> float:
    """Return ``value`` as a float in (0, 1), or in (0, 1] if ``include_one``."""
    if not is_number(value):
        raise TypeError(f"{name} must be a share between 0 and 1, got {_described(value)}")
    share = _as_float(value)
    if not (0 < share < 1 or (include_one and share == 1)):
        bounds = f"between 0 and 1{', or 1' if include_one else ''}"
        raise ValueError(f"{name} must be a share {bounds}, got {shown(value)}")
    return share


def as_generator(random_state: RandomStateLike) -> np.random.Generator:
    """Return a random generator seeded by ``random_state``.

    Parameters
    ----------
    random_state : None, int ≥ 0, Generator or RandomState
        None draws a seed from the operating system. A Generator is returned as it is; of a
        RandomState the underlying bit generator is used, so drawing advances it.

    Examples
    --------
    >>> int(as_generator(0).integers(100)) == int(as_generator(0).integers(100))
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(random_state._bit_generator)
    if random_state is None:
        return np.random.default_rng()
    if not is_integer(random_state):
        raise TypeError(
            "random_state must be None, an int, a numpy Generator or a RandomState, "
            f"got {_described(random_state)}"
        )
    if random_state < 0:
        raise ValueError(f"random_state must be at least 0, got {shown(int(random_state))}")
    return np.random.default_rng(int(random_state))


def as_csr(
    matrix: MatrixLike,
    name: str = "interactions",
    *,
    allow_empty: bool = False,
    negative: str = "error",
) -> sparse.csr_matrix:
    """Return a users × items matrix as validated, canonical float32 CSR.

    Columns are sorted, entries of the same pair are added up and stored zeros are dropped. The
    result shares no memory with the input, which is not changed.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array of any format, or ndarray of numbers, (n_users, n_items)
        In a masked array, masked cells count as zeros.
    name : str, default "interactions"
        What error messages call the matrix.
    allow_empty : bool, default False
        Whether a matrix without any entry, row or column is accepted.
    negative : {"error", "dislike"}, default "error"
        Whether negative values raise an error, or are kept.

    Raises
    ------
    TypeError
        If ``matrix`` is not a matrix of real numbers.
    ValueError
        For broken or out-of-range indices, for NaN, infinite or negative values (even if the values
        of a repeated pair have a positive sum), for values beyond the range of float32, and for an
        empty matrix.

    Examples
    --------
    >>> from scipy import sparse
    >>> as_csr(sparse.coo_array(([1, 2], ([0, 0], [1, 1])), shape=(1, 2))).toarray()
    array([[0., 3.]], dtype=float32)
    """
    # SciPy's compiled conversions do not check indices, so the matrix is validated first.
    check = partial(_check_values, signed=as_negative(negative) == "dislike")
    exact = sparse.csr_matrix(_as_exact(_as_sparse(matrix, name, allow_empty), name, check).tocsr())
    if not _is_sorted(exact):
        exact.sum_duplicates()
    if not exact.data.all():
        exact.eliminate_zeros()
    if not allow_empty and exact.nnz == 0:
        n_users, n_items = exact.shape
        raise ValueError(f"{name} has no entries: its {n_users} × {n_items} cells are all zero")

    indptr_type = np.int32 if exact.nnz <= MAX_LENGTH else np.int64
    canonical = sparse.csr_matrix(
        (
            _as_float32(exact.data, name),
            exact.indices.astype(np.int32),
            exact.indptr.astype(indptr_type),
        ),
        shape=exact.shape,
    )
    canonical.has_sorted_indices = True
    canonical.has_canonical_format = True
    return canonical


def as_entries(matrix: MatrixLike, name: str) -> sparse.coo_matrix:
    """Return the stored entries of a matrix as float64 COO, after validating all but the values.

    Repeated pairs and zeros are kept, and values may be negative, NaN or infinite.

    Parameters
    ----------
    matrix : as in :func:`as_csr`
    name : str
        What error messages call the matrix.

    Raises
    ------
    TypeError, ValueError
        As in :func:`as_csr`, but not for values and matrices without entries.
    """
    return sparse.coo_matrix(_as_exact(_as_sparse(matrix, name, True), name, _accept_values))


def as_negative(negative: str) -> str:
    """Return what to do with negative values, or raise a ValueError."""
    as_choice(negative, "negative", NEGATIVE)
    return negative


def _as_sparse(matrix: Any, name: str, allow_empty: bool) -> Any:
    """Return a 2-d matrix of real numbers in some scipy.sparse format."""
    if not sparse.issparse(matrix) and not isinstance(matrix, np.ndarray):
        raise TypeError(
            f"{name} must be Interactions, or a users × items matrix of scipy.sparse or NumPy, got "
            f"{type(matrix).__name__}; read tables with wrmf.read_interactions"
        )
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must be 2-d (users × items), got shape {matrix.shape}. Reshape your data: one "
            "user is row.reshape(1, -1)"
        )
    if matrix.dtype.kind not in "biuf":
        hint = ": convert it with .astype(float)" if matrix.dtype == object else ""
        raise TypeError(f"{name} must hold real numbers, got dtype {matrix.dtype}{hint}")
    if 0 in matrix.shape and not allow_empty:
        raise ValueError(f"{name} is empty: its shape is {matrix.shape} (users × items)")
    if max(matrix.shape) > MAX_LENGTH:
        raise ValueError(f"{name} is too large: shape {matrix.shape}, the limit is 2**31 - 1")
    if sparse.issparse(matrix):
        return matrix
    if isinstance(matrix, np.ma.MaskedArray):
        matrix = matrix.filled(0)
    # SciPy has no sparse matrices of float16.
    matrix = matrix.astype(np.float32) if matrix.dtype == np.float16 else _as_native(matrix)
    return sparse.csr_matrix(matrix)


def _as_exact(matrix: Any, name: str, check_values: CheckValues) -> Any:
    """Return a validated copy of a matrix with float64 values, in COO or a compressed format.

    It may still hold repeated pairs and stored zeros. Values are converted to float64 before SciPy
    adds up repeated pairs: in their original type, small integers could overflow, and each sum
    would be rounded.
    """
    if matrix.format not in ("csr", "csc", "bsr"):
        return _as_exact_coo(matrix, name, check_values)
    n_rows, n_columns = matrix.shape
    height, width = matrix.blocksize if matrix.format == "bsr" else (1, 1)
    lengths = n_rows // height, n_columns // width
    if matrix.format == "csc":
        lengths = lengths[1], lengths[0]
    n_entries = _check_compressed(matrix, name, *lengths)
    stored = matrix.data[:n_entries], matrix.indices[:n_entries], matrix.indptr
    kind = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}
    check_values(stored[0], name)
    values, indices, indptr = _as_float64(stored[0]), *map(_as_native, stored[1:])
    return kind[matrix.format]((values, indices, indptr), shape=matrix.shape, copy=True)


def _as_exact_coo(matrix: Any, name: str, check_values: CheckValues) -> sparse.coo_matrix:
    """Validate a matrix of any other format, and return it in COO format with float64 values."""
    if matrix.format != "coo":
        if matrix.format == "lil" and list(map(len, matrix.rows)) != list(map(len, matrix.data)):
            raise ValueError(f"{name} is broken: a row does not have one value for each column")
        try:
            matrix = matrix.tocoo()
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{name} is broken: {error}") from error
    rows, columns = (_as_coordinates(part, name) for part in (matrix.row, matrix.col))
    if not len(rows) == len(columns) == len(matrix.data):
        raise ValueError(
            f"{name} is broken: it has {len(rows)} rows, {len(columns)} columns and "
            f"{len(matrix.data)} values"
        )
    _check_range(rows, name, matrix.shape[0])
    _check_range(columns, name, matrix.shape[1])
    check_values(matrix.data, name)
    return sparse.coo_matrix((_as_float64(matrix.data), (rows, columns)), shape=matrix.shape)


def _as_coordinates(coordinates: np.ndarray, name: str) -> np.ndarray:
    """Return the row or column indices of a COO matrix as integers.

    Floats are accepted if they are whole numbers.
    """
    if coordinates.dtype.kind == "f" and not (coordinates % 1).any():
        return coordinates.astype(np.int64)
    if coordinates.ndim != 1 or coordinates.dtype.kind not in "iu":
        raise ValueError(
            f"{name} is broken: its row and column numbers must be 1-d arrays of whole numbers, "
            f"got {coordinates.dtype} such as {coordinates.ravel()[:1].tolist()}"
        )
    return _as_native(coordinates)


def _as_native(array: np.ndarray) -> np.ndarray:
    """Return an array in the byte order of this machine, which SciPy's compiled code expects."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _as_float64(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float64, copy=False)


def check_indices(matrix: sparse.csr_matrix, name: str) -> None:
    """Raise a ValueError if an index of a CSR matrix is out of range."""
    _check_compressed(matrix, name, *matrix.shape)


def _check_compressed(matrix: Any, name: str, n_outer: int, n_inner: int) -> int:
    """Return the number of stored entries after validating ``indptr`` and ``indices``.

    ``n_outer`` is the length of the axis that ``indptr`` runs over: rows in CSR, blocks of rows in
    BSR, columns in CSC. ``n_inner`` is the length of the other axis.
    """
    indptr, indices, values = matrix.indptr, matrix.indices, matrix.data
    for array, part in ((indptr, "indptr"), (indices, "indices")):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"{name}.{part} must be a 1-d integer array, got {array.dtype}")
    if len(indptr) != n_outer + 1:
        raise ValueError(
            f"{name} is broken: indptr has {len(indptr)} entries, its shape {matrix.shape} "
            f"needs {n_outer + 1}"
        )
    if indptr[0] != 0 or np.any(indptr[1:] < indptr[:-1]):
        raise ValueError(f"{name} is broken: indptr must start at 0 and never decrease")
    n_entries = int(indptr[-1])
    if n_entries > len(indices) or n_entries > len(values):
        raise ValueError(
            f"{name} is broken: indptr ends at {n_entries}, but there are {len(indices)} indices "
            f"and {len(values)} values"
        )
    _check_range(indices[:n_entries], name, n_inner)
    return n_entries


def _check_range(indices: np.ndarray, name: str, n: int) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= n):
        raise ValueError(
            f"{name} is broken: indices run from {indices.min()} to {indices.max()}, "
            f"but must lie in 0 … {n - 1}"
        )


def _check_values(values: np.ndarray, name: str, signed: bool) -> None:
    """Raise an error for values that are NaN, infinite or, unless ``signed``, negative."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        position = int(np.flatnonzero(~np.isfinite(values))[0])
        value = "NaN" if np.isnan(values.flat[position]) else values.flat[position]
        raise ValueError(f"{name} holds {value} (stored entry {position}): drop or replace it")
    if not signed and values.size and values.dtype.kind in "if" and values.min() < 0:
        raise ValueError(
            f"{name} holds a negative value ({values.min()}). Negative values in data are no "
            "counts of implicit feedback: drop these pairs or turn them into positive weights; if "
            'they are dislikes, pass wrmf.Interactions(matrix, negative="dislike")'
        )


def _accept_values(values: np.ndarray, name: str) -> None:
    """Raise no error; for callers that check values by themselves."""


def _is_sorted(matrix: sparse.csr_matrix) -> bool:
    """Return whether column indices strictly increase in each row, so that no pair is repeated."""
    if matrix.nnz < 2:
        return True
    rises = np.diff(matrix.indices) > 0
    row_ends = matrix.indptr[1:-1]
    row_ends = row_ends[(row_ends > 0) & (row_ends < matrix.nnz)]
    # From the last entry of a row to the first entry of the next row, the index may decrease.
    rises[row_ends - 1] = True
    return bool(rises.all())


def _as_float32(values: np.ndarray, name: str) -> np.ndarray:
    """Convert float64 values other than 0 to finite float32 values of the same sign."""
    with np.errstate(over="ignore"):
        single: np.ndarray = values.astype(np.float32)
    if not np.isfinite(single).all():
        worst = values[~np.isfinite(single)][0]
        raise ValueError(f"{name} holds {worst:g}, beyond float32's range: scale the values down")
    # A weight too small for float32 is still an interaction.
    tiny = np.finfo(np.float32).tiny
    if values.min(initial=0) >= 0:
        np.maximum(single, tiny, out=single)
        return single
    sized: np.ndarray = np.copysign(np.maximum(np.abs(single), tiny), values, dtype=np.float32)
    return sized
