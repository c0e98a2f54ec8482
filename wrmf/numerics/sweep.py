"""One half-sweep: solves every row of one side, with the factors of the other side fixed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from wrmf._als import MOST_ORDER, multiply, solve_rows
from wrmf.numerics.fallback import solve_in_double
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import (
    ALIGNMENT,
    aligned_array,
    as_aligned,
    padded,
    padded_width,
)
from wrmf.numerics.objective import gram, gram_isa
from wrmf.numerics.side import Side
from wrmf.numerics.threads import kernel_threads, single_threaded_blas
from wrmf.numerics.whitening import Frame

__all__ = ["FactorsNeeded", "Shared", "System", "half_sweep", "half_sweep_with_gains"]

# A half-sweep with at most LEAST_WORK operations uses one thread. It takes about 100 microseconds,
# and starting more threads would cost more time than they save.
LEAST_WORK = 2e6
# Solutions that take more operations than LONG_PRODUCT to transform are first transformed beside
# the factors, and copied at the end, so that Ctrl-C can interrupt this. It takes about a second.
LONG_PRODUCT = 2e10
# The number of rows that are solved in float64 at a time.
DOUBLE_ROWS = 4096


class FactorsNeeded(ValueError):
    """Rows must be solved in float64, for which the fixed factors themselves are needed."""


class System(NamedTuple):
    """The data that the systems of all rows have in common.

    Attributes
    ----------
    fixed : (n_columns, ld), the other side's factors in the basis of ``Frame``; zeros in columns k
        to ld − 1
    k : int
    spectrum : float64 (k,) or (0,), as in ``Frame``
    cg_steps : int
    """

    fixed: np.ndarray
    k: int
    spectrum: np.ndarray
    cg_steps: int


@dataclass(frozen=True, eq=False)
class Shared:
    """The part that the systems of all rows of a side have in common, and its basis.

    Attributes
    ----------
    base : float64 (k, k), α₀ times the Gram matrix of the fixed factors
    frame : Frame
    whitened : (n_columns, ld), or None
        The fixed factors in the basis of ``frame``, as ``System`` has them. Without them, each
        half-sweep computes them.
    """

    base: np.ndarray
    frame: Frame
    whitened: np.ndarray | None = None

    @classmethod
    def of(cls, side: Side, fixed: np.ndarray, threads: int, isa: str | None = None) -> Shared:
        """Return the shared part for ``fixed`` factors and the parameters of a side."""
        number = isa_number(isa)
        with _limited_blas(fixed.shape[1], number):
            base = side.unobserved_weight * gram(fixed, threads, gram_isa(side.bounds, isa))
            return cls(base, Frame.of(base, side.bounds, fixed.dtype))


def _limited_blas(k: int, isa: int) -> AbstractContextManager[None]:
    """Limit BLAS to one thread if it computes on more than one small matrix."""
    # Rows are solved by BLAS if the order of their systems is higher.
    return single_threaded_blas(needed=not isa or k > MOST_ORDER)


def half_sweep(
    side: Side,
    fixed: np.ndarray | None,
    out: np.ndarray,
    solver: str = "exact",
    num_threads: int = 0,
    cg_steps: int = 2,
    shared: Shared | None = None,
    isa: str | None = None,
) -> None:
    """Set each row of ``out`` to the minimum of the loss for the given ``fixed`` factors.

    Parameters
    ----------
    side : Side, n_rows rows
    fixed : (n_columns, k) float32 or float64, or None
        It may be read-only, and begin at any byte. Where ``shared`` has the fixed factors in its
        basis, these suffice for all rows but those that are singular in float32.
    out : (n_rows, k), same dtype, overwritten; rows without entries become exact zeros,
        unless the side has a ``prior``.
        Iterative solvers, such as ``"cg"``, start from the present values.
    solver : str, a key of ``plan.SOLVERS``
    num_threads : int, default 0, which uses all available threads
    cg_steps : int, default 2
    shared : Shared, optional
        The part that the systems of all rows have in common. By default it is computed from
        ``fixed``; with it, ``fixed`` need only hold the columns in which ``side`` has entries, and
        its ``whitened`` the same ones.
        Where rows are solved on several machines, it must come from one of them: LAPACK rounds
        differently on another CPU.
    isa : str, optional
        The instruction set, one of ``ISAS``. By default the active one.

    Raises
    ------
    FactorsNeeded
        If there are no ``fixed`` factors, and rows must be solved in float64.

    Notes
    -----
    The rows' systems are whitened by their common part α₀G + λI (``docs/solver.md``). The exact
    solver then solves a system as large as the number of the row's entries or as k, whichever is
    smaller. If λ is zero and the fixed factors span fewer than k dimensions, many solutions attain
    the minimum; the minimum-norm solution is taken. A row whose system is singular in float32 (α is
    large compared with λ) is solved again in float64, and from its eigendecomposition if it is
    singular in float64 as well.

    An interrupted half-sweep leaves ``out`` unchanged. A half-sweep needs extra memory for a
    copy of the factors of each side, with columns padded to a multiple of 16, and about 5 MB for
    each thread.
    """
    _solve(side, fixed, out, _Method(solver, num_threads, cg_steps), shared, isa)


def half_sweep_with_gains(
    side: Side,
    fixed: np.ndarray | None,
    out: np.ndarray,
    num_threads: int = 0,
    shared: Shared | None = None,
    isa: str | None = None,
) -> np.ndarray:
    """Set each row of ``out`` as an exact ``half_sweep`` does, and return what the rows gain.

    Parameters
    ----------
    side, fixed, out, num_threads, shared, isa : as in ``half_sweep``

    Returns
    -------
    float64 (n_rows,)
        How much each row x lowers the loss, x · Σ b y, as :func:`.gains_at_minimum` computes it;
        NaN for rows that are solved in another way than by the kernels in the factors' dtype, or
        that have a target many times its weight. Those of a side with a ``prior`` mean nothing.
    """
    gains = np.full(len(out), np.nan)
    _solve(side, fixed, out, _Method("exact", num_threads, 0), shared, isa, gains)
    return gains


class _Method(NamedTuple):
    """The arguments of ``half_sweep`` with these names."""

    solver: str
    num_threads: int
    cg_steps: int


def _solve(
    side: Side,
    fixed: np.ndarray | None,
    out: np.ndarray,
    method: _Method,
    shared: Shared | None,
    isa: str | None,
    gains: np.ndarray | None = None,
) -> None:
    k, dtype = out.shape[1], out.dtype
    fixed = None if fixed is None else as_aligned(fixed, dtype)
    known = _needed(fixed) if shared is None or shared.whitened is None else shared.whitened
    work = k * (len(side.indices) + k * (len(out) + len(known)))
    threads = kernel_threads(method.num_threads if work > LEAST_WORK else 1)
    number = isa_number(isa)
    with _limited_blas(k, number), side.workspaces.borrow() as workspace:
        if shared is None:
            shared = Shared.of(side, known, threads, isa)
        base, frame = shared.base, shared.frame
        if frame.in_double:
            out[:] = _solved_in_double(side, _needed(fixed), shared, threads, isa)
            return
        # Parts of one array, whose size is the same for both sides of a model.
        n_fixed = len(known) if shared.whitened is None else 0
        scratch = workspace.array("factors", (n_fixed + len(out), padded_width(k)), dtype)
        whitened, solved = scratch[:n_fixed], scratch[n_fixed:]
        if shared.whitened is None:
            frame.whiten(known, number, threads, whitened)
        else:
            whitened = shared.whitened
            if whitened.ctypes.data % ALIGNMENT:
                # It came over a network, or from a disk.
                whitened = aligned_array(shared.whitened.shape, dtype)
                np.copyto(whitened, shared.whitened)
        failed = np.zeros(len(out), dtype=np.uint8)
        plan = side.plan(k, method.solver, number, out.dtype)
        if len(plan.started):
            multiply(number, out, padded(frame.inverse, out.dtype), solved, threads, plan.started)
        own = side
        if side.prior is not None:
            expected = workspace.array("expected", (len(out), padded_width(k)), dtype)
            side.prior.expected_in(side.regularization, frame, number, threads, expected)
            own = side.around(expected, whitened, number, threads)
            solved[plan.started] -= expected[plan.started]
        system = System(whitened, k, frame.spectrum, method.cg_steps)
        for batch in plan.batches:
            solve_rows(batch, own, system, solved, failed, gains, threads)
        unresolved, empty = np.flatnonzero(failed).astype(np.int32), side.order[plan.n_filled :]
        solved[empty] = 0
        solved[unresolved] = 0
        if gains is not None:
            gains[empty], gains[unresolved] = 0, np.nan
        if side.prior is not None:
            solved += expected
        resolved = None
        if len(unresolved):
            resolved = _resolved(side, unresolved, _needed(fixed), base, threads)
        solution, back = solved[:, :k], frame.back(out.dtype)
        if len(out) * k * k > LONG_PRODUCT:
            everyone = np.arange(len(out), dtype=np.int32)
            multiply(number, solution, back, solution, threads, everyone)
            np.copyto(out, solution)
        else:
            multiply(number, solution, back, out, threads, handle_signals=False)
        if resolved is not None:
            out[unresolved] = resolved


def _needed(fixed: np.ndarray | None) -> np.ndarray:
    """Return the fixed factors, which must be there."""
    if fixed is None:
        raise FactorsNeeded("rows must be solved in float64, which needs the fixed factors")
    return fixed


def _solved_in_double(
    side: Side, fixed: np.ndarray, shared: Shared, threads: int, isa: str | None
) -> np.ndarray:
    """Return the factors of all rows, solved in float64 in the basis of ``shared``."""
    out = np.zeros((len(side.order), fixed.shape[1]), dtype=fixed.dtype)
    is_solved = (np.diff(side.indptr) > 0) | (side.prior is not None)
    solved = np.flatnonzero(is_solved).astype(np.int32)
    fixed = fixed.astype(np.float64)
    frame = replace(shared.frame, in_double=False)
    double = Shared(shared.base, frame, frame.whiten(fixed, isa_number(isa), threads))
    for first in range(0, len(solved), DOUBLE_ROWS):
        # Ctrl-C interrupts between two parts.
        rows = solved[first : first + DOUBLE_ROWS]
        part, own = side.at(rows).astype(np.float64), np.empty((len(rows), fixed.shape[1]))
        if side.prior is None:
            half_sweep(part, fixed, own, num_threads=threads, shared=double, isa=isa)
        else:
            prior = side.prior.at(rows)
            expected = prior.expected_in_double(part.regularization, shared.base)
            part = replace(part.around(expected, fixed, 0, threads), prior=None)
            half_sweep(part, fixed, own, num_threads=threads, shared=double, isa=isa)
            own += expected
        out[rows] = own
    return out


def _resolved(
    side: Side, rows: np.ndarray, fixed: np.ndarray, base: np.ndarray, threads: int
) -> np.ndarray:
    """Return the factors of some rows, solved in float64."""
    if side.prior is None:
        return solve_in_double(side, rows, fixed, base, threads)
    expected = side.prior.at(rows).expected_in_double(side.regularization[rows], base)
    own = side.astype(np.float64).around_some(rows, expected, fixed.astype(np.float64), threads)
    solved: np.ndarray = expected + solve_in_double(own, rows, fixed, base, threads)
    return solved
