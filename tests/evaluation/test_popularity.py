"""Evaluation shows the most popular items beside a model, and says where it is no better."""

import numpy as np
import pytest
from scipy import sparse

import wrmf

METRICS = ["precision@3", "recall@5", "ndcg@20", "map@10", "hit_rate@2", "mrr", "mrr@4"]


def splits():
    data = wrmf.datasets.synthetic_likes(120, 60, 1500, random_state=0)
    weak = wrmf.split_interactions(data, 0.3, random_state=0)
    strong = wrmf.split_users(data, 40, fold_in=0.6, random_state=0)
    return {"weak": weak, "strong": strong}


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("protocol", ["weak", "strong"])
def test_popularity_equals_the_evaluation_of_the_baseline(protocol, exclude_seen):
    split = splits()[protocol]
    baseline = wrmf.Popularity().fit(split.train)
    expected = wrmf.evaluate(baseline, split, METRICS, exclude_seen)
    assert expected.popularity == pytest.approx(dict(expected), abs=1e-12)
    assert list(expected.popularity) == METRICS
    assert expected.no_better_than_popularity == tuple(METRICS)


def test_held_out_items_that_are_known_are_never_found():
    both = sparse.csr_matrix([[1, 1, 0], [0, 1, 1]])
    split = wrmf.Split(both, sparse.csr_matrix([[0, 1, 1], [1, 0, 0]]))
    scores = wrmf.evaluate(wrmf.Popularity().fit(split.train), split, ["mrr", "recall@3"])
    assert scores.popularity == pytest.approx(dict(scores))


def test_a_good_model_is_above_popularity_and_a_random_one_says_that_it_is_not():
    split = splits()["weak"]
    good = wrmf.evaluate(wrmf.WRMF(16, random_state=0).fit(split.train), split, ["ndcg@20"])
    assert good["ndcg@20"] > good.popularity["ndcg@20"]
    assert "popularity" not in repr(good)
    bad = wrmf.WRMF(2, iterations=1, random_state=0).fit(split.train)
    bad.item_factors = -bad.item_factors
    worse = wrmf.evaluate(bad, split, ["ndcg@20"])
    assert "no better than popularity: ndcg@20=" in repr(worse)
    frame = worse.to_frame()
    assert frame["popularity"].tolist() == [worse.popularity["ndcg@20"]]


def test_metrics_of_all_scores_and_of_train_have_no_popularity():
    split = splits()["weak"]
    model = wrmf.WRMF(4, iterations=2, random_state=0).fit(split.train)
    scores = wrmf.evaluate(model, split, ["auc", "mse", "coverage@5", "mrr"])
    assert list(scores.popularity) == ["mrr"]
    assert np.isnan(scores.to_frame().set_index("metric")["popularity"]["auc"])
    assert not wrmf.evaluate(model, split, ["mrr"], on="train").popularity


def test_items_that_are_disliked_are_not_popular():
    train = wrmf.Interactions.from_matrix(
        np.array([[1, -1, 0], [1, -1, 0], [0, -1, 0], [0, 0, 0]]), negative="dislike"
    )
    test = wrmf.Interactions.from_matrix(np.array([[0, 0, 0]] * 3 + [[1, 0, 0]]))
    scores = wrmf.evaluate(wrmf.Popularity().fit(train), wrmf.Split(train, test), ["mrr"])
    assert scores.popularity == dict(scores) == {"mrr": 1.0}
