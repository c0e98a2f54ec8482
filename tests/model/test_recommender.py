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
        # Nothing is known of user 17, who has no interactions.
        count = 0 if row == 17 else min(6, int(np.isfinite(scores[row]).sum()))
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


def test_lists_for_users_who_are_not_asked_for_are_errors_that_name_them(likes, small):
    model = small().fit(likes)
    for name in ("exclude", "items"):
        with pytest.raises(ValueError, match=f"{name} names '3' and 1 more, but this call is for"):
            model.recommend([0, 3], **{name: {0: [7], "3": [7], "4": [8]}})
        with pytest.raises(ValueError, match=f"{name} names 999, but this call is for 300 other"):
            model.recommend(**{name: {999: [7]}})
        with pytest.raises(ValueError, match=f"{name} names 5, .* such as 0: name only users"):
            model.recommend_new(likes[:2], **{name: {5: [7]}})
        with pytest.raises(ValueError, match="this call is for 0 other users: name only"):
            model.recommend([], **{name: {5: [7]}})
    assert len(model.recommend([])) == 0


def popular_items(likes, without):
    """Return the items from the one with the most users on, as a plain sort finds them."""
    users = np.bincount(likes.indices, minlength=likes.shape[1])
    order = sorted(np.flatnonzero(users), key=lambda item: (-users[item], item))
    return [item for item in order if item not in without]


def test_users_without_interactions_get_an_empty_list(likes, small):
    model = small().fit(likes)
    lists = model.recommend([16, 17], n=5)
    assert lists.counts.tolist() == [5, 0]
    assert (lists.rows[1] == -1).all()
    assert np.isnan(lists.scores[1]).all()
    new = model.recommend_new(likes[16:18], n=5)
    assert new.ids.tolist() == lists.ids.tolist()


def test_factors_assigned_to_users_without_interactions_are_used(likes, small):
    model = small().fit(likes)
    factors = model.user_factors.copy()
    factors[17] = factors[16]
    model.user_factors = factors
    lists = model.recommend([16, 17], n=5, exclude_seen=False)
    assert lists.ids[0].tolist() == lists.ids[1].tolist()


def test_users_without_interactions_get_popular_items_on_request(likes, small):
    model = small().fit(likes)
    lists = model.recommend([16, 17], n=5, exclude=[5, 8], fallback="popular")
    assert lists.ids[0].tolist() == model.recommend(16, n=5, exclude=[5, 8]).ids[0].tolist()
    assert lists.ids[1].tolist() == popular_items(likes, {5, 8})[:5]
    assert np.isnan(lists.scores[1]).all()
    assert lists.counts.tolist() == [5, 5]
    lists = model.recommend(17, n=500, exclude={17: [5]}, fallback="popular")
    # Nobody has item 11.
    assert lists.to_frame()["item"].tolist() == popular_items(likes, {5, 11})
    chosen = model.recommend([17, 16], n=9, items={17: [3, 2, 11, 5]}, fallback="popular")
    assert items_of(chosen, 17) == {2, 3, 5}
    new = model.recommend_new(likes[[17]], n=3, fallback="popular")
    assert new.ids[0].tolist() == popular_items(likes, {})[:3]


def test_unknown_users_are_an_error_or_count_as_users_without_interactions(likes, small):
    names = [f"u{row}" for row in range(likes.shape[0])]
    model = small().fit(Interactions.from_matrix(likes, users=names))
    known = model.recommend("u2", n=4).ids[0].tolist()
    with pytest.raises(ValueError, match="unknown id among users: 'new'"):
        model.recommend(["u2", "new"])
    lists = model.recommend(["new", "u2", 7], n=4, unknown="skip", exclude={"new": [5]})
    assert lists.users.tolist() == ["new", "u2", 7]
    assert lists.counts.tolist() == [0, 4, 0]
    assert lists.ids[1].tolist() == known
    popular = popular_items(likes, {5})[:4]
    for options in ({"unknown": "popular"}, {"unknown": "skip", "fallback": "popular"}):
        lists = model.recommend(["new", "u2", "u17"], n=4, exclude={"new": [5]}, **options)
        assert lists.ids[:2].tolist() == [popular, known]
        assert lists.counts[2] == (4 if "fallback" in options else 0)
    for name in ("unknown", "fallback"):
        with pytest.raises(ValueError, match=f"{name} must be one of .*'popular'.*got 'best'"):
            model.recommend(**{name: "best"})


