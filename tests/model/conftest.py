import pytest

from wrmf import WRMF


@pytest.fixture(scope="session")
def small():
    """A function that makes a small, quick model; parameters may be given by name."""

    def make(**params):
        defaults = {
            "factors": 4,
            "regularization": 0.1,
            "alpha": 40.0,
            "iterations": 4,
            "objective": "wrmf",
            "random_state": 0,
            "num_threads": 1,
        }
        return WRMF(**{**defaults, **params})

    return make
