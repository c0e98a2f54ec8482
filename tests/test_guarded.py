"""Indices that are validated once are not changed in place unnoticed."""

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


CALLS = {
    "fit": lambda model, data: WRMF(factors=2).fit(data),
    "start": lambda model, data: WRMF(factors=2).fit(data, start=model),
    "partial_fit": lambda model, data: model.partial_fit(data),
    "update": lambda model, data: model.update(data),
    "fold_in_users": lambda model, data: model.fold_in_users(data),
    "fold_in_items": lambda model, data: model.fold_in_items(data),
    "recommend_new": lambda model, data: model.recommend_new(data),
    "loss": lambda model, data: model.loss(data),
    "item_knn": lambda model, data: wrmf.ItemKNN().fit(data),
    "popularity": lambda model, data: wrmf.Popularity().fit(data),
    "leave_k_out": lambda model, data: wrmf.leave_k_out(data, 1),
    "split_interactions": lambda model, data: wrmf.split_interactions(data),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("part", ["indices", "indptr"])
@pytest.mark.parametrize("value", [10**8, -5])
def test_interactions_whose_indices_were_changed_in_place_do_not_crash(call, part, value):
    model = WRMF(factors=2, iterations=1, random_state=0).fit(COUNTS)
    data = Interactions.from_matrix(COUNTS)
    getattr(data.matrix, part)[3:] = value
    with pytest.raises(ValueError, match="interactions is broken: ind"):
        CALLS[call](model, data)


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


@pytest.mark.parametrize("part", ["indices", "indptr"])
@pytest.mark.parametrize("value", [10**8, -5])
@pytest.mark.parametrize("weight", [0, 0.3])
def test_lists_of_a_model_whose_data_was_changed_in_place_do_not_crash(part, value, weight):
    for call in (
        lambda model: model.recommend(n=2),
        lambda model: model.recommend_users(model.items[:2], n=2),
    ):
        data = Interactions.from_matrix(COUNTS)
        model = WRMF(factors=2, iterations=1, random_state=0, item_weight=weight).fit(data)
        getattr(data.matrix, part)[3:] = value
        with pytest.raises(ValueError, match="train_matrix is broken: ind"):
            call(model)
