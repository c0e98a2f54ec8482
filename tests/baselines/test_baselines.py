"""Baselines equal their dense definitions, take what WRMF takes, and can be evaluated."""

import pickle
from functools import partial

import numpy as np
import pytest
import reference_baselines
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

import wrmf
from wrmf import Interactions, ItemKNN, Popularity, evaluate
from wrmf.baselines import neighbours

BASELINES = {
    "Popularity": Popularity,
    "ItemKNN": partial(ItemKNN, k=3),
    "weighted ItemKNN": partial(ItemKNN, k=2, shrink=1.5, binary=False),
}
every_baseline = pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)


def assert_ranked(lists, row, scores, masked, n):
    """Assert that a list is a plain sort by score; scores that differ by rounding may swap."""
    expected = reference_ranking.ranking(scores, masked)[:n]
    items, found = lists.rows[row, : lists.counts[row]], lists.scores[row, : lists.counts[row]]
    assert len(items) == len(expected)
    np.testing.assert_allclose(found, scores[expected], rtol=1e-9)
    np.testing.assert_allclose(scores[items], scores[expected], rtol=1e-9)
    assert len(set(items)) == len(items)
    assert (lists.rows[row, lists.counts[row] :] == -1).all()


@given(
    interactions(),
    st.integers(1, 14),
    st.sampled_from([0.0, 0.5, 10.0]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 5, 2**22]),
)
def test_item_neighbours_equal_the_dense_definition(matrix, k, shrink, binary, seen, at_once):
    dense = matrix.toarray()
    with pytest.MonkeyPatch.context() as patch:
        # Small tiles, so that there are many of them.
        patch.setattr(neighbours, "ENTRIES_AT_ONCE", at_once)
        model = ItemKNN(k, shrink, binary).fit(matrix)
        lists = model.recommend(n=5, exclude_seen=seen)
    expected = reference_baselines.similarity(dense, k, shrink, binary)
    kept = model.similarity.toarray()
    np.testing.assert_allclose(np.sort(kept, axis=1), np.sort(expected, axis=1), rtol=1e-9)
    weights = (dense > 0).astype(float) if binary else dense
    scores = weights @ kept
    for row in range(len(dense)):
        masked = set(np.flatnonzero(dense[row] * seen)) | set(np.flatnonzero(scores[row] == 0))
        assert_ranked(lists, row, scores[row], masked, 5)


@given(interactions(), st.integers(1, 14), st.booleans())
def test_popular_items_equal_the_dense_definition(matrix, n, seen):
    dense = matrix.toarray()
    lists = Popularity(num_threads=1).fit(matrix).recommend(n=n, exclude_seen=seen)
    scores = reference_baselines.popularity_scores(dense, len(dense))
    for row in range(len(dense)):
        masked = np.flatnonzero(dense[row] * seen)
        expected = reference_ranking.ranking(scores[row], masked)[:n]
        assert lists[row].ids.tolist() == expected
        assert lists[row].scores.tolist() == scores[row][expected].tolist()


