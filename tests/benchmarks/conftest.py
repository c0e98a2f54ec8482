"""Fixtures for the tests of benchmarks."""

import pytest

import wrmf


@pytest.fixture(scope="session")
def split_by_protocol():
    """A small split for each protocol of the leaderboard."""
    data = wrmf.datasets.synthetic_likes(120, 100, 1_500, random_state=0)
    return {
        "weak": wrmf.split_interactions(data, 0.2, random_state=0),
        "strong": wrmf.split_users(data, 0.3, random_state=0),
    }
