"""Guards of reading, id maps and splits, at the article's size."""

import numpy as np
import pytest
from scipy import sparse

import wrmf


@pytest.fixture(scope="module")
def likes():
    data = wrmf.datasets.synthetic_likes()
    frame = data.to_frame()
    return frame.sample(frac=1.0, random_state=0)[["user", "item"]].reset_index(drop=True)


def article_matrix(frame):
    """Ids to a matrix by dictionaries and apply."""
    users = {user: row for row, user in enumerate(frame["user"].unique().tolist())}
    items = {item: column for column, item in enumerate(frame["item"].unique().tolist())}
    rows = frame["user"].apply(lambda user: users[user]).to_numpy()
    columns = frame["item"].apply(lambda item: items[item]).to_numpy()
    return sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), dtype=np.float64).tocsr()


@pytest.mark.benchmark(group="ids to matrix")
def test_ids_to_matrix_as_the_article(benchmark, likes):
    benchmark(article_matrix, likes)


@pytest.mark.benchmark(group="ids to matrix")
def test_ids_to_matrix(benchmark, likes):
    data = benchmark(wrmf.read_interactions, likes)
    expected = article_matrix(likes)
    assert data.n_interactions == expected.nnz


@pytest.mark.benchmark(group="k-core")
def test_k_core(benchmark):
    raw = wrmf.datasets.synthetic_raw_likes()
    data = wrmf.read_interactions(raw, "uid", "mid", duplicates="drop")
    core = benchmark(data.k_core, 5, 5)
    assert core.shape == (15274, 25655)


@pytest.mark.benchmark(group="leave k out")
def test_leave_k_out(benchmark):
    data = wrmf.datasets.synthetic_likes()
    split = benchmark(wrmf.leave_k_out, data, 5, 0.2, random_state=0)
    assert split.test.n_interactions == 5 * len(split.users)


@pytest.mark.benchmark(group="evaluate")
@pytest.mark.parametrize("metric", ["precision@5", "mse"])
def test_evaluate(benchmark, metric):
    data = wrmf.datasets.synthetic_likes()
    split = wrmf.leave_k_out(data, 5, 0.2, random_state=0)
    model = wrmf.WRMF(40, iterations=2, random_state=0).fit(split.train)
    assert 0 < benchmark(wrmf.evaluate, model, split, [metric])[metric] < 1


@pytest.mark.benchmark(group="sweep")
@pytest.mark.parametrize("factors", [40, 80])
def test_sweep(benchmark, factors):
    data = wrmf.datasets.synthetic_likes()
    model = wrmf.WRMF(factors, iterations=1, random_state=0).fit(data)
    benchmark.pedantic(model.partial_fit, (data, 1), rounds=5)
    assert isinstance(model.users, np.ndarray)
