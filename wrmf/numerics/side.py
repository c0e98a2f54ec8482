"""The data of one side, users or items, in the form that the kernels read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from wrmf._als import shift_targets
from wrmf.numerics.layout import FromBuffers, Workspaces, as_aligned
from wrmf.numerics.objective import Objective
from wrmf.numerics.plan import Plan, plan_batches
from wrmf.numerics.priors import Prior

__all__ = ["Side"]


@dataclass(frozen=True)
class Side(FromBuffers):
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
    bounds : (float, float)
        A lower and an upper bound of the λ of all rows, which choose the basis to solve in. Where λ
        varies with the number of entries, the lower one holds for any number, unless a λ is zero,
        so that one row is solved in the same basis as many. Those of several sides are the smallest
        of the lower and the largest of the upper bounds.
    prior : Prior, optional
        What is expected of the rows by their features; by default zeros.

    Notes
    -----
    A side can be pickled; neither its scratch arrays nor its plans are. Its arrays may then lie
    anywhere in a buffer that is read-only: they are copied to where the kernels can read them.
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
    bounds: tuple[float, float]
    prior: Prior | None = None
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
        *,
        counts: np.ndarray | None = None,
        n_columns: int | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> Side:
        """Return the side whose rows are the rows of a canonical CSR matrix.

        Parameters
        ----------
        matrix : canonical CSR (n_rows, n_columns)
        objective : Objective
        regularization : float, λ before it is scaled by a row's number of entries
        dtype : of the factors
        workspaces : Workspaces, optional
            Two sides that are solved in turn may share them.
        counts : int (n_rows,), optional
            The number of entries of each row in all the data, where the matrix holds only a part of
            the columns. By default those of the matrix.
        n_columns : int, optional
            The number of columns of all the data; by default that of the matrix.
        bounds : (float, float), optional
            The bounds of all rows of the data, where the matrix holds only a part of them: rows are
            then solved bitwise as in the whole. By default those of the matrix.
        """
        own_counts = np.diff(matrix.indptr)
        n_columns = matrix.shape[1] if n_columns is None else n_columns
        strengths = objective.row_regularization(
            regularization,
            own_counts if counts is None else counts,
            n_columns,
        ).astype(dtype)
        weights = objective.weights(matrix.data, dtype)
        if bounds is None:
            bounds = _bounds(strengths, objective, regularization, n_columns)
        explicit = slice(0, 0) if objective.are_shifted(matrix.data) else slice(None)
        return cls(
            indptr=as_aligned(matrix.indptr, np.int64),
            indices=as_aligned(matrix.indices, np.int32),
            weights=weights,
            regularization=strengths,
            order=np.argsort(-own_counts, kind="stable").astype(np.int32),
            target_shift=objective.target_shift,
            unobserved_weight=objective.unobserved_weight,
            targets=objective.targets(matrix.data[explicit], dtype),
            has_negative=_rows_with_negative(weights, matrix.indptr),
            bounds=bounds,
            workspaces=Workspaces() if workspaces is None else workspaces,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without plans, which are made again."""
        return {**self.__dict__, "plans": {}}

    @property
    def is_signed(self) -> bool:
        """Whether any weight is negative."""
        return len(self.has_negative) > 0

    def at(self, rows: np.ndarray) -> Side:
        """Return the side of some rows only, in the given order."""
        counts = self.indptr[rows + 1] - self.indptr[rows]
        indptr = np.concatenate(([0], np.cumsum(counts)))
        offsets = np.arange(indptr[-1]) - np.repeat(indptr[:-1], counts)
        entries = np.repeat(self.indptr[rows], counts) + offsets
        return dataclasses.replace(
            self,
            indptr=indptr,
            indices=self.indices[entries],
            weights=self.weights[entries],
            targets=self.targets[entries] if len(self.targets) else self.targets,
            regularization=self.regularization[rows],
            order=np.argsort(-counts, kind="stable").astype(np.int32),
            has_negative=self.has_negative[rows] if self.is_signed else self.has_negative,
            prior=None if self.prior is None else self.prior.at(rows),
            plans={},
        )

    def with_used_columns(self, fixed: np.ndarray) -> tuple[Side, np.ndarray]:
        """Return a side and factors of only those columns in which the side has entries.

        If the entries are more than the columns, both are returned as they are.
        """
        if len(self.indices) >= len(fixed):
            return self, fixed
        used, indices = np.unique(self.indices, return_inverse=True)
        return dataclasses.replace(self, indices=indices.astype(np.int32)), fixed[used]

    def astype(self, dtype: DTypeLike) -> Side:
        """Return the side with weights, targets and λ in a dtype."""
        return dataclasses.replace(
            self,
            weights=self.weights.astype(dtype, copy=False),
            targets=self.targets.astype(dtype, copy=False),
            regularization=self.regularization.astype(dtype, copy=False),
        )

    def around(self, expected: np.ndarray, fixed: np.ndarray, isa: int, threads: int) -> Side:
        """Return the side whose rows are deviations from expected ones: its targets are b − w y·s.

        Parameters
        ----------
        expected : (n_rows, ld), s in the basis of ``fixed``
        fixed : (n_columns, ld), y; both begin where the kernels require it
        isa, threads : int
        """
        targets, rows = np.empty_like(self.weights), np.arange(len(self.order), dtype=np.int32)
        shift_targets(isa, rows, self, expected, fixed, targets, threads)
        return dataclasses.replace(self, targets=targets)

    def around_some(
        self, rows: np.ndarray, expected: np.ndarray, fixed: np.ndarray, threads: int
    ) -> Side:
        """Return what ``around`` returns for chosen rows, int32; other targets are undefined."""
        targets = np.empty_like(self.weights)
        shift_targets(0, rows, self, expected, fixed, targets, threads)
        return dataclasses.replace(self, targets=targets)

    def plan(self, k: int, solver: str, isa: int, dtype: np.dtype) -> Plan:
        """Return the plan of a solver; it is made once for each set of arguments."""
        key = k, solver, isa, dtype
        if key not in self.plans:
            self.plans[key] = plan_batches(self.indptr, self.order, *key, self.has_negative)
        return self.plans[key]


def _bounds(
    strengths: np.ndarray, objective: Objective, regularization: float, n_columns: int
) -> tuple[float, float]:
    """Return the bounds of the λ of rows."""
    if regularization == 0:
        return 0.0, 0.0
    smallest = float(strengths.min(initial=np.inf))
    if objective.regularization_exponent != 0:
        # λ is a monotonic function of the number of entries.
        ends = objective.row_regularization(regularization, np.array([1, n_columns]), n_columns)
        tiny = float(np.finfo(strengths.dtype).tiny)
        return 0.0 if smallest == 0 else max(float(ends.min()), tiny), np.inf
    return smallest, float(strengths.max(initial=0))


def _rows_with_negative(weights: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Return a mask of the rows that have a negative weight, or an empty one if no row has."""
    negative = np.flatnonzero(weights < 0)
    if not len(negative):
        return np.empty(0, dtype=bool)
    mask = np.zeros(len(indptr) - 1, dtype=bool)
    mask[np.searchsorted(indptr, negative, side="right") - 1] = True
    return mask
