"""Dislikes from the data to the lists: pairs of preference 0 with a weight of their own."""

import itertools

import numpy as np
import pytest
import reference
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions

SETTINGS = [
    {"objective": "wrmf", "unobserved_weight": 1.3, "regularization": 0.4},
    {"objective": "wrmf", "confidence": "raw", "unobserved_weight": 0.5, "regularization": 0.4},
    {
        "objective": "ials",
        "unobserved_weight": 0.2,
        "regularization": 0.05,
        "regularization_exponent": 0.0,
        "confidence": "log",
    },
]
# With an α far above α₀, as a dislike must be to count.
STRONG = {"objective": "wrmf", "alpha": 5.0, "regularization": 0.1}


def signed_counts(seed=0, shape=(40, 25)):
    """Return a matrix of likes and dislikes; user 4 has only dislikes, user 5 nothing."""
    generator = np.random.default_rng(seed)
    dense = (generator.random(shape) < 0.25) * generator.integers(1, 6, shape)
    dense = dense * np.where(generator.random(shape) < 0.3, -1, 1)
    dense[4] = -np.abs(dense[4])
    dense[5] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.fixture
def counts():
    return signed_counts()


@pytest.fixture
def data(counts):
    return Interactions(counts, negative="dislike")


@pytest.fixture(params=SETTINGS, ids=["wrmf", "raw", "ials"])
def params(request):
    return {"factors": 4, "alpha": 3.0, "iterations": 3, "random_state": 0, **request.param}


def objective(params):
    names = ("alpha", "unobserved_weight", "objective", "confidence")
    return {name: params[name] for name in names if name in params}


def solved(params, rows, fixed):
    lambdas = np.full(rows.shape[0], params["regularization"])
    return reference.half_sweep(rows, fixed, lambdas, **objective(params))


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dislikes_are_trained_as_the_dense_reference_says(counts, data, params, solver, dtype):
    model = WRMF(**params, solver=solver, dtype=dtype, cg_steps=60).fit(data, progress=False)
    tolerance = {"float32": 3e-3, "float64": 1e-6}[dtype]
    expected = solved(params, counts, model.item_factors)
    np.testing.assert_allclose(model.user_factors, expected, rtol=tolerance, atol=tolerance)
    for rows in (data, data.matrix):
        np.testing.assert_allclose(
            model.fold_in_users(rows), expected, rtol=tolerance, atol=tolerance
        )
    loss = reference.loss(
        counts,
        model.user_factors,
        model.item_factors,
        np.full(40, params["regularization"]),
        np.full(25, params["regularization"]),
        **objective(params),
    )
    assert model.loss(data) == pytest.approx(loss, rel=1e-4 if dtype == "float32" else 1e-9)


def test_one_row_with_dislikes_is_folded_in_as_in_many(data, params):
    model = WRMF(**params).fit(data, progress=False)
    many = model.fold_in_users(data)
    for row in range(8):
        if row == 5:  # without interactions
            continue
        alone = data.filter(users=[row])
        assert len(alone.items) < len(data.items)
        np.testing.assert_array_equal(model.fold_in_users(alone)[0], many[row])
        history = dict(zip(alone.items.tolist(), alone.matrix.data.tolist(), strict=True))
        np.testing.assert_array_equal(model.fold_in_users({"new": history})[0], many[row])


def test_a_new_item_may_be_disliked(data, params):
    model = WRMF(**params).fit(data, progress=False)
    column = data.filter(items=[3])
    assert len(column.users) < len(data.users)
    np.testing.assert_array_equal(model.fold_in_items(column)[0], model.fold_in_items(data)[3])


def test_histories_of_dislikes_are_refused_unless_the_model_knows_dislikes(counts, data):
    model = WRMF(factors=4, random_state=0).fit(abs(counts), progress=False)
    with pytest.raises(ValueError, match=r"must map items to counts, .* ≥ 0"):
        model.fold_in_users({"new": {3: -1}})
    model.fit(data, progress=False)
    lists = model.recommend_new({"new": {3: -1, 4: 2}}, n=30)
    assert 3 not in lists[0].ids
    with pytest.raises(ValueError, match="counts, finite, got -inf"):
        model.fold_in_users({"new": {3: -np.inf}})


def test_a_dislike_lowers_the_score_of_the_item_and_of_its_neighbours():
    blocks = np.kron(np.eye(2), np.ones((6, 5)))
    model = WRMF(factors=2, random_state=0, **STRONG).fit(blocks)
    likes = np.array([[1, 0, 0, 0, 0, 1, 0, 0, 0, 0.0]])
    signed = likes.copy()
    signed[0, 6] = -4
    before = model.fold_in_users(likes) @ model.item_factors.T
    after = model.fold_in_users(Interactions(signed, negative="dislike")) @ model.item_factors.T
    assert (after[0, 5:] < before[0, 5:] - 0.1).all()


