import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from scipy import sparse

# Shared machines stall; how long an example takes says nothing about it being right.
settings.register_profile("wrmf", deadline=None, max_examples=60, derandomize="CI" in os.environ)
settings.load_profile("wrmf")

DATA = Path(os.environ.get("WRMF_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def checkerboard():
    return sparse.csr_matrix((np.indices((8, 10)).sum(axis=0) % 2).astype(np.float32))


@pytest.fixture(scope="session")
def likes():
    """Random likes with a heavy row and column, an empty row and an empty column."""
    generator = np.random.default_rng(7)
    dense = (generator.random((300, 200)) < 0.04) * generator.integers(1, 5, (300, 200))
    dense[3] = 1
    dense[:, 5] = 2
    dense[17] = 0
    dense[:, 11] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.fixture(scope="session")
def real_data():
    """A function that reads one of the real data sets, or skips the test."""

    def read(name):
        path = DATA / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"real data not found: {path} (set WRMF_TEST_DATA)")
        pytest.importorskip("pyarrow")
        return pd.read_parquet(path)

    return read
