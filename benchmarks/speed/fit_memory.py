"""The memory that ``fit`` needs beside the data, as a multiple of the factors.

    python -m benchmarks.speed.fit_memory                       # 1 GB, half a minute
    python -m benchmarks.speed.fit_memory 300000x300000x64      # users × items × factors

Each size is fitted in a fresh process, for one iteration to few interactions, so that the factors
outweigh the data. The figure is the peak of the process minus what it held before the fit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import ROOT
from benchmarks.machine import peak_memory, resident_memory

SIZES = ("1000000x200000x128", "200000x1000000x128", "300000x300000x128", "500000x20000x64")
N_PAIRS = 500_000


def measure(size: str, dtype: str) -> dict[str, Any]:
    """Return the memory of one fit in this process, which must not have fitted anything large."""
    n_users, n_items, factors = map(int, size.split("x"))
    generator = np.random.default_rng(0)
    pairs = generator.integers(n_users, size=N_PAIRS), generator.integers(n_items, size=N_PAIRS)
    ones = np.ones(N_PAIRS, np.float32)
    data = wrmf.Interactions.from_matrix(sparse.csr_matrix((ones, pairs), shape=(n_users, n_items)))
    wrmf.WRMF(2, iterations=1, random_state=0).fit(np.eye(4), progress=False)
    before = resident_memory()
    model = wrmf.WRMF(factors, iterations=1, dtype=dtype, random_state=0)
    model.fit(data, progress=False)
    peak = peak_memory()
    n_bytes = model.user_factors.nbytes + model.item_factors.nbytes
    needed = None if before is None or peak is None else peak - before
    return {
        "users × items × factors": size,
        "dtype": dtype,
        "factors MiB": round(n_bytes / 2**20),
        "needed MiB": None if needed is None else round(needed / 2**20),
        "needed over factors": None if needed is None else round(needed / n_bytes, 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=SIZES, help="such as 300000x300000x64")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path, help="file of the record")
    parser.add_argument("--here", action="store_true", help="measure one size in this process")
    options = parser.parse_args(arguments)
    if options.here:
        print(json.dumps(measure(options.sizes[0], options.dtype)))
        return
    results = []
    for size in options.sizes:
        command = [sys.executable, "-m", "benchmarks.speed.fit_memory", size, "--here"]
        command += ["--dtype", options.dtype]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(json.loads(run.stdout))
        print(results[-1])
    content = record.described("benchmarks.speed.fit_memory", {"fits": results})
    print(record.write(content, "fit_memory", options.out))


if __name__ == "__main__":
    main()
