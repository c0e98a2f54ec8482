"""How much a search may still try: a number of settings, or the seconds that are left."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from wrmf.search.halving import all_rungs
from wrmf.search.progress import training_cost

__all__ = ["Budget", "Step"]


# How many measurements there are in an epoch: one after each two, later fewer.
PER_EPOCH = 5 / 16


@dataclass(frozen=True)
class Step:
    """What one setting of a bracket costs: its width, and the epochs of a complete curve.

    Attributes
    ----------
    factors : int
    n_models : int
    """

    factors: int
    n_models: int = 1


@dataclass
class Budget:
    """Settings or seconds, and what has been used of them.

    Attributes
    ----------
    trials : int or None
        The number of settings. With it, time plays no part, and a search can be repeated.
    seconds : float
        The time for everything, the last fit included, if there is no number of settings.
    rates : dict of factors to float
        Seconds for a setting and epoch, as last measured, beside ``measuring``.
    measuring : float
        Seconds for a measurement that do not depend on the factors, such as those of an item term.
    """

    trials: int | None
    seconds: float
    used: int = 0
    began: float = field(default_factory=time.perf_counter)
    rates: dict[int, float] = field(default_factory=dict)
    measuring: float = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the budget was made."""
        return time.perf_counter() - self.began

    def is_over(self, share: float = 1.0) -> bool:
        """Return whether the time of this share of the budget is over; never with ``trials``."""
        return self.trials is None and self.elapsed > share * self.seconds

    def admitted(
        self, steps: Sequence[Step], epochs: Sequence[int], factor: int, share: float
    ) -> int:
        """Return how many of the first settings of a bracket of successive halving may be tried.

        Parameters
        ----------
        steps : sequence of Step, one for each setting
        epochs : the checkpoints
        factor : int, of the halving
        share : float in (0, 1]
            The share of the budget that may be used when the bracket ends.
        """
        if self.trials is not None:
            return min(len(steps), max(0, math.ceil(self.trials * share) - self.used))
        for n in range(len(steps), 0, -1):
            mean = sum(self.rate(step) for step in steps[:n]) / n
            rungs = all_rungs(n, epochs, factor)
            expected = mean * sum(rung.n_settings * rung.epochs for rung in rungs)
            if expected <= share * self.seconds - self.elapsed:
                return n
        return 0

    def rate(self, step: Step) -> float:
        """Return the seconds that an epoch of a setting is expected to take."""
        if not self.rates:
            return 0.0
        nearest = min(self.rates, key=lambda factors: abs(factors - step.factors))
        scale = training_cost(step.factors, 1) / training_cost(nearest, 1)
        return self.rates[nearest] * scale * step.n_models + self.measuring * PER_EPOCH

    def record(self, steps: Sequence[Step], epochs: Sequence[int], seconds: float) -> None:
        """Count settings, of which ``epochs`` were trained in so many seconds."""
        self.used += len(steps)
        trained = sum(step.n_models * n for step, n in zip(steps, epochs, strict=True))
        if trained:
            own = seconds - self.measuring * PER_EPOCH * sum(epochs)
            self.rates[steps[0].factors] = max(own, 0.1 * seconds) / trained
