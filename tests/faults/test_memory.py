"""Memory does not grow over many fits, answers, saves and loads."""

import subprocess
import sys

import pytest

# One array of a model that is not freed takes 0.4 MB each time, 10 MB over 25 times.
CODE = """
import gc, sys, tempfile
import numpy as np, wrmf
counts = (np.add.outer(np.arange(1600), np.arange(1500)) % 97 == 0).astype(np.float32)
path = tempfile.mkdtemp() + "/m"

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

def use():
    model = wrmf.WRMF(factors=64, iterations=1, num_threads=2, random_state=0)
    model.fit(counts, progress=False)
    model.recommend(range(50)), model.similar_items(range(50)), model.loss(counts)
    model.fold_in_users(counts[:5]), model.update(counts, progress=False)
    model.save(path), wrmf.load(path).predict(0, 0), wrmf.load(path, mmap=True).predict(0, 0)

n = int(sys.argv[1])
for _ in range(8):
    use()
before = resident()
for _ in range(n):
    use()
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.timeout(10**5)
def test_memory_does_not_grow_over_many_fits(n_fits):
    command = [sys.executable, "-c", CODE, str(n_fits)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 8, f"{float(run.stdout):.1f} MB over {n_fits} fits"
