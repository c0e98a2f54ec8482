"""Arguments from outside are validated, and matrices brought into one canonical form."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import wrmf
from wrmf import Interactions
from wrmf.data.checks import as_csr, as_generator, as_share, is_integer, is_number

BROKEN = {
    "index too large": ([1.0], [9], [0, 1, 1], "indices run from 9 to 9"),
    "negative index": ([1.0], [-1], [0, 1, 1], "indices run from -1 to -1"),
    "falling indptr": ([1.0], [0], [0, 1, 0], "never decrease"),
    "indptr past the end": ([1.0], [0], [0, 1, 5], "indptr ends at 5"),
    "indptr too short": ([1.0], [0], [0, 1], "indptr has 2 entries"),
    "indptr from 1": ([1.0], [0], [1, 1, 1], "must start at 0"),
    "fewer values than indices": ([1.0], [0, 1], [0, 1, 2], "2 indices and 1 values"),
    "indices of floats": ([1.0], [0.0], [0, 1, 1], "integer array, got float64"),
    "NaN": ([np.nan], [0], [0, 1, 1], "holds NaN"),
    "inf": ([np.inf], [0], [0, 1, 1], "holds inf"),
    "negative": ([-2.0], [0], [0, 1, 1], "negative value"),
    "all zero": ([0.0], [0], [0, 1, 1], "no entries"),
    "too large": ([1e300], [0], [0, 1, 1], "float32's range"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_matrices_are_errors_instead_of_crashes(case):
    data, indices, indptr, error = BROKEN[case]
    matrix = sparse.csr_matrix((2, 3))
    matrix.data, matrix.indices, matrix.indptr = map(np.array, (data, indices, indptr))
    with pytest.raises(ValueError, match=error):
        wrmf.WRMF().fit(matrix)


@pytest.mark.parametrize("to_format", ["tocoo", "tocsc", "tobsr"])
def test_indices_of_every_format_are_validated(likes, to_format):
    broken = getattr(likes, to_format)()
    name = "col" if broken.format == "coo" else "indices"
    indices = getattr(broken, name).copy()
    indices[0] = 10**6 if broken.format == "coo" else -5
    setattr(broken, name, indices)
    with pytest.raises(ValueError, match="indices run from"):
        Interactions.from_matrix(broken)


@pytest.mark.parametrize(
    ("matrix", "error"),
    [
        (np.ones(3), "2-d"),
        (np.ones((2, 2), dtype=complex), "real numbers"),
        (np.array([["a", "b"]]), "real numbers"),
        ([[1, 2]], "scipy.sparse"),
        ("likes.csv", "scipy.sparse"),
        (pd.DataFrame({"user": [1]}), "read_interactions"),
        (np.ones((0, 3)), "is empty"),
        (sparse.csr_matrix((3, 0)), "is empty"),
    ],
)
def test_arguments_that_are_not_matrices_are_refused(matrix, error):
    with pytest.raises((TypeError, ValueError), match=error):
        wrmf.WRMF().fit(matrix)


def test_masked_cells_are_no_interactions():
    masked = np.ma.masked_array(np.ones((2, 2), dtype=np.float16), [[False, True], [False, False]])
    assert Interactions.from_matrix(masked).matrix.toarray().tolist() == [[1, 0], [1, 1]]


def test_canonical_csr_is_sorted_summed_and_without_zeros():
    coo = sparse.coo_matrix(([1, 2, 3, 0], ([0, 0, 0, 1], [2, 2, 0, 1])), shape=(2, 3))
    matrix = Interactions.from_matrix(coo).matrix
    assert matrix.indices.tolist() == [0, 2]
    assert matrix.data.tolist() == [3, 3]
    assert matrix.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, bool, np.float32, np.int64])
@pytest.mark.parametrize("to_format", ["tocoo", "tocsc", "tocsr", "tobsr"])
def test_repeated_pairs_are_added_up_without_overflow(dtype, to_format):
    value = np.array(100).astype(dtype)
    columns = np.zeros(3, dtype=int)
    repeated = {
        "tocoo": lambda data: sparse.coo_matrix((data, (columns, columns)), shape=(1, 1)),
        "tocsr": lambda data: sparse.csr_matrix((data, columns, [0, 3]), shape=(1, 1)),
        "tocsc": lambda data: sparse.csc_matrix((data, columns, [0, 3]), shape=(1, 1)),
        "tobsr": lambda data: sparse.bsr_matrix((data.reshape(3, 1, 1), columns, [0, 3])),
    }[to_format](np.repeat(value, 3))
    assert as_csr(repeated).toarray().tolist() == [[3.0 * float(value)]]


def test_a_negative_value_is_an_error_where_its_pair_adds_up_to_a_positive_one():
    coo = sparse.coo_matrix(([3.0, -1.0], ([0, 0], [1, 1])), shape=(1, 2))
    with pytest.raises(ValueError, match=r"holds a negative value \(-1.0\)"):
        as_csr(coo)


class Coordinates:
    """A COO matrix whose coordinates are as given; SciPy's own class would round them."""

    def __init__(self, rows, columns, values):
        self.row, self.col, self.data = map(np.asarray, (rows, columns, values))
        self.format, self.shape, self.ndim = "coo", (2, 3), 2
        self.dtype = self.data.dtype


