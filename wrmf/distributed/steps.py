"""The steps of an iteration, on the arrays of a shard of users or a block of items.

The result is bitwise that of :meth:`wrmf.WRMF.fit` on the same axes: a row does not depend on the
rows that are solved beside it, and Gram matrices are summed in the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.distributed.folder import FileRecord, Folder, read_arrays, write_arrays
from wrmf.distributed.shards import ShardRecord, read_block, read_shard
from wrmf.distributed.statistics import ValuePlan
from wrmf.model.parameters import Parameters
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import FromBuffers, Recycler, Workspaces, padded_width
from wrmf.numerics.minimum import loss_at_minimum
from wrmf.numerics.objective import gram, gram_isa
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, half_sweep, half_sweep_with_gains
from wrmf.numerics.whitening import Frame

__all__ = [
    "ITEMS",
    "USERS",
    "BlockRecord",
    "Gathered",
    "Plan",
    "SolvedUsers",
    "UserShard",
    "bounds_of_side",
    "gather_items",
    "load_block",
    "load_factors",
    "load_shard",
    "loss_of_users",
    "part_of_items",
    "save_factors",
    "shared_of",
    "shared_of_users",
    "solve_items",
    "solve_shard",
    "target_sum",
]

USERS, ITEMS = 0, 1
# The sides of a process are solved in turn, so they can share their scratch arrays. Results are
# made from the memory of those of earlier iterations.
WORKSPACES, RECYCLER = Workspaces(), Recycler()


@dataclass(frozen=True)
class Plan:
    """What all steps of a fit have in common; it is small, as each task has a copy.

    Attributes
    ----------
    folder : Folder
    params : Parameters
    shape : (int, int), the number of users and of items
    bounds : pair of (float, float), the bounds of λ of users and of items, as in ``Side``
    isa : str, the instruction set
    values : ValuePlan
    spare_bytes : int, default 0
        How much memory a worker may keep for results to come.
    """

    folder: Folder
    params: Parameters
    shape: tuple[int, int]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    isa: str
    values: ValuePlan
    spare_bytes: int = 0

    def new_rows(self, n: int, width: int) -> np.ndarray:
        """Return an uninitialised array of factors on this worker, on a 64-byte boundary."""
        RECYCLER.most = self.spare_bytes
        return RECYCLER.array((n, width), self.params.dtype)

    def whitened(self, factors: np.ndarray, shared: Shared, threads: int) -> np.ndarray:
        """Return fixed factors in the basis of what systems share."""
        out = self.new_rows(len(factors), padded_width(factors.shape[1]))
        return shared.frame.whiten(factors, isa_number(self.isa), threads, out)

    def joined(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Return the rows of several arrays in one."""
        out = self.new_rows(sum(len(piece) for piece in pieces), pieces[0].shape[1])
        return np.concatenate(pieces, out=out)


@dataclass(frozen=True, eq=False)
class UserShard:
    """A shard of users as it is solved, and the sum of their targets b in float64."""

    side: Side
    target_sum: float


@dataclass(frozen=True, eq=False)
class SolvedUsers(FromBuffers):
    """The factors of a shard's users.

    Attributes
    ----------
    factors : (n, k)
    gains : float64 (n,)
        How much each user lowers the loss, as ``half_sweep_with_gains`` returns it.
    """

    factors: np.ndarray
    gains: np.ndarray


@dataclass(frozen=True, eq=False)
class Gathered:
    """All factors of one side on a worker, for the other side.

    Attributes
    ----------
    factors : (n, k), or None
        None if only those in the basis of the other side are there.
    shared : Shared
        What the systems of the other side share. It has the factors in their basis, unless rows are
        solved in float64.
    """

    factors: np.ndarray | None
    shared: Shared


@dataclass(frozen=True)
class BlockRecord:
    """A block of item factors in a file.

    Attributes
    ----------
    file : FileRecord
    n_items : int
    penalty : float, Σ λ_i ‖y_i‖² of its items
    largest : float, the largest absolute value
    """

    file: FileRecord
    n_items: int
    penalty: float
    largest: float


def bounds_of_side(
    params: Parameters, side: int, counts: tuple[int, int], n_columns: int
) -> tuple[float, float]:
    """Return the bounds of λ of all rows of a side, from their least and largest counts."""
    # λ is a monotonic function of the count.
    ends = sparse.csr_matrix((2, 1), dtype=np.float32)
    strength = params.regularization[side]
    of_ends = Side.of(
        ends,
        params.objective,
        strength,
        params.dtype,
        counts=np.array(counts),
        n_columns=n_columns,
    )
    return of_ends.bounds


def load_shard(plan: Plan, record: ShardRecord) -> UserShard:
    """Return a shard of users as it is solved."""
    stored = read_shard(plan.folder, record, plan.shape[1])
    counts = np.diff(stored.indptr)
    matrix = plan.values.fitted(counts).of_rows(stored, USERS)
    params = plan.params
    side = Side.of(
        matrix,
        params.objective,
        params.regularization[USERS],
        params.dtype,
        bounds=plan.bounds[USERS],
    )
    return UserShard(side, float(params.objective.targets(matrix.data, np.float64).sum()))


