"""The article's best run, as a table: 40 factors, λ 0.1, α 50, start N(0, 1), epochs 2 … 38.

python -m benchmarks.rosenthal2016.table synthetic
python -m benchmarks.rosenthal2016.table path/to/pairs.parquet
"""

import sys
import time

import wrmf
from wrmf.search.grid import ARTICLE_INIT_SCALE


def main(source: str) -> None:
    if source == "synthetic":
        data = wrmf.datasets.synthetic_likes()
    else:
        data = wrmf.read_interactions(source).k_core(5, 5)
    print(data.summary())
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    model = wrmf.WRMF(
        factors=40, regularization=0.1, alpha=50.0, random_state=0, init_scale=ARTICLE_INIT_SCALE
    )
    start = time.perf_counter()
    curve = wrmf.learning_curve(model, split, exclude_seen=False, log=True)
    total = time.perf_counter() - start
    print(f"{total:.1f} s, of it training {curve.seconds[-1]:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "synthetic")
