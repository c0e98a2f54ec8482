"""What cannot fit the memory is refused before it is allocated, and nothing changes."""

import numpy as np
import pytest

import wrmf
from wrmf.numerics import item_weights, memory

LIKES = np.indices((40, 30)).sum(axis=0) % 3 == 0


@pytest.fixture
def free(monkeypatch):
    """A function that sets the memory that is available, whatever the size of arrays."""

    def set_free(n_bytes):
        monkeypatch.setattr(memory, "LEAST", 0)
        monkeypatch.setattr(memory, "available_memory", lambda: n_bytes)

    return set_free


def fitted(**params):
    return wrmf.WRMF(factors=4, random_state=0, **params).fit(LIKES, progress=False)


def test_a_fit_is_refused_and_the_model_stays_as_it_was(free):
    model = fitted()
    before, size = model.user_factors.copy(), (40 + 30 + 40) * 4 * 4 + 8 * 16
    free(size)
    model.fit(LIKES, progress=False)
    free(size - 1)
    with pytest.raises(MemoryError, match=r"4 factors of 40 users and 30 items .* fewer factors"):
        model.fit(LIKES, progress=False)
    np.testing.assert_array_equal(model.user_factors, before)
    assert model.recommend(0, n=3).ids.shape == (1, 3)


def test_several_models_and_float64_count(free):
    free((40 + 30 + 40) * 4 * 4 * 2 + 8 * 16)
    fitted()
    for params in ({"n_models": 3}, {"n_models": 2, "dtype": "float64"}):
        with pytest.raises(MemoryError, match=r"factors of .*40 users"):
            fitted(**params)


def test_lists_are_refused_and_can_be_written(free, tmp_path):
    model = fitted()
    free(40 * 10 * 12 - 1)
    with pytest.raises(MemoryError, match=r"lists of 10 items for 40 users .* recommend_to"):
        model.recommend(n=10)
    assert model.recommend(range(39), n=10).ids.shape == (39, 10)


@pytest.mark.parametrize("neighbours", [3, 29])
def test_item_weights_are_refused(free, neighbours):
    model = fitted()
    free(500)
    with pytest.raises(MemoryError, match=r"weights of \d+ neighbours of 30 items .* fewer"):
        model.reweigh_items(0.5, item_neighbors=neighbours)
    assert model.item_weight == 0


def test_folding_in_is_refused(free):
    model = fitted()
    free(100)
    with pytest.raises(MemoryError, match="fold in fewer at a time"):
        model.fold_in_users(LIKES)


def test_a_file_that_does_not_fit_can_be_mapped(free, tmp_path):
    path = tmp_path / "m.wrmf"
    fitted().save(path)
    free(1000)
    with pytest.raises(MemoryError, match=r"arrays of the file .* mmap=True"):
        wrmf.load(path)
    mapped = wrmf.load(path, mmap=True)
    assert mapped.recommend(0, n=3).ids.shape == (1, 3)


def test_a_search_leaves_out_item_terms_that_do_not_fit(monkeypatch):
    def refuse(*_):
        raise MemoryError

    monkeypatch.setattr(item_weights, "check_memory", refuse)
    data = wrmf.datasets.synthetic_likes(60, 40, 600, random_state=0)
    tuned = wrmf.autotune(data, trials=2, progress=False)
    assert tuned.model.item_weight == 0