def test_contributions_with_dislikes_sum_to_the_score(data, params):
    model = WRMF(**params, dtype="float64").fit(data, progress=False)
    for user, item in itertools.product((0, 1, 4), (0, 9)):
        frame = model.explain(user, item, n=100)
        score = model.predict(user, item)[0]
        assert frame["contribution"].sum() == pytest.approx(score, rel=1e-7, abs=1e-9)


def test_a_disliked_item_has_a_negative_share_in_items_like_it():
    blocks = np.kron(np.eye(2), np.ones((6, 5)))
    blocks[0, :7] = [1, 1, 0, 0, 0, 1, -2]
    model = WRMF(factors=2, random_state=0, dtype="float64", **STRONG)
    model.fit(Interactions(blocks, negative="dislike"))
    shares = model.explain(0, 8).set_index("item")["contribution"]
    assert shares[6] < 0 < shares[5]


def test_disliked_items_are_left_out_like_seen_ones(counts, data):
    model = WRMF(factors=4, random_state=0).fit(data, progress=False)
    lists = model.recommend(n=25)
    for user, ids in enumerate(lists.ids):
        assert not set(ids) & set(counts[user].indices), user
    new = Interactions(counts[:3], negative="dislike")
    assert not set(model.recommend_new(new, n=25).ids[0]) & set(counts[0].indices)


def test_nothing_is_known_of_a_user_who_only_dislikes(data):
    model = WRMF(factors=4, random_state=0).fit(data, progress=False)
    assert model.recommend([4, 5, 0], n=3).counts.tolist() == [0, 0, 3]
    assert model.recommend(n=3).counts[[4, 5]].tolist() == [0, 0]
    assert model.recommend([4, 99], n=3, unknown="popular").counts.tolist() == [0, 3]
    assert model.recommend_new(data, n=3).counts[[4, 5]].tolist() == [0, 0]
    assert model.recommend([4], n=3, fallback="popular").counts.tolist() == [3]


def test_popular_items_are_those_with_the_most_likes(counts, data):
    likes = (counts.toarray() > 0).sum(axis=0)
    expected = np.argsort(-likes, kind="stable")[:5].tolist()
    model = WRMF(factors=4, random_state=0).fit(data, progress=False)
    given = model.recommend([5], n=5, fallback="popular").ids[0].tolist()
    assert given == expected
    popular = wrmf.Popularity().fit(data)
    assert popular.recommend([5], n=5).ids[0].tolist() == expected
    seen = set(counts[0].indices)
    assert not set(popular.recommend([0], n=20).ids[0]) & seen
    lists = wrmf.ItemKNN().fit(data).recommend([0], n=20).ids[0]
    assert not set(lists) & seen


@pytest.mark.parametrize("train", [True, False, "seen"])
def test_a_model_with_dislikes_is_saved_and_loaded(data, tmp_path, train):
    model = WRMF(factors=4, random_state=0).fit(data, progress=False)
    model.save(tmp_path / "m.wrmf", train=train)
    loaded = wrmf.load(tmp_path / "m.wrmf")
    np.testing.assert_array_equal(loaded.user_factors, model.user_factors)
    np.testing.assert_array_equal(loaded.fold_in_users(data), model.fold_in_users(data))
    if train is True:
        np.testing.assert_array_equal(loaded.train_matrix.toarray(), data.matrix.toarray())


@pytest.mark.parametrize("how", ["add", "set", "replace"])
def test_an_update_with_dislikes_equals_the_reference(how):
    before, after = signed_counts(1), signed_counts(2)
    after = sparse.csr_matrix(np.vstack([after[:10].toarray(), np.zeros((30, 25))]))
    model = WRMF(4, 0.1, 30.0, objective="wrmf", random_state=0, dtype="float64")
    model.fit(Interactions(before, negative="dislike"), progress=False)
    model.update(Interactions(after, negative="dislike"), how=how)
    expected = reference.changed_histories(before.toarray(), after.toarray(), how)
    np.testing.assert_array_equal(model.train_matrix.toarray(), expected)
    values = {"alpha": 30.0, "unobserved_weight": 1.0}
    users = reference.half_sweep(expected, model.item_factors, np.full(40, 0.1), **values)
    np.testing.assert_allclose(model.user_factors[:10], users[:10], rtol=1e-6, atol=1e-8)
    forgotten = model.forget_users([0]).train_matrix
    np.testing.assert_array_equal(forgotten.toarray(), expected[1:])