def load_block(plan: Plan, records: Sequence[ShardRecord], items: slice) -> Side:
    """Return a block of items as it is solved: its rows have the entries of all users."""
    parts = [part_of_items(plan, record, items) for record in records]
    matrix = sparse.hstack(parts, format="csr") if len(parts) > 1 else parts[0]
    params = plan.params
    return Side.of(
        matrix,
        params.objective,
        params.regularization[ITEMS],
        params.dtype,
        bounds=plan.bounds[ITEMS],
    )


def part_of_items(plan: Plan, record: ShardRecord, items: slice) -> sparse.csr_matrix:
    """Return the entries of a range of items in a shard, with the values that enter the loss.

    Returns
    -------
    CSR (n items, users of the shard)
    """
    values, users, indptr = read_block(plan.folder, record, items)
    shape = items.stop - items.start, record.n_users
    part = sparse.csr_matrix((values, users, indptr), shape=shape)
    if plan.params.values.is_identity:
        return part
    arrays = read_arrays(plan.folder, record.file, mapped=True)
    rule = plan.values.fitted(np.diff(arrays["indptr"]))
    by_user = part.T.tocsr()
    # On the axis of all items, whose number enters the weights of BM25.
    everywhere = sparse.csr_matrix(
        (by_user.data, by_user.indices + items.start, by_user.indptr),
        shape=(record.n_users, plan.shape[ITEMS]),
    )
    weighted = rule.of_training(everywhere)
    return sparse.csr_matrix(
        (weighted.data, by_user.indices, by_user.indptr), shape=by_user.shape
    ).T.tocsr()


def save_factors(
    plan: Plan, name: str, factors: np.ndarray, item_counts: np.ndarray
) -> BlockRecord:
    """Write a block of item factors, and return its record."""
    file = write_arrays(plan.folder, name, {"factors": factors})
    strengths = plan.params.objective.row_regularization(
        plan.params.regularization[ITEMS], item_counts, plan.shape[USERS]
    )
    squares = np.einsum("ij,ij->i", factors, factors, dtype=np.float64)
    largest = max(abs(float(factors.max(initial=0))), abs(float(factors.min(initial=0))))
    return BlockRecord(file, len(factors), float(strengths @ squares), largest)


def load_factors(plan: Plan, records: Sequence[BlockRecord]) -> np.ndarray:
    """Return consecutive blocks of item factors from their files."""
    parts = [read_arrays(plan.folder, record.file)["factors"] for record in records]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def shared_of_users(plan: Plan, blocks: Sequence[np.ndarray], threads: int) -> Shared:
    """Return what the systems of all users share."""
    isa = gram_isa(plan.bounds[USERS], plan.isa)
    return shared_of(plan, USERS, gram(np.concatenate(blocks), threads, isa))


def shared_of(plan: Plan, side: int, total: np.ndarray) -> Shared:
    """Return what the systems of a side share, from the Gram matrix of the other side."""
    base = plan.params.objective.unobserved_weight * total
    try:
        return Shared(base, Frame.of(base, plan.bounds[side], plan.params.dtype))
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the factors left the range of {plan.params.dtype}: scale the counts down, lower "
            'alpha or init_scale, or pass dtype="float64"'
        ) from error


def gather_items(
    plan: Plan, shared: Shared, blocks: Sequence[np.ndarray], threads: int
) -> Gathered:
    """Return all item factors, from those of each block."""
    factors = plan.joined(blocks)
    if not shared.frame.in_double:
        shared = replace(shared, whitened=plan.whitened(factors, shared, threads))
    return Gathered(factors, shared)


def solve_items(plan: Plan, side: Side, users: Gathered, threads: int) -> np.ndarray:
    """Return the factors of a block of items, for those of all users.

    Raises
    ------
    FactorsNeeded
        If the factors of users themselves are needed, and not there.
    """
    out, side = _begun(plan, side)
    half_sweep(side, users.factors, out, num_threads=threads, shared=users.shared, isa=plan.isa)
    return out


def solve_shard(plan: Plan, shard: UserShard, items: Gathered, threads: int) -> SolvedUsers:
    """Return the factors of a shard's users."""
    out, side = _begun(plan, shard.side)
    gains = half_sweep_with_gains(side, items.factors, out, threads, items.shared, plan.isa)
    return SolvedUsers(out, gains)


def _begun(plan: Plan, side: Side) -> tuple[np.ndarray, Side]:
    """Return memory for the factors of a side, and the side with the scratch of this process."""
    out = plan.new_rows(len(side.order), plan.params.factors)
    return out, replace(side, workspaces=WORKSPACES)


def loss_of_users(
    plan: Plan, shard: UserShard, users: SolvedUsers, items: Gathered, after: Any, threads: int
) -> float:
    """Return the part of the loss that the users of a shard have, if they are at their minimum.

    ``after`` is not used: its task comes before.
    """
    del after
    assert items.factors is not None
    side = replace(shard.side, workspaces=WORKSPACES)
    own, fixed = users.factors, items.factors
    return loss_at_minimum(side, shard.target_sum, own, fixed, threads, plan.isa, users.gains)


def target_sum(shard: UserShard) -> float:
    """Return the sum of the targets b of a shard: its part of the loss of factors of zero."""
    return shard.target_sum
