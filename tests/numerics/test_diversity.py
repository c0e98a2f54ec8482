"""Diverse lists are those of the slow definition, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_lists import marginal_relevance

from wrmf.numerics import diversity
from wrmf.numerics.diversity import diversified
from wrmf.numerics.offsets import item_rows, offset_scale, user_rows
from wrmf.numerics.ranking import row_lengths


def draw_lists(seed, k, dtype, m=7, n_items=30, width=12):
    """Return factors, some of them zero, and lists of falling scores and of all lengths."""
    generator = np.random.default_rng(seed)
    items = generator.standard_normal((n_items, k)).astype(dtype)
    items[generator.random(n_items) < 0.2] = 0
    rows = np.array([generator.permutation(n_items)[:width] for _ in range(m)])
    scores = -np.sort(-generator.standard_normal((m, width)).astype(dtype), axis=1)
    scores[1] = scores[1, 0]
    counts = generator.integers(0, width + 1, m)
    counts[:2] = width
    past = np.arange(width) >= counts[:, None]
    rows[past], scores[past] = -1, np.nan
    return items, (rows, scores, counts)


@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.sampled_from([1, 3, 16, 130]),
    n=st.sampled_from([1, 4, 12, 20]),
    weight=st.sampled_from([0.01, 0.4, 0.99]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_each_item_taken_has_the_largest_marginal_relevance(seed, k, n, weight, dtype):
    items, lists = draw_lists(seed, k, dtype)
    lengths = row_lengths(items)
    before = [part.copy() for part in (items, *lists)]
    together = diversified(items, lengths, lists, n, weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diversity, "GATHERED_BYTES", 1)
        alone = diversified(items, lengths, lists, n, weight)
    for part, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(part, other)
    for part, other in zip((items, *lists), before, strict=True):
        np.testing.assert_array_equal(part, other)
    for row in range(len(lists[0])):
        candidates = lists[0][row, : lists[2][row]].tolist()
        scores = dict(zip(candidates, lists[1][row].astype(float), strict=False))
        count = min(n, len(candidates))
        taken = together[0][row, :count].tolist()
        assert together[2][row] == count
        assert len(set(taken)) == count
        assert taken[:1] == candidates[:1]
        assert together[1][row, :count].tolist() == [scores[item] for item in taken]
        assert (together[0][row, count:] == -1).all()
        assert np.isnan(together[1][row, count:]).all()
        for place in range(1, count):
            values = marginal_relevance(
                scores, items.astype(float), candidates, taken[:place], weight
            )
            assert values[taken[place]] >= max(values.values()) - 1e-6


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e5, 1e30]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_a_score_with_an_offset_is_the_score_plus_the_offset(seed, size, dtype):
    generator = np.random.default_rng(seed)
    x = generator.integers(-3, 4, (4, 5)).astype(dtype)
    y = generator.integers(-3, 4, (9, 5)).astype(dtype)
    offset = (generator.integers(-8, 9, 9) * size).astype(dtype)
    scale = offset_scale(2.0, 3.0, offset)
    assert np.log2(scale) == np.round(np.log2(scale))
    rows = item_rows(y, offset, scale)
    products = user_rows(x, scale)[:, -1:].astype(float) * rows[:, -1].astype(float)
    assert (products == offset.astype(float)).all()
    np.testing.assert_array_equal(rows[:, :-1], y)


def test_the_scale_of_an_offset_is_one_where_there_is_nothing_to_balance():
    for sizes in ((0.0, 1.0), (1.0, 0.0)):
        assert offset_scale(*sizes, np.ones(3)) == 1.0
    assert offset_scale(1.0, 1.0, np.zeros(3)) == 1.0
