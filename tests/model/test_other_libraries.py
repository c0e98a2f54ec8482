"""Libraries with threads of their own, imported before or after this one, and at work beside a fit.

Answers are right, nothing hangs, and BLAS keeps its number of threads.
"""

import importlib.util

import pytest
from running import run_python

# How each library computes something from ``points``, as text with a number.
OTHERS = {
    "sklearn": """
from sklearn.cluster import KMeans

def work():
    return KMeans(8, n_init=1, max_iter=20, random_state=0).fit(points).inertia_
""",
    "faiss": """
import faiss

def work():
    index = faiss.IndexFlatIP(points.shape[1])
    index.add(points)
    return float(index.search(points[:300], 5)[0].sum())
""",
    "torch": """
import torch

def work():
    with torch.no_grad():
        return float(torch.linalg.svdvals(torch.from_numpy(points)).sum())
""",
}
BODY = """
import threading
import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_info

points = np.random.default_rng(0).standard_normal((3000, 32)).astype(np.float32)
likes = sparse.random(1500, 900, 0.03, format="csr", random_state=0, dtype=np.float32)

def fit():
    model = wrmf.WRMF(factors=32, iterations=6, num_threads=2, random_state=0)
    return model.fit(likes, progress=False).user_factors

def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

before = blas_threads()
alone, expected = work(), fit()
stop, answers = threading.Event(), []

def keep_working():
    while not stop.is_set():
        answers.append(work())

thread = threading.Thread(target=keep_working)
thread.start()
fits = [fit() for _ in range(4)]
stop.set()
thread.join()
assert all(np.array_equal(factors, expected) for factors in fits), "other factors"
assert answers and np.allclose(answers, alone, rtol=1e-4), (answers, alone)
assert np.array_equal(fit(), expected), "other factors afterwards"
assert blas_threads() == before, (blas_threads(), before)
print("done")
"""


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("order", ["before", "after"])
def test_other_libraries_compute_beside_a_fit(name, order):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    other = OTHERS[name]
    imports = f"{other}\nimport wrmf\n" if order == "before" else f"import wrmf\n{other}\n"
    assert run_python(imports + BODY) == "done"
