"""Seconds a sweep and memory on one machine, for synthetic pairs in memory-mapped files.

    python -m benchmarks.speed.one_machine 1e6 1e7               # a minute
    python -m benchmarks.speed.one_machine 1e8 --folder /data    # 2 GB of files
    python -m benchmarks.speed.one_machine 5e8 --factors 32      # 6 GB of files, 6 GB of memory
    python -m benchmarks.speed.one_machine 1e8 5e8 --folder /data --keep --only-write

There are 25 pairs for each user and 500 for each item, and the popularity of items falls as a power
of their rank. Users are generated in blocks, and both sides are written as CSR files. So memory
holds the factors, their copies in the basis of a half-sweep, and what the system keeps of the
files. Each size runs in a fresh process. ``anonymous`` is its memory without the files. ``--keep``
leaves the files in the folder, where later runs find them.
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
        # np.unique takes a hundred times as long as to sort.
        pairs = np.sort(users * n_items + items)
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
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
        sizes = np.bincount(items, minlength=n_items)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        ordered, users = np.divmod(np.sort(items.astype(np.int64) * n_users + users), n_users)
        by_item[following[ordered] + np.arange(len(items)) - starts[ordered]] = users
        following += sizes
    by_item.flush()
    with (folder / "weights.bin").open("wb") as file:
        for first in range(0, n_pairs, 2**24):
            size = min(2**24, n_pairs - first)
            np.full(size, OBJECTIVE.alpha, np.float32).tofile(file)
    return n_pairs


def written(folder: Path, n_pairs: float) -> tuple[int, float]:
    """Write the files of a size unless they are there; return the number of pairs and the seconds.

    Files count as written if the last one, which says how many pairs they have, is there.
    """
    done, started = folder / "done.json", time.perf_counter()
    if not done.exists():
        n_users, n_items = shape_of(n_pairs)
        count = write(folder, n_users, n_items)
        content = {"pairs": count, "seconds": round(time.perf_counter() - started, 1)}
        done.write_text(json.dumps(content))
    answer = json.loads(done.read_text())
    return int(answer["pairs"]), float(answer["seconds"])


def shape_of(n_pairs: float) -> tuple[int, int]:
    """Return the number of users and of items for about a number of pairs."""
    return int(n_pairs / PAIRS_OF_USER), int(n_pairs / PAIRS_OF_ITEM)


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
    n_users, n_items = shape_of(n_pairs)
    count, seconds_to_write = written(folder, n_pairs)
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
        "pairs": count,
        "users": n_users,
        "items": n_items,
        "factors": factors,
        "seconds to write": seconds_to_write,
        "seconds of users": seconds["users"],
        "seconds of items": seconds["items"],
        "seconds a sweep": round(float(np.median(sweeps)), 2),
        "nanoseconds a pair": round(1e9 * float(np.median(sweeps)) / count, 1),
        "anonymous MiB": round(max(anonymous) / 2**20),
        "peak MiB": None if peak is None else round(peak / 2**20),
        "factors MiB": round((x.nbytes + y.nbytes) / 2**20),
        "load": load_average(),
    }


def kept(folder: Path, n_pairs: float) -> Path:
    """Return the folder in which the files of a size are kept."""
    path = folder / f"pairs-{n_pairs:g}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=float, help="such as 1e8")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are; they are removed")
    parser.add_argument("--out", type=Path, help="file of the record")
    parser.add_argument("--here", action="store_true", help="measure one size in this process")
    parser.add_argument("--keep", action="store_true", help="leave files in --folder, and use them")
    parser.add_argument(
        "--only-write", action="store_true", help="write the files that --keep keeps"
    )
    options = parser.parse_args(arguments)
    if (options.keep or options.only_write) and options.folder is None:
        parser.error("--keep and --only-write need --folder, where the files stay")
    if options.only_write:
        for pairs in options.pairs:
            print(pairs, written(kept(options.folder, pairs), pairs), flush=True)
        return
    if options.here:
        sizes = options.pairs[0], options.factors, options.iterations
        if options.keep:
            print(json.dumps(measure(kept(options.folder, options.pairs[0]), *sizes)))
            return
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            print(json.dumps(measure(Path(folder), *sizes)))
        return
    results = []
    for pairs in options.pairs:
        command = [sys.executable, "-m", "benchmarks.speed.one_machine", str(pairs), "--here"]
        command += ["--factors", str(options.factors), "--iterations", str(options.iterations)]
        command += ["--folder", str(options.folder)] if options.folder else []
        command += ["--keep"] if options.keep else []
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(json.loads(run.stdout))
        print(results[-1], flush=True)
    content = record.described("benchmarks.speed.one_machine", {"sizes": results})
    print(record.write(content, "one_machine", options.out))


if __name__ == "__main__":
    main()
