"""The process of one installed version of wrmf, for ``compare.py``.

It reads commands from standard input, one JSON object per line, and answers each with a list of the
seconds that it took. The interpreters of both versions run it as a script, so it imports no other
module of the benchmarks and uses only the public interface of wrmf.
"""

import json
import os
import sys
import time

import numpy as np
from scipy import sparse

import wrmf

METRICS = ("recall@20", "ndcg@20")


class Worker:
    """The data, and the model whose evaluation and recommendations are timed."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.split: wrmf.Split
        self.model: wrmf.WRMF

    def load(self, file: str) -> list[float]:
        """Load the train and test matrices that ``benchmarks.data`` wrote."""
        with np.load(file) as arrays:
            parts = [
                sparse.csr_matrix(
                    tuple(arrays[f"{part}_{field}"] for field in ("data", "indices", "indptr")),
                    shape=tuple(arrays["shape"]),
                )
                for part in ("train", "test")
            ]
        self.split = wrmf.Split(*parts)
        return []

    def fit(self, factors: int, solver: str, sweeps: int) -> list[float]:
        """Fit a model; return the seconds of each sweep after the first."""
        times: list[float] = []
        self.model = wrmf.WRMF(
            factors=factors,
            regularization=1.0,
            alpha=10.0,
            objective="wrmf",
            iterations=sweeps,
            solver=solver,
            num_threads=self.threads,
            random_state=0,
        )
        # The first sweep includes the preparation.
        self.model.fit(
            self.split.train, callback=lambda *_: times.append(time.perf_counter()), progress=False
        )
        return np.diff(times).tolist()

    def evaluate(self) -> list[float]:
        """Return the seconds of evaluating the model."""
        start = time.perf_counter()
        wrmf.evaluate(self.model, self.split, METRICS, num_threads=self.threads)
        return [time.perf_counter() - start]

    def recommend(self) -> list[float]:
        """Return the seconds of recommending ten items to everyone."""
        start = time.perf_counter()
        self.model.recommend(n=10)
        return [time.perf_counter() - start]


def main() -> None:
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(int(sys.argv[1]))
    for line in sys.stdin:
        command = json.loads(line)
        seconds = getattr(worker, command.pop("action"))(**command)
        reply.write(json.dumps(seconds) + "\n")
        reply.flush()


if __name__ == "__main__":
    main()
