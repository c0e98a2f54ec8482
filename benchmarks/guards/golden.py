"""Compare results bit by bit between two versions of the code, on one machine.

    python benchmarks/guards/golden.py write golden.json      # with the version before a change
    python benchmarks/guards/golden.py compare golden.json    # with the version after it

The digests cover factors, losses, recommendations, neighbours, metrics, splits and searches, for
each instruction set that the CPU has. They hold for one machine only: NumPy's and LAPACK's results
differ between processors. Only the public interface is used, so that any two versions compare.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf

# "float32 …" and "float64 …" cases of one matrix: what is varied, beside the solver and the dtype.
MODELS: dict[str, dict[str, Any]] = {
    "default": {},
    "ials": {
        "objective": "ials",
        "regularization_exponent": 1.0,
        "regularization": 0.003,
        "unobserved_weight": 0.1,
        "confidence": "linear",
        "alpha": 1.0,
    },
    "exponent": {"regularization_exponent": 0.5, "regularization": (0.3, 2.0)},
    "log": {"confidence": "log", "epsilon": 0.5, "init_scale": 1.0},
    "least norm": {"regularization": 0.0, "alpha": 2.0},
    "hard": {"regularization": 1e-8, "alpha": 1e6},
}
FACTORS = (1, 7, 40, 64, 129, 300)


def digest(*arrays: Any) -> str:
    """Return a digest of the bytes of arrays, their shapes and dtypes."""
    found = hashlib.sha256()
    for array in map(np.asarray, arrays):
        found.update(f"{array.shape} {array.dtype.str}".encode())
        plain = array.astype(str).tolist() if array.dtype == object else None
        found.update(repr(plain).encode() if plain is not None else array.tobytes())
    return found.hexdigest()[:16]


def long_rows() -> sparse.csr_matrix:
    """Return a matrix with rows far longer than the others, and empty ones."""
    generator = np.random.default_rng(0)
    matrix = sparse.random(40, 30_000, density=0.0004, format="lil", random_state=1)
    matrix[2] = generator.random(30_000) < 0.9
    matrix[4] = generator.random(30_000) < 0.05
    matrix[9] = 0
    matrix = matrix.tocsr()
    matrix.data[:] = generator.integers(1, 3, matrix.nnz)
    return matrix


def results() -> dict[str, str]:
    """Return the digests of results with the instruction set that WRMF_ISA names."""
    data = wrmf.datasets.synthetic_likes(1500, 900, 24_000, random_state=0)
    counts = data.matrix.copy()
    counts.data[:] = np.random.default_rng(1).integers(1, 9, counts.nnz)
    matrices = {"likes": counts, "long": long_rows()}
    found = {}
    for name, changed in MODELS.items():
        for k, solver, dtype in itertools.product(FACTORS, ("exact", "cg"), ("float32", "float64")):
            for which, matrix in matrices.items():
                if which == "long" and (k > 64 or name not in ("default", "exponent")):
                    continue
                model = wrmf.WRMF(
                    factors=k,
                    iterations=3,
                    solver=solver,
                    dtype=dtype,
                    random_state=0,
                    num_threads=2,
                    **{"objective": "wrmf", **changed},
                )
                model.fit(matrix)
                found[f"{which}, {name}, k={k}, {solver}, {dtype}"] = digest(
                    model.user_factors, model.item_factors, model.loss(matrix)
                )
    split = wrmf.leave_k_out(data, k=5, random_state=0)
    strong = wrmf.split_users(data, 0.2, random_state=0)
    names = ("precision@5", "recall@20", "ndcg@20", "map@10", "hit_rate@1", "mrr@7", "mse")
    for k, dtype in itertools.product((8, 40, 100), ("float32", "float64")):
        where = f"k={k}, {dtype}"
        model = wrmf.WRMF(k, iterations=4, objective="wrmf", dtype=dtype, random_state=0).fit(
            split.train
        )
        for on, seen in (("test", True), ("test", False), ("train", True)):
            for metrics in (names, ("mrr", "auc")):
                scores = wrmf.evaluate(model, split, metrics, exclude_seen=seen, on=on)
                found[f"evaluate, {where}, {on}, {seen}, {metrics[-1]}"] = digest(
                    list(scores.values()), list(scores.stderr.values())
                )
        lists = model.recommend(n=10)
        found[f"recommend, {where}"] = digest(lists.ids, lists.scores, lists.counts)
        ids = split.train.items[::7].tolist()
        few = {user: ids[n % 5 :] for n, user in enumerate(split.train.users[:50].tolist())}
        lists = model.recommend(split.train.users[:90], n=13, items=few, exclude=ids[::2])
        found[f"recommend lists, {where}"] = digest(lists.ids, lists.scores, lists.counts)
        lists = model.similar_items(split.train.items[:40], n=9)
        found[f"similar, {where}"] = digest(lists.ids, lists.scores, lists.counts)
        rows = strong.fold_in.matrix[strong.users]
        found[f"fold in, {where}"] = digest(model.fold_in_users(rows))
        found[f"explain, {where}"] = digest(
            model.explain(split.train.users[0], split.train.items[1])["contribution"]
        )
        model = wrmf.WRMF(k, iterations=4, objective="wrmf", dtype=dtype, random_state=0).fit(
            strong.train
        )
        found[f"strong, {where}"] = digest(list(wrmf.evaluate(model, strong, names).values()))
    for name, part in {"leave_k_out": split, "split_users": strong}.items():
        found[name] = digest(part.train.matrix.indices, part.test.matrix.indices, part.users)
    grid: dict[str, Any] = {"factors": [4, 8], "alpha": [1.0, 10.0, 100.0]}
    base = wrmf.WRMF(objective="wrmf", random_state=0)
    for search, more in (
        (wrmf.grid_search, {"validation": 0.2, "seeds": 2}),
        (wrmf.halving_search, {}),
        (wrmf.random_search, {"n_trials": 4}),
        (wrmf.tune, {"n_trials": 4}),
    ):
        result = search(base, split, grid, epochs=[1, 2, 4, 8], progress=False, **more)
        frame = result.to_frame().drop(columns="seconds")
        found[search.__name__] = digest(*frame.to_numpy().T.astype(float))
    return found


def every_isa() -> dict[str, dict[str, str]]:
    """Return the digests for each instruction set, computed in a process of its own."""
    kernels = subprocess.run(
        [sys.executable, "-c", "import wrmf; wrmf.show_versions()"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = re.search(r"kernels: \w+ of (.*)", kernels)
    assert names is not None, kernels
    found = {}
    for isa in names[1].split(", "):
        run = subprocess.run(
            [sys.executable, __file__, "one"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "WRMF_ISA": isa, "WRMF_PATH": isa},
        )
        found[isa] = json.loads(run.stdout)
        print(f"{isa}: {len(found[isa])} digests", file=sys.stderr)
    return found


def main() -> int:
    """Write the digests, or compare them with a file's; 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("write", "compare", "one"))
    parser.add_argument("file", type=Path, nargs="?")
    options = parser.parse_args()
    if options.action == "one":
        print(json.dumps(results()))
        return 0
    found = every_isa()
    if options.action == "write":
        options.file.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    before = json.loads(options.file.read_text())
    differ = [
        f"{isa}: {name}"
        for isa in before.keys() | found.keys()
        for name in before.get(isa, {}).keys() | found.get(isa, {}).keys()
        if before.get(isa, {}).get(name) != found.get(isa, {}).get(name)
    ]
    print("\n".join(sorted(differ)))
    print(f"{sum(map(len, before.values()))} digests, {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
