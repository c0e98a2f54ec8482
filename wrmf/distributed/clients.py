"""The client of Dask that a fit uses."""

from __future__ import annotations

from typing import Any

import distributed
from distributed import Client

from wrmf.data.choices import shown
from wrmf.distributed.tasks import ClusterError

__all__ = ["as_client"]

# How to get a client.
START = (
    "start one with\n"
    "    from dask.distributed import Client\n"
    '    client = Client("tcp://scheduler:8786")   # or Client(), on this machine\n'
    "and pass it as client="
)


def as_client(client: Any) -> Client:
    """Return a client that can be used, by default that of this process.

    Raises
    ------
    ClusterError, TypeError
        If there is none, and for one that is closed or asynchronous.
    """
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            raise ClusterError(f"there is no Dask client: {START}") from None
    if not isinstance(client, Client):
        if hasattr(client, "get_client"):
            raise TypeError(
                "client must be a distributed.Client, got a cluster: pass its client, as in "
                "client=cluster.get_client()"
            )
        raise TypeError(f"client must be a distributed.Client, got {shown(client)}: {START}")
    if client.asynchronous:
        raise ClusterError("the Dask client is asynchronous: pass one without asynchronous=True")
    if client.status != "running":
        raise ClusterError(f"the Dask client is {client.status}: {START}")
    return client
