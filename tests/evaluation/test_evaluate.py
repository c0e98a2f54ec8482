"""Evaluation equals the definitions, at any dtype and thread count; errors say what to do."""

from types import SimpleNamespace

import numpy as np
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

import wrmf
from wrmf import Split, evaluate
from wrmf.evaluation.evaluate import evaluate_both, evaluate_sides
from wrmf.evaluation.list_metrics import ListMetric
from wrmf.evaluation.metrics import METRICS
from wrmf.numerics import ranking
from wrmf.numerics.item_lists import ItemLists

# A new metric needs its definition in tests/reference_ranking.py.
RANKING = {name: m for name, m in METRICS.items() if not isinstance(m, ListMetric)}
WITH_CUTOFF = [name for name, metric in RANKING.items() if metric.cutoff != "refused"]
WITHOUT_CUTOFF = [name for name, metric in METRICS.items() if metric.cutoff != "required"]


def model_with_ties(shape, seed, k=2):
    """Return factors of small whole numbers: many scores are equal, and none is rounded."""
    generator = np.random.default_rng(seed)
    x, y = (generator.integers(-2, 3, (n, k)).astype(np.float32) for n in shape)
    return SimpleNamespace(user_factors=x, item_factors=y)


@st.composite
def splits_and_models(draw):
    """Return a split of a small matrix, and a model with ties in its scores."""
    likes = draw(interactions(max_users=9, max_items=14)).toarray()
    in_test = np.random.default_rng(draw(st.integers(0, 999))).random(likes.shape) < 0.5
    train, test = likes * ~in_test, likes * in_test
    # A split needs something on both sides.
    train[0, 0], test[0, 0], test[0, -1] = 1, 0, 1
    if likes.shape[1] == 1:
        test[0, 0] = 1
    model = model_with_ties(likes.shape, draw(st.integers(0, 999)))
    return Split(train, test), model


@pytest.mark.slow
@given(split_and_model=splits_and_models(), exclude_seen=st.booleans(), data=st.data())
def test_every_metric_equals_its_definition(split_and_model, exclude_seen, data):
    split, model = split_and_model
    n_items = split.train.n_items
    cutoffs = data.draw(st.sets(st.integers(1, n_items), min_size=1, max_size=3))
    names = [f"{name}@{k}" for name in WITH_CUTOFF for k in cutoffs]
    for metrics in (names, [*names, *WITHOUT_CUTOFF]):
        for side in ("test", "train"):
            evaluation = evaluate(model, split, metrics, exclude_seen, per_user=True, on=side)
            matrix = (split.test if side == "test" else split.train).matrix
            # Nothing is found for users of whom nothing is known.
            unknown = (np.diff(split.train.matrix.indptr) == 0) & ~model.user_factors.any(axis=1)
            scores = model.user_factors @ model.item_factors.T
            held_out = {u: matrix[[u]].indices for u in split.users if matrix[[u]].nnz}
            masked = {
                u: split.train.matrix[[u]].indices if exclude_seen and side == "test" else ()
                for u in held_out
            }
            assert evaluation.n_users == len(held_out)
            assert evaluation.n_skipped == len(split.users) - len(held_out)
            for name in metrics:
                if name == "mse":
                    expected = reference_ranking.mean_squared_error(
                        matrix[split.users], model.user_factors[split.users], model.item_factors
                    )
                    assert evaluation[name] == pytest.approx(expected, rel=1e-9, abs=1e-12)
                    continue
                expected = [
                    0.0
                    if unknown[u]
                    else reference_ranking.metric(name, scores[u], items, masked[u])
                    for u, items in held_out.items()
                ]
                assert evaluation.per_user[name].tolist() == pytest.approx(expected, abs=1e-12)
                assert evaluation[name] == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.slow
@given(split_and_model=splits_and_models(), exclude_seen=st.booleans())
def test_one_pass_over_both_sides_equals_two(split_and_model, exclude_seen):
    split, model = split_and_model
    metrics = ["precision@1", "auc", "mse"]
    train, test = evaluate_both(model, split, metrics, exclude_seen)
    assert dict(test) == dict(evaluate(model, split, metrics, exclude_seen))
    assert dict(train) == dict(evaluate(model, split, metrics, exclude_seen, on="train"))
    sides = [("test", True), ("train", False), ("test", False)]
    evaluations = evaluate_sides(model, split, metrics, sides)
    for (on, masked), evaluation in zip(sides, evaluations, strict=True):
        assert dict(evaluation) == dict(evaluate(model, split, metrics, masked, on=on))


