"""What an iteration costs a worker, and which method the items are solved by.

docs/distributed.md derives the formulas and compares them with runs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from wrmf.distributed.manifest import block_count
from wrmf.distributed.placing import groups_of, levels_of_tree
from wrmf.distributed.shards import shard_count
from wrmf.numerics.layout import padded_width
from wrmf.numerics.split_solver import SUMS_BYTES

__all__ = ["METHODS", "STEPS", "Cost", "Size", "choose_method", "cost_of", "sums_sent", "tasks_of"]

METHODS = ("auto", "gather", "split")
# The share of the memory of a worker that a method may take; the rest is for what is on the way.
MEMORY_SHARE = 0.6
# The usual number of steps of conjugate gradients.
STEPS = 3
# The heaviest items have this many times their share of the pairs.
SKEW = 5.0
# How many trees are followed to say how often sums are sent.
TURNS = 64


@dataclass(frozen=True)
class Size:
    """The size of a fit.

    Attributes
    ----------
    n_users, n_items, n_entries : int
    factors : int, k
    itemsize : int, the bytes of a number
    n_workers : int, default 1
    n_shards : int, default 0, which is the number that follows from the entries
    """

    n_users: int
    n_items: int
    n_entries: int
    factors: int
    itemsize: int = 4
    n_workers: int = 1
    n_shards: int = 0

    @property
    def shards(self) -> int:
        """The number of shards of users."""
        return self.n_shards or shard_count(self.n_entries)

    def blocks(self, method: str) -> int:
        """Return the number of blocks of items."""
        return min(self.n_items, block_count(self.n_entries, method))


@dataclass(frozen=True)
class Cost:
    """What an iteration costs a worker.

    Attributes
    ----------
    received : float
        Bytes from other workers, of the worker that receives most.
    sent : float
        Bytes of the factors and steps of a block of items, which its worker sends to all others.
    total : float
        Bytes that all workers receive from each other.
    memory : float, bytes at the peak
    flops : float
    """

    received: float
    sent: float
    total: float
    memory: float
    flops: float


def cost_of(size: Size, method: str, steps: float = STEPS) -> Cost:
    """Return what an iteration of a method costs a worker.

    Parameters
    ----------
    size : Size
    method : {"gather", "split"}
    steps : float, default 3
        How many steps of conjugate gradients an item takes in the mean, of those that take any.

    Examples
    --------
    >>> size = Size(100_000_000, 1_000_000, 10_000_000_000, 128, n_workers=50)
    >>> [round(cost_of(size, method).received / 1e9, 1) for method in ("gather", "split")]
    [51.2, 9.8]
    """
    k, workers = size.factors, size.n_workers
    vector = float(k * size.itemsize)
    # In the basis of the other side, rows are whole cache lines.
    padded = float(padded_width(k) * size.itemsize)
    items = size.n_items * vector
    per_user = size.n_entries / max(1, size.n_users)
    small, large = min(per_user, float(k)), max(per_user, float(k))
    user_flops = size.n_users * small**2 * large + 4.0 * size.n_users * k**2
    # What a worker has itself is not sent.
    others = 1.0 - 1.0 / workers
    # Rows are solved by entry: 8 bytes of index and weight, and as much in the other order.
    data = 16.0 * size.n_entries / workers
    with_blocks = min(workers, size.blocks(method))
    # Both methods bring all items to all workers, where users are solved, and the matrices that
    # the systems of a side share: three of each side in float64.
    items_and_matrices = items + 48.0 * k**2
    # The worker that computes these for users has all items once more.
    again = (1.0 - 1.0 / with_blocks) * items
    if method == "gather":
        item_flops = size.n_entries * float(k) ** 2
        users = size.n_users * padded
        received = others * (users + items_and_matrices) + again
        # Workers without a block of items need no users.
        sent = (workers - 1) * items / with_blocks
        total = others * (with_blocks * users + workers * items_and_matrices) + again
        # All users in one array, the pieces that it is made of, and the worker's own factors.
        memory = (2.0 + 1.0 / workers) * users + 2.0 * items
    else:
        # A symmetric matrix, in columns of whole vectors, and the target of each exact item.
        row_bytes = k * (k + 18) / 2 * size.itemsize
        n_exact = min(float(size.n_items), max(SUMS_BYTES, 8 * items) // row_bytes)
        packed = n_exact * row_bytes
        exact_share = min(1.0, SKEW * n_exact / size.n_items)
        item_flops = size.n_entries * (exact_share * k * k + (1.0 - exact_share) * 4.0 * k * steps)
        # The solutions before the first step, and the directions of each; and what becomes of them.
        vectors = (steps + 1) * (size.n_items - n_exact) * padded
        # Which items they are takes some bytes of each.
        to_all = items_and_matrices + vectors + 16.0 * size.n_items
        sums = packed + vectors
        sent = (workers - 1) * (items + vectors) / with_blocks
        in_all, most = sums_sent(size.shards, size.blocks(method), workers)
        received = others * to_all + most * sums + again
        total = workers * others * to_all + in_all * sums + again
        memory = 2.0 * size.n_users * vector / workers + 4.0 * items + packed
    return Cost(received, sent, total, data + memory, (user_flops + item_flops) / workers)


def sums_sent(n_shards: int, n_blocks: int, n_workers: int) -> tuple[float, float]:
    """Return how often sums over shards are sent, as a multiple of their size.

    Each shard has a sum for each item, for instance, and those of a block are added up in a tree.
    Where workers have several neighbours among the shards, they add these up first.

    Returns
    -------
    total : float
        How often all workers send them.
    most : float
        How often the worker that receives most does.

    Examples
    --------
    >>> [sums_sent(200, 16, n_workers) for n_workers in (1, 50)]
    [(0.0, 0.0), (49.9375, 1.1875)]
    """
    workers = [str(number) for number in range(n_workers)]
    homes, roots = (
        [workers[int((number + 0.5) / n * n_workers)] for number in range(n)]
        for n in (n_shards, n_blocks)
    )
    received = dict.fromkeys(workers, 0)
    for turn in range(TURNS):
        levels = levels_of_tree(homes, roots[turn % n_blocks], turn)
        for parts, sums in itertools.pairwise(levels):
            for group, place in zip(groups_of(parts), sums, strict=True):
                received[str(place)] += len(group) - group.count(place)
    return sum(received.values()) / TURNS, max(received.values()) / TURNS


def tasks_of(size: Size, method: str, steps: float = STEPS) -> int:
    """Return about how many tasks an iteration has, which the scheduler handles one by one.

    Parameters
    ----------
    size : Size
    method : {"gather", "split"}
    steps : float, default 3, as in ``cost_of``

    Examples
    --------
    >>> size = Size(100_000_000, 1_000_000, 10_000_000_000, 128, n_workers=50)
    >>> [tasks_of(size, "gather"), tasks_of(size, "split")]
    [1014, 17983]
    """
    n_shards, n_blocks = size.shards, size.blocks(method)
    # Users and their loss, and the item factors that both need on each worker; then Gram matrices
    # of the users, and users in the basis of the items.
    both = 4 * n_shards + 2 * size.n_workers
    if method == "gather":
        # The files of all blocks are read by a task of each worker.
        return both + n_blocks + min(size.n_workers, n_blocks)
    # A sum over shards for the start and each step, in trees of four.
    return both + n_blocks + round(n_shards * n_blocks * (steps + 1) * 4 / 3)


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
