"""The item step without moving users: each shard sums what it knows of the items.

Per block of items, the heaviest are solved exactly from sums of their normal equations, the others
by conjugate gradients, each step from the sum of a product over all shards. See
:mod:`wrmf.numerics.split_solver`, whose functions these are, for the tasks of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from wrmf.distributed.shards import ShardRecord
from wrmf.distributed.steps import (
    ITEMS,
    BlockRecord,
    Plan,
    SolvedUsers,
    part_of_items,
    save_factors,
)
from wrmf.numerics.layout import ALIGNMENT, aligned_array
from wrmf.numerics.objective import Objective, gram, gram_isa
from wrmf.numerics.shard_sums import Basis, Shard, double_sums, normal_sums, products
from wrmf.numerics.side import Side
from wrmf.numerics.split_solver import (
    MOST_STEPS,
    Steps,
    exact_rows,
    solve_double_sums,
    solve_normal_sums,
)

__all__ = [
    "BlockRows",
    "Pass",
    "Started",
    "basis_of",
    "begin_pass",
    "block_rows",
    "directions_of",
    "exact_items",
    "first_sums",
    "gram_of_shard",
    "left_in",
    "load_part",
    "next_sums",
    "rows_in_double",
    "save_pass",
    "solutions_of",
    "start_block",
    "step_pass",
    "sums_in_double",
    "unresolved_of",
    "weight_sums",
    "whiten_users",
]


@dataclass(frozen=True, eq=False)
class BlockRows:
    """The items of a block.

    Attributes
    ----------
    counts : int64 (n,), the numbers of entries
    regularization : (n,), λ of each item
    exact, improved : int32, which are solved exactly and which take steps
    """

    counts: np.ndarray
    regularization: np.ndarray
    exact: np.ndarray
    improved: np.ndarray


@dataclass(frozen=True, eq=False)
class Started:
    """Where the steps of a block start: D of the items that take steps, and their solutions."""

    common: np.ndarray
    solutions: np.ndarray


@dataclass(frozen=True, eq=False)
class Pass:
    """A block in the course of a pass.

    Attributes
    ----------
    factors : (n, k), those of items that are solved; zeros for the others
    steps : Steps of the items that go on
    unresolved : int32, items whose systems are singular in this precision
    n_steps : int, how many were taken
    """

    factors: np.ndarray
    steps: Steps
    unresolved: np.ndarray
    n_steps: int = 0


def weight_sums(matrix: sparse.csr_matrix, objective: Objective) -> tuple[np.ndarray]:
    """Return the sum of the weights of each item in a shard of users."""
    weights = np.abs(objective.weights(matrix.data, np.float64))
    return (np.bincount(matrix.indices, weights, minlength=matrix.shape[1]),)


def exact_items(weights: np.ndarray, plan: Plan, basis_bytes: int) -> np.ndarray:
    """Return which items are solved exactly, bool (n_items,).

    Parameters
    ----------
    weights : float64 (n_items,), from ``weight_sums`` of all shards
    plan : Plan
    basis_bytes : int, the size of the sums of one item
    """
    vector_bytes = plan.params.factors * plan.params.dtype.itemsize
    mask = np.zeros(len(weights), dtype=bool)
    mask[exact_rows(weights, basis_bytes, vector_bytes)] = True
    return mask & (weights > 0)


def block_rows(plan: Plan, items: slice, is_exact: np.ndarray) -> BlockRows:
    """Return the items of a block; ``is_exact`` is that of its items."""
    counts = plan.values.item_counts()[items]
    strengths = plan.params.objective.row_regularization(
        plan.params.regularization[ITEMS], counts, plan.shape[0]
    )
    return BlockRows(
        counts,
        strengths.astype(plan.params.dtype),
        np.flatnonzero(is_exact).astype(np.int32),
        np.flatnonzero(~is_exact & (counts > 0)).astype(np.int32),
    )


def load_part(plan: Plan, record: ShardRecord, items: slice) -> Side:
    """Return what a shard knows of a block: its rows are items, its columns users of the shard."""
    matrix = part_of_items(plan, record, items)
    params = plan.params
    return Side.of(
        matrix,
        params.objective,
        params.regularization[ITEMS],
        params.dtype,
        counts=plan.values.item_counts()[items],
        n_columns=plan.shape[0],
        bounds=plan.bounds[ITEMS],
    )


def gram_of_shard(plan: Plan, users: SolvedUsers, threads: int) -> tuple[np.ndarray]:
    """Return the Gram matrix of the users of a shard."""
    return (gram(users.factors, threads, gram_isa(plan.bounds[ITEMS], plan.isa)),)


def basis_of(plan: Plan, total: tuple[np.ndarray]) -> Basis:
    """Return the basis of the item step, from the Gram matrix of all users."""
    base = plan.params.objective.unobserved_weight * total[0]
    return Basis.of(base, plan.bounds[ITEMS], plan.params.dtype, plan.isa)


def whiten_users(users: SolvedUsers, basis: Basis, threads: int) -> np.ndarray:
    """Return the factors of a shard's users in the basis."""
    return basis.whitened(users.factors, threads)


