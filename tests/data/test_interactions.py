"""Ids are mapped to rows and columns and back, and thinned to a k-core."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

from wrmf import Interactions
from wrmf.data.interactions import as_interactions, entry_rows, same_ids


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"users": [1]}, "users must hold 2 ids"),
        ({"users": [1, 1]}, "holds the id 1 twice"),
        ({"items": ["a", None, "b"]}, "null id at position 1"),
        ({"item_names": ["x"]}, "must hold 3 names"),
        ({"users": "ab"}, "sequence of ids, got the single"),
        ({"users": [["a"], ["b"]]}, "unhashable type"),
    ],
)
def test_errors_name_what_is_wrong_with_ids(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions.from_matrix(np.ones((2, 3)), **options)


def test_errors_name_an_unknown_id():
    data = Interactions.from_matrix(np.ones((2, 2)), users=["ann", "bob"])
    with pytest.raises(ValueError, match=r"unknown id among users: 'eve'"):
        data.user_index(["ann", "eve"])
    with pytest.raises(ValueError, match="unknown id among items: -1"):
        data.item_index(-1)


def test_ids_beyond_int64_are_kept_exactly():
    users = [2**63, 2**63 + 1]
    data = Interactions.from_matrix(np.ones((2, 2)), users=users)
    assert data.users.tolist() == users
    assert data.user_index(2**63 + 1).tolist() == [1]


def test_same_ids_compares_values_and_order():
    ids = np.array(["a", "b"], dtype=object)
    assert same_ids(ids, ids)
    assert same_ids(ids, ids.copy())
    assert not same_ids(ids, ids[::-1])
    assert not same_ids(ids, ids[:1])


def test_interactions_are_not_wrapped_again(likes):
    data = as_interactions(likes)
    assert as_interactions(data) is data
    assert data.users.tolist() == list(range(likes.shape[0]))


def test_entry_rows_are_those_of_coo(likes):
    assert np.array_equal(entry_rows(likes), likes.tocoo().row)


@given(matrix=interactions(), user_min=st.integers(0, 4), item_min=st.integers(0, 4))
def test_k_core_equals_the_loop_of_the_reference(matrix, user_min, item_min):
    data = Interactions.from_matrix(matrix)
    pairs = list(zip(*(axis.tolist() for axis in matrix.nonzero()), strict=True))
    expected = reference.k_core(pairs, user_min, item_min)
    if not expected:
        with pytest.raises(ValueError, match="no interaction is left"):
            data.k_core(user_min, item_min)
        return
    core = data.k_core(user_min, item_min)
    frame = core.to_frame()
    core_pairs = list(zip(frame["user"], frame["item"], strict=True))
    assert set(core_pairs) == expected
    assert core.summary().users == len({user for user, _ in expected})
    assert np.array_equal(frame["value"], [matrix[user, item] for user, item in core_pairs])
