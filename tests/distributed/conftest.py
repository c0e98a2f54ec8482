"""Clusters of worker processes on this machine, and data in parquet files."""

import pytest
from sharding import rows_of_likes

dask_distributed = pytest.importorskip(
    "distributed", reason="needs pip install 'wrmf[distributed]'"
)


def start(n_workers, threads=1):
    """Return a cluster of worker processes."""
    distributed = pytest.importorskip("distributed", reason="needs wrmf[distributed]")
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=threads,
        dashboard_address=None,
        memory_limit="2GiB",
    )


@pytest.fixture(scope="session")
def clients():
    """Return a function from a number of workers to a client, whose cluster is started once."""
    opened = {}

    def client_of(n_workers):
        if n_workers not in opened:
            cluster = start(n_workers)
            opened[n_workers] = cluster.get_client(), cluster
        return opened[n_workers][0]

    yield client_of
    for client, cluster in opened.values():
        client.close()
        cluster.close()


@pytest.fixture(scope="session")
def client(clients):
    return clients(2)


@pytest.fixture(scope="session")
def rows():
    return rows_of_likes()


@pytest.fixture(scope="session")
def files(rows, tmp_path_factory):
    """Return a folder of parquet files of different sizes, one of them without rows."""
    folder = tmp_path_factory.mktemp("likes")
    for number, (first, last) in enumerate([(0, 3000), (3000, 3000), (3000, 20_000)]):
        path = folder / f"part-{number}.parquet"
        rows.iloc[first:last].to_parquet(path, row_group_size=4000)
    return folder
