"""Scores, lists and explanations of a model with an item term are those of its definition."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import reference_item_weights
import reference_ranking
from scipy import sparse

import wrmf
from wrmf.model.lists import FEW

PARAMS = {"item_weight": 0.7, "item_neighbors": 5, "item_regularization": 2.0}


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    dense = (generator.random((30, 40)) < 0.2) * generator.integers(1, 4, (30, 40))
    dense[3] = 0
    dense[:, 7] = 0
    return sparse.csr_matrix(dense.astype(float))


@pytest.fixture(scope="module")
def model(small, data):
    return small(**PARAMS).fit(data)


def total_scores(model, matrix, user_factors=None):
    """Return the scores of the definition, from dense matrices."""
    x = model.user_factors if user_factors is None else user_factors
    scores = x.astype(float) @ model.item_factors.astype(float).T
    every = model.user_factors.astype(float) @ model.item_factors.astype(float).T
    weights = reference_item_weights.item_weights(model.train_matrix, 5, 2.0)
    sums = reference_item_weights.terms(model.train_matrix, weights)
    scale = model.state.params["item_weight"] * every.std() / sums.std()
    return scores + scale * reference_item_weights.terms(matrix, weights)


def assert_lists(lists, scores, n, masked):
    for row, scores_of_user in enumerate(scores):
        expected = reference_ranking.ranking(scores_of_user, np.flatnonzero(masked[row]))[:n]
        count = lists.counts[row]
        assert lists.rows[row, :count].tolist() == expected
        np.testing.assert_allclose(lists.scores[row, :count], scores_of_user[expected], rtol=1e-4)


def known(data):
    return np.flatnonzero(np.diff(data.indptr))


@pytest.mark.parametrize("count", [2, FEW + 1, 29])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_recommend_ranks_by_both_parts(model, data, count, exclude_seen):
    users = known(data)[:count]
    masked = (data[users].toarray() > 0) & exclude_seen
    lists = model.recommend(users, n=6, exclude_seen=exclude_seen)
    assert_lists(lists, total_scores(model, data)[users], 6, masked)


@pytest.mark.parametrize("items", [[4], [7, 0, 9], list(range(40))])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_recommend_users_ranks_by_both_parts(model, data, items, exclude_seen):
    masked = (data[:, items].T.toarray() > 0) & exclude_seen
    # Users without interactions are not listed, and item 7 has none.
    masked[:, np.diff(data.indptr) == 0] = True
    masked[[item == 7 for item in items]] = True
    lists = model.recommend_users(items, n=6, exclude_seen=exclude_seen)
    assert_lists(lists, total_scores(model, data).T[items], 6, masked)


def scores_of_lists(model):
    """Return the scores of all pairs, users × items, from the lists of all users."""
    lists = model.recommend(n=len(model.items), exclude_seen=False)
    scores = np.full((len(model.users), len(model.items)), np.nan, dtype=model.dtype)
    rows, places = np.nonzero(lists.rows >= 0)
    scores[rows, lists.rows[rows, places]] = lists.scores[rows, places]
    return scores


@pytest.mark.parametrize("count", [1, 12])
def test_users_of_an_item_have_the_scores_that_the_item_has_for_them(model, count):
    every = scores_of_lists(model)
    items = [4, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20][:count]
    chosen = [2, 5, 8, 11, 20, 25]
    for lists in (
        model.recommend_users(items, n=30, exclude=[1, 2], min_score=0.05),
        model.recommend_users(items, n=4, users=chosen, exclude_seen=False),
    ):
        assert lists.counts.min() > 0
        for item, ids, scores in zip(items, lists.ids, lists.scores, strict=True):
            users = ids[~np.isnan(scores)]
            expected = every[users, item]
            np.testing.assert_array_equal(scores[: len(users)], expected)
            order = np.lexsort((users, -expected))
            assert order.tolist() == list(range(len(users)))


def test_those_who_dislike_an_item_add_no_term(small, data):
    disliked = data.toarray()
    disliked[4, np.flatnonzero(disliked[4])[:3]] *= -1
    model = small(**PARAMS).fit(wrmf.Interactions.from_matrix(disliked, negative="dislike"))
    lists = model.recommend_users([3], n=30, exclude_seen=False)
    users = lists.ids[0, : lists.counts[0]]
    assert len(users) > 20
    np.testing.assert_array_equal(lists.scores[0, : len(users)], scores_of_lists(model)[users, 3])


@pytest.mark.parametrize("count", [2, 29])
def test_filters_hold_for_both_parts(model, data, count):
    users = known(data)[:count]
    allowed, excluded = np.arange(5, 30), [6, 9, 20]
    masked = np.ones((count, 40), dtype=bool)
    masked[:, allowed] = data[users][:, allowed].toarray() > 0
    masked[:, excluded] = True
    lists = model.recommend(users, n=6, items=allowed, exclude=excluded)
    assert_lists(lists, total_scores(model, data)[users], 6, masked)
    own = {users[0]: [1, 2, 3, 4, 5, 6], users[1]: [30, 31]}
    masked = data[users].toarray() > 0
    for row, items in enumerate(own.values()):
        masked[row, np.setdiff1d(np.arange(40), items)] = True
    assert_lists(
        model.recommend(users, n=6, items=own), total_scores(model, data)[users], 6, masked
    )


def test_users_without_interactions_still_get_an_empty_list(model):
    assert model.recommend().counts[3] == 0
    assert model.recommend(fallback="popular").counts[3] == 10


def test_new_users_need_only_their_row(model, data, small):
    new = data[:12]
    lists = model.recommend_new(new, n=5)
    scores = total_scores(model, new, model.fold_in_users(new))
    rows = known(new)
    assert_lists(model.recommend_new(new[rows], n=5), scores[rows], 5, new[rows].toarray() > 0)
    assert np.array_equal(lists.rows, model.recommend(np.arange(12), n=5).rows)


def test_requests_for_few_and_for_many_users_have_the_same_lists(model, data):
    every = model.recommend(n=8)
    for user in known(data):
        one = model.recommend([user], n=8)
        assert np.array_equal(one.rows[0], every.rows[user])
        assert np.array_equal(one.scores[0], every.scores[user], equal_nan=True)


def test_predict_is_the_whole_score(model, data):
    scores = total_scores(model, data)
    np.testing.assert_allclose(model.predict(4, np.arange(40)), scores[4], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(np.arange(30), 9), scores[:, 9], rtol=1e-4, atol=1e-6)
    users, items = [8, 2, 8, 3], [1, 30, 0, 0]
    np.testing.assert_allclose(
        model.predict(users, items), scores[users, items], rtol=1e-4, atol=1e-6
    )


def test_explanations_split_the_score_into_both_parts(small, data):
    model = small(**PARAMS, dtype="float64", iterations=20).fit(data)
    explained = model.explain(5, 11, n=100)
    assert list(explained) == ["item", "contribution", "by_factors", "by_items"]
    total = explained.contribution.sum()
    assert total == pytest.approx(model.predict(5, 11)[0], rel=1e-9)
    assert explained.attrs["score"] == pytest.approx(total, rel=1e-9)
    assert explained.attrs["item_term"] == pytest.approx(explained.by_items.sum(), rel=1e-12)
    factors = model.user_factors[5] @ model.item_factors[11]
    assert explained.by_factors.sum() == pytest.approx(factors, rel=1e-9)
    assert explained.attrs["rest"] == pytest.approx(0, abs=1e-9)


def test_without_an_item_weight_nothing_is_computed_and_nothing_changes(small, data, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("weights were fitted")

    monkeypatch.setattr(wrmf.model.item_term.ItemWeights, "fit", refuse)
    plain = small().fit(data)
    assert plain.state.item_weights is None
    assert list(plain.explain(5, 11)) == ["item", "contribution"]
    off = small(item_neighbors=3, item_regularization=1.0).fit(data)
    assert np.array_equal(plain.recommend().scores, off.recommend().scores, equal_nan=True)


def test_factors_and_similar_items_are_those_of_the_plain_model(model, small, data):
    plain = small().fit(data)
    assert np.array_equal(model.user_factors, plain.user_factors)
    assert np.array_equal(model.item_factors, plain.item_factors)
    assert np.array_equal(model.similar_items([1, 2]).rows, plain.similar_items([1, 2]).rows)


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("train", [True, "seen"])
def test_saved_models_answer_bitwise_the_same(model, tmp_path, mmap, train):
    model.save(tmp_path / "m", train=train)
    again = wrmf.load(tmp_path / "m", mmap=mmap)
    assert again.state.item_scale == model.state.item_scale
    for lists in (again.recommend(n=7), again.recommend([4], n=7)):
        users = lists.users
        assert np.array_equal(lists.scores, model.recommend(users, n=7).scores, equal_nan=True)
    again.save(tmp_path / "again", train=train)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_a_model_saved_without_training_data_recommends_to_new_users_only(model, data, tmp_path):
    model.save(tmp_path / "m", train=False)
    again = wrmf.load(tmp_path / "m")
    lists = again.recommend_new(data[:5])
    assert np.array_equal(lists.rows, model.recommend_new(data[:5]).rows)
    for call in (lambda: again.recommend(exclude_seen=False), lambda: again.predict(0, 1)):
        with pytest.raises(ValueError, match=r"item_weight needs .* reweigh_items\(item_weight=0"):
            call()
    again.reweigh_items(item_weight=0)
    assert again.recommend(exclude_seen=False).counts[0] == 10


def test_files_with_damaged_item_weights_are_refused(model):
    from wrmf.model.persistence import SaveOptions, decode, encode

    for name, change, error in (
        ("item_weights.indices", lambda a: a + 40, "must lie in 0 … 39"),
        ("item_weights.values", lambda a: a * np.nan, "not finite"),
        ("item_weights.indptr", lambda a: a[:-1], "index pointer of 40"),
        ("item_weights.indptr", lambda a: a.astype(np.int32), "index pointer .* is int32"),
    ):
        content = encode(model.get_params(), model.state, SaveOptions())
        content.arrays[name] = change(content.arrays[name])
        with pytest.raises(ValueError, match=error):
            decode(content, lazy=False, verify=True)


def test_the_term_can_be_changed_without_training_again(small, data):
    model = small(**PARAMS).fit(data)
    before, factors = model.state.item_weights, model.item_factors.copy()
    assert model.reweigh_items(item_weight=0.2).state.item_weights is before
    assert model.get_params()["item_weight"] == 0.2
    fresh = small(**{**PARAMS, "item_weight": 0.2}).fit(data)
    assert np.array_equal(model.recommend().scores, fresh.recommend().scores, equal_nan=True)
    model.reweigh_items(item_neighbors=3, item_regularization=9.0)
    fresh = small(item_weight=0.2, item_neighbors=3, item_regularization=9.0).fit(data)
    assert np.array_equal(model.recommend().scores, fresh.recommend().scores, equal_nan=True)
    assert np.array_equal(model.item_factors, factors)
    model.reweigh_items(item_weight=0)
    assert model.state.item_weights is None


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"item_weight": -1}, "item_weight must be finite and at least 0, got -1"),
        ({"item_weight": float("nan")}, "item_weight must be finite"),
        ({"item_neighbors": 0}, "item_neighbors must be at least 1, got 0"),
        ({"item_neighbors": 20001}, "item_neighbors must be at most 20000, got 20001"),
        ({"item_regularization": 0}, "item_regularization must be finite and above 0, got 0"),
    ],
)
def test_bad_parameters_are_explained(small, data, model, params, error):
    with pytest.raises((TypeError, ValueError), match=error):
        small(**params).fit(data)
    before = model.state
    with pytest.raises((TypeError, ValueError), match=error):
        model.reweigh_items(**params)
    assert model.state is before


def test_changed_data_has_new_weights(small, data):
    model = small(**PARAMS).fit(data)
    more = sparse.csr_matrix(np.ones((32, 42)) * (np.arange(42) % 9 == 0))
    model.update(more)
    fresh = small(**PARAMS).fit(model.train_matrix)
    assert np.array_equal(
        model.state.item_weights.by_item.values, fresh.state.item_weights.by_item.values
    )
    model.forget_items([0, 1])
    assert model.state.item_weights.n_items == 40
    fresh = small(**PARAMS).fit(model.train_matrix)
    assert np.array_equal(
        model.state.item_weights.by_item.values, fresh.state.item_weights.by_item.values
    )
    changed = model.train_matrix.copy()
    changed.data[:] = 2
    kept = model.state.item_weights
    model.partial_fit(changed, iterations=1)
    assert model.state.item_weights is kept
    fewer = sparse.csr_matrix(changed.multiply(np.arange(40) > 20))
    assert model.partial_fit(fewer, iterations=1).state.item_weights is not kept


def test_the_scale_follows_the_factors(small, data):
    model = small(**PARAMS).fit(data)
    scale = model.state.item_scale
    model.item_factors = 2 * model.item_factors
    assert model.state.item_scale == pytest.approx(2 * scale)
    model.partial_fit(data, iterations=3)
    scores = model.user_factors.astype(float) @ model.item_factors.astype(float).T
    weights = model.state.item_weights
    assert model.state.item_scale == pytest.approx(0.7 * scores.std() / weights.spread, rel=1e-5)


def test_lists_are_bitwise_the_same_for_any_number_of_threads(small, data):
    first, second = (small(**PARAMS, num_threads=n).fit(data).recommend(n=9) for n in (1, 3))
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.scores, second.scores, equal_nan=True)


def test_export_says_that_it_leaves_the_term_out(model, tmp_path):
    with pytest.warns(UserWarning, match=r"item term .* left out"):
        model.export("npz", tmp_path / "m.npz")


def test_a_prepared_model_computes_nothing_more_for_a_request(small, data):
    model = small(**PARAMS).fit(data).prepare()
    before = model.prepared_bytes
    model.recommend([1])
    assert model.prepared_bytes == before


def test_data_without_shared_users_has_no_term(small):
    model = small(**PARAMS).fit(np.eye(4))
    assert model.state.item_scale == 0
    assert model.recommend(n=3).counts.tolist() == [3, 3, 3, 3]


def test_a_model_made_of_factors_has_the_weights_that_its_parameters_ask_for(model, data):
    bare = replace(model.state, item_weights=None, params=None)
    again = wrmf.WRMF.from_factors(bare, **PARAMS)
    assert np.array_equal(again.recommend().scores, model.recommend().scores, equal_nan=True)
    assert wrmf.WRMF.from_factors(bare).state.item_scale == 0
    with pytest.raises(ValueError, match="saved without its training data: use a file saved with"):
        wrmf.WRMF.from_factors(replace(model.state, item_weights=None, train_matrix=None))


def test_copies_and_pickles_answer_the_same(model):
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(again.recommend().scores, model.recommend().scores, equal_nan=True)
