"""``WRMFModel`` is a model of RecTools; skipped where that is not installed."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("rectools")

from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import serialization

import wrmf
from wrmf.compat.rectools import WRMFModel


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(0)
    users, items = np.nonzero(generator.random((30, 40)) < 0.2)
    table = pd.DataFrame(
        {
            Columns.User: [f"u{user}" for user in users],
            Columns.Item: [f"i{item}" for item in items],
            Columns.Weight: generator.integers(1, 4, len(users)),
            Columns.Datetime: "2026-01-01",
        }
    )
    return Dataset.construct(table)


@pytest.fixture
def model(dataset):
    small = wrmf.WRMF(factors=4, regularization=1.0, alpha=2.0, iterations=3, random_state=0)
    return WRMFModel(small).fit(dataset)


def test_lists_are_those_of_the_model(model, dataset):
    table = model.recommend(["u3", "u5"], dataset, k=5, filter_viewed=True)
    matrix = dataset.get_user_item_matrix()
    ours = model.model.fit(matrix).recommend(
        dataset.user_id_map.convert_to_internal(["u3", "u5"]), 5
    )
    expected = dataset.item_id_map.convert_to_external(ours.ids.ravel())
    assert table[Columns.Item].tolist() == list(expected)
    np.testing.assert_allclose(table[Columns.Score], ours.scores.ravel(), rtol=1e-4)


def test_a_whitelist_and_neighbours_work(model, dataset):
    allowed = ["i1", "i2", "i3", "i4"]
    table = model.recommend(["u3"], dataset, k=3, filter_viewed=False, items_to_recommend=allowed)
    assert set(table[Columns.Item]) <= set(allowed)
    near = model.recommend_to_items(["i1"], dataset, k=3)
    assert "i1" not in near[Columns.Item].tolist()


def test_factors_are_those_of_the_internal_ids(model, dataset):
    x, y = model.get_vectors()
    assert (len(x), len(y)) == (dataset.user_id_map.size, dataset.item_id_map.size)


def test_partial_fits_continue(dataset):
    small = wrmf.WRMF(factors=4, iterations=3, random_state=0)
    whole = WRMFModel(small).fit(dataset)
    parts = WRMFModel(small).fit_partial(dataset, epochs=1).fit_partial(dataset, epochs=2)
    assert np.array_equal(whole.get_vectors()[0], parts.get_vectors()[0])


def test_a_model_is_rebuilt_from_its_configuration(model, dataset):
    config = model.get_config(simple_types=True)
    assert config["cls"] == "wrmf.compat.rectools.WRMFModel"
    rebuilt = serialization.model_from_config(config).fit(dataset)
    assert np.array_equal(rebuilt.get_vectors()[1], model.get_vectors()[1])
    assert WRMFModel.from_config({"model": {"factors": 4}}).get_config()["model"]["factors"] == 4


def test_a_model_is_saved_and_loaded(model, dataset, tmp_path):
    model.save(tmp_path / "model")
    loaded = WRMFModel.load(tmp_path / "model")
    first = loaded.recommend(["u3"], dataset, k=3, filter_viewed=True)
    assert first.equals(model.recommend(["u3"], dataset, k=3, filter_viewed=True))
