"""What an iteration costs a worker, and which method the items are solved by.

docs/distributed.md derives the formulas and compares them with runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from wrmf.distributed.manifest import block_count
from wrmf.numerics.split_solver import SUMS_BYTES

__all__ = ["METHODS", "Cost", "Size", "choose_method", "cost_of", "tasks_of"]

METHODS = ("auto", "gather", "split")
# The share of the memory of a worker that a method may take; the rest is for what is on the way.
MEMORY_SHARE = 0.6
# The usual number of steps of conjugate gradients.
STEPS = 3
# The heaviest items have this many times their share of the pairs.
SKEW = 5.0


@dataclass(frozen=True)
class Size:
    """The size of a fit.

    Attributes
    ----------
    n_users, n_items, n_entries : int
    factors : int, k
    itemsize : int, the bytes of a number
    n_workers : int
    """

    n_users: int
    n_items: int
    n_entries: int
    factors: int
    itemsize: int = 4
    n_workers: int = 1


@dataclass(frozen=True)
class Cost:
    """What an iteration costs a worker.

    Attributes
    ----------
    received : float
        Bytes from other workers, of the worker that receives most.
    total : float
        Bytes that all workers receive from each other.
    memory : float, bytes at the peak
    flops : float
    """

    received: float
    total: float
    memory: float
    flops: float


def cost_of(size: Size, method: str) -> Cost:
    """Return what an iteration of a method costs a worker.

    Examples
    --------
    >>> size = Size(100_000_000, 1_000_000, 10_000_000_000, 128, n_workers=50)
    >>> [round(cost_of(size, method).received / 1e9, 1) for method in ("gather", "split")]
    [50.7, 8.0]
    """
    k, workers = size.factors, size.n_workers
    users, items = (float(n * k * size.itemsize) for n in (size.n_users, size.n_items))
    per_user = size.n_entries / max(1, size.n_users)
    small, large = min(per_user, float(k)), max(per_user, float(k))
    user_flops = size.n_users * small**2 * large + 4.0 * size.n_users * k**2
    # What a worker has itself is not sent.
    others = 1.0 - 1.0 / workers
    # Rows are solved by entry: 8 bytes of index and weight, and as much in the other order.
    data = 16.0 * size.n_entries / workers
    if method == "gather":
        item_flops = size.n_entries * float(k) ** 2
        received = users + items
        # Workers without a block of items need no users.
        total = min(workers, block_count(size.n_entries, method)) * users + workers * items
        # All users in one array, the pieces that it is made of, and the worker's own factors.
        memory = (2.0 + 1.0 / workers) * users + 2.0 * items
    else:
        # A symmetric matrix, in columns of whole vectors, and the target of each exact item.
        row_bytes = k * (k + 18) / 2 * size.itemsize
        n_exact = min(float(size.n_items), max(SUMS_BYTES, 2 * (STEPS + 1) * items) / row_bytes)
        packed = n_exact * row_bytes
        exact_share = min(1.0, SKEW * n_exact / size.n_items)
        of_steps = (1.0 - exact_share) * 4.0 * k * STEPS
        item_flops = size.n_entries * (exact_share * k * k + of_steps)
        vectors = 2.0 * (STEPS + 1) * items if n_exact < size.n_items else 0.0
        received = vectors + packed
        total = workers * received
        memory = 2.0 * users / workers + 4.0 * items + packed
    return Cost(
        others * received, others * total, data + memory, (user_flops + item_flops) / workers
    )


def tasks_of(size: Size, method: str, n_shards: int, n_blocks: int) -> int:
    """Return about how many tasks an iteration has, which the scheduler handles one by one.

    Parameters
    ----------
    size : Size
    method : {"gather", "split"}
    n_shards : int, of users
    n_blocks : int, of items

    Examples
    --------
    >>> size = Size(100_000_000, 1_000_000, 10_000_000_000, 128, n_workers=50)
    >>> [tasks_of(size, "gather", 200, 64), tasks_of(size, "split", 200, 16)]
    [1028, 17983]
    """
    # Users and their loss, and the item factors that both need on each worker.
    both = 2 * n_shards + n_blocks + 2 * size.n_workers
    if method == "gather":
        # Gram matrices of the users and users in the basis of the items; the blocks.
        return both + 2 * n_shards + n_blocks
    # A sum over shards for the start and each step, in trees of four.
    return both + 2 * n_shards + round(n_shards * n_blocks * (STEPS + 1) * 4 / 3)


def choose_method(size: Size, memory: int | None) -> tuple[str, str]:
    """Return the method for a size, and the reason.

    Parameters
    ----------
    size : Size
    memory : int, or None
        The memory of the smallest worker in bytes; None if it is not limited.
    """
    needed = cost_of(size, "gather").memory
    if memory is None:
        return "gather", "no worker has a memory limit"
    reason = (
        f"gathering all users takes {needed / 1e9:.2f} GB of a worker, and {MEMORY_SHARE:.0%} of "
        f"the smallest are {MEMORY_SHARE * memory / 1e9:.2f} GB"
    )
    return ("gather" if needed <= MEMORY_SHARE * memory else "split"), reason
