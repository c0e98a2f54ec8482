"""Metrics of lists and metrics of one's own equal their definitions."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

import wrmf
from wrmf import Metric, Split, evaluate
from wrmf.evaluation.list_metrics import ListMetric
from wrmf.evaluation.metrics import METRICS

LIST_METRICS = [name for name, metric in METRICS.items() if isinstance(metric, ListMetric)]


@st.composite
def splits_and_models(draw):
    """Return a split of a small matrix, and a model with ties in its scores."""
    likes = draw(interactions(max_users=9, max_items=14)).toarray()
    generator = np.random.default_rng(draw(st.integers(0, 999)))
    in_test = generator.random(likes.shape) < 0.5
    train, test = likes * ~in_test, likes * in_test
    # A split needs something on both sides.
    train[0, 0], test[0, -1] = 1, 1
    x, y = (generator.integers(-2, 3, (n, 2)).astype(np.float32) for n in likes.shape)
    return Split(train, test), SimpleNamespace(user_factors=x, item_factors=y)


def slow_lists(split, model, masks):
    """Return the ranked items of each test user with held-out items, and these items."""
    train, test = split.train.matrix.toarray(), split.test.matrix.toarray()
    scores = model.user_factors @ model.item_factors.T
    users = [user for user in split.users if test[user].any()]
    lists = [
        []
        if not train[user].any() and not model.user_factors[user].any()
        else reference_ranking.ranking(scores[user], np.flatnonzero(train[user] * masks))
        for user in users
    ]
    return lists, [np.flatnonzero(test[user]) for user in users]


@given(split_and_model=splits_and_models(), exclude_seen=st.booleans(), data=st.data())
def test_metrics_of_lists_equal_their_definitions(split_and_model, exclude_seen, data):
    split, model = split_and_model
    k = data.draw(st.integers(1, split.train.n_items))
    names = [f"{name}@{k}" for name in LIST_METRICS]
    evaluation = evaluate(
        model, split, ["hit_rate@1", *names], exclude_seen, per_user=True, num_threads=1
    )
    assert list(evaluation) == ["hit_rate@1", *names]
    lists, _ = slow_lists(split, model, exclude_seen)
    train = split.train.matrix.toarray()
    for name in names:
        expected = reference_ranking.list_metric(name, lists, train)
        if not isinstance(expected, list):
            assert evaluation[name] == pytest.approx(expected, rel=1e-12, nan_ok=True)
            assert name not in evaluation.per_user
            continue
        values = [math.nan if value is None else value for value in expected]
        assert evaluation.per_user[name].tolist() == pytest.approx(values, nan_ok=True)
        mean = np.nanmean(values) if not np.isnan(values).all() else math.nan
        assert evaluation[name] == pytest.approx(mean, nan_ok=True)


@given(split_and_model=splits_and_models(), exclude_seen=st.booleans(), data=st.data())
def test_a_metric_of_ones_own_gets_the_ids_of_each_user(split_and_model, exclude_seen, data):
    split, model = split_and_model
    k = data.draw(st.integers(1, split.train.n_items))
    calls = []

    def share_found(recommended, held_out):
        calls.append((recommended.tolist(), sorted(held_out.tolist())))
        return len(set(recommended) & set(held_out)) / len(held_out)

    metric = Metric(share_found, k=k)
    evaluation = evaluate(
        model, split, [metric, f"recall@{k}"], exclude_seen, per_user=True, num_threads=1
    )
    lists, held_out = slow_lists(split, model, exclude_seen)
    assert [call[0] for call in calls] == [items[:k] for items in lists]
    assert [call[1] for call in calls] == [items.tolist() for items in held_out]
    recall = evaluation.per_user[f"recall@{k}"]
    np.testing.assert_allclose(evaluation.per_user[f"share_found@{k}"], recall)
    assert evaluation.stderr[f"share_found@{k}"] == pytest.approx(
        evaluation.stderr[f"recall@{k}"], nan_ok=True
    )


def toy():
    split = Split(np.array([[1, 0, 0], [0, 1, 1]]), np.array([[0, 1, 0], [1, 0, 0]]))
    return SimpleNamespace(user_factors=np.ones((2, 1)), item_factors=np.ones((3, 1))), split


def test_a_function_is_a_metric_and_ids_are_those_of_the_split():
    train = wrmf.Interactions(np.eye(12), items=[f"i{item}" for item in range(12)])
    split = Split(train, train.with_matrix(np.roll(np.eye(12), 1, axis=1)))
    model = SimpleNamespace(user_factors=np.eye(12), item_factors=np.roll(np.eye(12), -1, axis=1))

    def hit(recommended, held_out):
        assert all(item.startswith("i") for item in recommended)
        return held_out[0] in recommended

    assert list(evaluate(model, split, hit)) == ["hit@10"]
    named = evaluate(model, split, [Metric(hit, k=1, name="top"), "coverage@12"])
    assert dict(named) == {"top": named["top"], "coverage@12": 1.0}
    assert list(evaluate(model, split, Metric(lambda recommended, held_out: 0.0, k=2))) == [
        "lambda@2"
    ]


def test_nan_leaves_a_user_out_of_the_mean():
    model, split = toy()
    values = iter([np.nan, 3.0])
    evaluation = evaluate(model, split, Metric(lambda *_: next(values), k=1, name="own"))
    assert evaluation["own"] == 3.0
    assert math.isnan(evaluation.stderr["own"])


def test_metrics_of_ones_own_that_cannot_work_are_explained():
    model, split = toy()
    with pytest.raises(TypeError, match=r"a metric must be a function of .*got 'mrr'"):
        Metric("mrr")
    with pytest.raises(ValueError, match="k must be at least 1"):
        Metric(max, k=0)
    with pytest.raises(ValueError, match="own: k must lie in 1 … 3"):
        evaluate(model, split, [Metric(max, k=4, name="own")])
    with pytest.raises(TypeError, match=r"the metric own must return a number, got None \(NoneTy"):
        evaluate(model, split, [Metric(lambda *_: None, k=1, name="own")])
    with pytest.raises(ValueError, match="two metrics are called 'own': give one of them a name="):
        evaluate(model, split, [Metric(max, k=1, name="own"), Metric(min, k=1, name="own")])
    with pytest.raises(ValueError, match="no user has a held-out item"):
        evaluate(model, Split(split.train, np.zeros((2, 3)), [0]), ["coverage@1"])


@pytest.mark.parametrize("threads", [2, 5])
def test_metrics_of_lists_are_the_same_at_any_thread_count(threads):
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((n, 9)).astype(np.float32) for n in (200, 150))
    model = SimpleNamespace(user_factors=x, item_factors=y)
    split = wrmf.split_interactions(generator.random((200, 150)) < 0.05, random_state=0)
    metrics = [f"{name}@7" for name in LIST_METRICS]
    serial, parallel = (evaluate(model, split, metrics, num_threads=n) for n in (1, threads))
    assert dict(serial) == dict(parallel)


def test_lists_of_the_same_items_are_concentrated_and_those_of_all_items_are_not():
    train = np.eye(4)
    test = np.roll(train, 1, axis=1)
    one_item = SimpleNamespace(user_factors=np.ones((4, 1)), item_factors=np.arange(4.0)[:, None])
    own_item = SimpleNamespace(user_factors=np.eye(4), item_factors=np.roll(np.eye(4), -1, axis=1))
    metrics = ["coverage@1", "gini@1"]
    same = evaluate(one_item, Split(train, test), metrics, exclude_seen=False)
    assert dict(same) == {"coverage@1": 0.25, "gini@1": 0.75}
    different = evaluate(own_item, Split(train, test), metrics, exclude_seen=False)
    assert dict(different) == {"coverage@1": 1.0, "gini@1": 0.0}


def test_an_evaluation_becomes_a_frame():
    model, split = toy()
    evaluation = evaluate(model, split, ["mrr", "coverage@1"])
    frame = evaluation.to_frame()
    assert list(frame) == ["metric", "value", "stderr", "popularity", "n_users"]
    assert frame["metric"].tolist() == ["mrr", "coverage@1"]
    assert frame["value"].tolist() == list(evaluation.values())
    assert frame["stderr"][0] == evaluation.stderr["mrr"]
    assert math.isnan(frame["stderr"][1])
    assert frame["n_users"].tolist() == [2, 2]
    assert isinstance(frame, pd.DataFrame)
