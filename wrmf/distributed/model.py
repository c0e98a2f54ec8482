"""The result of a distributed fit, whose users are spread over shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.distributed.engine import Engine
from wrmf.distributed.items import read_items
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.shards import read_shard, read_users
from wrmf.distributed.state import Progress
from wrmf.distributed.steps import Plan, load_factors
from wrmf.distributed.training import Training
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF

__all__ = ["ShardedModel"]


class ShardedModel:
    """A model whose users are in shards on the workers of a cluster.

    :func:`wrmf.distributed.fit` returns one. Items are few enough for one machine; users need not
    be.
    """

    def __init__(self, training: Training, params: Mapping[str, Any], automatic: Mapping[str, Any]):
        self._training = training
        self._params = dict(params)
        self._automatic = dict(automatic)

    @property
    def item_factors(self) -> np.ndarray:
        """The items' factors (n_items, k), in the order of ``items``."""
        training = self._training
        blocks = [load_factors(training.plan, block) for block in training.latest.blocks]
        return np.concatenate(blocks)

    @property
    def items(self) -> np.ndarray:
        """The ids of items: by falling number of rows, then by id."""
        return read_items(self._folder, self._manifest.items)

    @property
    def iterations_done(self) -> int:
        """The number of complete iterations."""
        return self._training.iterations_done

    @property
    def history(self) -> list[Progress]:
        """What each iteration reached: loss, seconds and bytes."""
        return list(self._training.latest.history)

    @property
    def _folder(self) -> Any:
        return self._training.plan.folder

    @property
    def _manifest(self) -> Manifest:
        return self._training.manifest

    def to_local(self) -> WRMF:
        """Return the model with all users and the training data, on this machine."""
        training, manifest = self._training, self._manifest
        users = np.concatenate([read_users(self._folder, shard) for shard in manifest.shards])
        x = np.concatenate(training.engine.results(training.present_users()))
        matrix = sparse.vstack(
            [read_shard(self._folder, shard, manifest.n_items) for shard in manifest.shards],
            format="csr",
        )
        matrix.has_canonical_format = True
        state = Factors(
            x,
            self.item_factors,
            users,
            self.items,
            matrix,
            self.iterations_done,
            params=self._params,
            automatic=self._automatic,
        )
        return WRMF.of_state(state, {})
