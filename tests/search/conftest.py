import pytest

from wrmf import WRMF, datasets, leave_k_out


@pytest.fixture(scope="session")
def split():
    return leave_k_out(datasets.synthetic_likes(200, 150, 2500), k=3, random_state=0)


@pytest.fixture
def model():
    return WRMF(random_state=0, num_threads=1)
