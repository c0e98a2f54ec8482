"""Fixtures for all tests, the settings of Hypothesis, and the marker of tests on real data."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from scipy import sparse

# Shells let their background jobs ignore Ctrl-C, and child processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: on a busy machine, a correct example may take long.
settings.register_profile("wrmf", deadline=None, max_examples=60, derandomize="CI" in os.environ)
settings.load_profile("wrmf")

DATA_FOLDER = Path(os.environ.get("WRMF_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark each test that uses the fixture ``real_data``, before ``-m`` selects by marker."""
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real_data)


@pytest.fixture
def checkerboard():
    """A matrix of 8 users and 10 items whose fields are 0 and 1 in turn."""
    return sparse.csr_matrix((np.indices((8, 10)).sum(axis=0) % 2).astype(np.float32))


@pytest.fixture(scope="session")
def likes():
    """Random counts of 300 users and 200 items.

    User 3 and item 5 have entries everywhere, user 17 and item 11 have none.
    """
    generator = np.random.default_rng(7)
    dense = (generator.random((300, 200)) < 0.04) * generator.integers(1, 5, (300, 200))
    dense[3] = 1
    dense[:, 5] = 2
    dense[17] = 0
    dense[:, 11] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.fixture(scope="session")
def real_data():
    """A function that reads a real data set by name as a data frame, or skips the test."""

    def read(name):
        path = DATA_FOLDER / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"no real data at {path}; set WRMF_TEST_DATA to the folder that has it")
        pytest.importorskip("pyarrow")
        return pd.read_parquet(path)

    return read
