"""Generated likes resemble the Sketchfab likes in Rosenthal 2016, and models can learn from them.

Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models. 2016.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wrmf
from wrmf import datasets
from wrmf.search.grid import ROSENTHAL_GRID


def likes_per_user_and_per_item(data):
    return np.diff(data.matrix.indptr), np.bincount(data.matrix.indices, minlength=data.n_items)


def name_words(data):
    """Return the words of each item's name without its noun and number: the style."""
    return [set(name.split()[:-2]) for name in data.item_names]


@pytest.mark.slow
def test_likes_have_the_size_and_the_heavy_tails_of_the_sketchfab_likes():
    data = datasets.synthetic_likes()
    assert data.shape == (15274, 25655)
    assert data.n_interactions == 547_000
    for counts in likes_per_user_and_per_item(data):
        assert counts.min() >= 5
        descending = np.sort(counts)[::-1]
        # The top 1 % have more than 6 % of all likes.
        assert descending[: len(counts) // 100].sum() > 0.06 * counts.sum()
        assert descending[0] > 20 * np.median(counts)
    assert data.k_core(5, 5).n_interactions == 547_000


@settings(max_examples=15)
@given(
    n_users=st.integers(20, 300),
    n_items=st.integers(20, 300),
    fill=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
# Here, no like can be removed without leaving its user or its item with too few.
@example(n_users=186, n_items=209, fill=0.0, seed=63)
def test_small_sizes_are_met_exactly(n_users, n_items, fill, seed):
    fewest, most = 6 * max(n_users, n_items), int(0.4 * n_users * n_items)
    if fewest > most:
        with pytest.raises(ValueError, match="can have"):
            datasets.synthetic_likes(n_users, n_items, fewest)
        return
    n_likes = int(fewest + fill * (most - fewest))
    data = datasets.synthetic_likes(n_users, n_items, n_likes, seed)
    assert data.shape == (n_users, n_items)
    assert data.n_interactions == n_likes
    assert all(counts.min() >= 5 for counts in likes_per_user_and_per_item(data))


def test_the_same_seed_gives_the_same_likes_and_another_one_others():
    first, again, other = (datasets.synthetic_likes(200, 150, 2000, seed) for seed in (1, 1, 2))
    assert first.to_frame().equals(again.to_frame())
    assert not first.to_frame().equals(other.to_frame())


@pytest.fixture(scope="module")
def split():
    """A split as in Rosenthal 2016."""
    return wrmf.leave_k_out(datasets.synthetic_likes(), k=5, fraction=0.2, random_state=0)


@pytest.mark.slow
def test_the_best_setting_lies_inside_rosenthals_grid_at_a_precision_like_his(split):
    best = {"factors": 80, "regularization": 10.0, "alpha": 10.0}

    def best_precision(**changed):
        model = wrmf.WRMF(**{**best, **changed}, objective="wrmf", random_state=0, init_scale=1.0)
        curve = wrmf.learning_curve(model, split, [4, 8], ["precision@5"], exclude_seen=False)
        return curve.best()[1]

    inside = best_precision()
    assert 0.02 < inside < 0.2
    for name in ("factors", "alpha"):
        for end in (min, max):
            assert best_precision(**{name: end(ROSENTHAL_GRID[name])}) < inside - 0.001
    # The precision hardly depends on λ near its best value. An end of the grid may be better by
    # chance, but by no more than a third of the standard error.
    for end in (min, max):
        assert (
            best_precision(regularization=end(ROSENTHAL_GRID["regularization"])) < inside + 0.0006
        )


@pytest.mark.slow
def test_curves_of_rosenthals_best_setting_have_the_shape_of_his(split):
    model = wrmf.WRMF(40, 0.1, 50.0, objective="wrmf", random_state=0, init_scale=1.0)
    curve = wrmf.learning_curve(model, split, [2, 14, 38], exclude_seen=False)
    train, test, error = curve.train["precision@5"], curve.test["precision@5"], curve.test["mse"]
    assert train[0] > train[1] + 0.02
    assert test[1] > test[0] + 0.002
    assert abs(test[2] - test[1]) < 0.005
    assert error[1] < error[0]
    assert error[1] < error[2] < error[0]


def test_neighbours_share_words_of_their_names():
    data = datasets.synthetic_likes(1500, 1200, 40_000, 0)
    model = wrmf.WRMF(32, alpha=10.0, random_state=0).fit(data)
    neighbours = model.similar_items(data.items[:200], n=3).rows
    words = name_words(data)
    shared = np.mean([bool(words[a] & words[b]) for a in range(200) for b in neighbours[a]])
    by_chance = np.mean([bool(words[a] & words[b]) for a in range(200) for b in range(1000, 1030)])
    assert shared > 2 * by_chance


@pytest.mark.slow
def test_raw_likes_are_thinned_to_the_core(tmp_path):
    raw = datasets.synthetic_raw_likes()
    assert len(raw) == 632_000
    path = tmp_path / "likes.psv"
    datasets.write_likes_file(raw, path)
    data = wrmf.read_interactions(path, "uid", "mid", item_name="modelname", duplicates="drop")
    assert data.shape == (62583, 28806)
    assert data.n_duplicates == 155
    assert any(name.startswith("Untitled | draft \\") for name in data.item_names)
    thinned, core = (
        set(zip(frame["user"], frame["item"], strict=True))
        for frame in (data.k_core(5, 5).to_frame(), datasets.synthetic_likes().to_frame())
    )
    assert thinned == core


def test_a_file_of_likes_is_written_completely_or_not_at_all(tmp_path):
    class Failing(pd.DataFrame):
        def to_csv(self, file, **options):
            file.write(b"half")
            raise OSError(28, "No space left on device")

    path = tmp_path / "likes.psv"
    with pytest.raises(OSError, match=r"likes\.psv"):
        datasets.write_likes_file(Failing(), path)
    assert not list(tmp_path.iterdir())
