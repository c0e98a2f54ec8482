"""Solves new rows of one side, with the factors of the other side fixed and prepared once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from wrmf._als import lanes
from wrmf._serving import RowSolver
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import padded
from wrmf.numerics.objective import Objective
from wrmf.numerics.plan import method_of_row
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, half_sweep

__all__ = ["FoldInSystem", "fold_in", "fold_in_few"]

# Up to FEW rows are solved one by one. The plan of a half-sweep would take longer than they do.
FEW = 8


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
    isa, lanes : int, the instruction set, and the rows that it solves at once
    """

    fixed: np.ndarray
    objective: Objective
    regularization: float
    bounds: tuple[float, float]
    shared: Shared
    solver: RowSolver | None
    isa: int
    lanes: int

    @classmethod
    def of(
        cls, fixed: np.ndarray, objective: Objective, regularization: float, threads: int
    ) -> FoldInSystem:
        """Return the system of ``fixed`` factors."""
        fixed, isa = np.ascontiguousarray(fixed), isa_number()
        dtype = fixed.dtype
        no_entries = sparse.csr_matrix((1, len(fixed)), dtype=np.float32)
        side = Side.of(no_entries, objective, regularization, dtype)
        shared = Shared.of(side, fixed, threads)
        solver = None
        if isa and not shared.frame.in_double:
            forward, back = padded(shared.frame.forward, dtype), shared.frame.back(dtype)
            shift = objective.target_shift
            solver = RowSolver(isa, fixed, forward, back, shared.frame.spectrum, shift)
        of_isa = isa, lanes(isa, dtype == np.float64)
        return cls(fixed, objective, regularization, side.bounds, shared, solver, *of_isa)

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
    k = system.fixed.shape[1]
    out = np.zeros((rows.shape[0], k), dtype=system.fixed.dtype)
    values, indices, alpha = rows.data, rows.indices, objective.alpha
    if objective.confidence != "linear" or values.dtype != np.float32:
        values = objective.weights(values, np.float64)
    for row, (first, last) in enumerate(pairwise(rows.indptr.tolist())):
        if first == last:
            continue
        strength = system.regularization
        if objective.regularization_exponent:
            counts = np.array([last - first])
            strength = objective.row_regularization(strength, counts, rows.shape[1])[0]
            if strength < system.bounds[0]:
                return None
        method = method_of_row(last - first, k, system.isa, system.lanes)
        own = slice(first, last)
        if method is None or not solver.solve(
            method, indices[own], values[own], alpha, strength, out[row]
        ):
            return None
    return out


def fold_in(system: FoldInSystem, rows: sparse.csr_matrix, num_threads: int = 0) -> np.ndarray:
    """Return the exact factors of the rows of a canonical matrix, (n_rows, k).

    With kernels, they are bitwise the same for one row as for many. Rows without entries become
    zeros.
    """
    fixed = system.fixed
    out = np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
    side = Side.of(rows, system.objective, system.regularization, fixed.dtype)
    # The basis depends on whether a λ has become zero by underflow.
    shared = system.shared if side.bounds == system.bounds else None
    # A product by BLAS may round a row differently if there are other rows beside it.
    if system.isa and shared is not None:
        side, fixed = _with_used_columns(side, fixed)
    half_sweep(side, fixed, out, num_threads=num_threads, shared=shared)
    return out


def _with_used_columns(side: Side, fixed: np.ndarray) -> tuple[Side, np.ndarray]:
    """Return a side and factors of only those columns in which the side has entries.

    If the entries are more than the columns, both are returned as they are.
    """
    if len(side.indices) >= len(fixed):
        return side, fixed
    used, indices = np.unique(side.indices, return_inverse=True)
    return dataclasses.replace(side, indices=indices.astype(np.int32)), fixed[used]
