"""Models with features of users and items, from fit to files, against dense definitions."""

import numpy as np
import pandas as pd
import pytest
import reference
import reference_features
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import wrmf

SETTINGS = {
    "factors": 5,
    "regularization": (0.5, 0.7),
    "alpha": 2.0,
    "iterations": 4,
    "unobserved_weight": 0.5,
    "regularization_exponent": 1.0,
    "objective": "ials",
    "confidence": "linear",
    "feature_regularization": (1.0, 2.0),
    "dtype": "float64",
    "random_state": 0,
}
GENERATOR = np.random.default_rng(0)
COUNTS = (GENERATOR.random((60, 40)) < 0.2) * GENERATOR.integers(1, 5, (60, 40)).astype(float)
COUNTS[:, 0] = COUNTS[0] = 1.0
OF_USERS = GENERATOR.standard_normal((60, 4)).astype(np.float32)
OF_ITEMS = GENERATOR.standard_normal((40, 3)).astype(np.float32)


def fitted(counts=COUNTS, of_users=OF_USERS, of_items=OF_ITEMS, callback=None, **params):
    model = wrmf.WRMF(**{**SETTINGS, **params})
    features = {"user_features": of_users, "item_features": of_items}
    return model.fit(counts, callback=callback, progress=False, **features)


@pytest.fixture(scope="module", params=[1, 2], ids=["one", "two members"])
def model(request):
    return fitted(n_models=request.param)


def expected_of_items(model):
    return OF_ITEMS @ model.item_feature_factors


