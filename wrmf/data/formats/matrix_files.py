"""Take sparse matrices, in memory or in files, as a table with a row for each entry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.data.formats.compression import open_unpacked, unpacking
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.unfolded import UNFOLDED, Entries

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_matrix", "read_matrix_market", "read_npz"]


def read_npz(source: Path, options: SourceOptions) -> pa.Table:
    """Return a row for each entry of a file that ``scipy.sparse.save_npz`` wrote.

    See :func:`read_matrix`.

    Raises
    ------
    ValueError
        For a damaged file, and one that holds other arrays.
    """
    try:
        matrix = sparse.load_npz(source)
    except Exception as error:
        # SciPy raises whatever its constructors and zipfile raise.
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{source} holds no sparse matrix of scipy.sparse.save_npz, or is damaged: {reason}"
        ) from None
    return read_matrix(matrix, options, str(source))


def read_matrix_market(source: Path, options: SourceOptions) -> pa.Table:
    """Return a row for each entry of a Matrix Market file, also packed.

    See :func:`read_matrix`; positions count from 0, those in the file from 1.

    Raises
    ------
    ValueError
        For a damaged file.
    """
    from scipy.io import mmread

    try:
        with unpacking(source), open_unpacked(source) as file:
            matrix = mmread(file, spmatrix=False)
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{source} is no Matrix Market file, or damaged: {reason}") from None
    return read_matrix(matrix, options, str(source))


def read_matrix(matrix: Any, options: SourceOptions, name: str = "the matrix") -> pa.Table:
    """Return a row for each stored entry of a users × items matrix; its ids are positions.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array, or ndarray, 2-d
        Of a dense one, the entries that are not zero.
    options : SourceOptions
        Its columns are ignored: those of the table are user, item and value.
    name : str
        What error messages call the matrix.

    Raises
    ------
    TypeError, ValueError
        If it is not 2-d, not real, or has indices out of range.
    """
    import pyarrow as pa

    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-d (users × items), got shape {matrix.shape}")
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {matrix.dtype}")
    if sparse.issparse(matrix) and matrix.format in ("csr", "csc", "bsr"):
        try:
            # SciPy's compiled conversions trust the indices.
            matrix.copy().check_format(full_check=True)
        except ValueError as error:
            raise ValueError(f"{name} is broken: {error}") from None
    entries = sparse.coo_array(matrix)
    rows, columns = entries.coords
    for axis, (positions, length) in enumerate(zip((rows, columns), matrix.shape, strict=True)):
        if len(positions) and not 0 <= positions.min() <= positions.max() < length:
            raise ValueError(
                f"{name} is broken: its {UNFOLDED[axis]}s run from {positions.min()} to "
                f"{positions.max()}, but must lie in 0 … {length - 1}"
            )
    return Entries(
        users=pa.array(np.arange(matrix.shape[0])),
        items=pa.array(np.arange(matrix.shape[1])),
        user_codes=rows.astype(np.int64),
        item_codes=columns.astype(np.int64),
        values=entries.data.astype(np.float64),
    ).table()
