"""Half-sweeps for the tests: every solver on every instruction set, settings by name."""

import itertools
import os
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest

from wrmf.numerics import plan
from wrmf.numerics.isa import ISAS
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

# The largest error of a solution, relative to the largest number of all solutions.
TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
# Enough for conjugate gradients to reach the exact answer.
CG_STEPS = 300
# Every factor that iterative solvers start from.
START = 0.1


@dataclass(frozen=True)
class SolverCase:
    """How a test solves rows.

    Attributes
    ----------
    solver : one of ``SOLVERS``
    isa : one of ``ISAS``; empty for the fastest
    cg_above : rows with more entries are solved by conjugate gradients, if the solver is "cg"
    """

    solver: str = "exact"
    isa: str = ""
    cg_above: int = plan.CG_ABOVE

    def __str__(self):
        always = "-always" if self.cg_above == 0 else ""
        return f"{self.solver}{always}-{self.isa}"


# "cg" solves short rows exactly; with 0 for ``cg_above``, conjugate gradients solve them, too.
SOLVER_CASES = [
    SolverCase(solver, isa, cg_above)
    for (solver, cg_above), isa in itertools.product(
        [*((solver, plan.CG_ABOVE) for solver in plan.SOLVERS), ("cg", 0)], ISAS
    )
]
# The solver of a test that is not about solvers.
EXACT = SolverCase()
every_solver = pytest.mark.parametrize("solver", SOLVER_CASES, ids=str)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def make_objective(
    alpha=40.0,
    unobserved_weight=1.0,
    objective="wrmf",
    confidence="linear",
    epsilon=1.0,
    exponent=0.0,
):
    """Return the objective with the given settings, by the names that ``reference`` uses."""
    return Objective(alpha, unobserved_weight, objective, confidence, epsilon, exponent)


def solve(
    matrix,
    fixed,
    regularization,
    solver=EXACT,
    num_threads=1,
    cg_steps=CG_STEPS,
    **objective,
):
    """Return the factors of all rows after a half-sweep; all but "exact" begin at START."""
    side = Side.of(matrix, make_objective(**objective), regularization, fixed.dtype)
    start = np.nan if solver.solver == "exact" else START
    out = np.full((matrix.shape[0], fixed.shape[1]), start, dtype=fixed.dtype)
    with (
        mock.patch.dict(os.environ, WRMF_ISA=solver.isa),
        mock.patch.object(plan, "CG_ABOVE", solver.cg_above),
    ):
        half_sweep(side, fixed, out, solver.solver, num_threads, cg_steps)
    return out


def assert_close(out, expected, dtype):
    """Assert that solutions in a dtype equal the expected ones to its tolerance.

    If all are expected to be zero, the error is relative to the start of iterative solvers.
    """
    scale = np.abs(expected).max(initial=0) or START
    assert np.abs(out - expected).max(initial=0) <= TOLERANCE[dtype] * max(scale, 1e-30)
