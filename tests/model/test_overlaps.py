"""How much more the overlaps of users vary than popularity and activity explain."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from scipy import sparse

from wrmf.model.overlaps import excess_of_overlaps


def excess(matrix, n_shards=1, signs=None):
    matrix = sparse.csr_matrix(matrix)
    counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
    borders = np.linspace(0, matrix.shape[0], n_shards + 1).astype(int)

    def sums(function, *args):
        parts = [function(matrix[first:last], *args) for first, last in pairwise(borders)]
        return tuple(sum(part) for part in zip(*parts, strict=True))

    return excess_of_overlaps(counts, sums, signs)


def by_chance(n_users=600, n_items=80, seed=0):
    """Return likes of items by their popularity, of users who are more or less active."""
    generator = np.random.default_rng(seed)
    popularity = 0.3 * generator.random(n_items) ** 2
    activity = generator.uniform(0.5, 2, (n_users, 1))
    return sparse.csr_matrix(generator.random((n_users, n_items)) < activity * popularity)


def in_groups(n_groups=8):
    """Return likes of users who like the items of their group alone."""
    return sparse.block_diag([by_chance(75, 40, seed) for seed in range(n_groups)], format="csr")


@pytest.mark.parametrize("matrix", [by_chance(60, 30), in_groups()[::6]], ids=["chance", "groups"])
def test_without_an_estimate_it_is_that_of_all_pairs_of_users(matrix):
    n_items = matrix.shape[1]
    every_direction = np.sqrt(n_items) * np.eye(n_items)
    expected = pytest.approx(reference.excess_of_overlaps(matrix), rel=1e-9, abs=1e-12)
    assert excess(matrix, signs=every_direction) == expected


@pytest.mark.parametrize("matrix", [by_chance(), in_groups()], ids=["chance", "groups"])
def test_the_estimate_is_near_it(matrix):
    n_items = matrix.shape[1]
    exact = excess(matrix, signs=np.sqrt(n_items) * np.eye(n_items))
    assert excess(matrix) == pytest.approx(exact, rel=0.5, abs=0.1)


def test_users_who_differ_by_chance_have_none_and_groups_have_much():
    assert excess(by_chance()) < 0.15
    assert excess(in_groups()) > 2


@pytest.mark.parametrize("n_shards", [2, 7])
def test_shards_of_users_give_the_same(n_shards):
    assert excess(in_groups(), n_shards) == pytest.approx(excess(in_groups()), rel=1e-12)


def test_counts_are_of_no_account():
    matrix = by_chance()
    assert excess(matrix * 1000.0) == excess(matrix)


@pytest.mark.parametrize("matrix", [np.zeros((3, 4)), np.ones((1, 4)), np.zeros((0, 4))])
def test_it_is_infinite_where_no_two_users_may_overlap(matrix):
    assert excess(matrix) == np.inf
