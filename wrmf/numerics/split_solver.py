"""Solves rows whose entries lie in several places, from sums over these places.

The rows with the largest weights, which take the most conjugate-gradient steps, are solved exactly:
from the totals of the normal equations that each shard sums. The others take steps, each from the
totals of a product, until further ones would lower the loss by no more than a tolerance. Totals
are sums in the order of the shards, so no result depends on the number of machines or threads.

:func:`solve_pass` puts the functions together. A scheduler of tasks may do the same, as all of them
are functions of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from wrmf._sums import solve_sums
from wrmf.numerics.fallback import least_norm
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import aligned_array, as_aligned, padded_width
from wrmf.numerics.shard_sums import Basis, double_sums, normal_sums, products
from wrmf.numerics.threads import kernel_threads, single_threaded_blas

__all__ = [
    "MOST_STEPS",
    "TOLERANCE",
    "Rows",
    "Solved",
    "Steps",
    "Totals",
    "exact_rows",
    "solve_double_sums",
    "solve_normal_sums",
    "solve_pass",
]

# The sums of the rows that are solved exactly take at least this memory, if there are so many rows.
SUMS_BYTES = 512 * 2**20
# A pass leaves a loss that is above the least by at most TOLERANCE of it. MOST_STEPS is beyond what
# the data sets of benchmarks/quality/split_items.py need.
TOLERANCE, MOST_STEPS = 1e-4, 16


def solve_normal_sums(
    sums: np.ndarray, regularization: np.ndarray, basis: Basis, num_threads: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of rows from the totals of ``normal_sums``.

    Parameters
    ----------
    sums : (n, part_size)
    regularization : (n,), λ of each row
    basis : Basis
    num_threads : int, default 0, which uses all available threads

    Returns
    -------
    factors : (n, k)
    failed : bool (n,), whether the system is singular in this precision
    """
    rows = np.arange(len(sums), dtype=np.int32)
    aligned = aligned_array(sums.shape, basis.dtype)
    aligned[:] = sums
    solved = aligned_array((len(rows), padded_width(basis.k)), basis.dtype)
    solved[:] = 0
    failed = np.zeros(len(rows), dtype=np.uint8)
    strengths = as_aligned(regularization, basis.dtype)
    isa, system = isa_number(basis.isa), basis.system(solved)
    with basis.limited_blas():
        threads = kernel_threads(num_threads)
        solve_sums(isa, rows, strengths, system, aligned, solved, failed, threads)
    solved[failed > 0] = 0
    return basis.outward(solved, num_threads), failed > 0


