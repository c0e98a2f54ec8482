"""One tuner for all contenders: random settings, then settings near the best, within a budget.

A search ends after a number of trials or of seconds, whichever comes first, so two libraries with
equal budgets have equal chances. A trial is a learning curve, so early epochs are scored without
training a model for each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wrmf import Range

Space = Mapping[str, Any]
# A function that trains with a setting and yields (epoch, scores on validation) at each checkpoint.
Curve = Callable[[dict[str, Any]], Iterator[tuple[int, dict[str, float]]]]
# A trial stops if it would not reach the best score with this many more checkpoints, each of which
# gains as much as the last one did.
PACE = 4
# New settings are drawn near one of this many best settings.
BASES = 3


@dataclass(frozen=True)
class Budget:
    """The limits of a search: no trial or checkpoint is begun after either limit is reached."""

    trials: int
    seconds: float = np.inf


@dataclass(frozen=True)
class Plan:
    """How a search chooses its settings.

    Attributes
    ----------
    space : mapping of parameter to ``wrmf.Range`` or list of values
    metric : str
        Name of the score by which settings are compared; higher is better.
    starts : sequence of settings
        Settings that are tried first.
    seed : int, default 0
    explore : float, default 0.4
        Share of the budget that is spent on random settings.
    patience : int, default 2
        Checkpoints without a better score after which a trial stops.
    """

    space: Space
    metric: str
    starts: Sequence[Mapping[str, Any]] = ()
    seed: int = 0
    explore: float = 0.4
    patience: int = 2


@dataclass
class Trial:
    """One setting, its scores at each checkpoint, and its seconds of training and evaluation."""

    params: dict[str, Any]
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    score: float = -np.inf
    epoch: int = 0
    seconds: float = 0.0
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the trial as plain values; a score that is not finite is None."""
        return {
            "params": self.params,
            "epoch": self.epoch,
            "score": rounded(self.score),
            "seconds": round(self.seconds, 2),
            "curve": [
                [epoch, {name: rounded(value) for name, value in scores.items()}]
                for epoch, scores in self.curve
            ],
            **({"failed": self.failed} if self.failed else {}),
        }

    @classmethod
    def of_json(cls, record: Mapping[str, Any]) -> Trial:
        """Return the trial that ``to_json`` wrote."""
        return cls(
            dict(record["params"]),
            [(epoch, dict(scores)) for epoch, scores in record["curve"]],
            -np.inf if record["score"] is None else record["score"],
            record["epoch"],
            record["seconds"],
            record.get("failed", ""),
        )


def rounded(value: float) -> float | None:
    """Return a number with six decimals, None where it is not finite."""
    return round(float(value), 6) if np.isfinite(value) else None


def draw_value(values: Any, generator: np.random.Generator) -> Any:
    """Return a random number of a range, or a random element of a list."""
    if isinstance(values, Range):
        return values.draw(generator)
    return values[int(generator.integers(len(values)))]


def draw(space: Space, generator: np.random.Generator) -> dict[str, Any]:
    """Return a random setting."""
    return {name: draw_value(values, generator) for name, values in space.items()}


def near(
    params: Mapping[str, Any], space: Space, generator: np.random.Generator, width: float
) -> dict[str, Any]:
    """Return a setting near ``params``.

    ``width`` is the standard deviation of a step, relative to the width of the range. A value from
    a list is replaced by a random one with a probability of 2 · ``width``.
    """
    setting: dict[str, Any] = {}
    for name, values in space.items():
        value = params.get(name)
        if isinstance(values, Range):
            setting[name] = (
                values.draw(generator) if value is None else step(value, values, generator, width)
            )
        elif value not in values or generator.random() < 2 * width:
            setting[name] = draw_value(values, generator)
        else:
            setting[name] = value
    return setting


def step(value: float, values: Range, generator: np.random.Generator, width: float) -> float:
    """Return a number of a range at a random distance from ``value``."""
    share = values.share(value) + width * generator.standard_normal()
    share = min(max(share, 0.0), 1.0)
    low, high = values.low, values.high
    moved = low * (high / low) ** share if values.log else low + (high - low) * share
    return round(moved) if values.whole else float(moved)


