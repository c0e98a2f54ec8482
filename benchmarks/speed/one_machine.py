"""Seconds a sweep and memory on one machine, for synthetic pairs in memory-mapped files.

    python -m benchmarks.speed.one_machine 1e6 1e7               # a minute
    python -m benchmarks.speed.one_machine 1e8 --folder /data    # 2 GB of files
    python -m benchmarks.speed.one_machine 5e8 --factors 32      # 8 GB of files, 6 GB of memory

There are 25 pairs for each user and 500 for each item, and the popularity of items falls as a power
of their rank. Users are generated in blocks, and both sides are written as CSR files. So memory
holds the factors, their copies in the basis of a half-sweep, and what the system keeps of the
files. Each size runs in a fresh process. ``anonymous`` is its memory without the files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.data import ROOT
from benchmarks.machine import load_average, peak_memory
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

PAIRS_OF_USER, PAIRS_OF_ITEM = 25, 500
# Item i of n is taken about as often as (i + 1)^(1/SKEW − 1).
SKEW = 2.5
BLOCK_USERS = 200_000
OBJECTIVE = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)
REGULARIZATION = 1.0
SIDES = ("users", "items")


def blocks(n_users: int, n_items: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the number of items of each user of a block, and the items, sorted by user and item."""
    for first in range(0, n_users, BLOCK_USERS):
        size = min(BLOCK_USERS, n_users - first)
        generator = np.random.default_rng([0, first])
        # A pair may be drawn twice, and counts once.
        drawn = 1 + generator.geometric(1 / (1.15 * PAIRS_OF_USER - 1), size)
        users = np.repeat(np.arange(size), drawn)
        items = (n_items * generator.random(len(users)) ** SKEW).astype(np.int64)
        pairs = np.unique(users * n_items + items)
        users, items = np.divmod(pairs, n_items)
        yield np.bincount(users, minlength=size), items.astype(np.int32)


def write(folder: Path, n_users: int, n_items: int) -> int:
    """Write both sides of synthetic data and return the number of pairs."""
    counts, of_items = [], np.zeros(n_items, np.int64)
    with (folder / "users-indices.bin").open("wb") as file:
        for sizes, items in blocks(n_users, n_items):
            counts.append(sizes)
            of_items += np.bincount(items, minlength=n_items)
            items.tofile(file)
    indptr = np.concatenate(([0], np.cumsum(np.concatenate(counts))))
    indptr.tofile(folder / "users-indptr.bin")
    n_pairs, item_indptr = int(indptr[-1]), np.concatenate(([0], np.cumsum(of_items)))
    item_indptr.tofile(folder / "items-indptr.bin")
    by_user = np.memmap(folder / "users-indices.bin", np.int32, "r")
    by_item = np.memmap(folder / "items-indices.bin", np.int32, "w+", shape=(n_pairs,))
    # The users of an item are written block by block, each after those of the block before.
    following = item_indptr[:-1].copy()
    for first in range(0, n_users, BLOCK_USERS):
        last = min(first + BLOCK_USERS, n_users)
        items = np.array(by_user[indptr[first] : indptr[last]])
        users = np.repeat(np.arange(first, last, dtype=np.int32), np.diff(indptr[first : last + 1]))
        order = np.argsort(items, kind="stable")
        sizes = np.bincount(items, minlength=n_items)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        ordered = items[order]
        by_item[following[ordered] + np.arange(len(items)) - starts[ordered]] = users[order]
        following += sizes
    by_item.flush()
    with (folder / "weights.bin").open("wb") as file:
        for first in range(0, n_pairs, 2**24):
            size = min(2**24, n_pairs - first)
            np.full(size, OBJECTIVE.alpha, np.float32).tofile(file)
    return n_pairs


def open_side(folder: Path, name: str) -> Side:
    """Return a side whose entries are memory-mapped."""
    indptr = np.fromfile(folder / f"{name}-indptr.bin", np.int64)
    n = len(indptr) - 1
    return Side(
        indptr=indptr,
        indices=np.memmap(folder / f"{name}-indices.bin", np.int32, "r"),
        weights=np.memmap(folder / "weights.bin", np.float32, "r"),
        regularization=np.full(n, REGULARIZATION, np.float32),
        order=np.argsort(-np.diff(indptr), kind="stable").astype(np.int32),
        target_shift=OBJECTIVE.target_shift,
        unobserved_weight=OBJECTIVE.unobserved_weight,
        targets=np.empty(0, np.float32),
        has_negative=np.empty(0, bool),
        bounds=(REGULARIZATION, REGULARIZATION),
    )


def anonymous_memory() -> int | None:
    """Return the memory of this process without files, in bytes; None if it is not reported."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        return None


def measure(folder: Path, n_pairs: float, factors: int, iterations: int) -> dict[str, Any]:
    """Return the record of one size, measured in this process."""
    n_users, n_items = (int(n_pairs / size) for size in (PAIRS_OF_USER, PAIRS_OF_ITEM))
    started = time.perf_counter()
    written = write(folder, n_users, n_items)
    seconds_to_write = time.perf_counter() - started
    users, items = (open_side(folder, name) for name in SIDES)
    generator = np.random.default_rng(0)
    y = generator.standard_normal((n_items, factors), np.float32) * np.float32(0.1 / factors**0.5)
    x = np.zeros((n_users, factors), np.float32)
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    anonymous = []
    for _ in range(iterations):
        for name, side, fixed, out in ((SIDES[0], users, y, x), (SIDES[1], items, x, y)):
            started = time.perf_counter()
            half_sweep(side, fixed, out)
            seconds[name].append(round(time.perf_counter() - started, 2))
            anonymous.append(anonymous_memory() or 0)
    peak = peak_memory()
    sweeps = [sum(pair) for pair in zip(*seconds.values(), strict=True)]
    return {
        "pairs": written,
        "users": n_users,
        "items": n_items,
        "factors": factors,
        "seconds to write": round(seconds_to_write, 1),
        "seconds of users": seconds["users"],
        "seconds of items": seconds["items"],
        "seconds a sweep": round(float(np.median(sweeps)), 2),
        "nanoseconds a pair": round(1e9 * float(np.median(sweeps)) / written, 1),
        "anonymous MiB": round(max(anonymous) / 2**20),
        "peak MiB": None if peak is None else round(peak / 2**20),
        "factors MiB": round((x.nbytes + y.nbytes) / 2**20),
        "load": load_average(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=float, help="such as 1e8")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    parser.add_argument("--here", action="store_true", help="measure one size in this process")
    options = parser.parse_args(arguments)
    if options.here:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            sizes = options.pairs[0], options.factors, options.iterations
            print(json.dumps(measure(Path(folder), *sizes)))
        return
    results = []
    for pairs in options.pairs:
        command = [sys.executable, "-m", "benchmarks.speed.one_machine", str(pairs), "--here"]
        command += ["--factors", str(options.factors), "--iterations", str(options.iterations)]
        command += ["--folder", str(options.folder)] if options.folder else []
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(json.loads(run.stdout))
        print(results[-1], flush=True)
    content = record.described("benchmarks.speed.one_machine", {"sizes": results})
    print(record.write(content, "one_machine", options.out))


if __name__ == "__main__":
    main()