@given(
    shape=st.tuples(st.integers(1, 8), st.integers(1, 20)),
    n=st.integers(1, 25),
    seed=st.integers(0, 99),
)
def test_top_n_is_a_plain_sort_with_ties_by_position(shape, n, seed):
    model = model_with_ties(shape, seed)
    generator = np.random.default_rng(seed)
    blocked = generator.random(shape) < 0.3
    allowed = generator.random(shape[1]) < 0.7
    rows, scores, counts = ranking.top_n(
        model.user_factors, model.item_factors, n, ItemLists.of(sparse.csr_matrix(blocked)), allowed
    )
    dense = model.user_factors @ model.item_factors.T
    for user in range(shape[0]):
        masked = np.flatnonzero(blocked[user] | ~allowed)
        expected = reference_ranking.ranking(dense[user], masked)[:n]
        assert rows[user, : counts[user]].tolist() == expected
        assert (rows[user, counts[user] :] == -1).all()
        assert scores[user, : counts[user]].tolist() == dense[user][expected].tolist()
        assert np.isnan(scores[user, counts[user] :]).all()


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_results_are_bitwise_the_same_at_any_thread_count(threads, monkeypatch):
    # Small tiles, so that there are many of them.
    monkeypatch.setattr(ranking, "BLOCK", 13)
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((n, 9)).astype(np.float32) for n in (500, 300))
    model = SimpleNamespace(user_factors=x, item_factors=y)
    split = wrmf.split_interactions(generator.random((500, 300)) < 0.05, random_state=0)
    metrics = ["ndcg@10", "auc", "mse"]
    serial = evaluate(model, split, metrics, num_threads=1)
    parallel = evaluate(model, split, metrics, num_threads=threads)
    assert dict(serial) == dict(parallel)
    lists, same_lists = (ranking.top_n(x, y, 7, num_threads=n) for n in (1, threads))
    for array, same_array in zip(lists, same_lists, strict=True):
        assert np.array_equal(array, same_array)


def test_strong_generalisation_folds_users_in(likes):
    split = wrmf.split_users(likes, n_test=40, random_state=0)
    model = wrmf.WRMF(factors=6, iterations=3, random_state=0).fit(split.train)
    known = split.fold_in.matrix[split.users]
    # The same users as rows of a model that is not asked to fold in.
    stand_in = SimpleNamespace(
        user_factors=np.zeros_like(model.user_factors), item_factors=model.item_factors
    )
    stand_in.user_factors[split.users] = model.fold_in_users(known)
    weak = Split(split.fold_in, split.test, split.users)
    metrics = ["recall@20", "ndcg@100", "mse"]
    assert dict(evaluate(model, split, metrics)) == dict(evaluate(stand_in, weak, metrics))


@pytest.mark.parametrize("dtypes", ["f8 f4", "f4 f8", "i8 i4", "f2 f4"])
def test_factors_of_any_real_dtype_are_evaluated(dtypes):
    generator = np.random.default_rng(0)
    train = generator.random((20, 15)) < 0.3
    split = wrmf.Split(train.astype(int), ((generator.random((20, 15)) < 0.3) & ~train).astype(int))
    # Every dtype holds small whole numbers exactly.
    x, y = (generator.integers(-3, 4, (n, 4)) for n in train.shape)

    def evaluated(user_dtype, item_dtype):
        model = SimpleNamespace(
            user_factors=x.astype(user_dtype), item_factors=y.astype(item_dtype)
        )
        return dict(evaluate(model, split, ["ndcg@5", "auc", "mse"]))

    assert evaluated(*dtypes.split()) == evaluated("f8", "f8")


def test_a_held_out_item_that_is_also_masked_is_never_found():
    split = Split(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
    model = SimpleNamespace(user_factors=np.ones((1, 1)), item_factors=np.array([[3.0], [2], [1]]))
    evaluation = evaluate(model, split, ["precision@3", "mrr", "auc"])
    assert dict(evaluation) == {"precision@3": 0.0, "mrr": 0.0, "auc": 0.0}
    assert evaluate(model, split, ["mrr"], exclude_seen=False)["mrr"] == 1.0


def test_bad_evaluations_are_explained():
    split, model = Split(np.eye(3), np.eye(3)), model_with_ties((3, 3), 0)
    for name in ("precision@4", "ndcg@0"):
        with pytest.raises(ValueError, match="k must lie in 1 … 3"):
            evaluate(model, split, [name])
    with pytest.raises(TypeError, match=r"split must be a wrmf.Split, got csr_matrix"):
        evaluate(model, sparse.csr_matrix(np.eye(3)), ["mrr"])
    with pytest.raises(TypeError, match="metrics must be names such as ndcg@20, got 5"):
        evaluate(model, split, 5)
    with pytest.raises(ValueError, match="no metric was named"):
        evaluate(model, split, [])
    with pytest.raises(ValueError, match="on must be"):
        evaluate(model, split, on="validation")
    with pytest.raises(ValueError, match="no test users"):
        evaluate(model, Split(np.eye(3), sparse.csr_matrix((3, 3))), ["mrr"])
    with pytest.raises(ValueError, match="no user has a held-out item"):
        evaluate(model, Split(np.eye(3), sparse.csr_matrix((3, 3)), [0, 1]), ["mrr"])
    with pytest.raises(ValueError, match="the model has 4 users × 3 items, the split 3 × 3"):
        evaluate(model_with_ties((4, 3), 0), split, ["mrr"])
    with pytest.raises(ValueError, match="fit it on split"):
        evaluate(wrmf.WRMF(), split, ["mrr"])
    held_out_users = wrmf.split_users(np.ones((3, 3)), n_test=1, random_state=0)
    with pytest.raises(ValueError, match="SimpleNamespace has no such method"):
        evaluate(model, held_out_users, ["mrr"])
    model.item_factors[1] = np.nan
    with pytest.raises(ValueError, match="item factors hold NaN"):
        evaluate(model, split, ["mrr"])
