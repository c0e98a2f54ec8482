"""Members, item terms, damped values, dislikes and filters hold together, not only one by one."""

import itertools

import numpy as np
import pytest
from scipy import sparse

import wrmf

OPTIONS = {
    "n_models": 2,
    "item_weight": 0.7,
    "value_damping": 0.25,
    "objective": "ials",
}


def counts(dislikes):
    generator = np.random.default_rng(1)
    values = (generator.random((50, 30)) < 0.25) * generator.integers(1, 5, (50, 30))
    if dislikes:
        values *= np.where(generator.random(values.shape) < 0.2, -1, 1)
    return wrmf.Interactions(
        sparse.csr_matrix(values.astype(np.float32)), negative="dislike" if dislikes else "error"
    )


CASES = [
    (names, dislikes)
    for r in (2, 3, 4)
    for names in itertools.combinations(OPTIONS, r)
    for dislikes in (False, True)
]


@pytest.fixture(params=CASES, ids=lambda case: "+".join(case[0]) + "+dislikes" * case[1])
def fitted(request):
    names, dislikes = request.param
    data = counts(dislikes)
    params = {name: OPTIONS[name] for name in names}
    if "item_weight" in names:
        params |= {"item_neighbors": 5, "item_regularization": 1.0}
    model = wrmf.WRMF(
        factors=4, regularization=0.5, alpha=2.0, iterations=3, random_state=0, **params
    )
    return data, model.fit(data, progress=False)


def scores_of(model):
    n_users, n_items = model.state.shape
    users, items = np.divmod(np.arange(n_users * n_items), n_items)
    return model.predict(users, items).reshape(n_users, n_items).astype(float)


def test_new_users_get_the_factors_and_lists_of_known_users(fitted):
    data, model = fitted
    assert np.allclose(model.fold_in_users(data), model.user_factors, atol=1e-5)
    known, new = model.recommend(n=4), model.recommend_new(data, n=4)
    assert np.allclose(known.scores, new.scores, atol=1e-5, equal_nan=True)


def test_lists_are_the_best_of_predicted_scores_with_offsets(fitted):
    data, model = fitted
    offset = np.linspace(-0.5, 0.5, 30)
    scores = scores_of(model) + offset
    scores[data.matrix.toarray() != 0] = -np.inf
    for users in (None, [3], range(20)):
        lists = model.recommend(users, n=5, item_offset=offset, min_score=-1e6)
        rows = np.arange(50) if users is None else np.array(list(users))
        best = -np.sort(-scores[rows], axis=1)[:, :5]
        known = lists.counts == 5
        assert known.any()
        assert np.allclose(lists.scores[known], best[known], atol=1e-4)


def test_contributions_sum_to_the_predicted_score(fitted):
    data, model = fitted
    for user, item in ((3, 5), (7, 11)):
        explained = model.explain(user, item, n=100)
        assert explained.attrs["score"] == pytest.approx(model.predict(user, item)[0], abs=1e-5)
        assert explained["contribution"].sum() == pytest.approx(explained.attrs["score"], abs=1e-4)
        assert len(explained) == np.diff(data.matrix.indptr)[user]


@pytest.mark.parametrize("train", [True, False])
def test_files_hold_all_of_it(fitted, tmp_path, train):
    data, model = fitted
    model.save(tmp_path / "model", train=train)
    for mmap in (False, True):
        loaded = wrmf.load(tmp_path / "model", mmap=mmap)
        lists = loaded.recommend_new(data, n=4)
        assert np.array_equal(lists.ids, model.recommend_new(data, n=4).ids)


def test_updates_solve_rows_as_folding_in_does(fitted):
    data, model = fitted
    row = data.matrix[[0]].copy()
    more = wrmf.Interactions.from_matrix(
        sparse.csr_matrix(([3.0], ([3], [int(row.indices[0])])), shape=(50, 30)),
        negative="dislike" if (data.matrix.data < 0).any() else "error",
    )
    model.update(more)
    own = wrmf.Interactions.from_matrix(
        model.train_matrix, negative="dislike" if (data.matrix.data < 0).any() else "error"
    )
    assert np.allclose(model.fold_in_users(own)[3], model.user_factors[3], atol=1e-5)


def test_a_model_without_training_data_forgets_an_item(fitted, tmp_path):
    model = fitted[1]
    model.save(tmp_path / "model", train=False)
    loaded = wrmf.load(tmp_path / "model")
    with pytest.warns(UserWarning, match="stay as they are"):
        loaded.forget_items([4])
    loaded.save(tmp_path / "again", train=False)
    rest = wrmf.load(tmp_path / "again")
    assert rest.state.shape == (50, 29)
    history = {"new": rest.items[:3].tolist()}
    assert rest.recommend_new(history, n=3).counts.tolist() == [3]