def propose(
    plan: Plan, best: Sequence[Trial], spent: float, generator: np.random.Generator
) -> dict[str, Any]:
    """Return the next setting: random at first, later near one of the best.

    Parameters
    ----------
    plan : Plan
    best : sequence of Trial, the best first
    spent : float
        Share of the budget that is used up; steps become shorter as it grows.
    generator : Generator
    """
    if spent < plan.explore or not any(np.isfinite(trial.score) for trial in best):
        return draw(plan.space, generator)
    bases = best[:BASES]
    base = bases[int(generator.integers(len(bases)))]
    return near(base.params, plan.space, generator, 0.15 * (1 - spent) + 0.03)


def search(
    run: Curve,
    plan: Plan,
    budget: Budget,
    earlier: Sequence[Trial] = (),
    log: Callable[[str], Any] | None = None,
) -> list[Trial]:
    """Search within the budget; return all trials, including ``earlier``, the best first.

    Parameters
    ----------
    run : callable(params) -> iterator of (epoch, scores)
        Trains and yields the scores on validation at each checkpoint.
    plan : Plan
    budget : Budget
    earlier : sequence of Trial
        Trials of an earlier search to continue from; they are not part of the budget.
    log : callable(str), optional
        Called with a line after each trial.
    """
    generator = np.random.default_rng(plan.seed)
    begin = time.perf_counter()
    trials: list[Trial] = []
    starts = iter(plan.starts)

    def best_first() -> list[Trial]:
        return sorted([*earlier, *trials], key=lambda trial: -trial.score)

    def spent() -> float:
        seconds = time.perf_counter() - begin
        return max(len(trials) / budget.trials if budget.trials else 1.0, seconds / budget.seconds)

    while (share := spent()) < 1:
        start = next(starts, None)
        params = propose(plan, best_first(), share, generator) if start is None else dict(start)
        target = max((trial.score for trial in [*earlier, *trials]), default=-np.inf)
        deadline = begin + budget.seconds
        trial = run_trial(run, params, plan, target, deadline)
        trials.append(trial)
        if log is not None:
            log(f"{len(trials):3d} {described(trial)}")
    return best_first()


def run_trial(
    run: Curve, params: dict[str, Any], plan: Plan, target: float, deadline: float
) -> Trial:
    """Train a setting until it no longer improves or cannot become the best; return its trial.

    Parameters
    ----------
    run : callable
        As in ``search``.
    params : dict
    plan : Plan
    target : float
        The best score so far.
    deadline : float
        ``time.perf_counter()`` after which no checkpoint is begun.
    """
    trial, start, stale = Trial(params), time.perf_counter(), 0
    try:
        for epoch, scores in run(params):
            trial.curve.append((epoch, scores))
            stale += 1
            if scores[plan.metric] > trial.score:
                trial.score, trial.epoch, stale = scores[plan.metric], epoch, 0
            if (
                stale >= plan.patience
                or is_too_slow(trial, plan.metric, target)
                or time.perf_counter() > deadline
            ):
                break
    except (ValueError, ArithmeticError, MemoryError, np.linalg.LinAlgError) as error:
        trial.failed = f"{type(error).__name__}: {error}"
    trial.seconds = time.perf_counter() - start
    return trial


def is_too_slow(trial: Trial, metric: str, target: float) -> bool:
    """Return whether a trial still improves, but not enough to reach ``target``.

    A trial whose score decreases is ended by ``Plan.patience`` instead.
    """
    scores = [checkpoint[metric] for _, checkpoint in trial.curve]
    return (
        len(scores) > 2
        and scores[-1] == trial.score
        and scores[-1] + PACE * (scores[-1] - scores[-2]) < target
    )


def described(trial: Trial) -> str:
    """Return a trial as a line of a log."""
    params = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.params.items()
    )
    return f"{trial.score:.5f} at {trial.epoch:2d}, {trial.seconds:5.1f} s: {params} {trial.failed}"