@every_baseline
def test_lists_obey_filters_and_histories_equal_rows(make, likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [f"i{column}" for column in range(likes.shape[1])]
    model = make().fit(Interactions(likes, users, items, [i.upper() for i in items]))
    everyone = model.recommend(n=4)
    assert model.recommend(users[7:9], n=4) == everyone[7:9]
    assert model.recommend("u7", n=4).names[0].tolist() == [
        None if item is None else item.upper() for item in everyone.ids[7]
    ]
    chosen = model.recommend("u7", n=200, items=items[:20], exclude=items[3:5])[0].ids
    assert set(chosen) <= {*items[:3], *items[5:20]}
    assert not set(chosen) & {items[column] for column in likes[[7]].indices}
    history = {"new": {items[column]: likes[7, column] for column in likes[[7]].indices}}
    assert model.recommend_new(history, n=4).ids.tolist() == everyone[7:8].ids.tolist()
    assert model.recommend_new(likes[7:9], n=4).rows.tolist() == everyone[7:9].rows.tolist()
    with pytest.raises(ValueError, match="unknown id among users: 'nobody'"):
        model.recommend("nobody")
    with pytest.raises(ValueError, match="n must be at least 1"):
        model.recommend(n=0)
    with pytest.raises(ValueError, match="must be users × items with 200 columns"):
        model.recommend_new(likes[:, :5])


@every_baseline
@pytest.mark.parametrize("strong", [False, True])
def test_evaluation_of_a_baseline_equals_that_of_its_scores(make, likes, strong):
    data = Interactions(likes, users=[f"u{row}" for row in range(likes.shape[0])])
    if strong:
        split = wrmf.split_users(data, n_test=40, random_state=0)
    else:
        split = wrmf.leave_k_out(data, 2, random_state=0)
    known = (split.fold_in if strong else split.train).matrix.toarray()[split.users]
    metrics = ["recall@5", "ndcg@10", "coverage@5"]
    model = make().fit(split.train)
    evaluation = evaluate(model, split, metrics, per_user=True)
    dense = split.train.matrix.toarray()
    if isinstance(model, Popularity):
        scores = reference_baselines.popularity_scores(dense, len(known))
    else:
        scores = reference_baselines.knn_scores(dense, known, model.k, model.shrink, model.binary)
    test = split.test.matrix[split.users]
    tested = [row for row in range(len(known)) if test[[row]].nnz]
    for name in metrics[:2]:
        expected = [
            reference_ranking.metric(
                name, scores[row], test[[row]].indices, masked_items(make, row, scores, known)
            )
            for row in tested
        ]
        np.testing.assert_allclose(evaluation.per_user[name].mean(), np.mean(expected), atol=0.01)


def masked_items(baseline, row, scores, known):
    """Return the items that are not ranked: the known ones, and those without a score."""
    without = [] if isinstance(baseline, Popularity) else np.flatnonzero(scores[row] == 0)
    return {*np.flatnonzero(known[row]), *without}


def test_popularity_has_factors_so_that_all_metrics_can_be_computed(likes):
    split = wrmf.leave_k_out(likes, 2, random_state=0)
    evaluation = evaluate(Popularity().fit(split.train), split, ["auc", "mrr", "mse", "ndcg@5"])
    assert 0.4 < evaluation["auc"] < 1


def test_a_model_of_taste_beats_popularity():
    data = wrmf.datasets.synthetic_likes(300, 200, 6000, random_state=0)
    split = wrmf.leave_k_out(data, 2, random_state=0)
    values = {
        name: evaluate(model.fit(split.train), split, "ndcg@10")["ndcg@10"]
        for name, model in {
            "popularity": Popularity(),
            "neighbours": ItemKNN(shrink=5),
            "wrmf": wrmf.WRMF(factors=8, random_state=0),
        }.items()
    }
    assert values["popularity"] < min(values["neighbours"], values["wrmf"])


@every_baseline
def test_baselines_have_parameters_and_are_cloned_and_pickled(make, likes):
    clone = pytest.importorskip("sklearn.base").clone
    copied = clone(make())
    assert repr(copied) == repr(make())
    assert not hasattr(copied, "train_matrix")
    fitted = copied.fit(likes)
    assert pickle.loads(pickle.dumps(fitted)).recommend(n=3) == fitted.recommend(n=3)


def test_bad_baselines_are_explained(likes):
    for model, message in (
        (ItemKNN(k=0), "k must be at least 1"),
        (ItemKNN(shrink=-1.0), "shrink must be finite and at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(likes)
    with pytest.raises(TypeError, match="binary must be True or False, got 'yes'"):
        ItemKNN(binary="yes").fit(likes)
    for model in (Popularity(), ItemKNN()):
        with pytest.raises(ValueError, match="is not fitted yet: call fit"):
            model.recommend()


@pytest.mark.parametrize("threads", [2, 5])
def test_popular_items_are_the_same_at_any_thread_count(likes, threads):
    lists = [Popularity(n).fit(likes).recommend(n=7) for n in (1, threads)]
    assert lists[0] == lists[1]
