"""Item weights are the ridge regressions of their definition, and terms the sums of weights."""

import numpy as np
import pytest
import reference_item_weights
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

from wrmf.numerics import item_terms, item_weights
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import WeightRows, terms_of_pairs, touched_items
from wrmf.numerics.item_weights import ItemWeights

ONE_USER = sparse.csr_matrix(np.ones((1, 5)))
IDENTICAL = sparse.csr_matrix(np.repeat([[1.0], [0], [1]], 6, axis=1))


def dense(weights):
    """Return B, with the neighbours of item j in column j."""
    n = len(weights.indptr) - 1
    square = sparse.csr_matrix((weights.values, weights.indices, weights.indptr), shape=(n, n))
    return square.toarray().T


def random_matrix(n_users=60, n_items=40, density=0.2, seed=0):
    return sparse.random_array(
        (n_users, n_items), density=density, format="csr", random_state=np.random.default_rng(seed)
    )


@given(
    matrix=interactions(max_users=30, max_items=20),
    neighbours=st.sampled_from([1, 2, 5, 1000]),
    regularization=st.sampled_from([0.01, 1.0, 20.0]),
)
@example(ONE_USER, 3, 1.0)
@example(IDENTICAL, 2, 0.01)
def test_weights_are_the_ridge_regressions_on_the_nearest_items(matrix, neighbours, regularization):
    weights = ItemWeights.fit(matrix, neighbours, regularization)
    expected = reference_item_weights.item_weights(matrix, neighbours, regularization)
    np.testing.assert_allclose(dense(weights.by_item), expected, rtol=1e-5, atol=1e-6)
    if neighbours >= matrix.shape[1] - 1:
        # Found from the regressions themselves, before weights are rounded to float32.
        spread = reference_item_weights.terms(matrix, expected).std()
        assert weights.spread == pytest.approx(spread, rel=1e-6, abs=1e-7)
    else:
        terms = reference_item_weights.terms(matrix, dense(weights.by_item).astype(np.float64))
        assert weights.spread == pytest.approx(terms.std(), rel=1e-9, abs=1e-9)


def test_identical_items_are_neighbours_in_the_order_of_their_positions():
    weights = ItemWeights.fit(IDENTICAL, neighbours=2, regularization=1.0).by_item
    assert weights.indices.reshape(-1, 2).tolist() == [
        [1, 2],
        [0, 2],
        [0, 1],
        [0, 1],
        [0, 1],
        [0, 1],
    ]
    np.testing.assert_allclose(weights.values, 2 / 5, rtol=1e-6)


def test_items_without_users_have_no_neighbours_and_are_nobodys_neighbour():
    matrix = sparse.csr_matrix(np.array([[1.0, 0, 1], [1, 0, 1]]))
    weights = ItemWeights.fit(matrix, 5, 1.0).by_item
    assert weights.indptr.tolist() == [0, 1, 1, 2]
    assert weights.indices.tolist() == [2, 0]


@pytest.mark.parametrize("shape", [(1, 1), (3, 0), (0, 3)])
def test_data_without_pairs_of_items_has_no_weights(shape):
    weights = ItemWeights.fit(sparse.csr_matrix(np.ones(shape)))
    assert len(weights.by_item.values) == 0
    assert weights.spread == 0
    assert weights.n_items == shape[1]


def test_counts_do_not_matter():
    matrix = random_matrix()
    counted = matrix.copy()
    counted.data = counted.data + 7
    first, second = ItemWeights.fit(matrix, 5), ItemWeights.fit(counted, 5)
    assert all(map(np.array_equal, first.by_item, second.by_item))


def test_weights_and_terms_are_bitwise_the_same_for_any_number_of_threads_and_any_block(
    monkeypatch,
):
    matrix = random_matrix(300, 200)
    history, blocked = ItemLists.of(matrix), ItemLists.of(random_matrix(300, 200, seed=1))
    results = []
    for threads, most in ((1, 2**21), (2, 50), (5, 2**21)):
        monkeypatch.setattr(item_terms, "MOST_TERMS", most)
        monkeypatch.setattr(item_terms, "FEW_TERMS", 0)
        weights = ItemWeights.fit(matrix, 7, 3.0, num_threads=threads)
        touched = touched_items(history, weights.by_item.transposed(), blocked, threads)
        results.append([*weights.by_item, *touched.items, touched.terms])
    for result in results[1:]:
        assert all(map(np.array_equal, results[0], result))


def test_all_other_items_as_neighbours_have_the_weights_of_ease():
    matrix = random_matrix(30, 40)
    x = (matrix.toarray() > 0).astype(float)
    inverse = np.linalg.inv(x.T @ x + 2.0 * np.eye(40))
    expected = -inverse / inverse.diagonal()
    np.fill_diagonal(expected, 0)
    for neighbours in (39, 10_000):
        weights = ItemWeights.fit(matrix, neighbours, 2.0)
        np.testing.assert_allclose(dense(weights.by_item), expected, rtol=1e-4, atol=1e-6)
        rows = np.split(weights.by_item.indices, weights.by_item.indptr[1:-1])
        assert all((np.diff(row) > 0).all() for row in rows)


