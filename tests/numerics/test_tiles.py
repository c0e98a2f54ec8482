"""Tiles of items by decreasing norm, and the bounds on norms by which tiles are skipped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf.numerics.tiles import TILE, Tiles, norm_bounds


@given(
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from([np.float32, np.float64]),
    # The range of float32, including its smallest numbers.
    exponent=st.integers(-140, 120),
)
def test_bounds_of_norms_are_never_below_the_norms(seed, dtype, exponent):
    generator = np.random.default_rng(seed)
    n, k = generator.integers(1, 50), generator.integers(1, 200)
    scale = 2.0**exponent
    rows = (generator.standard_normal((n, k)) * scale).astype(dtype)
    norms = np.sqrt(np.sum(rows.astype(np.longdouble) ** 2, axis=1))
    bounds = norm_bounds(rows)
    assert bounds.dtype == np.float64
    assert (bounds >= norms).all()
    if scale >= 2.0**-40:
        assert (bounds <= norms * 1.0001).all()


@pytest.fixture
def factors():
    """Factors of 5 users, and of 600 items with very different norms."""
    generator = np.random.default_rng(0)
    items = generator.standard_normal((600, 8)) * generator.exponential(size=(600, 1))
    return generator.standard_normal((5, 8)).astype(np.float32), items.astype(np.float32)


def test_items_are_ordered_by_falling_norm_and_tiles_begin_with_the_largest(factors):
    users, items = factors
    tiles = Tiles.of(users, items)
    bounds = norm_bounds(items)
    assert sorted(tiles.order) == list(range(600))
    assert (np.diff(bounds[tiles.order]) <= 0).all()
    assert np.array_equal(tiles.position[tiles.order], np.arange(600))
    largest = [bounds[tiles.order[first : first + TILE]].max() for first in range(0, 600, TILE)]
    assert tiles.tile_norms.tolist() == largest


def test_items_that_are_not_allowed_are_in_no_tile(factors):
    users, items = factors
    allowed = np.arange(600) % 3 == 0
    tiles = Tiles.of(users, items, allowed)
    assert sorted(tiles.order) == np.flatnonzero(allowed).tolist()
    assert (tiles.position[~allowed] == -1).all()
    assert np.array_equal(tiles.position[tiles.order], np.arange(len(tiles.order)))


def test_a_product_is_off_by_no_more_than_the_bound_of_its_error(factors):
    users, items = factors
    tiles = Tiles.of(users, items)
    exact = users.astype(np.longdouble) @ items.astype(np.longdouble).T
    bound = tiles.relative_error * np.outer(norm_bounds(users), norm_bounds(items))
    assert (np.abs(users @ items.T - exact) <= bound + tiles.absolute_error).all()
