"""Decides which method solves which rows, and divides the rows into batches.

A solver is one record of ``SOLVERS``. It divides the rows of a side, sorted by decreasing number of
entries, into ranges; all rows of a range are solved by the same method. Rows with a negative weight
are divided apart from the others, since the dual method takes the square root of the weights.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wrmf._als import METHODS, MOST_ORDER, lanes

__all__ = ["SOLVERS", "Batch", "Parts", "Plan", "Rows", "Solver", "plan_batches", "row_limits"]

DUAL, PRIMAL, CG = METHODS["dual"], METHODS["primal"], METHODS["cg"]
BLAS = 0

# Ctrl-C is checked after every CHUNK_FLOPS flops, which take a fraction of a second on any machine.
CHUNK_FLOPS = 4e9
# Rows with fewer than DUAL_BELOW * k entries are solved in the dual form, which was measured to be
# faster for them (docs/solver.md).
DUAL_BELOW = 1.0
# The solver "cg" solves rows with at most CG_ABOVE entries exactly, since that costs less than its
# conjugate-gradient steps.
CG_ABOVE = 16
# Rows with at least PARTS_FROM * lanes entries are cut into parts, so that several threads can sum
# the parts of one row.
PARTS_FROM = 64
# The number of entries of a part.
PART_ENTRIES = 8192


NO_ROWS = np.empty(0, dtype=bool)


class Parts(NamedTuple):
    """Long rows that are cut into parts.

    Row g of a batch has the parts ``start[g]`` … ``start[g + 1]`` − 1.

    Attributes
    ----------
    owner : int32 (n_parts,), the row of each part
    first, last : int64 (n_parts,), the first entry of each part, and the entry after the last
    start : int64 (n_rows + 1,)
    """

    owner: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray


NO_PARTS = Parts(np.empty(0, dtype=np.int32), *(np.empty(0, dtype=np.int64) for _ in range(3)))


class Batch(NamedTuple):
    """Rows that one call of the kernels solves.

    Attributes
    ----------
    isa : int, the instruction set; 0 solves row by row with BLAS
    method : int, one of ``wrmf._als.METHODS``
    rows : int32, the rows in the order in which threads take them
    parts : Parts of the rows, if they are so long that they are summed in parts; otherwise empty
    """

    isa: int
    method: int
    rows: np.ndarray
    parts: Parts


@dataclass(frozen=True)
class Rows:
    """The rows of a side that have entries, sorted by decreasing number of entries.

    Attributes
    ----------
    order : int32 (n,), the row indices
    counts : int64 (n,), the number of entries of each row
    k : int, number of factors
    isa : int, instruction set
    lanes : int, rows that this instruction set solves at once
    signed : bool, whether each row has a negative weight, so that "dual" cannot solve it
    """

    order: np.ndarray
    counts: np.ndarray
    k: int
    isa: int
    lanes: int
    signed: bool = False

    def at(self, chosen: np.ndarray, signed: bool) -> Rows:
        """Return the chosen rows, in the same order."""
        order, counts = self.order[chosen], self.counts[chosen]
        return dataclasses.replace(self, order=order, counts=counts, signed=signed)

    def parts_by_sign(self, has_negative: np.ndarray) -> list[Rows]:
        """Return the rows without and those with a negative weight; a mask may be empty."""
        if not len(has_negative):
            return [self]
        signed = has_negative[self.order]
        return [self.at(~signed, signed=False), self.at(signed, signed=True)]

    def at_least(self, entries: int) -> int:
        """Return how many rows have at least ``entries`` entries."""
        return int(np.searchsorted(-self.counts, -entries, side="right"))


class Range(NamedTuple):
    """The rows ``order[first]`` … ``order[last - 1]``, solved by one method.

    Attributes
    ----------
    method, isa : int, as in ``Batch``
    first, last : int
    in_parts : bool, whether the rows are summed in parts
    improves : bool, whether the method starts from the present factors
    """

    method: int
    first: int
    last: int
    isa: int
    in_parts: bool = False
    improves: bool = False


def plan_exact(rows: Rows) -> list[Range]:
    """Return the ranges of "exact": primal for rows with at least k entries, otherwise dual.

    Rows with a negative weight are all primal.
    """
    isa = rows.isa if rows.k <= MOST_ORDER else BLAS
    primal_from, _ = row_limits(rows.k, rows.lanes)
    primal = rows.at_least(1 if rows.signed else primal_from)
    in_parts = min(primal, rows.at_least(PARTS_FROM * rows.lanes)) if isa else 0
    large = max(primal, rows.at_least(MOST_ORDER + 1))
    return [
        Range(PRIMAL, 0, in_parts, isa, in_parts=True),
        Range(PRIMAL, in_parts, primal, isa),
        Range(DUAL, primal, large, BLAS),
        Range(DUAL, large, len(rows.order), rows.isa),
    ]


def row_limits(k: int, lanes: int) -> tuple[int, int]:
    """Return from how many entries on "exact" solves a row by "primal", and from where in parts."""
    primal_from = max(1, math.ceil(DUAL_BELOW * k))
    return primal_from, max(primal_from, PARTS_FROM * lanes)


def exact_flops(rows: Rows) -> np.ndarray:
    """Return the approximate flops of each row with the cheaper of the primal and dual methods."""
    order = np.full(len(rows.counts), float(rows.k))
    if not rows.signed:
        order = np.minimum(rows.counts, order)
    squares = order * order * np.maximum(rows.counts, rows.k)
    flops: np.ndarray = squares + order**3 / 3 + 10.0 * rows.counts * rows.k
    return flops


def plan_cg(rows: Rows) -> list[Range]:
    """Return the ranges of "cg": conjugate gradients, or dual for rows with few entries.

    Rows with a negative weight all take conjugate-gradient steps.
    """
    short = rows.at_least(1 if rows.signed else min(CG_ABOVE + 1, rows.k))
    return [
        Range(CG, 0, short, rows.isa, improves=True),
        Range(DUAL, short, len(rows.order), rows.isa),
    ]


def cg_flops(rows: Rows) -> np.ndarray:
    """Return the approximate flops of each row with conjugate gradients."""
    return rows.counts * (20.0 * rows.k)


@dataclass(frozen=True)
class Solver:
    """A way of solving rows.

    Attributes
    ----------
    ranges : function that returns the ranges of rows and their methods
    flops : function that returns the approximate flops of each row, which determine the sizes of
        the batches
    """

    ranges: Callable[[Rows], Sequence[Range]]
    flops: Callable[[Rows], np.ndarray]


# The solvers, by the value of the parameter ``solver``.
SOLVERS = {
    "exact": Solver(plan_exact, exact_flops),
    "cg": Solver(plan_cg, cg_flops),
}


@dataclass(frozen=True)
class Plan:
    """How the rows of a side are solved.

    Attributes
    ----------
    n_filled : int, rows with entries; they come first in the side's order
    started : int32, the rows whose solution starts from their present factors
    batches : list of Batch
    """

    n_filled: int
    started: np.ndarray
    batches: list[Batch]


def plan_batches(
    indptr: np.ndarray,
    order: np.ndarray,
    k: int,
    solver: str,
    isa: int,
    dtype: np.dtype,
    has_negative: np.ndarray = NO_ROWS,
) -> Plan:
    """Return the plan of a side.

    ``order`` sorts its rows by decreasing number of entries. ``has_negative`` says which rows have
    a negative weight; it is empty if no row has.
    """
    counts = np.diff(indptr)[order]
    n_filled = int(np.count_nonzero(counts))
    filled = Rows(order[:n_filled], counts[:n_filled], k, isa, lanes(isa, dtype == np.float64))
    batches: list[Batch] = []
    started = [np.empty(0, dtype=np.int32)]
    for rows in filled.parts_by_sign(has_negative):
        ranges = SOLVERS[solver].ranges(rows)
        batches += _batches(indptr, rows, ranges, SOLVERS[solver].flops(rows))
        started += [rows.order[part.first : part.last] for part in ranges if part.improves]
    return Plan(n_filled, np.sort(np.concatenate(started)), batches)


def _batches(
    indptr: np.ndarray, rows: Rows, ranges: Sequence[Range], flops: np.ndarray
) -> Iterator[Batch]:
    """Yield batches of about ``CHUNK_FLOPS``; all but the last of a range fill all lanes."""
    done = np.concatenate(([0.0], np.cumsum(flops)))
    for part in ranges:
        first = part.first
        while first < part.last:
            stop = int(np.searchsorted(done, done[first] + CHUNK_FLOPS))
            groups = max(1, (stop - first) // rows.lanes)
            stop = min(part.last, first + groups * rows.lanes)
            chosen = rows.order[first:stop]
            parts = _cut(indptr, chosen) if part.in_parts else NO_PARTS
            yield Batch(part.isa, part.method, chosen, parts)
            first = stop


def _cut(indptr: np.ndarray, rows: np.ndarray) -> Parts:
    """Return the parts of rows, of ``PART_ENTRIES`` entries each."""
    begin, end = indptr[rows], indptr[rows + 1]
    counts = -(-(end - begin) // PART_ENTRIES)
    start = np.concatenate(([0], np.cumsum(counts)))
    offsets = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    first = np.repeat(begin, counts) + PART_ENTRIES * offsets
    last = np.minimum(first + PART_ENTRIES, np.repeat(end, counts))
    return Parts(np.repeat(rows, counts), first, last, start)