@pytest.mark.parametrize("neighbours", [6, 20, 39, 50])
def test_above_a_limit_the_items_with_the_most_users_are_all_neighbours(monkeypatch, neighbours):
    monkeypatch.setattr(item_weights, "MOST_NEIGHBOURS", 5)
    matrix = random_matrix(30, 40)
    weights = ItemWeights.fit(matrix, neighbours, 2.0)
    expected = reference_item_weights.item_weights(matrix, neighbours, 2.0, own_neighbours=5)
    np.testing.assert_allclose(dense(weights.by_item), expected, rtol=1e-4, atol=1e-6)
    spread = reference_item_weights.terms(matrix, expected).std()
    assert weights.spread == pytest.approx(spread, rel=1e-9)
    assert np.count_nonzero(np.diff(weights.by_item.indptr)) == min(
        neighbours, np.count_nonzero(matrix.sum(axis=0))
    )


def test_items_with_the_same_users_at_a_tiny_regularization_are_an_error():
    with pytest.raises(
        ValueError, match=r"no unique solution .* 1e-300: .*raise.*item_regularization"
    ):
        ItemWeights.fit(IDENTICAL, 3, 1e-300)
    with pytest.raises(ValueError, match=r"no unique solution .* 1e-300"):
        ItemWeights.fit(IDENTICAL, 5, 1e-300)


@given(
    matrix=interactions(max_users=20, max_items=30),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_terms_are_sums_of_weights_in_the_order_of_positions(matrix, seed, share):
    generator = np.random.default_rng(seed)
    weights = ItemWeights.fit(matrix, 3, 0.5).by_item
    history = matrix[generator.permutation(matrix.shape[0])]
    expected = reference_item_weights.terms(history, dense(weights).astype(np.float64))
    blocked = generator.random(matrix.shape) < share
    touched = touched_items(
        ItemLists.of(history), weights.transposed(), ItemLists.of(sparse.csr_matrix(blocked))
    )
    # A stored weight counts, even if it is zero.
    stored = dense(WeightRows(weights.indptr, weights.indices, np.ones(len(weights.values)))) > 0
    is_touched = (history.toarray() > 0) @ stored | blocked
    assert np.array_equal(np.diff(touched.items.indptr), is_touched.sum(axis=1))
    assert np.array_equal(touched.items.indices, np.nonzero(is_touched)[1])
    assert np.array_equal(touched.terms, np.where(blocked, -np.inf, expected)[is_touched])
    every = ItemLists.same(np.arange(matrix.shape[1]), matrix.shape[0])
    pairs = terms_of_pairs(ItemLists.of(history), weights, every)
    assert np.array_equal(pairs.reshape(expected.shape), expected)


def test_weights_of_items_in_another_order_are_those_of_the_reordered_data():
    matrix = random_matrix(density=0.3)
    places = np.random.default_rng(1).permutation(matrix.shape[1])
    moved = ItemWeights.fit(matrix, 1000, 2.0).at(places)
    expected = ItemWeights.fit(sparse.csr_matrix(matrix[:, places]), 1000, 2.0)
    assert moved.n_items == expected.n_items
    np.testing.assert_allclose(dense(moved.by_item), dense(expected.by_item), rtol=1e-4, atol=1e-7)


def test_transposing_twice_gives_the_same_rows():
    weights = ItemWeights.fit(random_matrix(), 4).by_item
    assert isinstance(weights.transposed(), WeightRows)
    assert all(map(np.array_equal, weights, weights.transposed().transposed()))


def test_repeated_pairs_count_once_and_the_matrix_is_not_changed():
    indptr, indices = np.array([0, 3, 5]), np.array([2, 0, 2, 1, 0])
    matrix = sparse.csr_matrix((np.ones(5), indices.copy(), indptr), shape=(2, 3))
    once = sparse.csr_matrix(np.array([[1.0, 0, 1], [1, 1, 0]]))
    first, second = ItemWeights.fit(matrix, 2, 1.0), ItemWeights.fit(once, 2, 1.0)
    assert all(map(np.array_equal, first.by_item, second.by_item))
    assert matrix.indices.tolist() == indices.tolist()


def test_large_inverses_in_single_precision_have_the_weights_of_double(monkeypatch):
    matrix = random_matrix(400, 200, density=0.1)
    expected = ItemWeights.fit(matrix, 200, 20.0)
    monkeypatch.setattr(item_weights, "MOST_DOUBLE", 0)
    single = ItemWeights.fit(matrix, 200, 20.0)
    assert not np.array_equal(single.by_item.values, expected.by_item.values)
    largest = np.abs(expected.by_item.values).max()
    np.testing.assert_allclose(
        dense(single.by_item), dense(expected.by_item), rtol=0, atol=1e-5 * largest
    )
    assert single.spread == pytest.approx(expected.spread, rel=1e-5)


def test_inverses_are_in_double_precision_where_the_regularization_is_small(monkeypatch):
    matrix = random_matrix(400, 200, density=0.1)
    expected = ItemWeights.fit(matrix, 200, 1e-6).by_item
    monkeypatch.setattr(item_weights, "MOST_DOUBLE", 0)
    assert all(map(np.array_equal, expected, ItemWeights.fit(matrix, 200, 1e-6).by_item))
