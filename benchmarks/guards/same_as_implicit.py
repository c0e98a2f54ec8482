"""Check that training gives the loss, factors and neighbours of implicit's exact solver.

    python -m benchmarks.guards.same_as_implicit                    # synthetic likes
    python -m benchmarks.guards.same_as_implicit pairs.parquet      # columns user and item

The confidence of implicit is the stored value itself, so it is given 1 + α·d, with alpha 1. Its
sweeps begin with the users and ours with the items, so it is given the transposed matrix. Both
start from the same factors, so their sweeps compute the same. The check fails if the results differ
by more than rounding explains.
"""

from __future__ import annotations

import argparse
import os
import sys

# implicit warns that threads of the BLAS would compete with its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import wrmf
from wrmf.model.state import Factors

# The largest differences that rounding explains, by dtype: first of the loss, relative to the loss,
# then of a factor, relative to the largest factor.
LIMITS = {"float32": (1e-6, 1e-3), "float64": (1e-12, 1e-9)}
# Number of nearest neighbours that are compared for each item.
NEIGHBOURS = 5
# At least this many items, or all if there are fewer, are probed for their neighbours.
PROBED_ITEMS = 500


def implicit_factors(
    data: wrmf.Interactions, model: wrmf.WRMF, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Train with implicit's Cholesky solver; return (user factors, item factors).

    Training starts from the user factors ``start``. Our users are the items of implicit, and the
    reverse, because its matrix is transposed.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    confidence = data.matrix.T.tocsr().astype(model.dtype)
    confidence.data = 1 + model.alpha * confidence.data
    peer = AlternatingLeastSquares(
        factors=model.factors,
        regularization=model.regularization,
        alpha=1.0,
        dtype=np.dtype(model.dtype),
        use_native=True,
        use_cg=False,
        iterations=model.iterations,
        num_threads=model.num_threads,
    )
    peer.item_factors = start.copy()
    peer.user_factors = np.zeros((data.n_items, model.factors), dtype=model.dtype)
    peer.fit(confidence, show_progress=False)
    return peer.item_factors, peer.user_factors


def compare(data: wrmf.Interactions, dtype: str, iterations: int = 10) -> dict[str, float]:
    """Return both losses, the largest relative differences, and the share of common neighbours."""
    model = wrmf.WRMF(
        factors=40,
        regularization=0.1,
        alpha=50.0,
        objective="wrmf",
        iterations=iterations,
        dtype=dtype,
        solver="exact",
        random_state=0,
        init_scale=1.0,
    )
    # ``fit`` draws the same initial user factors from this seed.
    generator = np.random.default_rng(0)
    start = generator.standard_normal((data.n_users, model.factors)).astype(dtype)
    model.fit(data, progress=False)
    users, items = implicit_factors(data, model, start)
    state = Factors(users, items, model.users, model.items, model.train_matrix, iterations)
    peer = wrmf.WRMF.from_factors(state, **model.get_params())
    our_loss, their_loss = model.loss(data), peer.loss(data)
    probe = data.items[:: max(1, data.n_items // PROBED_ITEMS)]
    our_lists, their_lists = (
        fitted.similar_items(probe, n=NEIGHBOURS).rows for fitted in (model, peer)
    )
    common = [len(set(a) & set(b)) for a, b in zip(our_lists, their_lists, strict=True)]
    return {
        "loss": our_loss,
        "implicit's": their_loss,
        "loss differs by": abs(our_loss / their_loss - 1),
        "factors differ by": max(
            float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            for ours, theirs in ((model.user_factors, users), (model.item_factors, items))
        ),
        f"of {NEIGHBOURS} neighbours shared": float(np.mean(common)) / NEIGHBOURS,
    }


def main() -> int:
    """Compare in both precisions; return 1 if a difference exceeds its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guards.same_as_implicit", description=__doc__.splitlines()[0]
    )
    parser.add_argument("source", nargs="?", help="a table of pairs; default synthetic likes")
    options = parser.parse_args()
    data = (
        wrmf.read_interactions(options.source)
        if options.source
        else wrmf.datasets.DATASETS["synthetic"].load()
    )
    print(f"{data!r}; 40 factors, λ 0.1, α 50, 10 sweeps")
    same = True
    for dtype, (loss_limit, factor_limit) in LIMITS.items():
        result = compare(data, dtype)
        print(f"{dtype}: " + ", ".join(f"{name} {value:.9g}" for name, value in result.items()))
        same &= result["loss differs by"] < loss_limit
        same &= result["factors differ by"] < factor_limit
    print("the same" if same else "NOT the same")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