@pytest.mark.parametrize(
    ("rows", "columns", "values", "error"),
    [
        ([0.5, 1], [0, 1], [1, 1], "whole numbers, got float64 such as .0.5"),
        ([np.nan, 1], [0, 1], [1, 1], "whole numbers, got float64"),
        (["0", "1"], [0, 1], [1, 1], "whole numbers, got <U1"),
        ([0, 1], [0, 3], [1, 1], "indices run from 0 to 3"),
        ([0, 1], [0, 1, 2], [1, 1], "has 2 rows, 3 columns and 2 values"),
        ([0, 1], [0, 1], [1, 1, 1], "has 2 rows, 2 columns and 3 values"),
    ],
)
def test_broken_coordinates_are_errors(monkeypatch, rows, columns, values, error):
    monkeypatch.setattr(sparse, "issparse", lambda matrix: isinstance(matrix, Coordinates))
    with pytest.raises(ValueError, match=error):
        as_csr(Coordinates(rows, columns, values))


def test_whole_float_coordinates_are_accepted(monkeypatch):
    monkeypatch.setattr(sparse, "issparse", lambda matrix: isinstance(matrix, Coordinates))
    matrix = as_csr(Coordinates([0.0, 1.0], [2.0, 0.0], [5, 6]))
    assert matrix.toarray().tolist() == [[0, 0, 5], [6, 0, 0]]


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i2", "<u4", "f2", "?"])
def test_every_byte_order_and_width_is_accepted(dtype):
    dense = np.eye(3).astype(dtype)
    assert as_csr(dense).toarray().tolist() == np.eye(3).tolist()
    csr = sparse.csr_matrix(np.eye(3))
    csr.data, csr.indices = csr.data.astype(dtype), csr.indices.astype(">i4")
    csr.indptr = csr.indptr.astype(">i4")
    assert as_csr(csr).toarray().tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("dtype", "error"),
    [("m8[s]", "timedelta64"), ("M8[s]", "datetime64"), (complex, "complex"), (object, "astype")],
)
@pytest.mark.parametrize("make", [np.ones, lambda shape: sparse.csr_matrix(np.ones(shape))])
def test_values_that_are_no_real_numbers_are_refused(make, dtype, error):
    matrix = make((2, 2))
    if sparse.issparse(matrix):
        matrix.data = matrix.data.astype(int).astype(dtype)
    else:
        matrix = matrix.astype(int).astype(dtype)
    with pytest.raises(TypeError, match=f"must hold real numbers, got dtype .*{error}"):
        as_csr(matrix)


def test_list_and_dictionary_matrices_with_broken_indices_are_errors():
    lil, dok = sparse.lil_matrix(np.eye(3)), sparse.dok_matrix(np.eye(3))
    lil.rows[0] = [7]
    dok._dict[(7, 1)] = 1.0
    ragged = sparse.lil_matrix(np.eye(3))
    ragged.rows[0] = [0, 1]
    for matrix in (lil, dok, ragged):
        with pytest.raises(ValueError, match="interactions is broken"):
            as_csr(matrix)


def test_weights_too_small_for_float32_stay_interactions():
    assert as_csr(np.array([[1e-60, 1.0]])).nnz == 2


def test_the_input_is_copied_and_stays_as_it_was(likes):
    before = likes.copy()
    canonical = as_csr(likes)
    canonical.data[:] = 9
    assert (likes != before).nnz == 0


def test_bools_are_not_numbers():
    values = [1, np.int64(1), 1.0, np.float32(1), True, np.bool_(True), "1", None]
    assert [is_number(value) for value in values] == [True] * 4 + [False] * 4
    assert [is_integer(value) for value in values] == [True] * 2 + [False] * 6


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_shares_lie_between_0_and_1(value):
    with pytest.raises(ValueError, match="fraction must be a share between 0 and 1"):
        as_share(value, "fraction")
    assert as_share(1, "fraction", include_one=True) == 1.0


@pytest.mark.parametrize(
    ("random_state", "error"), [(-1, "at least 0"), (1.5, "None, an int"), (True, "None, an int")]
)
def test_random_states_that_are_no_seeds_are_refused(random_state, error):
    with pytest.raises((TypeError, ValueError), match=error):
        as_generator(random_state)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_matrices_without_rows_or_columns_are_accepted_only_where_empty_ones_are(shape):
    assert as_csr(np.zeros(shape), allow_empty=True).shape == shape
    with pytest.raises(ValueError, match="interactions is empty: its shape is"):
        as_csr(np.zeros(shape))