def test_dislikes_of_a_bare_matrix_are_refused_unless_the_model_knows_dislikes(counts, data):
    with pytest.raises(ValueError, match=r'pass wrmf.Interactions\(matrix, negative="dislike"\)'):
        WRMF().fit(counts)
    model = WRMF(factors=4, random_state=0).fit(abs(counts), progress=False)
    with pytest.raises(ValueError, match="negative value"):
        model.fold_in_users(counts)
    assert model.fold_in_users(data).shape == (40, 4)
    model.fit(data, progress=False)
    model.partial_fit(model.train_matrix, iterations=1, progress=False)


def test_a_fit_with_dislikes_is_bitwise_the_same_for_any_number_of_threads(data, params):
    one, three = (WRMF(**params, num_threads=n).fit(data, progress=False) for n in (1, 3))
    np.testing.assert_array_equal(one.user_factors, three.user_factors)


def test_dislikes_may_be_damped(data):
    model = WRMF(factors=4, random_state=0, value_damping=0.25).fit(data, progress=False)
    np.testing.assert_array_equal(model.fold_in_users(data), model.user_factors)


def test_a_held_out_dislike_is_no_hit(counts):
    train, test = counts.copy(), sparse.lil_matrix(counts.shape)
    test[0, 3], test[0, 7], test[1, 2], test[2, 9] = 1, -2, -1, 2
    train = train.tolil()
    for user, item in ((0, 3), (0, 7), (1, 2), (2, 9)):
        train[user, item] = 0
    split = wrmf.Split(Interactions(train.tocsr(), negative="dislike"), test.tocsr())
    model = WRMF(factors=4, random_state=0).fit(split.train, progress=False)
    names = ["recall@25", "ndcg@5", "auc", "mse", "novelty@3"]
    result = wrmf.evaluate(model, split, names)
    likes = wrmf.Split(split.train, test.tocsr().maximum(0), users=[0, 1, 2])
    assert dict(result) == dict(wrmf.evaluate(model, likes, names))
    assert (result.n_users, result.n_skipped, result.n_disliked) == (2, 1, 2)
    assert "n_disliked=2" in repr(result)
    assert result["recall@25"] == 1.0


@pytest.mark.parametrize("strong", [False, True])
def test_splits_keep_dislikes_and_models_are_evaluated_on_them(data, strong):
    if strong:
        split = wrmf.split_users(data, n_test=10, random_state=0)
    else:
        split = wrmf.leave_k_out(data, k=2, random_state=0)
    parts = [part for part in (split.train, split.test, split.fold_in) if part is not None]
    assert sum(part.n_dislikes for part in parts) == data.n_dislikes
    for model in (WRMF(factors=4, random_state=0), wrmf.Popularity(), wrmf.ItemKNN()):
        result = wrmf.evaluate(model.fit(split.train), split, ["ndcg@5"])
        assert result.n_disliked == split.test.n_dislikes
    curve = wrmf.learning_curve(
        WRMF(factors=4, random_state=0), split, epochs=[1, 2], metrics=["ndcg@5"]
    )
    assert len(curve.to_frame())


def test_a_score_for_cross_validation_holds_out_likes_only(data):
    model = WRMF(factors=4, random_state=0).fit(data, progress=False)
    assert 0 <= model.score(data) <= 1


def test_sign_and_size_are_two_channels_of_preference_and_weight(counts, data):
    preference, weight = counts.toarray() > 0, np.abs(counts.toarray()) * 0.3
    confidence = np.where(weight > 0, weight, 0.5)
    params = {"confidence": "raw", "alpha": 0.3, "unobserved_weight": 0.5, "regularization": 0.2}
    model = WRMF(4, objective="wrmf", dtype="float64", random_state=0, **params)
    model.fit(data, progress=False)
    y = model.item_factors
    for user in range(40):
        system = (y.T * confidence[user]) @ y + 0.2 * np.eye(4)
        expected = np.linalg.solve(system, y.T @ (confidence * preference)[user])
        np.testing.assert_allclose(model.user_factors[user], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("signed", [False, True])
def test_decayed_rows_are_folded_in_as_they_were_trained_with_the_same_now(counts, signed):
    matrix = counts if signed else abs(counts)
    times = np.random.default_rng(0).integers(0, 1000, counts.nnz)
    dated = Interactions(matrix, times=times, negative="dislike")
    model = WRMF(factors=4, random_state=0).fit(dated.decay(100, now=1200), progress=False)
    for user in (0, 7, 20):
        row = wrmf.data.interactions.align(dated.filter(users=[user]), items=dated.items)
        folded = model.fold_in_users(row.decay(100, now=1200))
        np.testing.assert_array_equal(folded[0], model.user_factors[user])
