"""Training matrices of files: their structure is checked in parts as it is row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import has_canonical_rows

from wrmf.model import saved_parts
from wrmf.model.saved_parts import matrix_from_arrays

rows = st.lists(st.lists(st.integers(-1, 5), max_size=4), min_size=1, max_size=6)


@given(rows, st.booleans(), st.integers(1, 9), st.sampled_from([np.int32, np.int64]))
def test_a_structure_is_accepted_if_each_row_is_in_range_sorted_and_distinct(
    lists, sort, part, dtype
):
    lists = [sorted(set(row)) for row in lists] if sort else lists
    indices = np.array([column for row in lists for column in row], dtype=np.int32)
    indptr = np.cumsum([0, *map(len, lists)]).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_parts, "PART", part)
        try:
            matrix = matrix_from_arrays(None, indices, indptr, (len(lists), 5))
        except ValueError:
            assert not has_canonical_rows(indptr, indices, 5)
            return
    assert has_canonical_rows(indptr, indices, 5)
    assert matrix.nnz == len(indices)
    assert matrix.dtype == bool
