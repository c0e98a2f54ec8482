"""How often faults are injected: a few times in the ordinary run, many in ``make faults``."""

import os

import pytest


@pytest.fixture
def n_kills():
    """The number of kills of each task."""
    return int(os.environ.get("WRMF_KILLS", "4"))


@pytest.fixture
def n_fits():
    """The number of fits over which memory must not grow."""
    return int(os.environ.get("WRMF_FITS", "25"))
