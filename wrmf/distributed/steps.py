"""The steps of an iteration, on the arrays of a shard of users or a block of items.

The result is bitwise that of :meth:`wrmf.WRMF.fit` on the same axes: a row does not depend on the
rows that are solved beside it, and Gram matrices are summed in the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy import sparse

from wrmf.distributed.folder import FileRecord, Folder, read_arrays, write_arrays
from wrmf.distributed.shards import ShardRecord, read_block, read_shard
from wrmf.distributed.statistics import ValuePlan
from wrmf.model.parameters import Parameters
from wrmf.numerics.isa import isa_number
from wrmf.numerics.objective import gram, gram_part_rows
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, half_sweep
from wrmf.numerics.whitening import Frame

__all__ = [
    "ITEMS",
    "USERS",
    "BlockRecord",
    "Gathered",
    "Plan",
    "UserShard",
    "bounds_of_side",
    "gather",
    "gram_of_part",
    "gram_parts",
    "load_block",
    "load_factors",
    "load_shard",
    "loss_of_users",
    "part_of_items",
    "save_factors",
    "shared_of_items",
    "shared_of_users",
    "side_bytes",
    "solve",
    "solve_shard",
    "target_sum",
]

USERS, ITEMS = 0, 1


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
    """

    folder: Folder
    params: Parameters
    shape: tuple[int, int]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    isa: str
    values: ValuePlan


@dataclass(frozen=True, eq=False)
class UserShard:
    """A shard of users as it is solved, and the sum of their targets b in float64."""

    side: Side
    target_sum: float


@dataclass(frozen=True, eq=False)
class Gathered:
    """All factors of one side on a worker, and what the systems of the other side share."""

    factors: np.ndarray
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


def load_factors(plan: Plan, record: BlockRecord) -> np.ndarray:
    """Return a block of item factors from its file."""
    factors: np.ndarray = read_arrays(plan.folder, record.file)["factors"]
    return factors


def gram_parts(n: int, k: int) -> list[slice]:
    """Return the rows of each part in which a Gram matrix of n rows is summed."""
    size = gram_part_rows(n, k)
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def gram_of_part(
    plan: Plan, pieces: Sequence[np.ndarray], within: slice, threads: int
) -> np.ndarray:
    """Return the Gram matrix of a part of the users.

    Parameters
    ----------
    plan : Plan
    pieces : sequence of ndarray
        The factors of consecutive shards.
    within : slice
        The rows of the part, counted from the first row of the first piece.
    threads : int
    """
    rows, first = [], 0
    for piece in pieces:
        rows.append(piece[max(0, within.start - first) : max(0, within.stop - first)])
        first += len(piece)
    factors = np.concatenate(rows)
    return gram(factors, threads, isa_number(plan.isa), part_rows=max(1, len(factors)))


def shared_of_items(plan: Plan, parts: Sequence[np.ndarray]) -> Shared:
    """Return what the systems of all items share, from the Gram matrices of parts of the users."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    base = plan.params.objective.unobserved_weight * total
    return _shared(base, plan.bounds[ITEMS], plan)


def shared_of_users(plan: Plan, blocks: Sequence[np.ndarray], threads: int) -> Shared:
    """Return what the systems of all users share."""
    total = gram(np.concatenate(blocks), threads, isa_number(plan.isa))
    base = plan.params.objective.unobserved_weight * total
    return _shared(base, plan.bounds[USERS], plan)


def _shared(base: np.ndarray, bounds: tuple[float, float], plan: Plan) -> Shared:
    try:
        return Shared(base, Frame.of(base, bounds, plan.params.dtype))
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the factors left the range of {plan.params.dtype}: scale the counts down, lower "
            'alpha or init_scale, or pass dtype="float64"'
        ) from error


def gather(plan: Plan, shared: Shared, pieces: Sequence[np.ndarray], threads: int) -> Gathered:
    """Return the factors of one side, from those of its shards or blocks in order."""
    factors = np.concatenate(pieces)
    if not shared.frame.in_double:
        whitened = shared.frame.whiten(factors, isa_number(plan.isa), threads)
        shared = replace(shared, whitened=whitened)
    return Gathered(factors, shared)


def solve(plan: Plan, side: Side, fixed: Gathered, threads: int) -> np.ndarray:
    """Return the factors of a part of a side, for the factors of the other side."""
    out = np.zeros((len(side.order), fixed.factors.shape[1]), dtype=fixed.factors.dtype)
    sweep = asdict(replace(plan.params.sweep, num_threads=threads))
    half_sweep(side, fixed.factors, out, **sweep, shared=fixed.shared, isa=plan.isa)
    return out


def solve_shard(plan: Plan, shard: UserShard, items: Gathered, threads: int) -> np.ndarray:
    """Return the factors of a shard's users."""
    return solve(plan, shard.side, items, threads)


def loss_of_users(
    plan: Plan, shard: UserShard, factors: np.ndarray, items: Gathered, threads: int
) -> float:
    """Return the part of the loss that the users of a shard have, if they are at their minimum.

    There, x_u minimises Σ_S (w p² − 2 b p + b) + α₀ Σ p² + λ_u |x_u|², whose value then is
    Σ_S b − x_u · Σ_S b y. So it takes one pass over the pairs, and none over the other cells.
    """
    side = shard.side
    targets = side.targets if len(side.targets) else side.weights + side.target_shift
    by_user = sparse.csr_matrix(
        (targets, side.indices, side.indptr), shape=(len(factors), len(items.factors))
    )
    rows = by_user @ items.factors
    return shard.target_sum - float(np.einsum("ij,ij->", rows, factors, dtype=np.float64))


def target_sum(shard: UserShard) -> float:
    """Return the sum of the targets b of a shard: its part of the loss of factors of zero."""
    return shard.target_sum


def side_bytes(side: Side) -> int:
    """Return the size of a side in bytes."""
    return sum(array.nbytes for array in vars(side).values() if isinstance(array, np.ndarray))
