"""``WRMFScorer`` is a scorer of LensKit; skipped where that is not installed."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("lenskit")

from lenskit.batch import recommend
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.pipeline import topn_pipeline

from wrmf.compat.lenskit import WRMFScorer

SETTINGS = {"factors": 4, "regularization": 1.0, "alpha": 2.0, "iterations": 3, "random_state": 0}


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(0)
    users, items = np.nonzero(generator.random((30, 40)) < 0.2)
    table = pd.DataFrame(
        {
            "user_id": users + 100,
            "item_id": [f"i{item}" for item in items],
            "rating": generator.integers(1, 4, len(users)).astype(float),
        }
    )
    return from_interactions_df(table)


@pytest.fixture
def scorer(dataset):
    scorer = WRMFScorer(**SETTINGS)
    scorer.train(dataset)
    return scorer


def test_scores_are_those_of_the_model(scorer, dataset):
    items = ItemList(["i3", "unknown", "i7"])
    scores = scorer(103, items).scores()
    numbers = dataset.items.numbers(["i3", "i7"])
    expected = scorer.model.predict(dataset.users.number(103), numbers)
    np.testing.assert_allclose(scores[[0, 2]], expected, rtol=1e-6)
    assert np.isnan(scores[1])


def test_a_history_is_folded_in(scorer, dataset):
    history = dataset.user_row(103)
    items = ItemList(["i3", "i7"])
    known = scorer(103, items).scores()
    new = scorer(RecQuery(history_items=history), items).scores()
    np.testing.assert_allclose(new, known, rtol=1e-4, atol=1e-5)


def test_unknown_users_have_no_scores(scorer):
    assert np.isnan(scorer(9999, ItemList(["i3"])).scores()).all()


def test_ratings_are_counts_if_asked_for(dataset):
    plain, rated = WRMFScorer(**SETTINGS), WRMFScorer(use_ratings=True, **SETTINGS)
    plain.train(dataset)
    rated.train(dataset)
    assert plain.model.train_matrix.max() == 1
    assert rated.model.train_matrix.max() == 3


def test_a_pipeline_recommends(dataset):
    pipeline = topn_pipeline(WRMFScorer(**SETTINGS))
    pipeline.train(dataset)
    lists = recommend(pipeline, [103, 104], 5, n_jobs=1)
    assert all(len(row) == 5 for row in lists.lists())


def test_unknown_parameters_are_refused_at_once():
    with pytest.raises(ValueError, match="facters"):
        WRMFScorer(facters=3)
