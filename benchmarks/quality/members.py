"""What several models side by side gain, on validation splits of train; test parts are not used.

    python -m benchmarks.quality.members                      # gowalla, 512 factors
    python -m benchmarks.quality.members --factors 256 --members 1 2

Each number of members is trained with the settings that were best for one model. Differences are
paired by user, with their standard errors.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import wrmf
from benchmarks import record
from benchmarks.data import gowalla
from benchmarks.quality.gowalla import model_of, validation, weighted

METRICS = ("recall@20", "ndcg@20")
TUNED = "gowalla-quality-k{}.json"


def study(factors: int, members: Sequence[int], seed: int, threads: int) -> list[dict[str, Any]]:
    """Return a record of each number of members, with differences to the first."""
    tuned = json.loads((record.RESULTS / TUNED.format(factors)).read_text())["best"]
    inner = validation(gowalla().train, seed)
    train = weighted(inner.train, tuned["params"])
    split = wrmf.Split(train, inner.test, inner.users)
    rows: list[dict[str, Any]] = []
    first: dict[str, np.ndarray] = {}
    for n_models in members:
        model = model_of(tuned["params"], factors, tuned["epoch"], seed)
        model.set_params(n_models=n_models, num_threads=threads)
        began = time.perf_counter()
        model.fit(train, progress=False)
        seconds = time.perf_counter() - began
        scores = wrmf.evaluate(model, split, METRICS, per_user=True, num_threads=threads)
        of_users = {name: scores.per_user[name].to_numpy() for name in METRICS}
        first = first or of_users
        row: dict[str, Any] = {"members": n_models, "seconds": round(seconds, 2)}
        for name in METRICS:
            difference = of_users[name] - first[name]
            error = np.nanstd(difference, ddof=1) / np.sqrt(np.isfinite(difference).sum())
            row[name] = round(scores[name], 5)
            row[f"{name} gained"] = [round(float(np.nanmean(difference)), 5), round(error, 5)]
        rows.append(row)
        print(row, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--factors", type=int, default=512)
    parser.add_argument("--members", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    rows = study(options.factors, options.members, options.seed, options.threads)
    result = {"factors": options.factors, "seed": options.seed, "members": rows}
    record.write(record.described("benchmarks.quality.members", result), "members")


if __name__ == "__main__":
    sys.exit(main())
