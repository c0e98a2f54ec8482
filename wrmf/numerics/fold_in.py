"""Solves new rows of one side, with the factors of the other side fixed and prepared once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wrmf._als import lanes
from wrmf._serving import RowSolver
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import padded
from wrmf.numerics.plan import method_of_row
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, half_sweep

__all__ = ["FoldInSystem", "fold_in"]

# Up to FEW rows are solved one by one. The plan of a half-sweep would take longer than they do.
FEW = 8


@dataclass(frozen=True)
class FoldInSystem:
    """What the systems of all new rows have in common.

    Attributes
    ----------
    fixed : (n_columns, k), the factors of the other side
    shared : Shared
    solver : RowSolver, or None if there are no kernels for it
    isa, lanes : int, the instruction set, and the rows that it solves at once
    """

    fixed: np.ndarray
    shared: Shared
    solver: RowSolver | None
    isa: int
    lanes: int

    @classmethod
    def of(cls, fixed: np.ndarray, side: Side, threads: int) -> FoldInSystem:
        """Return the system of ``fixed`` factors for all sides with the parameters of ``side``."""
        fixed, isa = np.ascontiguousarray(fixed), isa_number()
        shared = Shared.of(side, fixed, threads)
        frame, dtype = shared.frame, fixed.dtype
        solver = None
        if isa:
            forward, back = padded(frame.forward, dtype), frame.back(dtype)
            solver = RowSolver(isa, fixed, forward, back, frame.spectrum, side.target_shift)
        return cls(fixed, shared, solver, isa, lanes(isa, dtype == np.float64))

    @property
    def nbytes(self) -> int:
        """The size in bytes, without the factors."""
        frame = self.shared.frame
        matrices = self.shared.base, frame.forward, frame.inverse, frame.spectrum
        of_solver = self.solver.nbytes if self.solver is not None else 0
        return sum(matrix.nbytes for matrix in matrices) + of_solver


def fold_in(system: FoldInSystem, side: Side, num_threads: int = 0) -> np.ndarray:
    """Return the exact factors of the rows of a side, of the dtype of the fixed factors.

    They are bitwise the same for one row as for many. Rows without entries become zeros.
    """
    n_rows, k = len(side.order), system.fixed.shape[1]
    out = np.zeros((n_rows, k), dtype=system.fixed.dtype)
    if n_rows > FEW or not _solved_singly(system, side, out):
        side, fixed = _with_used_columns(side, system.fixed)
        half_sweep(side, fixed, out, num_threads=num_threads, shared=system.shared)
    return out


def _solved_singly(system: FoldInSystem, side: Side, out: np.ndarray) -> bool:
    """Solve the rows one by one; return False if that is not possible for one of them."""
    if system.solver is None or len(side.targets) or side.is_signed:
        return False
    starts = side.indptr.tolist()
    for row, (first, last) in enumerate(pairwise(starts)):
        if first == last:
            continue
        method = method_of_row(last - first, out.shape[1], system.isa, system.lanes)
        if method is None or not system.solver.solve(
            method,
            side.indices[first:last],
            side.weights[first:last],
            side.regularization[row : row + 1],
            out[row],
        ):
            return False
    return True


def _with_used_columns(side: Side, fixed: np.ndarray) -> tuple[Side, np.ndarray]:
    """Return a side and factors of only those columns in which the side has entries.

    If the entries are more than the columns, both are returned as they are.
    """
    if len(side.indices) >= len(fixed):
        return side, fixed
    used, indices = np.unique(side.indices, return_inverse=True)
    return dataclasses.replace(side, indices=indices.astype(np.int32)), fixed[used]
