"""The time of ``update`` beside that of one sweep over everything.

    python -m benchmarks.speed.update_cost              # 3 GB, some minutes
    python -m benchmarks.speed.update_cost --users 50000 --items 10000 --pairs 500000

The model has random factors and text ids. Updates with new pairs, a few of them of new users and
items, and sweeps take turns; the figures are medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.machine import load_average
from wrmf.data.interactions import object_array
from wrmf.model.state import Factors

# The number of pairs of each user in an update.
PAIRS_OF_A_USER = 5
# Share of the users and items of an update that are new, roughly.
NEW = 0.01


def ids(letter: str, numbers: np.ndarray) -> np.ndarray:
    """Return text ids."""
    return object_array([f"{letter}-{number}" for number in numbers.tolist()])


def fitted(options: argparse.Namespace) -> wrmf.WRMF:
    """Return a model with random factors; low numbers of items are more popular."""
    generator = np.random.default_rng(0)
    shape = options.users, options.items
    rows = generator.integers(options.users, size=options.pairs)
    columns = (generator.random(options.pairs) ** 2 * options.items).astype(np.int64)
    matrix = sparse.csr_matrix((np.ones(options.pairs, np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    x, y = (0.03 * generator.standard_normal((n, options.factors), np.float32) for n in shape)
    axes = ids("user", np.arange(options.users)), ids("item", np.arange(options.items))
    state = Factors(x, y, *axes, matrix, iterations_done=1)
    return wrmf.WRMF.from_factors(state, num_threads=options.threads)


def events(n: int, model: wrmf.WRMF, generator: np.random.Generator) -> wrmf.Interactions:
    """Return n pairs of users and items, of which about ``NEW`` are new."""
    n_users, n_items = (round(size * (1 + NEW)) for size in model.train_matrix.shape)
    users = generator.choice(n_users, -(-n // PAIRS_OF_A_USER), replace=False)
    items = generator.choice(n_items, n, replace=False)
    numbers = np.arange(n)
    matrix = sparse.coo_matrix((np.ones(n), (numbers // PAIRS_OF_A_USER, numbers)))
    return wrmf.Interactions.from_matrix(matrix, ids("user", users), ids("item", items))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--events", type=int, nargs="*", default=[100, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    model, generator = fitted(options), np.random.default_rng(1)
    loads = [load_average()]
    taken: dict[str, list[float]] = {"sweep": []}
    for _ in range(options.rounds):
        for n in options.events:
            today = events(n, model, generator)
            began = time.perf_counter()
            model.update(today)
            taken.setdefault(f"update, {n} pairs", []).append(time.perf_counter() - began)
        began = time.perf_counter()
        model.partial_fit(model.train_matrix, 1, progress=False)
        taken["sweep"].append(time.perf_counter() - began)
    loads.append(load_average())
    sweep = median(taken["sweep"])
    rows = {
        name: {
            "median seconds": round(median(times), 3),
            "over sweep": round(median(times) / sweep, 3),
        }
        for name, times in taken.items()
    }
    sizes = {name: getattr(options, name) for name in ("users", "items", "pairs", "factors")}
    content = {**sizes, "threads": options.threads, "rounds": options.rounds}
    content |= {"load averages": loads, "times": rows}
    for name, row in rows.items():
        print(f"{name:24} {row['median seconds']:8.3f} s {row['over sweep']:7.3f} of a sweep")
    described = record.described("benchmarks.speed.update_cost", content)
    print(record.write(described, "update_cost", options.out))


if __name__ == "__main__":
    main()
