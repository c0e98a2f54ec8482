"""Load the example service and the same service on implicit, over loopback, in turn.

    python -m benchmarks.speed.service [--rounds 2]

Both run under gunicorn, preloaded, with two workers, and are asked for lists of known users, lists
of visitors with a history of ten items, and neighbours of items, by clients that each wait for
their answer. Throughput, response times at the median and at the 99th percentile, and the memory of
the workers (PSS, Linux only) are printed and written to ``results/service.json``. implicit serves
our factors on one thread, with dictionaries from ids to positions. The extra ``serve`` and implicit
must be installed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import wrmf
from benchmarks import record
from benchmarks.machine import load_average
from benchmarks.speed.requests import on_gowalla

ROOT = Path(__file__).parents[2]
# The folder and the module of each service.
SERVICES = {
    "wrmf": (ROOT / "examples" / "service", "service:app"),
    "implicit": (ROOT, "benchmarks.speed.implicit_service:app"),
}
CONFIGURATION = ROOT / "examples" / "service" / "gunicorn.conf.py"
WORKERS, CLIENTS = 2, 8
REQUESTS = ("/recommend", "/recommend_new", "/similar_items")


def bodies(model: wrmf.WRMF, path: str, n: int = 2000) -> list[bytes]:
    """Return the bodies of n requests of one kind."""
    generator = np.random.default_rng(0)
    users = generator.integers(len(model.users), size=n)
    items = generator.integers(len(model.items), size=(n, 10))
    if path == "/recommend":
        values = [{"user": user} for user in model.users[users].tolist()]
    elif path == "/recommend_new":
        values = [{"history": history} for history in model.items[items].tolist()]
    else:
        values = [{"item": item} for item in model.items[items[:, 0]].tolist()]
    return [json.dumps(value).encode() for value in values]


async def client(port: int, path: str, todo: list[bytes], until: float, times: list[float]) -> None:
    """Ask one request after the other until a time, and append the seconds of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    for body in itertools.cycle(todo):
        start = time.perf_counter()
        if start >= until:
            break
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        header = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in header.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        answer = await reader.readexactly(length)
        if not header.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path} answers {header!r} {answer!r}")
        times.append(time.perf_counter() - start)
    writer.close()


async def load(port: int, path: str, todo: list[bytes], seconds: float) -> list[float]:
    """Return the seconds of each request that clients ask at the same time, for some seconds."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    parts = [todo[i::CLIENTS] for i in range(CLIENTS)]
    await asyncio.gather(*(client(port, path, part, until, times) for part in parts))
    return times


def summary(slices: list[list[float]], seconds: float) -> dict[str, float]:
    """Return the throughput, the median over slices, and the response times of all slices."""
    per_second = float(np.median([len(times) for times in slices])) / seconds
    median, late = np.percentile(np.concatenate(slices), [50, 99]) * 1e3
    return {
        "requests_per_second": round(per_second, 1),
        "p50_ms": round(float(median), 2),
        "p99_ms": round(float(late), 2),
    }


def pss_of_children(process: int) -> int | None:
    """Return the memory of a process and its children in bytes, shared parts counted once."""
    try:
        tasks = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        rolls = [Path(f"/proc/{task}/smaps_rollup").read_text() for task in (process, *tasks)]
    except OSError:
        return None
    lines = [line for roll in rolls for line in roll.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) * 1024


class Running:
    """A service under gunicorn, as a context."""

    def __init__(self, name: str, path: Path) -> None:
        folder, app = SERVICES[name]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "WRMF_MODEL": str(path),
            "WRMF_BIND": f"127.0.0.1:{self.port}",
            "WRMF_WORKERS": str(WORKERS),
            "OPENBLAS_NUM_THREADS": "1",
        }
        words = [sys.executable, "-m", "gunicorn", "-c", str(CONFIGURATION)]
        self.process = subprocess.Popen(
            [*words, "--log-level", "warning", app], cwd=folder, env=environment
        )

    def __enter__(self) -> Running:
        for _ in range(1200):
            if self.process.poll() is not None:
                raise RuntimeError("the service did not start")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the service did not start within two minutes")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def measure(model: wrmf.WRMF, path: Path, n_slices: int, seconds: float) -> dict[str, Any]:
    """Return the load that both services bear and the memory that they then have.

    Both run all the time, and are asked in turn for some seconds, so that what else the machine
    does falls on both.
    """
    with Running("wrmf", path) as ours, Running("implicit", path) as theirs:
        services = {"wrmf": ours, "implicit": theirs}
        result: dict[str, Any] = {}
        for request in REQUESTS:
            todo = bodies(model, request)
            slices: dict[str, list[list[float]]] = {name: [] for name in services}
            for turn in range(n_slices + 1):
                for name, service in services.items():
                    times = asyncio.run(load(service.port, request, todo, seconds))
                    # The first turn fills caches.
                    if turn:
                        slices[name].append(times)
            result[request] = {name: summary(slices[name], seconds) for name in services}
        memory = {name: pss_of_children(service.process.pid) for name, service in services.items()}
    return {**result, "pss": memory, "load_average": load_average()}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of a slice")
    parser.add_argument("--slices", type=int, default=8, help="for each kind of request")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--out", type=Path, help="file to write instead")
    options = parser.parse_args()
    results: dict[str, Any] = {"clients": CLIENTS, "workers": WORKERS}
    with tempfile.TemporaryDirectory() as folder:
        for factors in options.factors:
            path, model = Path(folder) / f"{factors}.wrmf", on_gowalla(factors)
            model.save(path, train="seen")
            rounds = results[f"gowalla-{factors}"] = []
            for _ in range(options.rounds):
                rounds.append(measure(model, path, options.slices, options.seconds))
                print(json.dumps(rounds[-1], indent=1), flush=True)
    record.write(record.described("benchmarks.speed.service", results), "service", options.out)


if __name__ == "__main__":
    main()
