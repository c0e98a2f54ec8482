"""One measurement: the time of each sweep of a peer's training, and the loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import data
from benchmarks.machine import peak_memory, resident_memory
from benchmarks.missing import Missing
from benchmarks.peers import PEERS, FactorPair, Setting
from wrmf.numerics.objective import Objective

# Adapters whose library trains in another process, so that its memory cannot be measured here.
OTHER_PROCESS = ("spark", "qmf")


def own_regularization(
    adapter: ModuleType, matrix: sparse.csr_matrix, setting: Setting
) -> tuple[float, float] | None:
    """Return the (λ of users, λ of items) with which a library minimises our loss, None if none."""
    if hasattr(adapter, "regularization"):
        regularization: tuple[float, float] | None = adapter.regularization(matrix, setting)
        return regularization
    return setting.regularization, setting.regularization


def common_loss(
    matrix: sparse.csr_matrix,
    setting: Setting,
    regularization: tuple[float, float],
    factors: FactorPair,
) -> float:
    """Return the float64 loss of (user factors, item factors); the same function for every peer."""
    objective = Objective(setting.alpha, 1.0, "wrmf", "linear", 1.0, 0.0)
    users, items = (np.ascontiguousarray(side, dtype=np.float64) for side in factors)
    return objective.loss(matrix, users, items, regularization)


class Recorder:
    """Measures the time of each sweep of one training run.

    The clock stops while factors are inspected. The first sweep includes the preparation.

    Parameters
    ----------
    setting : Setting
    every : bool
        Whether factors are inspected after every sweep, or only after the last.
    inspect : callable(user_factors, item_factors)
        Usually computes the loss.

    Attributes
    ----------
    points : list of [sweeps, seconds since the start, result of ``inspect`` or None]
    by_difference : bool
        Whether ``points`` are separate fits with different numbers of sweeps.
    peak : int or None
        Peak memory of the process in bytes before the factors were first inspected.
    """

    def __init__(
        self, setting: Setting, every: bool, inspect: Callable[[np.ndarray, np.ndarray], Any]
    ) -> None:
        self.setting, self.every, self.inspect = setting, every, inspect
        self.points: list[list[Any]] = []
        self.by_difference = False
        self.peak: int | None = None
        self.elapsed = 0.0
        self.resumed = 0.0

    def start(self) -> None:
        """Start or resume the clock."""
        self.resumed = time.perf_counter()

    def sweep(self, factors: Callable[[], FactorPair]) -> None:
        """Record the end of a sweep."""
        self.elapsed += time.perf_counter() - self.resumed
        self._add(len(self.points) + 1, self.elapsed, factors)
        self.start()

    def fits(self, fit: Callable[[int], FactorPair]) -> None:
        """Record fits of 1, 2, 4 … sweeps, or only of 1 and all if only the last is inspected."""
        self.by_difference = True
        last = self.setting.sweeps
        between = [2**n for n in range(1, 20) if 2**n < last] if self.every else []
        for sweeps in sorted({1, *between, last}):
            self.start()
            factors = fit(sweeps)
            seconds = time.perf_counter() - self.resumed
            self._add(sweeps, seconds, lambda factors=factors: factors)

    def _add(self, sweeps: int, seconds: float, factors: Callable[[], FactorPair]) -> None:
        is_last = sweeps == self.setting.sweeps
        # An inspection allocates memory that must not count, so the peak is read before the first.
        if is_last and not (self.every and self.points):
            self.peak = peak_memory()
        result = self.inspect(*factors()) if self.every or is_last else None
        self.points.append([sweeps, seconds, result])

    @property
    def seconds_per_sweep(self) -> float | None:
        """Return the median time of the sweeps after the first.

        For separate fits, return the difference in time of the longest and the shortest, divided by
        the difference in sweeps; None if noise makes it zero or negative.
        """
        if len(self.points) == 1:
            return float(self.points[0][1])
        if self.by_difference:
            (first, shortest, _), (last, longest, _) = self.points[0], self.points[-1]
            return (longest - shortest) / (last - first) if longest > shortest else None
        return float(np.median(np.diff([seconds for _, seconds, _ in self.points])))


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure a job; return its record, or ``{"skipped": reason}`` if the peer cannot run.

    Parameters
    ----------
    job : dict
        ``peer``; ``file``, as ``prepare`` writes it; ``setting``; ``every``, whether
        the loss is computed after every sweep; ``questions``, whether evaluation and
        recommendation are timed.
    """
    peer = PEERS[job["peer"]]
    setting = Setting(**job["setting"])
    adapter = peer.module()
    try:
        version = adapter.load()
        matrix, test = data.load(job["file"])
        regularization = own_regularization(adapter, matrix, setting)

        def loss(users: np.ndarray, items: np.ndarray) -> float | None:
            if regularization is None:
                return None
            return common_loss(matrix, setting, regularization, (users, items))

        recorder = Recorder(setting, job["every"], loss)
        baseline = resident_memory()
        model = adapter.train(matrix, setting, recorder)
    except Missing as reason:
        return {"skipped": str(reason)}
    memory = None
    if recorder.peak is not None and baseline is not None and peer.adapter not in OTHER_PROCESS:
        memory = recorder.peak - baseline
    record = {
        "version": version,
        "start": adapter.start(setting),
        "environment": getattr(adapter, "ENVIRONMENT", {}),
        "seconds_per_sweep": recorder.seconds_per_sweep,
        "by_difference": recorder.by_difference,
        "points": recorder.points,
        "memory": memory,
    }
    if job["questions"]:
        record |= time_questions(adapter, model, (matrix, test), setting)
    return record


def time_questions(
    adapter: ModuleType,
    model: Any,
    parts: tuple[sparse.csr_matrix, sparse.csr_matrix | None],
    setting: Setting,
) -> dict[str, Any]:
    """Return the seconds of evaluating on ``parts`` (train, test) and of recommending.

    Functions that the adapter does not have are left out, and so is evaluation if there is no test
    part.
    """
    record: dict[str, Any] = {}
    train, test = parts
    if hasattr(adapter, "evaluate") and test is not None:
        start = time.perf_counter()
        metrics = adapter.evaluate(model, train, test, setting)
        record["evaluate_seconds"] = time.perf_counter() - start
        record["metrics"] = {name: float(value) for name, value in metrics.items()}
    if hasattr(adapter, "recommend"):
        start = time.perf_counter()
        adapter.recommend(model, train, setting)
        record["recommend_seconds"] = time.perf_counter() - start
    return record
