"""Lists by score plus term equal those that sorting the sums of all pairs gives."""

import numpy as np
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from wrmf.numerics import item_terms
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_weights import ItemWeights
from wrmf.numerics.objective import observed_scores
from wrmf.numerics.term_ranking import ItemTerms, top_n_of_with_terms, top_n_with_terms


@st.composite
def ranking_cases(draw):
    """Draw user and item factors, the terms of the users, and a random generator."""
    m, n_items = draw(st.integers(1, 30)), draw(st.integers(1, 300))
    k = draw(st.sampled_from([1, 5, 33]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = generator.standard_normal((m, k)).astype(dtype)
    y = generator.standard_normal((n_items, k)).astype(dtype)
    # Items with equal factors, so that positions decide.
    y[generator.random(n_items) < 0.3] = y[0]
    matrix = sparse.csr_matrix(generator.random((m, n_items)) < draw(st.sampled_from([0.02, 0.3])))
    weights = ItemWeights.fit(matrix, 4, 1.0).by_item
    scale = draw(st.sampled_from([0.0, 0.1, 3.0]))
    return x, y, ItemTerms(ItemLists.of(matrix), weights.transposed(), weights, scale), generator


def total_scores(x, y, terms):
    """Return the scores of all pairs: sums in float64, rounded once."""
    every = sparse.csr_matrix(np.ones((len(x), len(y))))
    sums = observed_scores(every, x, y) + terms.of_pairs(ItemLists.of(every))
    return sums.reshape(len(x), len(y)).astype(x.dtype)


def assert_lists(lists, scores, n, masked):
    for user in range(len(scores)):
        expected = reference_ranking.ranking(scores[user], np.flatnonzero(masked[user]))[:n]
        count = lists[2][user]
        assert lists[0][user, :count].tolist() == expected
        assert lists[1][user, :count].tolist() == scores[user][expected].tolist()
        assert (lists[0][user, count:] == -1).all()
        assert np.isnan(lists[1][user, count:]).all()


@given(case=ranking_cases(), n=st.sampled_from([1, 3, 20, 400]), share=st.sampled_from([0.0, 0.5]))
def test_lists_with_terms_equal_the_plain_order_of_sums(case, n, share):
    x, y, terms, generator = case
    blocked = generator.random((len(x), len(y))) < share
    allowed = generator.random(len(y)) < generator.choice([0.1, 0.9, 1.1])
    choice = ItemLists.of(sparse.csr_matrix(blocked)), allowed
    lists = top_n_with_terms(x, y, n, terms, choice)
    assert_lists(lists, total_scores(x, y, terms), n, blocked | ~allowed)


@given(case=ranking_cases(), n=st.sampled_from([1, 3, 400]))
def test_lists_of_each_users_own_items_equal_the_plain_order_of_sums(case, n):
    x, y, terms, generator = case
    listed = generator.random((len(x), len(y))) < 0.3
    lists = top_n_of_with_terms(x, y, n, terms, ItemLists.of(sparse.csr_matrix(listed)))
    assert_lists(lists, total_scores(x, y, terms), n, ~listed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lists_with_terms_are_bitwise_the_same_for_any_number_of_threads(dtype, monkeypatch):
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((size, 16)).astype(dtype) for size in (500, 400))
    matrix = sparse.csr_matrix(generator.random((500, 400)) < 0.05)
    weights = ItemWeights.fit(matrix, 10, 1.0).by_item
    terms = ItemTerms(ItemLists.of(matrix), weights.transposed(), weights, 0.7)
    results = []
    for threads, most in ((1, 2**21), (3, 2**21), (2, 1000)):
        monkeypatch.setattr(item_terms, "MOST_TERMS", most)
        results.append(top_n_with_terms(x, y, 10, terms, (terms.history, None), threads))
    for result in results[1:]:
        assert all(
            np.array_equal(a, b, equal_nan=True) for a, b in zip(results[0], result, strict=True)
        )
