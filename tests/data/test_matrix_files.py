"""Sparse matrices, in memory and in files, give a row for each stored entry."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from loading import load, rows
from scipy import sparse

from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import load_source
from wrmf.data.formats.unfolded import is_unfolded

FILES = Path(__file__).parent / "files"
MATRIX = sparse.coo_matrix(([5, -1, 2**40], ([0, 2, 2], [2, 0, 2])), shape=(3, 3))
# Users and items without entries come last, with value 0.
ENTRIES = [(0, 2, 5.0), (2, 0, -1.0), (2, 2, 2.0**40), (0, 1, 0.0), (1, 0, 0.0)]


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("container", [sparse.coo_matrix, sparse.coo_array])
def test_matrices_of_all_formats_are_read_from_memory_and_npz(tmp_path, form, container):
    matrix = container(MATRIX).asformat(form)
    sparse.save_npz(tmp_path / "x.npz", matrix)
    for source in (matrix, tmp_path / "x.npz"):
        assert sorted(row for row in rows(source) if row[2]) == ENTRIES[:3]
        assert sorted(row for row in rows(source) if not row[2]) == ENTRIES[3:]


def test_tables_of_matrices_say_that_their_columns_are_fixed():
    assert is_unfolded(load_source(MATRIX, SourceOptions(columns=("uid", "mid"))))
    assert not is_unfolded(load_source({"user": [1], "item": [2]}, SourceOptions()))


def test_repeated_entries_are_rows_and_small_ints_do_not_overflow():
    repeated = sparse.coo_matrix((np.full(3, 100, np.int8), ([0] * 3, [0] * 3)), shape=(1, 1))
    assert rows(repeated) == [(0, 0, 100.0)] * 3


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_matrix_market_files_are_read_also_packed(tmp_path, pack):
    path = tmp_path / "x.dat"
    path.write_bytes(pack((FILES / "plays.mtx").read_bytes()))
    entries = [(0, 0, 5.0), (0, 2, 1.0), (2, 0, 2.0), (2, 0, 2.0)]
    assert rows(path) == [*entries, (0, 1, 0.0), (0, 3, 0.0), (1, 0, 0.0)]
    assert rows(FILES / "likes.mtx") == [(0, 1, 1.0), (1, 0, 1.0)]


def broken(**changes):
    """Return the arrays of a CSR file with some of them replaced."""
    csr = MATRIX.tocsr()
    parts = {"indices": csr.indices, "indptr": csr.indptr, "data": csr.data, "shape": csr.shape}
    return {**parts, "format": b"csr", **changes}


@pytest.mark.parametrize(
    "arrays",
    [
        broken(indices=np.array([0, 1, 99])),
        broken(indices=np.array([0, 1, -1])),
        broken(indptr=np.array([0, 99, 2, 3])),
        broken(indptr=np.array([0, 1, 2, 99])),
        broken(indptr=np.array([5])),
        broken(data=np.array(["a", "b", "c"])),
        broken(data=np.array([1j, 2, 3])),
        broken(format=b"xyz"),
        {"row": [0, -1], "col": [0, 0], "data": [1, 1], "shape": (3, 3), "format": b"coo"},
        {"row": [0, 3], "col": [0, 0], "data": [1, 1], "shape": (3, 3), "format": b"coo"},
        {"ratings": np.arange(3)},
    ],
)
def test_broken_npz_files_are_errors_that_name_the_file(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises((TypeError, ValueError), match=r"x\.npz ") as info:
        load(tmp_path / "x.npz")
    assert "\n" not in str(info.value)


def test_broken_matrices_in_memory_are_errors():
    matrix = MATRIX.tocsr()
    matrix.indices[0] = 99
    with pytest.raises(ValueError, match="the matrix is broken"):
        load(matrix)
    assert matrix.indices[0] == 99


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("general\n2 2 2\n1 1 1\n", "x.mtx is no Matrix Market file, or damaged"),
        ("general\n2 2 1\n3 1 1\n", "exceeds matrix dimension"),
        ("general\n", "x.mtx is no Matrix Market file, or damaged"),
        ("general\n2 2 1\n99999999999999999999999 1 1\n", "x.mtx is no Matrix Market file"),
        ("general\n9999999999 2 1\n1 1 1\n", "x.mtx is too large: shape"),
        ("general\n999999999 2 1\n1 1 1\n", "has the shape"),
    ],
)
def test_damaged_matrix_market_files_are_errors(tmp_path, text, error):
    (tmp_path / "x.mtx").write_text("%%MatrixMarket matrix coordinate integer " + text)
    with pytest.raises(ValueError, match=error):
        load(tmp_path / "x.mtx")


def test_several_matrices_are_refused_since_positions_are_no_ids():
    with pytest.raises(ValueError, match="2 sources, of which one is a matrix"):
        load([FILES / "plays.mtx", FILES / "likes.mtx"])
    with pytest.raises(ValueError, match="2 sources, of which one is a matrix"):
        load([{"user": [1], "item": [2]}, MATRIX])


@pytest.mark.parametrize("dtype", [">f4", ">i8", "f2", "?"])
def test_matrices_of_every_dtype_and_byte_order_are_read(dtype):
    matrix = sparse.csr_matrix(np.eye(3))
    matrix.data = matrix.data.astype(dtype)
    matrix.indices, matrix.indptr = matrix.indices.astype(">i4"), matrix.indptr.astype("u8")
    assert list(load(matrix, "user", "item", "value")["value"]) == [1, 1, 1]


def test_coordinates_of_other_lengths_are_an_error():
    matrix = sparse.coo_array(np.eye(3))
    matrix.data = matrix.data[:2]
    with pytest.raises(ValueError, match="the matrix is broken: it has 3 rows, 3 columns and 2"):
        load(matrix)
