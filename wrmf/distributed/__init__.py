"""Fits models to more data than one machine holds, on a Dask cluster."""

try:
    import dask.dataframe  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        f'wrmf.distributed needs Dask ({error}): pip install "wrmf[distributed]"'
    ) from None

from wrmf.distributed.fit import fit
from wrmf.distributed.model import ShardedModel
from wrmf.distributed.tasks import ClusterError

__all__ = ["ClusterError", "ShardedModel", "fit"]
