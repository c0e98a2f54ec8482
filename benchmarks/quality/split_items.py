"""The loss where items are solved from sums over shards of the users, above that of exact items.

    python -m benchmarks.quality.split_items                              # mtg_decks, hours
    python -m benchmarks.quality.split_items --pairs 3e6 --alphas 10 100  # part of its users

The items with the largest weights are solved exactly, the others by conjugate gradients: a fixed
number of steps for all, or until a tolerance is reached (``wrmf.numerics.split_solver``). Each rule
trains a model of its own from the same start. A row of the table has, for each iteration, how many
percent the loss is above that of exact items, and the mean number of steps of an item.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import record
from benchmarks.data import matrix_of, read_pairs
from benchmarks.machine import load_average
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.shard_sums import Basis, Shard, products
from wrmf.numerics.side import Side
from wrmf.numerics.split_solver import TOLERANCE, Rows, Solved, Steps, solve_pass
from wrmf.numerics.sweep import half_sweep

N_SHARDS = 8
SHARES = (0.02, 0.1)

Pass = Callable[..., Solved]


def load(name: str, n_pairs: float) -> sparse.csr_matrix:
    """Return about ``n_pairs`` pairs of a data set: those of random users, without empty items."""
    matrix = matrix_of(read_pairs(name))
    matrix.sum_duplicates()
    share = min(1.0, n_pairs / matrix.nnz)
    chosen = np.random.default_rng(0).random(matrix.shape[0]) < share
    matrix = matrix[chosen]
    return matrix[:, np.flatnonzero(matrix.getnnz(axis=0))].tocsr()


@dataclass(frozen=True)
class Problem:
    """Data whose users are divided into shards, as they are solved."""

    matrix: sparse.csr_matrix
    objective: Objective
    regularization: float
    k: int
    users: Side
    items: Side
    shards: list[tuple[slice, Side]]

    @classmethod
    def of(
        cls, matrix: sparse.csr_matrix, objective: Objective, regularization: float, k: int
    ) -> Problem:
        """Return the problem of a matrix."""
        by_item = matrix.T.tocsr()
        side = partial(
            Side.of, objective=objective, regularization=regularization, dtype=np.float32
        )
        items, counts, n = side(by_item), np.diff(by_item.indptr), matrix.shape[0]
        cuts = [slice(n * s // N_SHARDS, n * (s + 1) // N_SHARDS) for s in range(N_SHARDS)]
        shards = [
            (cut, side(matrix[cut].T.tocsr(), counts=counts, n_columns=n, bounds=items.bounds))
            for cut in cuts
        ]
        return cls(matrix, objective, regularization, k, side(matrix), items, shards)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Return random item factors, and the users that fit them."""
        n_users, n_items = self.matrix.shape
        y = np.random.default_rng(0).standard_normal((n_items, self.k)) * 0.1 / self.k**0.5
        x, y = np.zeros((n_users, self.k), np.float32), y.astype(np.float32)
        half_sweep(self.users, y, x)
        return x, y

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the loss."""
        both = (self.regularization, self.regularization)
        return self.objective.loss(self.matrix, x, y, both)

    def solve_items(
        self, x: np.ndarray, y: np.ndarray, share: float, how: Pass, tolerance: float
    ) -> Solved:
        """Return the item factors where a share of the items is solved exactly."""
        base = self.objective.unobserved_weight * gram(x)
        basis = Basis.of(base, self.items.bounds, np.float32)
        shards = [Shard(side, basis.whitened(x[cut]), x[cut]) for cut, side in self.shards]
        rows = np.repeat(np.arange(len(y)), np.diff(self.items.indptr))
        weights = np.bincount(rows, self.items.weights, len(y))
        heaviest = np.argsort(-weights, kind="stable")
        count = int(share * len(heaviest))
        exact, others = (np.sort(a).astype(np.int32) for a in np.split(heaviest, [count]))

        def total(function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
            result = function(shards[0], *arguments)
            for shard in shards[1:]:
                result += function(shard, *arguments)
            return result

        rows = Rows(y, self.items.regularization, exact, others)
        return how(total, rows, basis, tolerance)


def fixed_steps(n: int, total: Any, rows: Rows, basis: Basis, tolerance: float) -> Solved:
    """Solve as ``solve_pass`` does, with ``n`` steps of all rows that are not solved exactly."""
    only_exact = Rows(rows.factors, rows.regularization, rows.exact, rows.improved[:0])
    factors = solve_pass(total, only_exact, basis, tolerance).factors
    chosen = rows.improved
    common = basis.common(rows.regularization[chosen])
    start = basis.start(rows.factors[chosen], common)
    steps = Steps.begin(chosen, start, total(products, chosen, start, True, basis), common)
    for _ in range(n):
        steps = steps.step(total(products, chosen, steps.directions, False, basis))
    factors[chosen] = basis.outward(steps.solutions)
    return Solved(factors, [len(chosen)] * n, chosen[:0])


def train(
    problem: Problem, iterations: int, share: float = 1.0, how: Pass | None = None
) -> dict[str, Any]:
    """Return the losses of a rule, its steps and its seconds; without ``how``, items are exact."""
    x, y = problem.start()
    # Before the first iteration, about a tenth of the loss of zero factors.
    losses = [0.1 * float(problem.objective.targets(problem.matrix.data, np.float64).sum())]
    taken: list[list[int]] = []
    seconds = 0.0
    for _ in range(iterations):
        started = time.perf_counter()
        if how is None:
            half_sweep(problem.items, x, y)
        else:
            solved = problem.solve_items(x, y, share, how, TOLERANCE * losses[-1])
            y = solved.factors
            taken.append(solved.steps)
        seconds += time.perf_counter() - started
        half_sweep(problem.users, y, x)
        losses.append(problem.loss(x, y))
    return {"losses": losses[1:], "steps": taken, "item seconds": round(seconds, 1)}


def compare(problem: Problem, iterations: int, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a record for each rule."""
    exact = train(problem, iterations)
    print("exact", exact["item seconds"], "s", flush=True)
    rows = []
    for name, (share, how) in rules.items():
        result = train(problem, iterations, share, how)
        above = 100 * (np.array(result["losses"]) / exact["losses"] - 1)
        row = {
            "rule": name,
            "alpha": problem.objective.alpha,
            "percent above exact": [round(float(value), 4) for value in above],
            "passes": [len(steps) for steps in result["steps"]],
            "steps of an item": [
                round(sum(steps) / problem.matrix.shape[1], 2) for steps in result["steps"]
            ],
            "item seconds": result["item seconds"],
            "exact item seconds": exact["item seconds"],
            "load": load_average(),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and write its record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="mtg_decks")
    parser.add_argument("--pairs", type=float, default=np.inf)
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--alphas", nargs="+", type=float, default=(1.0, 10.0, 100.0))
    parser.add_argument("--regularization", type=float, default=10.0)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--steps", nargs="*", type=int, default=(3,))
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    rules: dict[str, Any] = {}
    for share in options.shares:
        heaviest = f"heaviest {100 * share:g} % exact"
        for n in options.steps:
            rules[f"{heaviest}, {n} steps"] = share, partial(fixed_steps, n)
        rules[f"{heaviest}, tolerance"] = share, solve_pass
    matrix = load(options.data, options.pairs)
    print(options.data, matrix.shape, matrix.nnz, flush=True)
    results = []
    for alpha in options.alphas:
        objective = Objective(alpha, 1.0, "wrmf", "linear", 1.0, 0.0)
        problem = Problem.of(matrix, objective, options.regularization, options.factors)
        results += compare(problem, options.iterations, rules)
    content = {
        "data": options.data,
        "shape": list(matrix.shape),
        "pairs": int(matrix.nnz),
        "factors": options.factors,
        "regularization": options.regularization,
        "tolerance": TOLERANCE,
        "rules": results,
    }
    described = record.described("benchmarks.quality.split_items", content)
    print(record.write(described, "split_items", options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
