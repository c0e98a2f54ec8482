"""Looks at test parts are counted by the code that looks, and cold items are ranked as defined."""

import numpy as np
import pytest
from scipy import sparse

from benchmarks import looks


def test_every_look_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "PATH", tmp_path / "looks.json")
    assert looks.looks() == []
    assert [looks.look("gowalla", "a"), looks.look("other", "b"), looks.look("gowalla", "c")] == [
        1,
        1,
        2,
    ]
    assert [entry["model"] for entry in looks.looks()] == ["a", "b", "c"]


def test_names_that_share_words_share_features():
    from benchmarks.quality.cold_items import name_features

    features = name_features(["Goblin King", "Goblin Guide", "Island"], 500).toarray()
    assert features.shape == (3, 501)
    assert (features[:, -1] == 1).all()
    products = features[:, :-1] @ features[:, :-1].T
    assert products[0, 1] > products[0, 2]


def test_quality_is_that_of_each_users_own_cards():
    from benchmarks.quality.cold_items import quality

    scores = np.zeros((2, 30))
    scores[:, 29] = 1
    own = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [8, 9])), shape=(2, 10))
    values = quality(scores + np.linspace(0, 0.1, 30), own, None)
    assert values["recall@20"] == [1.0]
    assert values["ndcg@20"] == pytest.approx([1.0])
