"""The Gram matrix of all users, from their shards, bitwise as a local fit sums it.

A local fit sums the users in parts of ``gram_part_rows`` rows, and the parts in their order. Shards
begin and end anywhere in a part. So a part that the users of several shards have is summed by each
of them in turn: what is handed on is a sum, and a few rows that are not in it yet.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wrmf.numerics.objective import gram, gram_part_rows

__all__ = ["PartOfShard", "PartialGram", "continue_gram", "parts_of_shards", "total_gram"]

# Only multiples of this many rows are summed before a part is complete. The kernels, too, round the
# sum after a number of rows, which divides it.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class PartOfShard:
    """The users of a part that a shard has.

    Attributes
    ----------
    part : int, its number
    rows : slice, the users, counted from the first one of the shard
    begins, ends : bool, whether the first and the last user of the part are among them
    """

    part: int
    rows: slice
    begins: bool
    ends: bool


@dataclass(frozen=True, eq=False)
class PartialGram:
    """The Gram matrix of the first users of a part.

    Attributes
    ----------
    total : float64 (k, k), the sum over a multiple of ``ROWS_AT_ONCE`` users, or over all of them
    left : (n, k), the factors of users that follow and are not in the sum
    """

    total: np.ndarray
    left: np.ndarray


def parts_of_shards(offsets: Sequence[int], k: int) -> list[list[PartOfShard]]:
    """Return what each shard has of the parts.

    Parameters
    ----------
    offsets : sequence of int
        The place of the first user of each shard on the axis, and the number of users.
    k : int, the number of factors

    Examples
    --------
    >>> first, second = parts_of_shards([0, 3000, 5000], 8)
    >>> [(part.part, part.rows.start, part.rows.stop, part.ends) for part in first]
    [(0, 0, 2048, True), (1, 2048, 3000, False)]
    >>> [(part.part, part.rows.start, part.rows.stop, part.begins) for part in second]
    [(1, 0, 1096, False), (2, 1096, 2000, True)]
    """
    n, shards = offsets[-1], []
    size = gram_part_rows(n, k)
    for begin, end in itertools.pairwise(offsets):
        parts = []
        for part in range(begin // size, -(-end // size)):
            first, last = part * size, min((part + 1) * size, n)
            rows = slice(max(first, begin) - begin, min(last, end) - begin)
            parts.append(PartOfShard(part, rows, first >= begin, last <= end))
        shards.append(parts)
    return shards


def continue_gram(
    before: PartialGram | None, rows: np.ndarray, is_last: bool, threads: int, isa: int | None
) -> PartialGram:
    """Return the Gram matrix of a part after further rows, (n, k); ``is_last`` completes it."""
    total = None
    if before is not None:
        # As few rows as complete those that are left are copied.
        completing = min(len(rows), -len(before.left) % ROWS_AT_ONCE)
        first, rows = np.concatenate([before.left, rows[:completing]]), rows[completing:]
        if len(first) % ROWS_AT_ONCE and not is_last:
            return PartialGram(before.total, first)
        total = gram(first, threads, isa, part_rows=max(1, len(first)), start=before.total)
    count = len(rows) if is_last else len(rows) // ROWS_AT_ONCE * ROWS_AT_ONCE
    total = gram(rows[:count], threads, isa, part_rows=max(1, count), start=total)
    # A view would keep all rows in memory, and Dask would send them.
    return PartialGram(total, rows[count:].copy())


def total_gram(parts: Sequence[Mapping[int, PartialGram]]) -> np.ndarray:
    """Return the sum over all parts; each is in the mapping at its number."""
    total: np.ndarray = parts[0][0].total.copy()
    for number in range(1, len(parts)):
        total += parts[number][number].total
    return total
