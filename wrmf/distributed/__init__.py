"""Fits models to more data than one machine holds, on a Dask cluster."""

from wrmf.distributed.fit import fit
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.tasks import ClusterError

__all__ = ["ClusterError", "ShardedModel", "fit"]
