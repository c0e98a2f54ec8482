"""Shows that training gives the loss, factors and neighbours that implicit's exact solver gives.

    python -m benchmarks.guards.same_as_implicit                    # likes made up here
    python -m benchmarks.guards.same_as_implicit pairs.parquet      # columns user and item

implicit takes the stored value itself as confidence, so it is given 1 + α·d and alpha 1. It solves
its users first and we our items, so it is given the transposed matrix. Both start from the same
factors; every sweep is then the same arithmetic. Fails where they differ by more than rounding.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

# implicit warns, rightly, that BLAS threads would compete with its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import wrmf

# Relative difference of the loss, and of factors to the largest, that rounding explains.
LIMITS = {"float32": (1e-6, 1e-3), "float64": (1e-12, 1e-9)}


def implicit_factors(data: Any, model: wrmf.WRMF, start: np.ndarray) -> tuple[Any, Any]:
    """Return (user factors, item factors) of implicit's Cholesky solver from the same start."""
    from implicit.cpu.als import AlternatingLeastSquares

    confidence = data.matrix.T.tocsr().astype(model.dtype)
    confidence.data = 1 + model.alpha * confidence.data
    theirs = AlternatingLeastSquares(
        factors=model.factors,
        regularization=model.regularization,
        alpha=1.0,
        dtype=np.dtype(model.dtype),
        use_native=True,
        use_cg=False,
        iterations=model.iterations,
        num_threads=model.num_threads,
    )
    theirs.item_factors = start.copy()
    theirs.user_factors = np.zeros((data.n_items, model.factors), dtype=model.dtype)
    theirs.fit(confidence, show_progress=False)
    return theirs.item_factors, theirs.user_factors


def compare(data: Any, dtype: str, iterations: int = 10, n: int = 5) -> dict[str, float]:
    """Return losses, the largest relative differences, and the share of neighbours in common."""
    model = wrmf.WRMF(
        factors=40,
        regularization=0.1,
        alpha=50.0,
        iterations=iterations,
        dtype=dtype,
        solver="exact",
        random_state=0,
        init_scale=1.0,
    )
    generator = np.random.default_rng(0)
    start = generator.standard_normal((data.n_users, model.factors)).astype(dtype)
    model.fit(data, progress=False)
    users, items = implicit_factors(data, model, start)
    ours = model.loss(data)
    probe = data.items[:: max(1, data.n_items // 500)]
    near = model.similar_items(probe, n=n).rows
    difference = max(
        float(np.abs(a - b).max() / np.abs(b).max())
        for a, b in ((model.user_factors, users), (model.item_factors, items))
    )
    model.user_factors, model.item_factors = users, items
    theirs = model.loss(data)
    also = model.similar_items(probe, n=n).rows
    shared = float(np.mean([len(set(a) & set(b)) / n for a, b in zip(near, also, strict=True)]))
    return {
        "loss": ours,
        "implicit's": theirs,
        "loss differs by": abs(ours / theirs - 1),
        "factors differ by": difference,
        f"of {n} neighbours shared": shared,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="table of user and item; else made-up likes")
    options = parser.parse_args()
    data = (
        wrmf.read_interactions(options.source)
        if options.source
        else wrmf.datasets.synthetic_likes()
    )
    print(f"{data!r}; 40 factors, λ 0.1, α 50, 10 sweeps")
    same = True
    for dtype, (of_loss, of_factors) in LIMITS.items():
        found = compare(data, dtype)
        print(f"{dtype}: " + ", ".join(f"{name} {value:.9g}" for name, value in found.items()))
        same &= found["loss differs by"] < of_loss and found["factors differ by"] < of_factors
    print("the same" if same else "NOT the same")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
