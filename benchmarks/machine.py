"""The machine that runs the benchmarks: its description, its GEMM rate, and memory in use."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits


def describe_machine() -> dict[str, Any]:
    """Return the processor, the number of cores, the instruction sets and the system."""
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "instruction_sets": [*simd.get("baseline", []), *simd.get("found", [])],
        "system": platform.platform(),
    }


def load_average() -> float | None:
    """Return the average load of the last minute, None if the system does not report it."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def resident_memory() -> int | None:
    """Return the memory in use by this process in bytes, None if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes, None if the system does not report it."""
    try:
        # On Linux, getrusage would include the memory of the parent process before the exec.
        status = Path("/proc/self/status").read_text().split()
        return int(status[status.index("VmHWM:") + 1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gemm_rate(threads: int, seconds: float = 1.0, n: int = 1024) -> float:
    """Return the GFLOP/s of a float32 product of two n × n matrices.

    Parameters
    ----------
    threads : int
        Threads of the BLAS.
    seconds : float, default 1
        Least time to measure; at least five products are timed. The rate is that of the median
        product.
    n : int, default 1024
    """
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((n, n), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    times: list[float] = []
    with threadpool_limits(threads, user_api="blas"):
        for _ in range(3):
            np.matmul(a, b, out=out)
        while sum(times) < seconds or len(times) < 5:
            start = time.perf_counter()
            np.matmul(a, b, out=out)
            times.append(time.perf_counter() - start)
    return 2.0 * n**3 / float(np.median(times)) / 1e9
