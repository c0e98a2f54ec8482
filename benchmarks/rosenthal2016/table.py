"""The learning curve of the best setting of Rosenthal 2016, as a table.

The setting has 40 factors, λ = 0.1, α = 50 and initial factors from N(0, 1). It is measured after
2, 4 … 38 epochs.

    python -m benchmarks.rosenthal2016.table synthetic
    python -m benchmarks.rosenthal2016.table path/to/pairs.parquet
"""

from __future__ import annotations

import argparse
import time

import wrmf
from wrmf.search.grid import ROSENTHAL_INIT_SCALE


def main() -> None:
    """Print the table and the seconds that it took."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rosenthal2016.table", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "source", nargs="?", default="synthetic", help="a table of pairs; default synthetic likes"
    )
    source = parser.parse_args().source
    if source == "synthetic":
        data = wrmf.datasets.DATASETS["synthetic"].load()
    else:
        data = wrmf.read_interactions(source).k_core(5, 5)
    print(data.summary())
    split = wrmf.leave_k_out(data, k=5, fraction=0.2, random_state=0)
    model = wrmf.WRMF(
        40, 0.1, 50.0, objective="wrmf", random_state=0, init_scale=ROSENTHAL_INIT_SCALE
    )
    start = time.perf_counter()
    curve = wrmf.learning_curve(model, split, exclude_seen=False, log=True)
    seconds = time.perf_counter() - start
    print(f"{seconds:.1f} s, of which training took {curve.seconds[-1]:.1f} s")


if __name__ == "__main__":
    main()
