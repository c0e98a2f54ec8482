"""Damping, BM25 and TF-IDF as parameters of the model, beside the dense reference."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import reference
from reference_values import dense_values
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions

WEIGHTS = {
    "damped": {"value_damping": (0.25, 0.5), "confidence": "linear"},
    "damped logarithm": {"value_damping": 0.3, "confidence": "log", "epsilon": 0.5},
    "bm25": {"weighting": "bm25", "bm25_k1": 3.0, "bm25_b": 0.6, "confidence": "raw"},
    "tfidf": {"weighting": "tfidf", "confidence": "linear"},
}
OBJECTIVES = [
    {"objective": "wrmf", "unobserved_weight": 1.3, "regularization": 0.4},
    {
        "objective": "ials",
        "unobserved_weight": 0.2,
        "regularization": (0.02, 0.03),
        "regularization_exponent": 0.7,
    },
]
CASES = [
    pytest.param({**weights, **objective}, id=f"{name}-{objective['objective']}")
    for (name, weights), objective in itertools.product(WEIGHTS.items(), OBJECTIVES)
]


@pytest.fixture(params=CASES)
def params(request):
    return {"factors": 4, "alpha": 3.0, "iterations": 3, "random_state": 0, **request.param}


@pytest.fixture(scope="module")
def counts():
    generator = np.random.default_rng(3)
    dense = (generator.random((40, 25)) < 0.2) * generator.integers(1, 6, (40, 25))
    dense[5], dense[:, 9] = 0, 0
    return sparse.csr_matrix(dense.astype(np.float32))


def values_of(params, data, train=None, axis="users"):
    """Return the dense values of data with the parameters of a model."""
    damping = params.get("value_damping", 0.0)
    return dense_values(
        data,
        train,
        damping=damping if isinstance(damping, tuple) else (damping, damping),
        weighting=params.get("weighting", "none"),
        k1=params.get("bm25_k1", 100.0),
        b=params.get("bm25_b", 0.8),
        confidence=params.get("confidence", "linear"),
        epsilon=params.get("epsilon", 1.0),
        axis=axis,
    )


def lambdas(params, matrix, side):
    base = params["regularization"]
    base = base[side] if isinstance(base, tuple) else base
    exponent = params.get("regularization_exponent", 0.0)
    return reference.row_regularization(matrix, base, exponent, params["unobserved_weight"])


def objective(params):
    confidence = params.get("confidence", "linear")
    return {
        "alpha": params["alpha"],
        "unobserved_weight": params["unobserved_weight"],
        "objective": params["objective"],
        "confidence": "linear" if confidence == "log" else confidence,
    }


def solved(params, values, fixed, side):
    """Return the dense solution of rows of values."""
    return reference.half_sweep(values, fixed, lambdas(params, values, side), **objective(params))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_a_fit_solves_the_dense_reference(counts, params, dtype, solver):
    if solver == "cg":
        params = {**params, "cg_steps": 60}
    model = WRMF(**params, dtype=dtype, solver=solver)
    items = []
    model.fit(counts, callback=lambda m, done: items.append(m.item_factors.copy()), progress=False)
    values = values_of(params, counts)
    expected = solved(params, values, items[-1], 0)
    tolerance = {"float32": 2e-3, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(model.user_factors, expected, rtol=tolerance, atol=tolerance)
    before_last = WRMF(**{**params, "iterations": 2}, dtype=dtype, solver=solver)
    users = before_last.fit(counts, progress=False).user_factors
    expected = solved(params, values.T, users, 1)
    np.testing.assert_allclose(items[-1], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_folding_in_uses_the_counts_of_the_training_data(counts, params, dtype):
    train, new = counts[:30], counts[30:]
    model = WRMF(**params, dtype=dtype).fit(train, progress=False)
    expected = solved(params, values_of(params, new, train), model.item_factors, 0)
    tolerance = {"float32": 2e-3, "float64": 1e-7}[dtype]
    many = model.fold_in_users(new)
    np.testing.assert_allclose(many, expected, rtol=tolerance, atol=tolerance)
    for row in range(new.shape[0]):
        np.testing.assert_array_equal(model.fold_in_users(new[row])[0], many[row])
        # The second call finds what the first one has prepared.
        canonical = sparse.csr_matrix(new[row], dtype=np.float32)
        canonical.sum_duplicates()
        for _ in range(2):
            np.testing.assert_array_equal(model.fold_in_users(canonical)[0], many[row])
    lists = model.recommend_new(new, n=3)
    scores = np.where(new.toarray() > 0, -np.inf, many @ model.item_factors.T)
    scores[~many.any(axis=1)] = np.nan
    best = np.argsort(-scores, axis=1, kind="stable")[:, :3]
    known = many.any(axis=1)
    np.testing.assert_array_equal(lists.ids[known], best[known])


def test_folding_in_training_rows_gives_the_trained_factors(counts, params):
    model = WRMF(**params).fit(counts, progress=False)
    np.testing.assert_array_equal(model.fold_in_users(counts), model.user_factors)


def test_folding_in_items_uses_the_counts_of_the_training_users(counts, params):
    model = WRMF(**params, dtype="float64").fit(counts[:, :20], progress=False)
    new = counts[:, 20:]
    values = values_of(params, new, counts[:, :20], axis="items")
    expected = solved(params, values.T, model.user_factors, 1)
    np.testing.assert_allclose(model.fold_in_items(new), expected, rtol=1e-7, atol=1e-9)


def test_the_loss_is_that_of_all_cells(counts, params):
    model = WRMF(**params, dtype="float64").fit(counts, progress=False)
    values = values_of(params, counts)
    expected = reference.loss(
        values,
        model.user_factors,
        model.item_factors,
        lambdas(params, counts, 0),
        lambdas(params, counts.T, 1),
        **objective(params),
    )
    assert model.loss(counts) == pytest.approx(expected, rel=1e-9)


def test_the_loss_never_rises(counts, params):
    losses = []
    model = WRMF(**params, dtype="float64")
    model.fit(counts, callback=lambda m, done: losses.append(m.loss(counts)), progress=False)
    assert all(after <= before * (1 + 1e-12) for before, after in itertools.pairwise(losses))


def test_contributions_sum_to_the_score(counts, params):
    model = WRMF(**params, dtype="float64").fit(counts, progress=False)
    frame = model.explain(2, 11, n=100)
    assert frame["contribution"].sum() == pytest.approx(frame.attrs["score"], rel=1e-7, abs=1e-10)


def test_an_update_solves_changed_rows_by_the_counts_after_it(counts, params):
    train = counts[:30].tolil()
    train[4, 8] = 0
    model = WRMF(**params, dtype="float64").fit(train.tocsr(), progress=False)
    new = sparse.lil_matrix(counts.shape, dtype=np.float32)
    new[4, 8] = 2
    new[30:] = counts[30:]
    model.update(new.tocsr())
    after = model.train_matrix
    expected = solved(params, values_of(params, after), model.item_factors, 0)
    changed = [4, *range(30, 40)]
    np.testing.assert_allclose(model.user_factors[changed], expected[changed], rtol=1e-7, atol=1e-9)
    model.forget_items([2])
    touched = np.flatnonzero(counts[:, 2].toarray().ravel())
    left = model.train_matrix
    expected = solved(params, values_of(params, left), model.item_factors, 0)
    np.testing.assert_allclose(model.user_factors[touched], expected[touched], rtol=1e-7, atol=1e-9)
    model.forget_users([3])
    left = model.train_matrix
    touched = np.flatnonzero(after[3].toarray()[0][np.delete(np.arange(25), 2)])
    expected = solved(params, values_of(params, left).T, model.user_factors, 1)
    np.testing.assert_allclose(model.item_factors[touched], expected[touched], rtol=1e-7, atol=1e-9)


def test_a_start_folds_new_users_in_by_the_counts_of_the_data(counts, params):
    earlier = WRMF(**params, dtype="float64").fit(counts[:30], progress=False)
    model = WRMF(**{**params, "iterations": 1}, dtype="float64")
    model.fit(counts, start=earlier, progress=False)
    expected = solved(params, values_of(params, counts), model.item_factors, 0)
    np.testing.assert_allclose(model.user_factors, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("train", [True, False, "seen"])
@pytest.mark.parametrize("mmap", [False, True])
def test_a_saved_model_folds_in_as_before(counts, params, tmp_path, train, mmap):
    model = WRMF(**params).fit(counts[:30], progress=False)
    path = tmp_path / "model.wrmf"
    model.save(path, train=train)
    loaded = wrmf.load(path, mmap=mmap)
    new = counts[30:]
    np.testing.assert_array_equal(loaded.fold_in_users(new), model.fold_in_users(new))
    np.testing.assert_array_equal(
        loaded.fold_in_items(counts[:30]), model.fold_in_items(counts[:30])
    )
    loaded.save(tmp_path / "again.wrmf", train=train)
    again = wrmf.load(tmp_path / "again.wrmf")
    np.testing.assert_array_equal(again.fold_in_users(new[0]), model.fold_in_users(new[0]))


def test_training_is_bitwise_the_same_for_any_number_of_threads(likes, params):
    one, three = (WRMF(**params, num_threads=n).fit(likes, progress=False) for n in (1, 3))
    np.testing.assert_array_equal(one.user_factors, three.user_factors)


def test_training_data_given_later_replaces_what_a_file_had(counts, tmp_path):
    model = WRMF(factors=4, random_state=0, value_damping=0.25).fit(counts, progress=False)
    model.save(tmp_path / "model.wrmf", train=False)
    loaded = wrmf.load(tmp_path / "model.wrmf")
    other = counts.toarray()
    other[:3] = 0
    loaded.partial_fit(other, iterations=1, progress=False)
    expected = model.partial_fit(other, iterations=1, progress=False)
    np.testing.assert_array_equal(loaded.user_factors, expected.user_factors)
    np.testing.assert_array_equal(loaded.fold_in_users(other), loaded.user_factors)


def test_a_damaged_file_of_counts_is_refused(counts, tmp_path):
    model = WRMF(factors=4, random_state=0, value_damping=0.25).fit(counts, progress=False)
    rule = model.fitted_params().values
    fitted = model.state.values(rule)
    for change in (
        {"user_counts": fitted.user_counts[:-1]},
        {"item_counts": fitted.item_counts.astype(np.float32)},
        {"user_counts": -fitted.user_counts},
        {"scale": float("nan")},
    ):
        state = replace(model.state, train_matrix=None, saved_values=replace(fitted, **change))
        broken = WRMF(factors=4, value_damping=0.25)
        broken.state = replace(state, params=broken.frozen_params())
        with pytest.raises(ValueError, match=r"cannot be saved.*(values|scale)"):
            broken.save(tmp_path / "broken.wrmf")


def test_damping_is_searched_like_any_parameter(likes, tmp_path):
    split = wrmf.leave_k_out(Interactions.from_matrix(likes), k=2, random_state=0)
    grid = {"value_damping": [0.0, (0.25, 0.25)], "weighting": ["none", "bm25"]}
    model = WRMF(factors=4, random_state=0)
    options = {"epochs": [1], "metric": "ndcg@10", "n_jobs": 1, "progress": False}
    options["journal"] = tmp_path / "journal.jsonl"
    result = wrmf.grid_search(model, split, grid, **options)
    assert set(result.best_params) >= {"value_damping", "weighting"}
    assert wrmf.grid_search(model, split, grid, **options).best_params == result.best_params


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"value_damping": -0.1}, "value_damping must be finite and at least 0, got -0.1"),
        ({"value_damping": (0.1, 5)}, r"value_damping must be at most 4, got \(0.1, 5.0\)"),
        ({"value_damping": (1, 2, 3)}, r"value_damping must be a number or \(user, item\)"),
        ({"weighting": "tf-idf"}, "weighting must be one of .*, got 'tf-idf'"),
        ({"bm25_b": 1.5}, "bm25_b must be at most 1, got 1.5"),
        ({"bm25_k1": "x"}, "bm25_k1 must be a number"),
    ],
)
def test_parameters_out_of_bounds_are_refused(counts, params, message):
    with pytest.raises((TypeError, ValueError), match=message):
        WRMF(**params).fit(counts)
