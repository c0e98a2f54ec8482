"""What the item term of a model gains on a validation split, and what it costs.

    python -m benchmarks.quality.item_term citeulike_a --factors 128
    python -m benchmarks.quality.item_term gowalla --factors 512 --neighbors 30 --rounds 5

One model is trained on a part of train, and its term is varied without training it again; the test
part is not read. Then lists for everyone are made with and without the term in turn.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality.defaults import SETS, load

METRICS = ("ndcg@20", "recall@20")
WEIGHTS = (0.0, 0.3, 0.6, 1.0, 2.0)
# λ is scaled by frequency, and α₀ is far below the weight of a pair: good on all of these sets.
MODEL = {
    "objective": "wrmf",
    "alpha": 1.0,
    "confidence": "log",
    "unobserved_weight": 0.02,
    "regularization": 0.006,
    "regularization_exponent": 1.0,
}


def quality(model: wrmf.WRMF, split: wrmf.Split, options: argparse.Namespace) -> Iterable[str]:
    """Yield a row of a table for each number of neighbours and each λ."""
    yield "| K | λ | " + " | ".join(f"β = {weight:g}" for weight in WEIGHTS) + " |"
    yield "|---" * (2 + len(WEIGHTS)) + "|"
    for neighbors, strength in product(options.neighbors, options.regularization):
        cells = []
        for weight in WEIGHTS:
            model.reweigh_items(weight, neighbors, strength)
            values = wrmf.evaluate(model, split, METRICS)
            cells.append(" / ".join(f"{values[name]:.4f}" for name in METRICS))
        yield f"| {neighbors} | {strength:g} | " + " | ".join(cells) + " |"


def cost(model: wrmf.WRMF, weight: float, rounds: int) -> str:
    """Return the time of lists for everyone with the term, by that of lists without it."""
    seconds: dict[float, list[float]] = {0.0: [], weight: []}
    for _, used in product(range(rounds), seconds):
        # The weights are fitted, and what requests share is computed, before the clock starts.
        model.reweigh_items(item_weight=used).prepare(["recommend"])
        start = time.perf_counter()
        model.recommend(n=20)
        seconds[used].append(time.perf_counter() - start)
    without, with_term = (float(np.median(times)) for times in seconds.values())
    ratio = f"{with_term / without:.2f} times"
    return f"lists for everyone: {with_term:.2f} s, {ratio} the {without:.2f} s without the term"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and the cost for one data set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--neighbors", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--regularization", type=float, nargs="+", default=[20.0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    try:
        _, inner = load(options.set)
    except Missing as error:
        raise SystemExit(str(error)) from None
    model = wrmf.WRMF(options.factors, iterations=options.epochs, random_state=0, **MODEL)
    model.fit(inner.train, progress=False)
    start = time.perf_counter()
    model.reweigh_items(0.6, options.neighbors[0], options.regularization[0])
    print(f"{options.set}: weights fitted in {time.perf_counter() - start:.2f} s")
    for line in quality(model, inner, options):
        print(line, flush=True)
    print(cost(model, 0.6, options.rounds))
    print("load:", " ".join(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
