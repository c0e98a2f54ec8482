"""The scratch of kernels: its memory is used again, however malloc is configured."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from solving import make_objective

from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

# As Dask configures its workers, malloc returns memory to the system at once.
PROGRAM = """
import resource
from test_rooms import case
from wrmf.numerics.isa import isa_number
from wrmf.numerics.sweep import Shared, half_sweep

side, fixed, out = case()
shared = Shared.of(side, fixed, 1)
whitened = shared.frame.whiten(fixed, isa_number(), 1)
shared = Shared(shared.base, shared.frame, whitened)
def faults():
    half_sweep(side, fixed, out, num_threads=1, shared=shared)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
first = [faults() for _ in range(3)][-1]
last = [faults() for _ in range(10)][-1]
print((last - first) / 10)
"""


def case(seed=0):
    """Return a side of 40 short rows and some long ones, the other side's factors, and an array."""
    generator = np.random.default_rng(seed)
    dense = generator.random((45, 3000)) < np.where(np.arange(45) < 40, 0.005, 0.7)[:, None]
    matrix = sparse.csr_matrix(dense, dtype=np.float32)
    fixed = generator.standard_normal((3000, 128)).astype(np.float32)
    side = Side.of(matrix, make_objective(alpha=2.0), 0.5, "float32")
    return side, fixed, np.zeros((45, 128), np.float32)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults of Linux")
@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="sanitizers have a malloc of their own"
)
def test_a_half_sweep_needs_no_new_memory_from_the_system():
    environment = {
        **os.environ,
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    # It is none; the scratch of a thread and the sums of long rows would take hundreds of pages.
    assert float(done.stdout) < 60


def test_half_sweeps_at_the_same_time_have_scratch_of_their_own():
    cases = [case(seed) for seed in range(4)]
    expected = []
    for side, fixed, out in cases:
        half_sweep(side, fixed, out, num_threads=1)
        expected.append(out.copy())

    def repeat(number):
        side, fixed, _ = cases[number]
        for _ in range(10):
            out = np.zeros((45, 128), np.float32)
            half_sweep(side, fixed, out, num_threads=1)
            if not np.array_equal(out, expected[number]):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(repeat, range(4)))
