"""scikit-learn's tools work with a model: rows are users, columns are items."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model.estimator import hold_out_part

sklearn = pytest.importorskip("sklearn", "1.6")


class WithoutPredict(WRMF):
    """A model without ``predict``, which takes users and items in place of rows X."""

    @property
    def predict(self):
        raise AttributeError("predict takes users and items")


# Checks of scikit-learn that must fail, and why.
EXPECTED_FAILURES = {
    "check_fit_score_takes_y": "the second argument of partial_fit is the number of iterations",
    "check_n_features_in_after_fitting": "another number of columns is refused in other words",
    "check_complex_data": "complex numbers are a TypeError that names the dtype",
    "check_dtype_object": "arrays of objects are refused, since they may hold anything",
    "check_estimators_empty_data_messages": "an empty matrix is refused in other words",
    "check_transformer_data_not_an_array": "lists of lists are no matrix: they may be histories",
}


def test_the_checks_of_scikit_learn_pass():
    from sklearn.utils.estimator_checks import check_estimator

    model = WithoutPredict(
        factors=2, regularization=0.1, alpha=1.0, iterations=2, num_threads=1, random_state=0
    )
    results = check_estimator(
        model, expected_failed_checks=EXPECTED_FAILURES, on_fail=None, on_skip=None
    )
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed == set()
    needed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert needed == set(EXPECTED_FAILURES)
    assert len(results) > 40


def test_importing_and_fitting_loads_no_scikit_learn():
    code = (
        "import sys, numpy as np, wrmf; m = wrmf.WRMF(factors=1, random_state=0); "
        "m.fit(np.ones((2, 3))).score(np.ones((2, 3))); m.transform(np.ones((1, 3))); "
        "assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tags_say_that_rows_may_be_sparse_and_must_be_positive(small):
    from sklearn.utils import get_tags

    tags = get_tags(small())
    assert tags.input_tags.sparse
    assert tags.input_tags.positive_only
    assert not tags.target_tags.required
    assert tags.transformer_tags is not None


def test_transform_folds_users_in(likes, small):
    model = small().fit(likes)
    np.testing.assert_array_equal(model.transform(likes[:9]), model.fold_in_users(likes[:9]))
    np.testing.assert_allclose(small().fit_transform(likes), model.user_factors)
    assert model.get_feature_names_out().tolist() == ["wrmf0", "wrmf1", "wrmf2", "wrmf3"]
    assert model.n_features_in_ == likes.shape[1]
    assert not hasattr(small(), "n_features_in_")
    transformed = small().fit_transform(likes)
    transformed[:] = 0
    assert model.user_factors.any()


def test_y_is_ignored_and_a_callback_is_given_by_name(likes, small):
    expected = small().fit(likes).user_factors
    np.testing.assert_array_equal(small().fit(likes, np.ones(300)).user_factors, expected)
    with pytest.raises(TypeError, match="pass it by name, as callback="):
        small().fit(likes, lambda model, done: True)
    assert small().fit(likes, callback=lambda model, done: True).iterations_done == 1


@given(interactions(), st.integers(0, 99))
def test_the_held_out_part_depends_on_the_row_alone(matrix, seed):
    known, held_out = hold_out_part(matrix)
    assert ((known + held_out) != matrix).nnz == 0
    assert known.multiply(held_out).nnz == 0
    counts = np.diff(matrix.indptr)
    expected = [0 if count < 2 else max(1, count // 5) for count in counts]
    assert held_out.getnnz(axis=1).tolist() == expected
    order = np.random.default_rng(seed).permutation(matrix.shape[0])
    shuffled = hold_out_part(matrix[order])
    for part, again in zip((known, held_out), shuffled, strict=True):
        assert (part[order] != again).nnz == 0


def test_items_are_held_out_for_some_users_and_known_for_others():
    generator = np.random.default_rng(0)
    _, held_out = hold_out_part(sparse.csr_matrix((generator.random((400, 30)) < 0.5) * 1.0))
    shares = held_out.getnnz(axis=0) / 200
    assert shares.min() > 0.1
    assert shares.max() < 0.3


def test_the_score_is_ndcg_of_the_part_held_out(likes, small):
    model = small().fit(likes[:200])
    rows = likes[200:]
    known, held_out = hold_out_part(rows)
    factors = model.fold_in_users(known)
    values = [
        reference_ranking.metric(
            "ndcg@10",
            model.item_factors @ factors[row],
            held_out[[row]].indices,
            known[[row]].indices,
        )
        for row in range(rows.shape[0])
        if held_out[[row]].nnz
    ]
    assert model.score(rows) == pytest.approx(np.mean(values))
    assert model.score(rows[::-1]) == pytest.approx(model.score(rows))
    model.set_params(num_threads=3)
    assert model.score(rows) == small().fit(likes[:200]).score(rows)


def test_the_score_is_that_of_the_lists_of_a_model_with_an_item_term(likes, small):
    model = small(item_weight=0.7).fit(likes[:200])
    known, held_out = hold_out_part(likes[200:])
    tested = np.flatnonzero(held_out.getnnz(axis=1))
    lists = model.recommend_new(known[tested], n=likes.shape[1], exclude_seen=False)
    values = []
    for row, ids, scores in zip(tested, lists.ids, lists.scores, strict=True):
        of_items = np.zeros(likes.shape[1])
        of_items[ids] = scores
        parts = held_out[[row]].indices, known[[row]].indices
        values.append(reference_ranking.metric("ndcg@10", of_items, *parts))
    assert model.score(likes[200:]) == pytest.approx(np.mean(values))
    assert model.score(likes[200:]) != small().fit(likes[:200]).score(likes[200:])


def test_the_score_matches_items_by_id(likes, small):
    items = [f"i{column}" for column in range(likes.shape[1])]
    model = small().fit(Interactions(likes, items=items))
    data = Interactions(likes[200:], items=items)
    assert model.score(data.to_frame()) == pytest.approx(model.score(data))
    with pytest.raises(ValueError, match="at least 2 items, got 1 users with 1 or fewer"):
        model.score({"ann": ["i1"]})


def test_models_are_cloned_and_pickled(likes, small):
    model = small(alpha=3.0).fit(likes)
    clone = sklearn.base.clone(model)
    assert clone.get_params() == model.get_params()
    assert not clone.is_fitted
    again = pickle.loads(pickle.dumps(model))
    assert again.recommend(n=3) == model.recommend(n=3)
    assert repr(again) == repr(model)


def test_cross_validation_and_grid_search_are_over_users(likes, small):
    from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

    folds = KFold(3)
    scores = cross_val_score(small(), likes, cv=folds)
    by_hand = [small().fit(likes[train]).score(likes[test]) for train, test in folds.split(likes)]
    np.testing.assert_allclose(scores, by_hand)
    search = GridSearchCV(small(), {"factors": [1, 4], "alpha": [1.0, 40.0]}, cv=folds).fit(likes)
    assert set(search.best_params_) == {"factors", "alpha"}
    assert search.best_estimator_.is_fitted
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


def test_a_model_is_a_step_of_a_pipeline(likes, small):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    target = np.asarray(likes[:, [7]].todense()).ravel() > 0
    pipeline = make_pipeline(MaxAbsScaler(), small(), LogisticRegression())
    assert 0 <= pipeline.fit(likes, target).score(likes, target) <= 1
    names = pipeline[:2].get_feature_names_out()
    assert names.tolist() == ["wrmf0", "wrmf1", "wrmf2", "wrmf3"]


def test_a_score_rises_with_what_a_model_learns():
    data = wrmf.datasets.synthetic_likes(300, 200, 6000, random_state=0)
    train, test = data.matrix[:200], data.matrix[200:]
    good = WRMF(factors=8, random_state=0).fit(train)
    shuffled = sparse.csr_matrix(train.toarray()[:, np.random.default_rng(0).permutation(200)])
    bad = WRMF(factors=8, random_state=0).fit(shuffled)
    assert good.score(test) > 2 * bad.score(test)
