"""Models that only recommend are evaluated like those with factors, whatever form lists have."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

import wrmf
from wrmf import Interactions, Split, evaluate

METRICS = ["precision@3", "ndcg@5", "map@5", "mrr@4", "coverage@5", "novelty@2", "gini@3"]


@st.composite
def splits_and_models(draw):
    """Return a split with ids of text, and a model with distinct scores."""
    likes = draw(interactions(max_users=9, max_items=14)).toarray()
    generator = np.random.default_rng(draw(st.integers(0, 999)))
    likes = np.hstack([likes, np.zeros((len(likes), 5))])
    in_test = generator.random(likes.shape) < 0.5
    train, test = likes * ~in_test, likes * in_test
    train[0, 0], test[0, -1] = 1, 1
    train = Interactions(
        train,
        users=[f"u{row}" for row in range(likes.shape[0])],
        items=[f"i{column}" for column in range(likes.shape[1])],
    )
    x, y = (generator.standard_normal((n, 3)) for n in likes.shape)
    split = Split(train, train.with_matrix(test))
    return split, SimpleNamespace(user_factors=x, item_factors=y)


class Recommending:
    """A model that recommends by factors, but has only lists, in one of many forms."""

    def __init__(self, split, model, form):
        self.train, self.form = split.train, form
        self.scores = model.user_factors @ model.item_factors.T

    def recommend(self, users, n):
        lists = {user: self.best(user, n) for user in users.tolist()}
        scores = [[float(n - place) for place in range(n)] for _ in lists]
        return {
            "mapping": lists,
            "lists": list(lists.values()),
            "array": np.array(list(lists.values()), dtype=object),
            "ids and scores": (np.array(list(lists.values()), dtype=object), np.array(scores)),
            "frame": self.frame(lists),
            "ranked frame": self.frame(lists).sample(frac=1, random_state=0),
            "polars": self.in_polars(lists),
            "item lists": {user: SimpleNamespace(ids=lambda i=i: i) for user, i in lists.items()},
        }[self.form]

    def best(self, user, n):
        row = self.train.user_index(user)[0]
        return self.train.items[np.argsort(-self.scores[row], kind="stable")[:n]].tolist()

    def frame(self, lists):
        rows = [(u, i, r) for u, items in lists.items() for r, i in enumerate(items)]
        return pd.DataFrame(rows, columns=["user", "item", "rank"])

    def in_polars(self, lists):
        return pytest.importorskip("polars").from_pandas(self.frame(lists))


FORMS = [
    "mapping",
    "lists",
    "array",
    "ids and scores",
    "frame",
    "ranked frame",
    "polars",
    "item lists",
]


@given(splits_and_models(), st.booleans(), st.sampled_from(FORMS))
def test_lists_give_the_values_of_factors(split_and_model, exclude_seen, form):
    split, model = split_and_model
    expected = evaluate(model, split, METRICS, exclude_seen, per_user=True, num_threads=1)
    evaluation = evaluate(
        Recommending(split, model, form), split, METRICS, exclude_seen, per_user=True
    )
    known = np.diff(split.train.matrix.indptr)[split.users] > 0
    if known.all():
        assert dict(evaluation) == pytest.approx(dict(expected), nan_ok=True)
    pd.testing.assert_frame_equal(evaluation.per_user[known], expected.per_user[known])


class OneByOne:
    """A model that recommends to one user, and leaves out seen items itself."""

    def __init__(self, model):
        self.model = model

    def recommend(self, user, n, exclude_seen=True):
        return self.model.recommend([user], n, exclude_seen=exclude_seen)[0].ids


class OnlyLists:
    """A fitted WRMF without its factors."""

    def __init__(self, model):
        self.model = model

    def recommend(self, users, n=10, exclude_seen=True):
        return self.model.recommend(users, n, exclude_seen=exclude_seen)

    def recommend_new(self, interactions, n=10, exclude_seen=True):
        return self.model.recommend_new(interactions, n, exclude_seen=exclude_seen)


@pytest.mark.parametrize("wrap", [OneByOne, OnlyLists])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_a_model_is_asked_as_its_parameters_say(likes, wrap, exclude_seen):
    split = wrmf.leave_k_out(likes, 2, random_state=0)
    model = wrmf.WRMF(factors=4, iterations=3, random_state=0, num_threads=1).fit(split.train)
    expected = evaluate(model, split, METRICS, exclude_seen)
    assert dict(evaluate(wrap(model), split, METRICS, exclude_seen)) == dict(expected)
    train = evaluate(model, split, METRICS, on="train")
    assert dict(evaluate(wrap(model), split, METRICS, on="train")) == dict(train)


def test_held_out_users_get_lists_from_their_known_items(likes):
    split = wrmf.split_users(likes, n_test=30, random_state=0)
    model = wrmf.WRMF(factors=4, iterations=3, random_state=0, num_threads=1).fit(split.train)
    expected = evaluate(model, split, METRICS)
    assert dict(evaluate(OnlyLists(model), split, METRICS)) == dict(expected)
    with pytest.raises(ValueError, match=r"model.recommend_new, but OneByOne has no such method"):
        evaluate(OneByOne(model), split, METRICS)


class LikeImplicit:
    """A model with the interface of implicit: positions, and histories in each call."""

    def __init__(self, model):
        self.model = model

    def recommend(
        self, userid, user_items, N=10, filter_already_liked_items=True, recalculate_user=False
    ):
        assert user_items.shape[0] == len(userid)
        assert not filter_already_liked_items
        if recalculate_user:
            lists = self.model.recommend_new(user_items, N, exclude_seen=False)
        else:
            lists = self.model.recommend(self.model.users[userid], N, exclude_seen=False)
        padding = lists.rows < 0
        scores = np.where(padding, -np.finfo(np.float32).max, lists.scores)
        return np.where(padding, 0, lists.rows), scores


def test_models_like_those_of_implicit_are_asked_by_position(likes):
    names = [f"u{row}" for row in range(likes.shape[0])]
    data = Interactions(likes, users=names)
    for split in (
        wrmf.leave_k_out(data, 2, random_state=0),
        wrmf.split_users(data, n_test=30, random_state=0),
    ):
        model = wrmf.WRMF(factors=4, iterations=3, random_state=0, num_threads=1).fit(split.train)
        expected = evaluate(model, split, METRICS)
        assert dict(evaluate(LikeImplicit(model), split, METRICS)) == dict(expected)


def test_a_model_with_factors_that_cannot_fold_in_is_asked_for_lists(likes):
    split = wrmf.split_users(likes, n_test=30, random_state=0)
    model = wrmf.WRMF(factors=4, iterations=3, random_state=0, num_threads=1).fit(split.train)
    with_factors = LikeImplicit(model)
    with_factors.user_factors, with_factors.item_factors = model.user_factors, model.item_factors
    expected = evaluate(model, split, METRICS)
    assert dict(evaluate(with_factors, split, METRICS)) == dict(expected)


@pytest.mark.parametrize("kind", ["AlternatingLeastSquares", "CosineRecommender"])
@pytest.mark.filterwarnings("ignore:OpenBLAS:RuntimeWarning", "ignore:Intel MKL:RuntimeWarning")
def test_models_of_implicit_are_evaluated(likes, kind):
    implicit = pytest.importorskip("implicit")
    if kind == "AlternatingLeastSquares":
        model = implicit.als.AlternatingLeastSquares(4, num_threads=1, random_state=0)
    else:
        model = implicit.nearest_neighbours.CosineRecommender(K=20, num_threads=1)
    for split in (
        wrmf.leave_k_out(likes, 2, random_state=0),
        wrmf.split_users(likes, n_test=30, random_state=0),
    ):
        model.fit(split.train.matrix, show_progress=False)
        evaluation = evaluate(model, split, METRICS)
        assert evaluation["coverage@5"] > 0
        assert 0 < evaluation["ndcg@5"] < 1


def recommending(answer):
    return SimpleNamespace(recommend=lambda users, n: answer)


def test_answers_that_are_no_lists_are_explained():
    split = Split(np.eye(3), np.roll(np.eye(3), 1, axis=1))
    for answer, error, message in (
        (None, TypeError, "must return Recommendations, ids and scores.*got a NoneType"),
        ([[1], [2]], TypeError, "or a list for each of 3 users, got a list"),
        ([[1], [7], [0]], ValueError, "recommends 7, which is no item of the split.* such as 0"),
        ([[1], [1, 1], [0]], ValueError, "lists 1 twice for"),
        (pd.DataFrame({"user": [1], "id": [1]}), ValueError, "no column 'item'; it has user, id"),
    ):
        with pytest.raises(error, match=message):
            evaluate(recommending(answer), split, ["recall@2"])
    fine = recommending([[1], [2], [0, -1]])
    assert evaluate(fine, split, ["recall@2"])["recall@2"] == 1.0
    with pytest.raises(ValueError, match="such as mrr@20 in place of mrr or auc"):
        evaluate(fine, split, ["auc"])
    with pytest.raises(ValueError, match="such as ndcg@20, in place of mse"):
        evaluate(fine, split, ["mse"])


def test_scores_may_be_lists_beside_lists_of_ids():
    split = Split(np.eye(2), np.roll(np.eye(2), 1, axis=1))
    for answer in (([[1], [0]], [[0.5], [0.4]]), ([1], [0])):
        assert evaluate(recommending(answer), split, ["recall@1"])["recall@1"] == 1.0


def test_a_negative_number_of_threads_is_refused():
    split = Split(np.eye(2), np.roll(np.eye(2), 1, axis=1))
    with pytest.raises(ValueError, match="num_threads must be at least 0"):
        evaluate(recommending([[1], [0]]), split, ["recall@1"], num_threads=-1)


def test_minus_one_may_be_an_id():
    train = Interactions(np.eye(2), items=[-1, 5])
    split = Split(train, train.with_matrix(np.array([[0, 1], [1, 0]])))
    model = recommending([[5], [-1]])
    assert evaluate(model, split, ["recall@1"])["recall@1"] == 1.0


def test_lists_in_another_order_of_users_are_matched_by_id():
    split = Split(np.eye(3), np.roll(np.eye(3), 1, axis=1))
    model = recommending({2: [0], 0: [1], 1: [2], 9: [1]})
    assert evaluate(model, split, ["recall@1"])["recall@1"] == 1.0


def test_users_without_a_list_find_nothing():
    split = Split(np.eye(3), np.roll(np.eye(3), 1, axis=1))
    evaluation = evaluate(recommending({2: [0]}), split, ["recall@1", "coverage@1"])
    assert dict(evaluation) == pytest.approx({"recall@1": 1 / 3, "coverage@1": 1 / 3})
