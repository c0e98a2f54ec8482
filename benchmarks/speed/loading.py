"""Time to load a model, memory of several processes, file sizes, and the cost of float16.

    python -m benchmarks.speed.loading                    # a million users and items, k = 128
    python -m benchmarks.speed.loading --rows 100000 --rounds 3

The model has random factors, text ids and some interactions of each user. Each measurement is a
process of its own. Processes that share a file are alive at the same time; the sum of their PSS
(proportional set size, Linux only) counts shared memory once. float16 is measured on gowalla.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks.data import gowalla
from benchmarks.machine import load_average
from benchmarks.missing import Missing
from benchmarks.record import described, write
from wrmf.model.state import Factors

# Ways to load, by the name in the record.
WAYS: dict[str, dict[str, bool]] = {
    "mapped": {"mmap": True},
    "mapped, verified": {"mmap": True, "verify": True},
    "read": {},
}


def random_model(n_rows: int, k: int, per_user: int) -> wrmf.WRMF:
    """Return a model of ``n_rows`` users and as many items, with text ids and random factors."""
    generator = np.random.default_rng(0)
    users, items = (generator.standard_normal((n_rows, k), dtype=np.float32) for _ in range(2))
    step = max(1, n_rows // per_user)
    columns = (np.arange(per_user) * step + generator.integers(step, size=(n_rows, 1))).ravel()
    indptr = np.arange(n_rows + 1) * per_user
    counts = np.ones(len(columns), dtype=np.float32)
    matrix = sparse.csr_matrix((counts, columns.astype(np.int32), indptr.astype(np.int32)))
    matrix.resize(n_rows, n_rows)
    ids = [np.array([f"{axis}-{n:07d}" for n in range(n_rows)], object) for axis in ("u", "i")]
    return wrmf.WRMF.from_factors(Factors(users, items, *ids, matrix), num_threads=1)


def used_memory() -> dict[str, int] | None:
    """Return PSS, RSS and private memory of this process in bytes, None if not reported."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return None
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    private = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return {"pss": sizes["Pss"], "rss": sizes["Rss"], "private": private}


def serve(path: Path, options: dict[str, bool], channel: Connection) -> None:
    """Load a model, answer a request, read all factors, and report memory when asked to."""
    before = used_memory()
    start = time.perf_counter()
    model = wrmf.load(path, **options)
    loaded = time.perf_counter() - start
    user = f"u-{len(model.state.users) // 3:07d}"
    start = time.perf_counter()
    ids = model.recommend(user, n=10).ids.tolist()
    first = time.perf_counter() - start
    start = time.perf_counter()
    model.recommend(f"u-{len(model.state.users) // 2:07d}", n=10)
    second = time.perf_counter() - start
    # Touch every page of the factors, as a service does in time.
    total = sum(float(part.sum()) for part in (model.state.user_factors, model.state.item_factors))
    channel.send({"load": loaded, "first": first, "second": second, "ids": ids, "sum": total})
    while channel.recv() == "memory":
        channel.send({"before": before, "now": used_memory()})


def start(path: Path, options: dict[str, bool]) -> tuple[Any, Connection, dict[str, Any]]:
    """Start a process that serves a model; return it, its channel and its timings."""
    context = multiprocessing.get_context("spawn")
    channel, other = context.Pipe()
    process = context.Process(target=serve, args=(path, options, other))
    process.start()
    return process, channel, channel.recv()


def memory_of(path: Path, options: dict[str, bool], n_processes: int) -> dict[str, Any]:
    """Return the memory of processes that have a model loaded at the same time."""
    workers = [start(path, options) for _ in range(n_processes)]
    reports = []
    for _, channel, _ in workers:
        channel.send("memory")
        reports.append(channel.recv())
    for process, channel, _ in workers:
        channel.send("stop")
        process.join()
    if reports[0]["now"] is None:
        return {}
    return {
        "pss": sum(report["now"]["pss"] for report in reports),
        "private": sum(report["now"]["private"] for report in reports),
        "before": sum(report["before"]["private"] for report in reports),
    }


def timings(path: Path, rounds: int) -> dict[str, Any]:
    """Return medians of the seconds to load and to answer, the ways in turn."""
    times: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, options in WAYS.items():
            process, channel, times_of_one = start(path, options)
            channel.send("stop")
            process.join()
            times[way].append(times_of_one)
    assert len({str(one["ids"]) for runs in times.values() for one in runs}) == 1
    return {
        way: {
            name: statistics.median(run[name] for run in runs)
            for name in ("load", "first", "second")
        }
        for way, runs in times.items()
    }


def sizes(model: wrmf.WRMF, folder: Path) -> dict[str, int]:
    """Return the sizes of the files that the options of saving write, in bytes."""
    options: dict[str, dict[str, Any]] = {
        "whole": {},
        'train="seen"': {"train": "seen"},
        "train=False": {"train": False},
        'train=False, dtype="float16"': {"train": False, "dtype": "float16"},
    }
    result = {}
    for name, arguments in options.items():
        model.save(folder / "size", **arguments)
        result[name] = (folder / "size").stat().st_size
    return result


def float16(folder: Path, factors: int) -> dict[str, Any]:
    """Return what float16 costs in ranking on gowalla: metrics with each precision."""
    split = gowalla()
    model = wrmf.WRMF(factors=factors, random_state=0).fit(split.train, progress=False)
    metrics = ("recall@20", "ndcg@20")
    result: dict[str, Any] = {"factors": factors}
    for name, dtype in (("float32", None), ("float16", "float16")):
        model.save(folder / name, dtype=dtype)
        again = wrmf.load(folder / name)
        evaluation = wrmf.evaluate(again, split, metrics=metrics, per_user=True)
        result[name] = {metric: evaluation[metric] for metric in metrics}
        result[name]["bytes"] = (folder / name).stat().st_size
        lists = again.recommend(n=20).rows
        result.setdefault("first", lists)
    same = [len(np.intersect1d(a, b)) for a, b in zip(result.pop("first"), lists, strict=True)]
    result["same of 20"] = float(np.mean(same))
    return result


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="users, and as many items")
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--per-user", type=int, default=10, help="interactions of each user")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="file to write instead")
    options = parser.parse_args()
    shape = {"rows": options.rows, "factors": options.factors, "per_user": options.per_user}
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "model.wrmf"
        model = random_model(options.rows, options.factors, options.per_user)
        begin = time.perf_counter()
        model.save(path)
        record: dict[str, Any] = {
            "model": shape,
            "load_average": load_average(),
            "seconds to save": time.perf_counter() - begin,
            "bytes": sizes(model, folder),
        }
        del model
        record["seconds"] = timings(path, options.rounds)
        record["memory"] = {
            way: {str(n): memory_of(path, WAYS[way], n) for n in (1, 2)}
            for way in ("mapped", "read")
        }
        try:
            record["float16"] = [float16(folder, k) for k in (64, 128)]
        except Missing as reason:
            record["float16"] = str(reason)
    record["load_average_after"] = load_average()
    print(json.dumps(record, indent=1))
    write(described("benchmarks.speed.loading", record), "loading", options.out)


if __name__ == "__main__":
    main()
