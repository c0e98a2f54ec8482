"""What features add to the time of a sweep: sweeps with and without them, in turn.

    python -m benchmarks.speed.features gowalla
    python -m benchmarks.speed.features gowalla --factors 64 --solver cg --features 2000

Every item has some random features, as many as ``--each``. Times are of one thread's CPU, which a
busy machine changes least, and medians of ``--rounds`` sweeps over items and users.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import read_matrices
from benchmarks.missing import Missing


def trainer_of(matrix: Any, options: argparse.Namespace, features: Any) -> Any:
    """Return a trainer of a model with the features of items, or None for none."""
    model = wrmf.WRMF(
        options.factors,
        regularization=options.regularization,
        alpha=1.0,
        unobserved_weight=0.02,
        regularization_exponent=options.exponent,
        objective="ials",
        confidence="linear",
        solver=options.solver,
        num_threads=1,
        random_state=0,
    )
    return model.trainer(matrix, (None, features))


def measure(matrix: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Return the median seconds of a sweep with and without features, and their ratio."""
    shape = matrix.shape[1], options.features
    density = options.each / options.features
    features = sparse.random_array(shape, density=density, dtype=np.float32, rng=0)
    trainers = {
        "without": trainer_of(matrix, options, None),
        "with": trainer_of(matrix, options, features),
    }
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(options.rounds + 1):
        for name, trainer in trainers.items():
            start = time.thread_time()
            trainer.run(1, progress=False)
            seconds[name].append(time.thread_time() - start)
    # The first sweep solves users once more, and allocates.
    medians = {name: float(np.median(times[1:])) for name, times in seconds.items()}
    return {**medians, "ratio": medians["with"] / medians["without"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the solvers and bases, and write a record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set")
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--solver", nargs="+", default=["exact", "cg"])
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    try:
        matrix, _ = read_matrices(options.set)
    except Missing as error:
        raise SystemExit(str(error)) from None
    rows = []
    for factors in options.factors:
        for solver in options.solver:
            # λ that is the same for all rows whitens them; otherwise they are in the eigenbasis.
            for exponent, strength in ((0.0, 5.0), (1.0, 0.01)):
                case = argparse.Namespace(**vars(options))
                case.factors, case.solver = factors, solver
                case.exponent, case.regularization = exponent, strength
                row = {"k": factors, "solver": solver, "ν": exponent, **measure(matrix, case)}
                rows.append(row)
                print(row, flush=True)
    load = [round(value, 1) for value in os.getloadavg()]
    print("load:", *load)
    result = {"set": options.set, "features": options.features, "load": load, "sweeps": rows}
    record.write(record.described("benchmarks.speed.features", result), "feature_cost")


if __name__ == "__main__":
    main()
