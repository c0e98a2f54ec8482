"""One way of tuning for everybody: random draws, then steps around the best, within a budget.

A search ends after so many trials or so many seconds, whichever comes first, so that two libraries
with the same budget had the same chance. Early epochs cost nothing more: a trial is a curve.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wrmf import Range

Space = Mapping[str, Any]
# Checkpoints that a trial is believed to go on gaining as it did last.
PACE = 4


@dataclass
class Trial:
    """One setting, its scores at each checkpoint, and what it cost, evaluation included."""

    params: dict[str, Any]
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    score: float = -np.inf
    epoch: int = 0
    seconds: float = 0.0
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "params": self.params,
            "epoch": self.epoch,
            "score": _rounded(self.score),
            "seconds": round(self.seconds, 2),
            "curve": [
                [epoch, {name: _rounded(value) for name, value in scores.items()}]
                for epoch, scores in self.curve
            ],
            **({"failed": self.failed} if self.failed else {}),
        }

    @classmethod
    def of_json(cls, record: Mapping[str, Any]) -> Trial:
        score = -np.inf if record["score"] is None else record["score"]
        curve = [(epoch, dict(scores)) for epoch, scores in record["curve"]]
        return cls(
            dict(record["params"]),
            curve,
            score,
            record["epoch"],
            record["seconds"],
            record.get("failed", ""),
        )


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def draw(space: Space, generator: np.random.Generator) -> dict[str, Any]:
    """Return a random setting: ranges are drawn from, of lists one value is taken."""
    return {
        name: each.draw(generator)
        if isinstance(each, Range)
        else each[int(generator.integers(len(each)))]
        for name, each in space.items()
    }


def near(
    params: Mapping[str, Any], space: Space, generator: np.random.Generator, width: float
) -> dict[str, Any]:
    """Return a setting beside ``params``: ``width`` is a share of each range."""
    found = {}
    for name, each in space.items():
        value = params.get(name)
        if isinstance(each, Range):
            if value is None:
                found[name] = each.draw(generator)
                continue
            share = each.share(value) + width * generator.standard_normal()
            share = min(max(share, 0.0), 1.0)
            low, high = each.low, each.high
            moved = low * (high / low) ** share if each.log else low + (high - low) * share
            found[name] = round(moved) if each.whole else float(moved)
        elif value not in each or generator.random() < 2 * width:
            found[name] = each[int(generator.integers(len(each)))]
        else:
            found[name] = value
    return found


def _proposals(
    space: Space,
    starts: Sequence[Mapping[str, Any]],
    generator: np.random.Generator,
    trials: Callable[[], list[Trial]],
    share: Callable[[], float],
    explore: float,
) -> Iterator[dict[str, Any]]:
    for start in starts:
        yield dict(start)
    while True:
        done = share()
        if done < explore or not any(np.isfinite(trial.score) for trial in trials()):
            yield draw(space, generator)
            continue
        best = sorted(trials(), key=lambda trial: -trial.score)[:3]
        base = best[int(generator.integers(len(best)))]
        yield near(base.params, space, generator, 0.15 * (1 - done) + 0.03)


def search(
    run: Callable[[dict[str, Any]], Iterator[tuple[int, dict[str, float]]]],
    space: Space,
    metric: str,
    trials: int,
    seconds: float = np.inf,
    seed: int = 0,
    starts: Sequence[Mapping[str, Any]] = (),
    before: Sequence[Trial] = (),
    explore: float = 0.4,
    patience: int = 2,
    log: Callable[[str], Any] | None = None,
) -> list[Trial]:
    """Return the trials, those of ``before`` included, the best first.

    Parameters
    ----------
    run : callable(params) -> iterator of (epoch, scores)
        Trains and yields scores on validation at each checkpoint.
    space : mapping of parameter to wrmf.Range or list of values
    metric : str, of the scores; more is better
    trials, seconds : the budget; no trial or checkpoint is begun after either is spent
    starts : settings that are tried first
    before : trials of an earlier search, whose best are gone on from; not part of the budget
    explore : float, the share of the budget that is spent on random draws
    patience : int, checkpoints without a better score after which a trial stops; it also stops
        where ``PACE`` more checkpoints, each with the gain of its last, would not reach the best
    """
    generator = np.random.default_rng(seed)
    found: list[Trial] = []
    before = list(before)
    began = time.perf_counter()

    def spent() -> float:
        return max(len(found) / trials, (time.perf_counter() - began) / seconds)

    if not trials:
        return sorted(before, key=lambda trial: -trial.score)
    for params in _proposals(space, starts, generator, lambda: [*before, *found], spent, explore):
        if spent() >= 1:
            break
        trial, start, stale = Trial(params), time.perf_counter(), 0
        try:
            for epoch, scores in run(params):
                trial.curve.append((epoch, scores))
                stale += 1
                if scores[metric] > trial.score:
                    trial.score, trial.epoch, stale = scores[metric], epoch, 0
                if (
                    stale >= patience
                    or _hopeless(trial, [*before, *found], metric)
                    or time.perf_counter() - began > seconds
                ):
                    break
        except (ValueError, ArithmeticError, MemoryError, np.linalg.LinAlgError) as error:
            trial.failed = f"{type(error).__name__}: {error}"
        trial.seconds = time.perf_counter() - start
        found.append(trial)
        if log is not None:
            told = ", ".join(f"{name} {_short(value)}" for name, value in params.items())
            log(
                f"{len(found):3d} {trial.score:.5f} at {trial.epoch:2d}, "
                f"{trial.seconds:5.1f} s: {told} {trial.failed}"
            )
    return sorted([*before, *found], key=lambda trial: -trial.score)


def _hopeless(trial: Trial, others: Sequence[Trial], metric: str) -> bool:
    """Whether a trial still rises, but too slowly; one that falls is for patience to judge."""
    scores = [each[metric] for _, each in trial.curve]
    best = max((other.score for other in others), default=-np.inf)
    return (
        len(scores) > 2
        and scores[-1] == trial.score
        and scores[-1] + PACE * (scores[-1] - scores[-2]) < best
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
