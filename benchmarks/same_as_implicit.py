"""The same loss and the same neighbours as implicit, given 1 + α·d. Needs ``pip install implicit``.

implicit's confidence is its data's value, so ours, 1 + α·d, is handed to it as data. Both start
from the same factors, run to convergence in float64, and are compared by our loss.
"""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares

import wrmf

FACTORS, REGULARIZATION, ALPHA, SWEEPS = 8, 1.0, 10.0, 150


def main() -> None:
    data = wrmf.datasets.synthetic_likes(1500, 1200, 40_000, 0)
    ours = wrmf.WRMF(FACTORS, REGULARIZATION, ALPHA, iterations=1, dtype="float64", random_state=0)
    ours.fit(data)
    theirs = AlternatingLeastSquares(
        factors=FACTORS, regularization=REGULARIZATION, alpha=1.0, dtype=np.float64, use_cg=False,
        use_native=True, iterations=SWEEPS, num_threads=1,
    )  # fmt: skip
    theirs.user_factors, theirs.item_factors = ours.user_factors.copy(), ours.item_factors.copy()
    confidence = data.matrix.astype(np.float64)
    confidence.data = 1 + ALPHA * confidence.data
    theirs.fit(confidence, show_progress=False)
    ours.partial_fit(data, SWEEPS)

    copy = wrmf.WRMF(**ours.get_params()).fit(data)
    copy.user_factors, copy.item_factors = theirs.user_factors, theirs.item_factors
    losses = ours.loss(data), copy.loss(data)
    lists = [model.similar_items(data.items, n=5).rows for model in (ours, copy)]
    same = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(*lists, strict=True)])
    print(f"loss: ours {losses[0]:.6f}, implicit {losses[1]:.6f}, "
          f"relative difference {abs(losses[0] / losses[1] - 1):.1e}")  # fmt: skip
    print(f"neighbours shared among the nearest 5: {same:.1%}")


if __name__ == "__main__":
    main()