def test_unknown_whole_numbers_stay_whole_numbers(likes, small):
    lists = small().fit(likes).recommend([0, 4000], unknown="skip")
    assert lists.users.dtype == np.int64
    assert lists.users.tolist() == [0, 4000]


@pytest.fixture
def named(likes, small):
    """A model whose items have names; items 3 and 4 share one, and 9's name is the id of 8."""
    names = [f"Item {column}" for column in range(likes.shape[1])]
    names[4], names[9] = "Item 3", "i8"
    items = [f"i{column}" for column in range(likes.shape[1])]
    return small().fit(Interactions.from_matrix(likes, items=items, item_names=names))


def test_names_of_items_are_shown(named):
    frame = named.recommend([0], n=200).to_frame()
    assert list(frame.columns) == ["user", "item", "name", "score", "rank"]
    for _, row in frame.iterrows():
        assert row["name"] == named.item_names[int(row["item"][1:])]
    short = named.recommend([0, 17], n=3)
    assert short.names[1].tolist() == [None] * 3
    assert "name" in named.similar_items("i1", n=2).to_frame()
    assert "name" not in named.similar_users(1, n=2).to_frame()
    assert named.explain(3, "i2", n=1).columns.tolist() == ["item", "name", "contribution"]


def test_names_of_items_stand_for_their_ids(named):
    for use in (
        lambda item: named.recommend([0], items=[item]).ids,
        lambda item: named.recommend([0], n=200, exclude={0: [item, "i3"]}).ids,
        lambda item: named.similar_items(item).ids,
        lambda item: named.explain(3, item)["contribution"],
        lambda item: named.predict([1, 2], item),
        lambda item: named.recommend_new({"new": [item, "i3"]}).ids,
        lambda item: named.recommend_new({item: 2.0}).ids,
        lambda item: named.fold_in_users({"new": {item: 2.0}}),
    ):
        np.testing.assert_array_equal(use("Item 7"), use("i7"))
        with pytest.raises(ValueError, match="'Item 3' is the name of several items, such as 'i3'"):
            use("Item 3")
        with pytest.raises(ValueError, match="unknown id among items: 'Item'"):
            use("Item")
    skipping = named.recommend_new(dict.fromkeys(("Item 7", "i5"), 1.0), unknown="skip")
    np.testing.assert_array_equal(skipping.ids, named.recommend_new({"i7": 1.0, "i5": 1.0}).ids)
    # What is an id is not taken for a name.
    assert named.recommend([0], n=1, items=["i8"]).ids.tolist() == [["i8"]]


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


def test_a_list_of_booleans_is_not_taken_for_ids(checkerboard, small):
    model = small(factors=2).fit(checkerboard)
    mask = (np.arange(10) > 4).tolist()
    for options in ({"exclude": mask}, {"items": mask}, {"exclude": {0: mask}}):
        with pytest.raises(TypeError, match=r"got booleans: pass model.items\[mask\]"):
            model.recommend([0], **options)
    with pytest.raises(TypeError, match=r"users must be ids, got booleans"):
        model.recommend(np.array(mask[:8]))


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


def test_an_unknown_user_is_an_error_that_says_what_to_type(likes, small):
    with pytest.raises(ValueError, match=r'unknown id among users: -5.*pass unknown="popular"'):
        small().fit(likes).recommend([-5])
