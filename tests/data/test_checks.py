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
    "falling indptr": ([1.0], [0], [0, 1, 0], "never fall"),
    "indptr past the end": ([1.0], [0], [0, 1, 5], "indptr ends at 5"),
    "indptr too short": ([1.0], [0], [0, 1], "indptr has 2 entries"),
    "indptr from 1": ([1.0], [0], [1, 1, 1], "must start at 0"),
    "fewer values than indices": ([1.0], [0, 1], [0, 1, 2], "2 indices and 1 values"),
    "indices of floats": ([1.0], [0.0], [0, 1, 1], "integer array, got float64"),
    "NaN": ([np.nan], [0], [0, 1, 1], "holds nan"),
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
