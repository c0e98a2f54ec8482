"""Scores, recommendations and neighbours of a fitted model."""

import numpy as np
import pytest

from wrmf import Interactions


def test_predict_is_the_dot_product_of_ids(likes, small):
    users = [f"u{row}" for row in range(likes.shape[0])]
    model = small().fit(Interactions.from_matrix(likes, users=users))
    expected = model.item_factors[[4, 9]] @ model.user_factors[2]
    np.testing.assert_allclose(model.predict("u2", [4, 9]), expected, rtol=1e-6)


def test_recommend_is_a_plain_sort_without_seen_items(likes, small):
    model = small().fit(likes)
    scores = model.user_factors @ model.item_factors.T
    scores[likes.toarray() > 0] = -np.inf
    lists = model.recommend(n=6)
    for row in range(likes.shape[0]):
        count = min(6, int(np.isfinite(scores[row]).sum()))
        expected = np.argsort(-scores[row], kind="stable")[:count]
        assert lists.counts[row] == count
        np.testing.assert_allclose(
            scores[row][lists.rows[row, :count]], scores[row][expected], rtol=1e-5
        )


def test_lists_are_short_if_few_items_are_left(likes, small):
    without_unliked = likes[:, np.delete(np.arange(likes.shape[1]), 11)]
    everything_seen = small().fit(without_unliked).recommend(3, n=10)
    assert everything_seen.counts.tolist() == [0]
    assert (everything_seen.rows == -1).all()
    assert np.isnan(everything_seen.scores).all()
    assert len(everything_seen.to_frame()) == 0
    frame = small().fit(likes).recommend(0, n=10_000).to_frame()
    assert len(frame) == likes.shape[1] - likes[[0]].nnz
    assert frame["item"].is_unique


def items_of(lists, user):
    frame = lists.to_frame()
    return set(frame.loc[frame["user"] == user, "item"])


def test_items_and_exclude_for_all_users(likes, small):
    model = small().fit(likes)
    chosen = model.recommend([0, 1], n=50, items=[7, 8, 9])
    assert items_of(chosen, 0) | items_of(chosen, 1) <= {7, 8, 9}
    assert 7 not in items_of(model.recommend([0], n=200, exclude=[7]), 0)


def test_items_and_exclude_for_the_users_named(likes, small):
    model = small().fit(likes)
    lists = model.recommend([0, 1], n=200, exclude_seen=False, exclude={0: [7, 8]})
    assert 7 not in items_of(lists, 0)
    assert 7 in items_of(lists, 1)
    lists = model.recommend([0, 1], n=200, exclude_seen=False, items={1: [4, 2]})
    assert items_of(lists, 1) == {2, 4}
    assert len(items_of(lists, 0)) == lists.counts[0] == likes.shape[1]


def test_similar_items_are_ranked_by_cosine_without_the_item_itself(likes, small):
    model = small().fit(likes)
    cosine = model.item_similarity()
    lists = model.similar_items([4], n=3)
    # Item 11 has no interactions, so it is nobody's neighbour.
    expected = [c for c in np.argsort(-cosine[4], kind="stable") if c not in (4, 11)][:3]
    assert lists.rows[0].tolist() == expected
    assert model.similar_items([11], n=3).counts.tolist() == [0]
    assert model.similar_users([0, 1], n=2).rows.shape == (2, 2)


def test_item_similarity_refuses_results_larger_than_max_bytes(likes, small):
    model = small().fit(likes)
    np.testing.assert_allclose(np.delete(np.diag(model.item_similarity()), 11), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="similar_items"):
        model.item_similarity(max_bytes=1000)


def test_bad_arguments_are_explained(checkerboard, small):
    model = small(factors=2).fit(checkerboard)
    for n in (0, -3):
        with pytest.raises(ValueError, match="n must be at least 1"):
            model.recommend(n=n)
    with pytest.raises(ValueError, match="unknown id among users: 99"):
        model.recommend([99])
    with pytest.raises(ValueError, match="unknown id among items: 'x'"):
        model.recommend([0], exclude=["x"])
    with pytest.raises(ValueError, match="unknown id among items"):
        model.similar_items([-1])
    with pytest.raises(ValueError, match="must pair up"):
        model.predict([0, 1], [0, 1, 2])