def start_block(rows: BlockRows, factors: np.ndarray, basis: Basis, threads: int) -> Started:
    """Return where the steps of a block start: from the present factors."""
    common = basis.common(rows.regularization[rows.improved])
    return Started(common, basis.start(factors[rows.improved], common, threads))


def first_sums(
    side: Side,
    users: SolvedUsers,
    whitened: np.ndarray,
    rows: BlockRows,
    solutions: np.ndarray,
    basis: Basis,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a shard's sums for the exact items, and the residuals of the others."""
    shard = Shard(side, _on_cache_lines(whitened), users.factors)
    return (
        normal_sums(shard, rows.exact, basis, threads),
        products(shard, rows.improved, solutions, True, basis, threads),
    )


def begin_pass(
    rows: BlockRows,
    started: Started,
    total: tuple[np.ndarray, np.ndarray],
    basis: Basis,
    threads: int,
) -> Pass:
    """Return a block whose exact items are solved, and whose others are to take the first step."""
    sums, residuals = total
    factors = np.zeros((len(rows.counts), basis.k), basis.dtype)
    strengths = rows.regularization
    solved, failed = solve_normal_sums(sums, strengths[rows.exact], basis, threads)
    factors[rows.exact] = solved
    steps = Steps.begin(rows.improved, started.solutions, residuals, started.common)
    return Pass(factors, steps, rows.exact[failed])


def solutions_of(started: Started) -> np.ndarray:
    """Return where the steps of a block start: all of it that shards need."""
    return started.solutions


def directions_of(state: Pass) -> tuple[np.ndarray, np.ndarray]:
    """Return the items that take a step and its directions: all of a pass that shards need."""
    return state.steps.rows, state.steps.directions


def next_sums(
    side: Side,
    users: SolvedUsers,
    whitened: np.ndarray,
    directions: tuple[np.ndarray, np.ndarray],
    basis: Basis,
    threads: int,
) -> tuple[np.ndarray]:
    """Return a shard's part of the product of a step; ``directions`` is of ``directions_of``."""
    shard = Shard(side, _on_cache_lines(whitened), users.factors)
    return (products(shard, *directions, False, basis, threads),)


def step_pass(
    state: Pass, total: tuple[np.ndarray], tolerance: float, basis: Basis, threads: int
) -> Pass:
    """Return a block after a step; items for which further ones would gain little are finished."""
    steps, taken = state.steps.step(total[0]), state.n_steps + 1
    finished, steps = steps.divided(tolerance if taken < MOST_STEPS else np.inf)
    factors = state.factors.copy()
    factors[finished.rows] = basis.outward(finished.solutions, threads)
    failed = finished.rows[~np.isfinite(finished.solutions).all(axis=1)]
    return replace(
        state,
        factors=factors,
        steps=steps,
        unresolved=np.concatenate((state.unresolved, failed)),
        n_steps=taken,
    )


def left_in(state: Pass) -> tuple[int, int]:
    """Return how many items of a block go on, and how many are to be solved in float64."""
    return len(state.steps.rows), len(state.unresolved)


def unresolved_of(state: Pass) -> np.ndarray:
    """Return the items whose systems are singular in float32."""
    return np.sort(state.unresolved)


def sums_in_double(
    side: Side,
    users: SolvedUsers,
    whitened: np.ndarray,
    unresolved: np.ndarray,
    basis: Basis,
    threads: int,
) -> tuple[np.ndarray]:
    """Return a shard's sums for the items of ``unresolved_of``."""
    shard = Shard(side, whitened, users.factors)
    return (double_sums(shard, unresolved, basis, threads),)


def rows_in_double(rows: BlockRows, state: Pass, total: tuple[np.ndarray], basis: Basis) -> Pass:
    """Return a block whose last items are solved, too: in float64, or with least norm."""
    unresolved = np.sort(state.unresolved)
    factors = state.factors.copy()
    strengths = rows.regularization[unresolved]
    factors[unresolved] = solve_double_sums(total[0], strengths, basis.shared.base)
    return replace(state, factors=factors, unresolved=unresolved[:0])


def save_pass(plan: Plan, rows: BlockRows, state: Pass, name: str) -> BlockRecord:
    """Write the factors of a block, and return its record."""
    return save_factors(plan, name, state.factors.astype(plan.params.dtype), rows.counts)


def _on_cache_lines(array: np.ndarray) -> np.ndarray:
    """Return an array on a 64-byte boundary; one that came over a network may be elsewhere."""
    if array.ctypes.data % ALIGNMENT == 0:
        return array
    moved = aligned_array(array.shape, array.dtype)
    moved[:] = array
    return moved