@settings(max_examples=20)
@given(
    objective=st.sampled_from(["wrmf", "ials"]),
    exponent=st.sampled_from([0.0, 1.0]),
    sides=st.sampled_from([(True, True), (True, False), (False, True)]),
    confidence=st.sampled_from(["linear", "raw"]),
)
def test_the_loss_is_that_of_all_cells(objective, exponent, sides, confidence):
    features = OF_USERS if sides[0] else None, OF_ITEMS if sides[1] else None
    kind = {"objective": objective, "confidence": confidence}
    model = fitted(
        of_users=features[0], of_items=features[1], regularization_exponent=exponent, **kind
    )
    lambdas = [
        reference.row_regularization(counts, base, exponent, 0.5)
        for counts, base in ((COUNTS, 0.5), (COUNTS.T, 0.7))
    ]
    expected = reference_features.feature_loss(
        COUNTS,
        (model.user_factors, model.item_factors),
        (model.user_feature_factors, model.item_feature_factors),
        features,
        lambdas,
        (1.0, 2.0),
        alpha=2.0,
        unobserved_weight=0.5,
        **kind,
    )
    assert model.loss(COUNTS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_no_iteration_raises_the_loss(solver):
    losses = []
    fitted(callback=lambda model, _: losses.append(model.loss(COUNTS)), solver=solver, iterations=8)
    assert losses == sorted(losses, reverse=True)


def test_users_are_exact_for_the_items_and_the_features(model):
    np.testing.assert_array_equal(
        model.fold_in_users(COUNTS, features=OF_USERS), model.user_factors
    )


def test_items_converge_to_the_regression_on_their_features():
    model = fitted(iterations=300)
    lambdas = reference.row_regularization(COUNTS.T, 0.7, 1.0, 0.5)
    expected = reference_features.ridge(OF_ITEMS, model.item_factors, lambdas, 2.0)
    np.testing.assert_allclose(model.item_feature_factors, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_bitwise_the_same_for_any_number_of_threads(dtype):
    models = [fitted(num_threads=threads, dtype=dtype, n_models=2) for threads in (1, 2, 5)]
    for other in models[1:]:
        np.testing.assert_array_equal(models[0].user_factors, other.user_factors)
        np.testing.assert_array_equal(models[0].item_feature_factors, other.item_feature_factors)


def test_several_runs_are_one():
    once, twice = fitted(iterations=6), fitted(iterations=2)
    twice.partial_fit(COUNTS, 4)
    np.testing.assert_array_equal(once.user_factors, twice.user_factors)
    np.testing.assert_array_equal(once.user_feature_factors, twice.user_feature_factors)


@pytest.mark.parametrize("form", ["sparse", "frame", "index", "arrow"])
def test_every_form_of_features_is_the_same(form):
    pa = pytest.importorskip("pyarrow")
    frame = pd.DataFrame(OF_ITEMS, columns=["a", "b", "c"])
    frame.insert(0, "item", np.arange(40))
    shuffled = frame.sample(frac=1, random_state=0)
    given_as = {
        "sparse": sparse.coo_array(OF_ITEMS),
        "frame": shuffled,
        "index": shuffled.set_index("item"),
        "arrow": pa.Table.from_pandas(shuffled, preserve_index=False),
    }
    other = fitted(of_items=given_as[form])
    np.testing.assert_array_equal(other.item_factors, fitted().item_factors)


def test_frames_are_matched_by_column_names_later():
    frame = pd.DataFrame(OF_ITEMS, columns=["a", "b", "c"], index=np.arange(40))
    model = fitted(of_items=frame)
    nobody = np.zeros((60, 2))
    folded = model.fold_in_items(nobody, features=frame.iloc[:2][["c", "a", "b"]])
    np.testing.assert_allclose(folded, expected_of_items(model)[:2])
    with pytest.raises(ValueError, match="item_features have no column 'b', with which the model"):
        model.fold_in_items(nobody, features=frame.iloc[:2][["a", "c"]])


def test_ids_without_a_row_count_as_zeros_with_a_warning():
    frame = pd.DataFrame(OF_ITEMS, columns=["a", "b", "c"])
    with pytest.warns(UserWarning, match="item_features have no row for 3 of 40 items"):
        model = fitted(of_items=frame.iloc[:37])
    zeros = OF_ITEMS.copy()
    zeros[37:] = 0
    np.testing.assert_array_equal(model.item_factors, fitted(of_items=zeros).item_factors)


def test_new_users_get_lists_by_their_features_alone(model):
    nothing = sparse.csr_matrix((2, 40))
    lists = model.recommend_new(nothing, n=4, features=OF_USERS[:2])
    scores = (OF_USERS[:2] @ model.user_feature_factors) @ model.item_factors.T
    np.testing.assert_array_equal(lists.rows, np.argsort(-scores, axis=1)[:, :4])
    assert model.recommend_new(nothing, n=4).counts.tolist() == [0, 0]


def test_new_items_are_ranked_by_their_features_alone(model):
    before = model.item_factors.copy()
    model = wrmf.WRMF.from_factors(model.state)
    more = pd.DataFrame({"item": [100, 101], "x": [1.0, 2.0], "y": [0.0, 1.0], "z": [1.0, 1.0]})
    model.update(item_features=more)
    assert model.items[-2:].tolist() == [100, 101]
    expected = more[["x", "y", "z"]].to_numpy() @ model.item_feature_factors
    np.testing.assert_allclose(model.item_factors[40:], expected, atol=1e-12)
    np.testing.assert_array_equal(model.item_factors[:40], before)
    assert model.last_update.new_items.tolist() == [100, 101]
    assert set(model.recommend(n=42, exclude_seen=False).ids.ravel()) >= {100, 101}


def test_changed_features_solve_their_rows_again(model):
    model = wrmf.WRMF.from_factors(model.state)
    before = model.item_factors.copy()
    row = pd.DataFrame([[3, 9.0, 9.0, 9.0]], columns=["item", "a", "b", "c"])
    model.update(item_features=row)
    assert model.last_update.changed_items.tolist() == [3]
    changed = np.flatnonzero((model.item_factors != before).any(axis=1))
    assert changed.tolist() == [3]
    assert model.state.features[1].table.matrix[[3]].toarray().tolist() == [[9.0, 9.0, 9.0]]


def test_an_update_solves_rows_as_folding_in_does(model):
    model = wrmf.WRMF.from_factors(model.state)
    more = np.zeros((61, 40))
    more[60, :5] = 1
    of_users = np.vstack([OF_USERS, np.ones((1, 4), np.float32)])
    model.update(more, user_features=of_users)
    folded = model.fold_in_users(model.train_matrix, features=of_users)
    np.testing.assert_allclose(folded[60], model.user_factors[60])
    with pytest.warns(UserWarning, match="1 new users have no features, which count as zeros"):
        model.update(np.vstack([np.zeros((61, 40)), more[60]]))


def test_contributions_and_features_sum_to_the_score(model):
    for user, item in ((3, 5), (0, 11)):
        explained = model.explain(user, item, n=100)
        assert explained.attrs["features"] != 0
        total = explained["contribution"].sum() + explained.attrs["features"]
        assert total == pytest.approx(model.predict(user, item)[0], abs=1e-9)


@pytest.mark.parametrize("train", [True, False, "seen"])
@pytest.mark.parametrize("mmap", [False, True])
def test_files_hold_features(model, tmp_path, train, mmap):
    model.save(tmp_path / "model", train=train)
    loaded = wrmf.load(tmp_path / "model", mmap=mmap)
    new = COUNTS[:3], OF_USERS[:3]
    np.testing.assert_array_equal(
        loaded.fold_in_users(new[0], features=new[1]), model.fold_in_users(new[0], features=new[1])
    )
    if train is True:
        assert loaded.loss(COUNTS) == model.loss(COUNTS)
        before = loaded.user_factors.copy()
        loaded.partial_fit(COUNTS, 1)
        assert not np.array_equal(loaded.user_factors, before)


def test_a_file_with_names_of_features_restores_them(tmp_path):
    frame = pd.DataFrame(OF_ITEMS, columns=["a", "b", "c"])
    fitted(of_items=frame).save(tmp_path / "model")
    assert wrmf.load(tmp_path / "model").state.features[1].names == ("a", "b", "c")


def test_forgotten_rows_leave_no_features(model):
    model = wrmf.WRMF.from_factors(model.state)
    model.forget_items([7]).forget_users([5])
    of_users, of_items = (features.table.matrix for features in model.state.features)
    np.testing.assert_array_equal(of_items.toarray(), np.delete(OF_ITEMS, 7, axis=0))
    np.testing.assert_array_equal(of_users.toarray(), np.delete(OF_USERS, 5, axis=0))


@pytest.mark.parametrize(
    ("features", "error", "match"),
    [
        (OF_ITEMS[:30], ValueError, r"a row for each of 40 items, in their order, got shape"),
        (OF_ITEMS[:, :0], ValueError, "item_features have no columns"),
        (np.full((40, 2), np.nan), ValueError, "item_features"),
        (pd.DataFrame({"item": [0], "genre": ["jazz"]}), TypeError, "column 'genre' holds String"),
        (pd.DataFrame({"item": ["x"], "a": [1]}), ValueError, "have none of the items"),
        (pd.DataFrame({"item": [0, 0], "a": [1, 2]}), ValueError, "several rows for 1 items"),
        (pd.DataFrame({"item": range(40), "a": [None, *[1.0] * 39]}), ValueError, "1 nulls in"),
        ("names", TypeError, "item_features must be a data frame"),
    ],
)
@pytest.mark.filterwarnings("ignore:item_features have no row")
def test_broken_features_are_refused(features, error, match):
    with pytest.raises(error, match=match):
        fitted(of_items=features)


def test_features_without_effect_are_refused(model):
    with pytest.raises(ValueError, match="item_features have no effect with a regularization of 0"):
        fitted(regularization=(1.0, 0.0))
    plain = fitted(of_users=None, of_items=None)
    with pytest.raises(ValueError, match="fitted without user_features, so these have no effect"):
        plain.fold_in_users(COUNTS, features=OF_USERS)
    with pytest.raises(ValueError, match="fitted without item_features"):
        plain.update(item_features=pd.DataFrame({"item": [1], "a": [1]}))
    with pytest.raises(ValueError, match="the model is fitted and keeps its features"):
        model.partial_fit(COUNTS, user_features=OF_USERS)
    with pytest.raises(TypeError, match="got none"):
        model.update()


def test_features_are_not_changed():
    of_users, of_items = sparse.csr_matrix(OF_USERS), OF_ITEMS.copy()
    before = of_users.copy()
    fitted(of_users=of_users, of_items=of_items)
    np.testing.assert_array_equal(of_users.toarray(), before.toarray())
    np.testing.assert_array_equal(of_items, OF_ITEMS)
