"""Guards of the speed of reading, ids, splits, evaluation and sweeps.

The data has the size of the Sketchfab likes.
"""

import numpy as np
import pytest
from scipy import sparse

import wrmf


@pytest.fixture(scope="module")
def likes():
    return wrmf.datasets.synthetic_likes()


@pytest.fixture(scope="module")
def shuffled_pairs(likes):
    frame = likes.to_frame()
    return frame.sample(frac=1.0, random_state=0)[["user", "item"]].reset_index(drop=True)


def matrix_by_dictionaries(frame):
    """Return the matrix of pairs as Rosenthal 2016 makes it, by dictionaries and ``apply``."""
    users = {user: row for row, user in enumerate(frame["user"].unique().tolist())}
    items = {item: column for column, item in enumerate(frame["item"].unique().tolist())}
    rows = frame["user"].apply(lambda user: users[user]).to_numpy()
    columns = frame["item"].apply(lambda item: items[item]).to_numpy()
    return sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), dtype=np.float64).tocsr()


@pytest.mark.benchmark(group="ids to matrix")
def test_ids_to_matrix_by_dictionaries(benchmark, shuffled_pairs):
    benchmark(matrix_by_dictionaries, shuffled_pairs)


@pytest.mark.benchmark(group="ids to matrix")
def test_ids_to_matrix(benchmark, shuffled_pairs):
    data = benchmark(wrmf.read_interactions, shuffled_pairs)
    assert data.n_interactions == matrix_by_dictionaries(shuffled_pairs).nnz


@pytest.mark.benchmark(group="k-core")
def test_k_core(benchmark):
    raw = wrmf.datasets.synthetic_raw_likes()
    data = wrmf.read_interactions(raw, "uid", "mid", duplicates="drop")
    core = benchmark(data.k_core, 5, 5)
    assert core.shape == (15274, 25655)


@pytest.mark.benchmark(group="leave k out")
def test_leave_k_out(benchmark, likes):
    split = benchmark(wrmf.leave_k_out, likes, 5, 0.2, random_state=0)
    assert split.test.n_interactions == 5 * len(split.users)


@pytest.mark.benchmark(group="evaluate")
@pytest.mark.parametrize("metric", ["precision@5", "mse"])
def test_evaluate(benchmark, likes, metric):
    split = wrmf.leave_k_out(likes, 5, 0.2, random_state=0)
    model = wrmf.WRMF(40, iterations=2, random_state=0).fit(split.train)
    assert 0 < benchmark(wrmf.evaluate, model, split, [metric])[metric] < 1


@pytest.mark.benchmark(group="sweep")
@pytest.mark.parametrize("factors", [40, 80])
def test_sweep(benchmark, likes, factors):
    model = wrmf.WRMF(factors, iterations=1, random_state=0).fit(likes)
    benchmark.pedantic(model.partial_fit, (likes, 1), rounds=5)
    assert isinstance(model.users, np.ndarray)
