"""Metrics of a model with an item term equal the definitions on its whole scores."""

import numpy as np
import pytest
import reference_ranking
from scipy import sparse

import wrmf
from wrmf import Interactions, Split, evaluate
from wrmf.evaluation.evaluate import evaluate_both
from wrmf.evaluation.list_metrics import ListMetric
from wrmf.evaluation.metrics import METRICS
from wrmf.numerics import item_terms, term_ranks

# Metrics of all lists together, such as coverage, have no value of each user.
CUTOFFS = [
    f"{name}@{k}"
    for name, metric in METRICS.items()
    if metric.cutoff != "refused" and not isinstance(metric, ListMetric)
    for k in (1, 4, 15)
]
WHOLE = [name for name, metric in METRICS.items() if metric.cutoff != "required"]


@pytest.fixture(scope="module")
def parts():
    generator = np.random.default_rng(3)
    likes = generator.random((40, 30)) < 0.3
    likes[5] = False
    in_test = likes & (generator.random(likes.shape) < 0.3)
    in_test[6] = likes[6]
    return (likes & ~in_test).astype(float), in_test.astype(float)


@pytest.fixture(scope="module")
def model(parts):
    params = {"item_weight": 0.8, "item_neighbors": 4, "item_regularization": 1.0}
    model = wrmf.WRMF(factors=3, regularization=0.1, random_state=0, **params)
    return model.fit(parts[0], progress=False)


def whole_scores(model):
    """Return the scores of all users and items, as ``predict`` has them."""
    n_users, n_items = model.state.shape
    users, items = np.divmod(np.arange(n_users * n_items), n_items)
    terms = model.predict(users, items).astype(float)
    return terms.reshape(n_users, n_items)


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("on", ["test", "train"])
@pytest.mark.parametrize("metrics", [CUTOFFS, [*CUTOFFS, *WHOLE]], ids=["cut-offs", "all"])
def test_every_metric_equals_its_definition(model, parts, exclude_seen, on, metrics, monkeypatch):
    monkeypatch.setattr(term_ranks, "LIST_ENTRIES", 200)
    monkeypatch.setattr(item_terms, "MOST_TERMS", 100)
    train, test = parts
    split = Split(*parts)
    evaluation = evaluate(model, split, metrics, exclude_seen, per_user=True, on=on)
    matrix, scores = (test if on == "test" else train), whole_scores(model)
    users = split.users[matrix[split.users].any(axis=1)]
    for name in metrics:
        if name == "mse":
            expected = np.mean(((matrix > 0) - scores)[split.users] ** 2)
            assert evaluation[name] == pytest.approx(expected, rel=1e-5)
            continue
        for user, value in zip(users, evaluation.per_user[name], strict=True):
            masked = np.flatnonzero(train[user]) if exclude_seen and on == "test" else ()
            held_out = np.flatnonzero(matrix[user])
            expected = reference_ranking.metric(name, scores[user], held_out, masked)
            known = train[user].any()
            assert value == pytest.approx(expected if known else 0.0, abs=1e-12), (name, user)


def test_both_sides_equal_single_evaluations(model, parts):
    split, metrics = Split(*parts), ["ndcg@5", "mse", "auc"]
    train, test = evaluate_both(model, split, metrics)
    assert dict(train) == dict(evaluate(model, split, metrics, on="train"))
    assert dict(test) == dict(evaluate(model, split, metrics))


def test_items_of_the_split_may_be_in_another_order(model, parts):
    order = np.random.default_rng(0).permutation(30)
    names = np.array([f"i{j}" for j in range(30)], dtype=object)
    train, test = (Interactions.from_matrix(sparse.csr_matrix(part), items=names) for part in parts)
    named = wrmf.WRMF(**model.get_params()).fit(train, progress=False)
    moved = Split(
        *(
            Interactions.from_matrix(sparse.csr_matrix(part[:, order]), items=names[order])
            for part in parts
        )
    )
    first = evaluate(named, Split(train, test), ["ndcg@5", "auc", "mse"])
    second = evaluate(named, moved, ["ndcg@5", "auc", "mse"])
    assert dict(first) == pytest.approx(dict(second), rel=1e-5)


def test_held_out_users_are_ranked_by_their_own_items():
    data = wrmf.datasets.synthetic_likes(200, 80, 3000, random_state=0)
    split = wrmf.split_users(data, 40, random_state=0)
    model = wrmf.WRMF(factors=4, item_weight=1.0, random_state=0).fit(split.train, progress=False)
    value = evaluate(model, split, ["recall@10"])["recall@10"]
    lists = model.recommend_new(split.fold_in.matrix[split.users], n=10)
    held_out = split.test.matrix[split.users].toarray() > 0
    hits = [held_out[u, row[row >= 0]].sum() for u, row in enumerate(lists.rows)]
    counts = held_out.sum(axis=1)
    assert value == pytest.approx(np.mean((hits / np.maximum(counts, 1))[counts > 0]))


def test_learning_curves_measure_the_whole_score(model, parts):
    curve = wrmf.learning_curve(
        wrmf.WRMF(**model.get_params()), Split(*parts), [2, 10], ["ndcg@5", "mse"]
    )
    expected = evaluate(model, Split(*parts), ["ndcg@5", "mse"])
    assert [curve.test[name][-1] for name in expected] == list(expected.values())


def test_a_search_varies_the_item_term(model, parts):
    params = {**model.get_params(), "item_weight": 0.0}
    result = wrmf.grid_search(
        wrmf.WRMF(**params),
        Split(*parts),
        {"item_weight": [0.0, 0.8], "item_neighbors": [2, 4]},
        epochs=[10],
        metric="ndcg@5",
        metrics=["ndcg@5"],
    )
    curves = {tuple(curve.params.values()): curve.test["ndcg@5"][-1] for curve in result.curves}
    assert curves[0.8, 4] == evaluate(model, Split(*parts), ["ndcg@5"])["ndcg@5"]
    assert curves[0.0, 2] == curves[0.0, 4]
