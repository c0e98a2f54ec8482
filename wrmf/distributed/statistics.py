"""What parameters and checks need to know of all data, as sums over its shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.distributed.folder import FileRecord, Folder, read_arrays
from wrmf.distributed.manifest import Manifest
from wrmf.distributed.shards import ShardRecord, read_shard, sum_totals
from wrmf.distributed.tasks import Tasks
from wrmf.numerics.values import FittedValues, ValueRule

__all__ = ["ShardStatistics", "ValuePlan"]

NO_ROWS = sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class ValuePlan:
    """The rule of the values, with the constants of all data.

    Attributes
    ----------
    folder : Folder
    totals : FileRecord
        The number of entries of each item, and the sum of their values.
    rule : ValueRule
    scale : float, s of ``FittedValues``
    """

    folder: Folder
    totals: FileRecord
    rule: ValueRule
    scale: float = 1.0

    def item_counts(self) -> np.ndarray:
        """Return the number of entries of each item."""
        counts: np.ndarray = read_arrays(self.folder, self.totals)["counts"]
        return counts

    def fitted(self, user_counts: np.ndarray) -> FittedValues:
        """Return the rule for users with these numbers of entries."""
        if self.rule.is_identity:
            return FittedValues.of(self.rule, NO_ROWS)
        totals = read_arrays(self.folder, self.totals)
        lengths = totals["lengths"] if self.rule.weighting == "bm25" else np.empty(0)
        return FittedValues(self.rule, user_counts, totals["counts"], lengths, self.scale)


class ShardStatistics:
    """The statistics of data in shards, as the rules of automatic parameters ask for them.

    Parameters
    ----------
    engine : Tasks
    folder : Folder
    manifest : Manifest
    """

    def __init__(self, engine: Tasks, folder: Folder, manifest: Manifest) -> None:
        self.engine = engine
        self.folder = folder
        self.manifest = manifest
        self.plans: dict[ValueRule, ValuePlan] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        return self.manifest.shape

    @property
    def n_filled_users(self) -> int:
        """The number of users with entries."""
        return sum(shard.n_filled for shard in self.manifest.shards)

    @cached_property
    def item_counts(self) -> np.ndarray:
        """The number of entries of each item."""
        counts: np.ndarray = self.manifest.read_totals(self.folder)["counts"]
        return counts

    def sums(
        self, values: ValueRule, function: Callable[..., tuple[Any, ...]], *args: Any
    ) -> tuple[Any, ...]:
        """Return the sums over all shards of what a function returns for a shard."""
        return self._sums(self.values(values), function, *args)

    def values(self, rule: ValueRule) -> ValuePlan:
        """Return a rule with the constants of all data."""
        if rule not in self.plans:
            plan = ValuePlan(self.folder, self.manifest.totals, rule)
            if rule.damping != (0.0, 0.0):
                # The sums are of stored values, which a rule without weighting and damping leaves.
                stored = replace(plan, rule=ValueRule())
                sums = self._sums(stored, _damping_sums, plan)
                plan = replace(
                    plan, scale=FittedValues.of(ValueRule(), NO_ROWS).scaled(*sums).scale
                )
            self.plans[rule] = plan
        return self.plans[rule]

    def largest(self, rule: ValueRule) -> float:
        """Return the largest size of the values that a rule returns."""
        if rule.is_identity:
            return self.manifest.largest
        plan = self.values(rule)
        parts = [
            self.engine.submit("largest", _on_shard, plan, shard, self.shape[1], _largest)
            for shard in self.manifest.shards
        ]
        return float(max(self.engine.results(parts)))

    def _sums(self, plan: ValuePlan, function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
        parts = [
            self.engine.submit("statistics", _on_shard, plan, shard, self.shape[1], function, *args)
            for shard in self.manifest.shards
        ]
        (total,) = self.engine.results([self.engine.tree("sum-statistics", sum_totals, parts)])
        return tuple(total)


def _on_shard(
    plan: ValuePlan, record: ShardRecord, n_items: int, function: Callable[..., Any], *args: Any
) -> Any:
    """Return what a function returns for a shard with the values of a rule."""
    matrix = read_shard(plan.folder, record, n_items)
    return function(plan.fitted(np.diff(matrix.indptr)).of_rows(matrix, 0), *args)


def _damping_sums(matrix: sparse.csr_matrix, plan: ValuePlan) -> tuple[float, float]:
    return plan.fitted(np.diff(matrix.indptr)).damping_sums(matrix)


def _largest(matrix: sparse.csr_matrix) -> float:
    return float(np.abs(matrix.data).max(initial=0))
