"""Time of importing, and sizes when installed, beside other libraries.

    python -m benchmarks.speed.importing                  # 15 rounds
    python -m benchmarks.speed.importing --rounds 5 --out importing.json

Each import is a process of its own, the programs take turns, and what counts is the CPU time, which
a busy machine changes less than the time on the clock. The sources are compiled to bytecode before
the first round, as pip does when it installs. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import wrmf
from benchmarks.machine import load_average
from benchmarks.record import described, write

# What is timed, by its name in the record. The last one is what all of the others import.
PROGRAMS = {
    "import wrmf": "import wrmf",
    "from wrmf import WRMF": "from wrmf import WRMF",
    "import implicit": "import implicit",
    "import irspack": "import irspack",
    "import cmfrec": "import cmfrec",
    "numpy and scipy": "import numpy, scipy.sparse, scipy.linalg",
}
REFERENCE = "import implicit"
PEERS = ("implicit", "irspack", "cmfrec")


def cpu_seconds(program: str, path: str) -> float | None:
    """Return the CPU time of a Python process that runs a program, None if it fails."""
    paths = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")]))
    before = os.times()
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tempfile.gettempdir(),
        capture_output=True,
    )
    after = os.times()
    spent = after.children_user + after.children_system
    return None if run.returncode else spent - before.children_user - before.children_system


def measured(rounds: int, path: str) -> dict[str, Any]:
    """Return the median CPU seconds of each program, and their ratios to the reference."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds + 1):
        for name in list(seconds):
            spent = cpu_seconds(PROGRAMS[name], path)
            if spent is None:
                del seconds[name]
            else:
                seconds[name].append(spent)
    # The first round reads the files.
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    reference = medians.get(REFERENCE)
    return {
        name: {"seconds": median, "ratio": reference and median / reference}
        for name, median in medians.items()
    }


def installed_bytes() -> dict[str, int]:
    """Return the sizes of the files of each library, without bytecode and with shared libraries."""
    sizes = {"wrmf": size_of(Path(wrmf.__file__).parent.rglob("*"))}
    for name in PEERS:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        sizes[name] = size_of(Path(str(file.locate())) for file in files)
    return sizes


def size_of(paths: Any) -> int:
    """Return the sum of the sizes of files that are no bytecode and no generated C."""
    return sum(
        path.stat().st_size
        for path in paths
        if path.is_file() and path.suffix != ".pyc" and not path.match("wrmf/_*.c")
    )


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="default: 15")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/importing.json")
    arguments = parser.parse_args()
    package = Path(wrmf.__file__).parent
    compileall.compile_dir(package, quiet=2)
    load = load_average()
    times = measured(arguments.rounds, str(package.parent))
    sizes = installed_bytes()
    for name, time in times.items():
        ratio = "" if time["ratio"] is None else f"{time['ratio']:6.2f} × {REFERENCE}"
        print(f"{name:24}{time['seconds']:8.3f} CPU s{ratio}")
    for name, size in sizes.items():
        print(f"{name:24}{size / 1e6:8.1f} MB installed")
    record = {"rounds": arguments.rounds, "load": load, "imports": times, "bytes": sizes}
    write(described("benchmarks.speed.importing", record), "importing", arguments.out)


if __name__ == "__main__":
    main()
