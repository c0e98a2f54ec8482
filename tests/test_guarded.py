"""Indices that are validated once cannot be changed in place afterwards."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.guarded import guarded

COUNTS = np.tri(6, 5)


def copies(holder):
    """Return a holder of a matrix, and what pickling and copying make of it."""
    return [holder, copy.copy(holder), copy.deepcopy(holder), pickle.loads(pickle.dumps(holder))]


@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_indices_of_interactions_cannot_be_changed_in_place(part):
    data = Interactions.from_matrix(COUNTS)
    split = wrmf.leave_k_out(data, 1, random_state=0)
    for holder in (*copies(data), split.train, split.test, data.sample(0.5, random_state=0)):
        with pytest.raises(ValueError, match="read-only"):
            getattr(holder.matrix, part)[:] = 10**6


@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_indices_of_a_model_cannot_be_changed_in_place(part, tmp_path):
    options = {"item_weight": 1.0, "item_neighbors": 2, "random_state": 0}
    model = WRMF(factors=2, iterations=1, **options).fit(COUNTS)
    model.save(tmp_path / "model")
    for holder in (*copies(model), wrmf.load(tmp_path / "model")):
        for matrix in (holder.train_matrix, holder.state.item_weights.by_item):
            with pytest.raises(ValueError, match="read-only"):
                getattr(matrix, part)[:] = 10**6
        assert np.array_equal(holder.recommend().ids, model.recommend().ids)


def test_the_guarded_matrix_shares_memory_and_leaves_the_given_one_writable():
    matrix = sparse.csr_matrix(COUNTS)
    result = guarded(matrix)
    assert all(
        np.shares_memory(getattr(result, part), getattr(matrix, part))
        for part in ("data", "indices", "indptr")
    )
    matrix.indices[0] = 0
    matrix.indptr[0] = 0
    result.data[0] = 7
    assert matrix[0, 0] == 7
    assert guarded(result) is result


def test_a_matrix_that_a_model_is_made_of_stays_writable():
    state = WRMF(factors=2, iterations=1, random_state=0).fit(COUNTS).state
    matrix = state.train_matrix.copy()
    WRMF.from_factors(dataclasses.replace(state, train_matrix=matrix))
    matrix.indices[0] = 0
