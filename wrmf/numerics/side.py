"""The data of one side, users or items, in the form that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from wrmf.numerics.layout import Workspaces
from wrmf.numerics.objective import Objective
from wrmf.numerics.plan import Plan, plan_batches

__all__ = ["Side"]


@dataclass(frozen=True)
class Side:
    """The rows of one side (users or items) as CSR, with weights, λ and the order to solve them in.

    ``order`` sorts the rows by decreasing number of entries, so that long rows are not solved last
    and rows of about the same length are neighbours. ``workspaces`` lends scratch arrays to each
    sweep, ``plans`` are the plans made so far. Several threads may solve the same side.

    Attributes
    ----------
    indptr : int64 (n_rows + 1,)
    indices : int32 (n_entries,)
    weights : (n_entries,) of the factors' dtype
    regularization : (n_rows,) of the factors' dtype
    order : int32 (n_rows,)
    target_shift, unobserved_weight : float, as in Objective
    targets : (n_entries,) of the factors' dtype, or empty if they are weights + target_shift
    has_negative : bool (n_rows,), whether a row has a negative weight; empty if no row has
    varies : bool, whether λ depends on a row's number of entries
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    regularization: np.ndarray
    order: np.ndarray
    target_shift: float
    unobserved_weight: float
    targets: np.ndarray
    has_negative: np.ndarray
    varies: bool = False
    workspaces: Workspaces = field(default_factory=Workspaces, repr=False, compare=False)
    plans: dict[tuple[int, str, int, np.dtype], Plan] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(
        cls,
        matrix: sparse.csr_matrix,
        objective: Objective,
        regularization: float,
        dtype: DTypeLike,
        workspaces: Workspaces | None = None,
    ) -> Side:
        """Return the side whose rows are the rows of a canonical CSR matrix.

        Two sides that are solved in turn may share ``workspaces``.
        """
        counts = np.diff(matrix.indptr)
        strengths = objective.row_regularization(regularization, counts, matrix.shape[1])
        weights = objective.weights(matrix.data, dtype)
        explicit = slice(0, 0) if objective.are_shifted(matrix.data) else slice(None)
        return cls(
            indptr=matrix.indptr.astype(np.int64, copy=False),
            indices=matrix.indices.astype(np.int32, copy=False),
            weights=weights,
            regularization=strengths.astype(dtype),
            order=np.argsort(-counts, kind="stable").astype(np.int32),
            target_shift=objective.target_shift,
            unobserved_weight=objective.unobserved_weight,
            targets=objective.targets(matrix.data[explicit], dtype),
            has_negative=_rows_with_negative(weights, matrix.indptr),
            varies=objective.regularization_exponent != 0,
            workspaces=Workspaces() if workspaces is None else workspaces,
        )

    @property
    def is_signed(self) -> bool:
        """Whether any weight is negative."""
        return len(self.has_negative) > 0

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """A lower and an upper bound of the λ of all rows, which choose the basis to solve in.

        Where λ varies, they tell no more than whether a λ is zero, so that one row is solved in the
        same basis as many.
        """
        smallest = float(self.regularization.min(initial=np.inf))
        if self.varies:
            return min(smallest, float(np.finfo(self.regularization.dtype).tiny)), np.inf
        return smallest, float(self.regularization.max(initial=0))

    def plan(self, k: int, solver: str, isa: int, dtype: np.dtype) -> Plan:
        """Return the plan of a solver; it is made once for each set of arguments."""
        key = k, solver, isa, dtype
        if key not in self.plans:
            self.plans[key] = plan_batches(self.indptr, self.order, *key, self.has_negative)
        return self.plans[key]


def _rows_with_negative(weights: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Return a mask of the rows that have a negative weight, or an empty one if no row has."""
    negative = np.flatnonzero(weights < 0)
    if not len(negative):
        return np.empty(0, dtype=bool)
    mask = np.zeros(len(indptr) - 1, dtype=bool)
    mask[np.searchsorted(indptr, negative, side="right") - 1] = True
    return mask
