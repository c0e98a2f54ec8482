"""Ranges, random settings, and how settings are written."""

import numpy as np
import pytest

import wrmf
from wrmf import Range
from wrmf.search.journal import read_journal
from wrmf.search.space import as_space, describe, drawn_settings, format_value, setting_key


def test_random_settings_are_different_and_begin_with_those_of_a_smaller_search(split, model):
    space = {"factors": Range(2, 6), "alpha": Range(1.0, 100.0, log=True)}
    few, more, other_seed = (
        [
            c.params
            for c in wrmf.random_search(model, split, space, n, [1], random_state=seed).curves
        ]
        for n, seed in ((3, 7), (6, 7), (6, 8))
    )
    assert len({setting_key(params) for params in more}) == 6
    assert few == more[:3]
    assert other_seed != more
    assert all(isinstance(p["factors"], int) and 2 <= p["factors"] <= 6 for p in more)
    assert all(1 <= p["alpha"] <= 100 for p in more)


def test_every_setting_of_a_small_space_is_drawn():
    generator = np.random.default_rng(0)
    space = {"factors": Range(2, 4), "alpha": [1.0, 2.0]}
    settings = drawn_settings(space, 50, generator)
    assert sorted((s["factors"], s["alpha"]) for s in settings) == [
        (k, a) for k in (2, 3, 4) for a in (1.0, 2.0)
    ]
    assert len(drawn_settings({"alpha": [1.0, 2.0]}, 9, generator)) == 2


def test_a_logarithmic_range_draws_each_decade_equally_often():
    generator = np.random.default_rng(0)
    drawn = np.array([Range(1e-3, 1e3, log=True).draw(generator) for _ in range(6000)])
    counts = np.histogram(np.log10(drawn), bins=6, range=(-3, 3))[0]
    assert abs(counts - 1000).max() < 150


def test_a_range_of_ints_draws_each_int_equally_often():
    generator = np.random.default_rng(0)
    drawn = [Range(1, 4).draw(generator) for _ in range(4000)]
    assert abs(np.bincount(drawn)[1:] - 1000).max() < 150


@pytest.mark.parametrize("ends", [(2, 2), (3, 1), (0.0, 1.0, True), (-1, 2, True)])
def test_a_range_that_does_not_rise_or_has_no_logarithm_is_an_error(ends):
    with pytest.raises(ValueError, match="range must"):
        Range(*ends)


@pytest.mark.parametrize(
    ("space", "error"),
    [
        ({}, "space must map"),
        ({"regularization": Range(-1.0, 1.0)}, "regularization must be finite"),
        ({"random_state": [1]}, "random_state cannot be searched over: pass seeds="),
        ({"num_threads": [1, 2]}, "num_threads cannot be searched over: results do not"),
    ],
)
def test_a_space_that_no_model_takes_is_an_error(split, model, space, error):
    with pytest.raises(ValueError, match=error):
        wrmf.random_search(model, split, space, 1, [1])


def test_equal_settings_have_one_key():
    assert setting_key({"a": 1, "b": 2.5}) == setting_key({"b": np.float64(2.5), "a": np.int64(1)})
    assert setting_key({"a": 1}) != setting_key({"a": 2})


def test_a_setting_is_described_in_one_line():
    assert describe({"factors": 40, "alpha": 50.0}) == "factors: 40 | alpha: 50"
    values = (0.1, 1e-05, 1 / 3, (0.3, 2.0), "exact", None)
    texts = ["0.1", "1e-05", "0.333333", "(0.3, 2.0)", "exact", "None"]
    assert [format_value(value) for value in values] == texts


def test_a_range_of_multiples_is_searched_like_one_of_numbers(tmp_path):
    data = wrmf.datasets.synthetic_likes(120, 60, 1500, random_state=0)
    split = wrmf.leave_k_out(data, k=2, random_state=0)
    space = {"regularization": Range(0.1, 10.0, log=True, of_auto=True)}
    model = wrmf.WRMF(4, random_state=0)
    journal = tmp_path / "j"
    drawn = wrmf.random_search(model, split, space, 3, [1, 2], journal=journal)
    values = [curve.params["regularization"] for curve in drawn.curves]
    assert all(value.endswith("*auto") for value in values)
    numbers = Range(0.1, 10.0, log=True)
    expected = drawn_settings({"a": numbers}, 3, np.random.default_rng(0))
    assert [float(value[:-5]) for value in values] == pytest.approx(
        [setting["a"] for setting in expected], rel=1e-5
    )
    resumed = wrmf.random_search(model, split, space, 3, [1, 2], journal=journal)
    assert resumed.to_frame().equals(drawn.to_frame())
    assert read_journal(journal).ranges == space
    proposed = wrmf.tune(model, split, space, 2, [1])
    assert all(curve.params["regularization"].endswith("*auto") for curve in proposed.curves)


def test_a_range_of_multiples_of_what_has_none_is_refused():
    with pytest.raises(TypeError, match="factors must be"):
        as_space(wrmf.WRMF(), {"factors": Range(1, 2, of_auto=True)})