def solve_double_sums(sums: np.ndarray, regularization: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return the float64 factors of rows from the totals of ``double_sums``.

    A system that is singular even in float64 gets the solution of least norm.
    """
    k = len(base)
    out = np.zeros((len(sums), k))
    with single_threaded_blas():
        for place, (row, strength) in enumerate(zip(sums, regularization, strict=True)):
            system = row[: k * k].reshape(k, k) + base + float(strength) * np.eye(k)
            out[place] = _solve_symmetric(system, row[k * k :])
    return out


def _solve_symmetric(system: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the solution by Cholesky, or that of least norm if a pivot is about zero."""
    limit = len(system) * np.finfo(np.float64).eps * np.diag(system).max()
    try:
        factor = cho_factor(system)
    except LinAlgError:
        return least_norm(system, target)
    if not (np.diag(factor[0]) ** 2 > limit).all():
        return least_norm(system, target)
    solution: np.ndarray = cho_solve(factor, target)
    return solution


class Totals(Protocol):
    """Computes a function for each shard, and returns the sum of the results."""

    def __call__(self, function: Callable[..., np.ndarray], /, *arguments: Any) -> np.ndarray:
        """Return Σ function(shard, *arguments), added in the order of the shards."""


@dataclass(frozen=True)
class Steps:
    """Rows after some steps of conjugate gradients, preconditioned by D.

    Attributes
    ----------
    rows : int32 (n,)
    solutions, residuals, directions : (n, ld)
    common : (n, ld) or (1, ld), D of each row
    strength : float64 (n,), the products of the residuals and the preconditioned residuals
    ceiling : float64 (n,), an upper bound of the length of the next step; see ``outlook``
    given_up : float, the sum of the outlooks of the rows that take no more steps
    """

    rows: np.ndarray
    solutions: np.ndarray
    residuals: np.ndarray
    directions: np.ndarray
    common: np.ndarray
    strength: np.ndarray
    ceiling: np.ndarray
    given_up: float = 0.0

    @classmethod
    def begin(
        cls, rows: np.ndarray, solutions: np.ndarray, total: np.ndarray, common: np.ndarray
    ) -> Steps:
        """Return the state before the first step.

        Parameters
        ----------
        rows : int32 (n,)
        solutions : (n, ld), where the steps start: from ``Basis.start``
        total : (n, ld), the total of ``products`` of the solutions, as residuals
        common : (n, ld) or (1, ld), from ``Basis.common``
        """
        residuals = total - common * solutions
        directions = _preconditioned(residuals, common)
        strength = _dots(residuals, directions)
        return cls(rows, solutions, residuals, directions, common, strength, np.ones(len(rows)))

    @property
    def outlook(self) -> np.ndarray:
        """By how much all further steps would lower the loss of each row at most, float64 (n,).

        This is the bound by Gauss-Radau quadrature (Golub and Meurant 1994; Meurant and Tichý
        2013), for which the least eigenvalue of the preconditioned system must be known: it is 1,
        as weights only add to D. Negative weights make it an estimate.
        """
        bound: np.ndarray = self.ceiling * self.strength
        return bound

    def step(self, total: np.ndarray) -> Steps:
        """Return the state after a step, from the total of ``products`` of the directions."""
        applied = total + self.common * self.directions
        along = _quotients(self.strength, _dots(self.directions, applied))
        length = along[:, np.newaxis].astype(total.dtype)
        solutions = self.solutions + length * self.directions
        residuals = self.residuals - length * applied
        directions = _preconditioned(residuals, self.common)
        strength = _dots(residuals, directions)
        ratio = _quotients(strength, self.strength)
        directions += ratio[:, np.newaxis].astype(total.dtype) * self.directions
        left = self.ceiling - along
        # A step longer than its bound shows that negative weights have made an eigenvalue less than
        # 1; the length itself is then the estimate of the next one.
        ceiling = np.where(left > 0, _quotients(left, left + ratio), along)
        return Steps(
            self.rows,
            solutions,
            residuals,
            directions,
            self.common,
            strength,
            ceiling,
            self.given_up,
        )

    def divided(self, tolerance: float) -> tuple[Steps, Steps]:
        """Return the state of the rows that take no more steps, and that of the others.

        The outlooks of all rows that take no more are at most the tolerance, in sum. As long as
        rows go on, half of what is left of it is kept for them.

        Parameters
        ----------
        tolerance : float
            That of one of several blocks of rows is its share of that of all rows.
        """
        left = tolerance - self.given_up
        order = np.argsort(self.outlook, kind="stable")
        sums = np.cumsum(self.outlook[order])
        if not len(sums) or sums[-1] <= left:
            count = len(sums)
        else:
            count = int(np.searchsorted(sums, left / 2, side="right"))
        ends = np.zeros(len(order), dtype=bool)
        ends[order[:count]] = True
        return self._at(ends, self.given_up), self._at(
            ~ends, self.given_up + (float(sums[count - 1]) if count else 0.0)
        )

    def _at(self, mask: np.ndarray, given_up: float) -> Steps:
        return Steps(
            self.rows[mask],
            self.solutions[mask],
            self.residuals[mask],
            self.directions[mask],
            self.common if len(self.common) == 1 else self.common[mask],
            self.strength[mask],
            self.ceiling[mask],
            given_up,
        )


def _preconditioned(residuals: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Return the residuals divided by D; 0 where D is 0, since nothing determines the direction."""
    shape = np.broadcast_shapes(residuals.shape, common.shape)
    out = np.zeros(shape, dtype=residuals.dtype)
    np.divide(residuals, common, out=out, where=common > 0)
    return out


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product of each row of ``a`` and the same row of ``b``."""
    return np.asarray(np.einsum("ij,ij->i", a, b, dtype=np.float64))


def _quotients(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, or 0 where b is practically zero, so that no step is taken there."""
    quotients = np.zeros_like(a)
    np.divide(a, b, out=quotients, where=b > 1e-30)
    return quotients


def exact_rows(weights: np.ndarray, row_bytes: int, vector_bytes: int) -> np.ndarray:
    """Return the rows to solve exactly: those with the largest sums of weights, int32, sorted.

    There are as many as have sums in ``SUMS_BYTES``, or in the memory of the vectors that four
    steps of all rows send and receive, whichever is more. Of equal rows the first are taken.

    Parameters
    ----------
    weights : (n,), Σ w of each row over all shards
    row_bytes : int, the size of the sums of a row, ``Basis.part_size`` numbers
    vector_bytes : int, the size of a vector of a row, k numbers

    Examples
    --------
    >>> exact_rows(np.array([1.0, 7.0, 3.0]), 2**29, 2**10).tolist()
    [1]
    """
    memory = max(SUMS_BYTES, 8 * len(weights) * vector_bytes)
    heaviest = np.argsort(-weights, kind="stable")[: memory // row_bytes]
    return np.sort(heaviest).astype(np.int32)


@dataclass(frozen=True)
class Rows:
    """The rows of a pass.

    Attributes
    ----------
    factors : (n, k), the present ones, from which conjugate gradients start
    regularization : (n,), λ of each row
    exact : int32, rows that are solved exactly
    improved : int32, rows that take steps; those in neither list have no entries and become zeros
    """

    factors: np.ndarray
    regularization: np.ndarray
    exact: np.ndarray
    improved: np.ndarray


class Solved(NamedTuple):
    """The result of a pass.

    Attributes
    ----------
    factors : (n, k)
    steps : list of int, the number of rows that took the first, second, … step
    in_double : int32, the rows that were solved in float64
    """

    factors: np.ndarray
    steps: list[int]
    in_double: np.ndarray


def solve_pass(
    total: Totals, rows: Rows, basis: Basis, tolerance: float, num_threads: int = 0
) -> Solved:
    """Return the factors of all rows.

    Parameters
    ----------
    total : Totals
    rows : Rows
    basis : Basis
    tolerance : float
        By how much the loss may be above that of exact rows: ``TOLERANCE`` of it, as a rule. Only
        rows with negative weights, and those that have taken ``MOST_STEPS``, may exceed it.
    num_threads : int, default 0, which uses all available threads
    """
    strengths, chosen = rows.regularization, rows.exact
    out = np.zeros_like(rows.factors)
    sums = total(normal_sums, chosen, basis, num_threads)
    solved, failed = solve_normal_sums(sums, strengths[chosen], basis, num_threads)
    out[chosen] = solved
    unresolved = [chosen[failed]]

    chosen, taken = rows.improved, list[int]()
    common = basis.common(strengths[chosen])
    start = basis.start(rows.factors[chosen], common, num_threads)
    residuals = total(products, chosen, start, True, basis, num_threads)
    steps = Steps.begin(chosen, start, residuals, common)
    while len(taken) < MOST_STEPS and len(steps.rows):
        applied = total(products, steps.rows, steps.directions, False, basis, num_threads)
        taken.append(len(steps.rows))
        steps = steps.step(applied)
        finished, steps = steps.divided(tolerance if len(taken) < MOST_STEPS else np.inf)
        out[finished.rows] = basis.outward(finished.solutions, num_threads)
        unresolved.append(finished.rows[~np.isfinite(finished.solutions).all(axis=1)])

    in_double = np.sort(np.concatenate(unresolved))
    if len(in_double):
        sums = total(double_sums, in_double, basis, num_threads)
        base = basis.shared.base
        out[in_double] = solve_double_sums(sums, strengths[in_double], base)
    return Solved(out, taken, in_double)
