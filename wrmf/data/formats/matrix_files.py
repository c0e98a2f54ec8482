"""Convert sparse matrices, in memory or in files, to tables with a row for each entry."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_entries
from wrmf.data.formats.compression import open_unpacked, unpacking
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.reasons import reason_of
from wrmf.data.formats.unfolded import Entries

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# A longer axis is an error unless there is an entry for every 100 of its positions, because the
# shape is then probably wrong and a table of all ids would be very large.
LONG_AXIS = 10**7

__all__ = ["read_matrix", "read_matrix_market", "read_npz"]


def read_npz(source: Path, options: SourceOptions) -> pa.Table:
    """Return a row for each entry of a file that ``scipy.sparse.save_npz`` wrote.

    See :func:`read_matrix`.

    Raises
    ------
    ValueError
        For a damaged file, and a file that holds other arrays.
    """
    try:
        matrix = sparse.load_npz(source)
    except Exception as error:
        # SciPy passes on any exception of its constructors and of zipfile.
        reason = reason_of(error)
        raise ValueError(
            f"{source} holds no sparse matrix of scipy.sparse.save_npz, or is damaged: {reason}"
        ) from None
    return read_matrix(matrix, options, str(source))


def read_matrix_market(source: Path, options: SourceOptions) -> pa.Table:
    """Return a row for each entry of a Matrix Market file, which may be compressed.

    See :func:`read_matrix`. Ids count from 0, although positions in the file count from 1. SciPy's
    own reader is not used, as damaged files crash the process there.

    Raises
    ------
    ValueError
        For a damaged file, and a file of complex numbers.
    """
    try:
        with (
            unpacking(source),
            open_unpacked(source) as file,
            # The reader of a compressed file has no lines.
            io.BufferedReader(cast(io.RawIOBase, file)) as buffered,
            # pandas converts numbers that no integer can hold, with a warning of NumPy only.
            np.errstate(invalid="raise"),
        ):
            matrix = _parse_matrix_market(buffered)
    except (ValueError, OverflowError, FloatingPointError) as error:
        reason = reason_of(error)
        raise ValueError(f"{source} is no Matrix Market file, or damaged: {reason}") from None
    return read_matrix(matrix, options, str(source))


def _parse_matrix_market(file: BinaryIO) -> sparse.coo_array:
    banner = file.readline().decode("ascii", "replace").lower().split()
    if len(banner) != 5 or banner[1] != "matrix" or banner[2] not in ("coordinate", "array"):
        raise ValueError(f"its first line is {' '.join(banner)[:80]!r}")
    layout, field, symmetry = banner[2:]
    if field not in ("real", "double", "integer", "unsigned-integer", "pattern"):
        raise ValueError(f"its entries are {field}, not numbers")
    if symmetry not in ("general", "symmetric", "skew-symmetric"):
        raise ValueError(f"it is {symmetry}, which is not read")
    size = _size_of(file, 2 if layout == "array" else 3)
    if layout == "array":
        if symmetry != "general" or field == "pattern":
            raise ValueError(f"it is a {symmetry} array of {field}, which is not read")
        cells = _columns_of(file, {"value": np.float64}, size[0] * size[1])
        return sparse.coo_array(cells["value"].to_numpy().reshape(size, order="F"))
    types: dict[str, type] = {"row": np.int64, "column": np.int64}
    if field != "pattern":
        types["value"] = np.float64
    cells = _columns_of(file, types, size[2])
    rows, columns = cells["row"].to_numpy() - 1, cells["column"].to_numpy() - 1
    values = cells["value"].to_numpy() if "value" in cells else np.ones(len(cells))
    if symmetry != "general":
        # The file stores only one triangle of the matrix.
        mirrored = rows != columns
        sign = -1.0 if symmetry == "skew-symmetric" else 1.0
        values = np.concatenate([values, sign * values[mirrored]])
        rows, columns = (
            np.concatenate([rows, columns[mirrored]]),
            np.concatenate([columns, rows[mirrored]]),
        )
    return sparse.coo_array((values, (rows, columns)), shape=size[:2])


def _size_of(file: BinaryIO, n_numbers: int) -> tuple[int, ...]:
    """Return the numbers in the first line that is neither blank nor a comment."""
    for line in file:
        if line.strip() and not line.startswith(b"%"):
            size = tuple(int(number) for number in line.split())
            if len(size) != n_numbers or min(size) < 0:
                break
            return size
    raise ValueError("the line of its size is missing or damaged")


def _columns_of(file: BinaryIO, types: dict[str, type], n_rows: int) -> pd.DataFrame:
    """Return the columns of the remaining lines, of which there must be ``n_rows``."""
    import pandas as pd

    if not n_rows:
        empty: pd.DataFrame = pd.DataFrame(
            {name: np.zeros(0, kind) for name, kind in types.items()}
        )
        return empty
    try:
        cells: pd.DataFrame = pd.read_csv(
            file, sep=r"\s+", header=None, names=list(types), dtype=types, comment="%"
        )
    except pd.errors.EmptyDataError:
        raise ValueError(f"it says that it has {n_rows} entries, but has none") from None
    # pandas treats surplus fields as an index.
    if len(cells) != n_rows or not isinstance(cells.index, pd.RangeIndex):
        raise ValueError(
            f"it says that it has {n_rows} entries of {len(types)} numbers, but has "
            f"{len(cells)} lines"
        )
    return cells


def read_matrix(matrix: Any, options: SourceOptions, name: str = "the matrix") -> pa.Table:
    """Return a row for each stored entry of a users × items matrix.

    The ids are row and column indices.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array, or ndarray, 2-d
        A dense matrix has a row for each entry that is not zero.
    options : SourceOptions
        Ignored, as the columns of the result are always user, item and value.
    name : str
        What error messages call the matrix.

    Raises
    ------
    TypeError, ValueError
        If it is not 2-d, not real, or has indices out of range.
    """
    import pyarrow as pa

    entries = as_entries(matrix, name)
    longest = max(matrix.shape)
    if longest > max(LONG_AXIS, 100 * entries.nnz):
        raise ValueError(
            f"{name} has the shape {matrix.shape} for {entries.nnz} entries; if this is right, "
            "pass a data frame of its entries"
        )
    return Entries(
        users=pa.array(np.arange(matrix.shape[0])),
        items=pa.array(np.arange(matrix.shape[1])),
        user_codes=entries.row.astype(np.int64),
        item_codes=entries.col.astype(np.int64),
        values=entries.data,
    ).table()
