"""New data in a matrix of counts: added, set, or in place of whole histories."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

from wrmf.data.checks import as_csr
from wrmf.model.histories import HOW, change_histories, resized


@given(interactions(), interactions(), st.sampled_from(HOW))
def test_histories_change_as_in_the_dense_definition(old, new, how):
    shape = tuple(np.maximum(old.shape, new.shape))
    before, data = (resized(as_csr(part), shape) for part in (old, new))
    change = change_histories(before, data, how)
    dense = before.toarray()
    expected = reference.changed_histories(dense, data.toarray(), how)
    np.testing.assert_array_equal(change.matrix.toarray(), expected)
    differs = expected != dense
    np.testing.assert_array_equal(change.users, np.flatnonzero(differs.any(axis=1)))
    np.testing.assert_array_equal(change.items, np.flatnonzero(differs.any(axis=0)))
    assert change.n_added == np.sum((dense == 0) & (expected > 0))
    assert change.n_removed == np.sum((dense > 0) & (expected == 0))
    assert change.n_changed == np.sum(differs) - change.n_added - change.n_removed


@given(interactions(), interactions(), st.sampled_from(HOW))
def test_the_changed_matrix_is_canonical_and_the_inputs_stay(old, new, how):
    shape = tuple(np.maximum(old.shape, new.shape))
    before, data = (resized(as_csr(part), shape) for part in (old, new))
    kept = before.copy(), data.copy()
    matrix = change_histories(before, data, how).matrix
    expected = as_csr(sparse.csr_matrix(matrix.toarray()))
    for name in ("data", "indices", "indptr"):
        array, wanted = getattr(matrix, name), getattr(expected, name)
        np.testing.assert_array_equal(array, wanted)
        assert array.dtype == wanted.dtype
        for part, copy in zip((before, data), kept, strict=True):
            np.testing.assert_array_equal(getattr(part, name), getattr(copy, name))


def test_added_counts_are_the_rounded_sums_of_reading_both_at_once():
    values = np.float32([[0.1, 16777216.0, 1e-30]])
    more = np.float32([[0.2, 1.0, 1e-30]])
    change = change_histories(as_csr(values), as_csr(more), "add")
    both = sparse.coo_matrix(
        (np.concatenate([values[0], more[0]]), ([0] * 6, [0, 1, 2] * 2)), shape=(1, 3)
    )
    np.testing.assert_array_equal(change.matrix.data, as_csr(both).data)
    assert (change.n_added, change.n_changed) == (0, 2)


@pytest.mark.parametrize("how", HOW)
def test_the_smallest_counts_are_not_lost(how):
    tiny = as_csr(np.full((1, 2), np.finfo(np.float32).tiny))
    assert change_histories(tiny, as_csr(np.eye(1, 2)), how).n_added == 0
    assert change_histories(tiny, tiny, how).matrix.nnz == 2


def test_a_matrix_that_is_not_canonical_is_made_so_in_a_copy():
    parts = np.float32([1, 2, 4]), np.int32([2, 0, 2]), np.int32([0, 3])
    matrix = sparse.csr_matrix(parts, shape=(1, 3))
    grown = resized(matrix, (2, 4))
    assert grown.toarray().tolist() == [[2, 0, 5, 0], [0, 0, 0, 0]]
    assert matrix.indices.tolist() == [2, 0, 2]
