"""Solves new rows of one side, with the factors of the other side fixed and prepared once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf._als import lanes
from wrmf._fold_in import RowSolver
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import as_aligned, padded
from wrmf.numerics.memory import check_memory
from wrmf.numerics.objective import Objective
from wrmf.numerics.plan import row_limits
from wrmf.numerics.priors import Prior
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, half_sweep
from wrmf.numerics.threads import kernel_threads

__all__ = ["FoldInSystem", "fold_in", "fold_in_few", "fold_in_matrix"]

# Up to FEW rows are solved one by one. The plan of a half-sweep would take longer than they do.
FEW = 8
# The weights of smaller whole numbers are computed once.
TABLED = 64


@dataclass(frozen=True)
class RowRule:
    """The weights and the λ of rows that are solved one by one.

    Attributes
    ----------
    alpha : float
    weights : float64 (n,)
        The weights of the values 0, 1, … n − 1; empty if the weight of a value is ``alpha`` times
        the value.
    strengths : float64 (n,)
        λ of a row of 0, 1, … n − 1 entries. It is infinite if such a row is not solved so, as its
        λ is 0 by underflow.
        Rows of more entries are not solved one by one.
    target_shift : float, as in ``Objective``
    is_plain : bool, whether the target of an entry is its weight + ``target_shift``
    primal_from : int, rows of at least so many entries are solved by "primal"
    """

    alpha: float
    weights: np.ndarray
    strengths: np.ndarray
    target_shift: float
    is_plain: bool
    primal_from: int

    @classmethod
    def of(
        cls, objective: Objective, regularization: float, side: Side, fixed: np.ndarray, lanes: int
    ) -> RowRule:
        """Return the rule of all rows that a side without entries stands for."""
        n_columns, k = fixed.shape
        primal_from, parts_from = row_limits(k, lanes)
        # These functions give an element the same value in any array.
        values = np.arange(TABLED if objective.confidence == "log" else 0)
        counts = np.arange(parts_from)
        strengths = objective.row_regularization(regularization, counts, n_columns)
        with np.errstate(over="ignore"):
            has_vanished = (strengths.astype(fixed.dtype) == 0) & (side.bounds[0] > 0)
        return cls(
            alpha=objective.alpha,
            weights=objective.weights(values, np.float64),
            strengths=np.where(has_vanished, np.inf, strengths),
            target_shift=objective.target_shift,
            is_plain=objective.offset == 0,
            primal_from=primal_from,
        )


@dataclass(frozen=True)
class FoldInSystem:
    """What the systems of all new rows have in common.

    Attributes
    ----------
    fixed : (n_columns, k), the factors of the other side
    objective : Objective
    regularization : float, λ before it is scaled by the number of entries
    bounds : (float, float), as in ``Side``
    shared : Shared
    solver : RowSolver, or None if there are no kernels for it
    isa : int, the instruction set
    """

    fixed: np.ndarray
    objective: Objective
    regularization: float
    bounds: tuple[float, float]
    shared: Shared
    solver: RowSolver | None
    isa: int

    @classmethod
    def of(
        cls, fixed: np.ndarray, objective: Objective, regularization: float, threads: int
    ) -> FoldInSystem:
        """Return the system of ``fixed`` factors."""
        fixed, isa = as_aligned(fixed, fixed.dtype), isa_number()
        dtype = fixed.dtype
        no_entries = sparse.csr_matrix((1, len(fixed)), dtype=np.float32)
        side = Side.of(no_entries, objective, regularization, dtype)
        shared = Shared.of(side, fixed, threads)
        solver = None
        if isa and not shared.frame.in_double:
            forward, back = padded(shared.frame.forward, dtype), shared.frame.back(dtype)
            n_lanes = lanes(isa, dtype == np.float64)
            rule = RowRule.of(objective, regularization, side, fixed, n_lanes)
            solver = RowSolver(isa, fixed, forward, back, shared.frame.spectrum, rule)
        return cls(fixed, objective, regularization, side.bounds, shared, solver, isa)

    @property
    def nbytes(self) -> int:
        """The size in bytes, without the factors."""
        frame = self.shared.frame
        matrices = self.shared.base, frame.forward, frame.inverse, frame.spectrum
        of_solver = self.solver.nbytes if self.solver is not None else 0
        return sum(matrix.nbytes for matrix in matrices) + of_solver


def fold_in_few(system: FoldInSystem, rows: sparse.csr_matrix) -> np.ndarray | None:
    """Return what ``fold_in`` returns, for a few rows of few entries, solved one by one.

    Return None if there are too many rows, or if a row cannot be solved so: it has many entries, or
    is singular, or its weights or λ are not finite, or its targets are not its weights, shifted.
    """
    solver, objective = system.solver, system.objective
    if solver is None or rows.shape[0] > FEW or not objective.are_shifted(rows.data):
        return None
    values, alpha = rows.data, objective.alpha
    if objective.confidence == "log":
        values, alpha = objective.weights(values, np.float64), 1.0
    factors: np.ndarray | None = solver.solve_rows(values, rows, alpha)
    return factors


def fold_in_matrix(system: FoldInSystem, data: Any) -> np.ndarray | None:
    """Return what ``fold_in_few`` returns, for anything; None for what is not a canonical matrix.

    A request of one row is thereby checked and solved by one call of compiled code.
    """
    solver = system.solver
    return None if solver is None else solver.solve_matrix(data, FEW)


def fold_in(
    system: FoldInSystem,
    rows: sparse.csr_matrix,
    num_threads: int = 0,
    prior: Prior | None = None,
) -> np.ndarray:
    """Return the exact factors of the rows of a canonical matrix, (n_rows, k).

    With kernels, they are bitwise the same for one row as for many. Of rows without entries nothing
    is known but their features, so they get the factors that a ``prior`` expects, zeros without it.
    """
    fixed = system.fixed
    check_memory(
        rows.shape[0] * fixed.shape[1] * fixed.itemsize,
        f"{fixed.shape[1]} factors of {rows.shape[0]} rows",
        "fold in fewer at a time",
    )
    out = np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
    side = Side.of(rows, system.objective, system.regularization, fixed.dtype)
    # The basis depends on whether a λ has become zero by underflow.
    shared = system.shared if side.bounds == system.bounds else None
    # A product by BLAS may round a row differently if there are other rows beside it.
    if system.isa and shared is not None:
        side, fixed = side.with_used_columns(fixed)
    side = dataclasses.replace(side, prior=prior)
    half_sweep(side, fixed, out, num_threads=num_threads, shared=shared)
    is_empty = np.diff(rows.indptr) == 0
    if prior is not None and is_empty.any():
        out[is_empty] = prior.at(is_empty).expected(kernel_threads(num_threads))
    return out
