"""The options of learning curves and searches, validated before anything is trained."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.choices import shown
from wrmf.data.split import Split, check_split
from wrmf.data.splitting import as_validation
from wrmf.evaluation.metrics import check_metrics
from wrmf.search.log import Log

__all__ = ["CurvePlan", "SearchOptions", "as_seed", "as_seeds"]

# What ranks settings where no metric is named, as in Rosenthal 2016.
METRIC = "precision@5"
# The options that every search has in addition to its checkpoints and its metric, with their
# defaults. wrmf.grid_search and wrmf.random_search document them.
DEFAULTS: dict[str, Any] = {
    "metrics": None,
    "exclude_seen": True,
    "journal": None,
    "n_jobs": "auto",
    "log": None,
    "progress": None,
    "patience": None,
    "seeds": None,
    "validation": None,
    "random_state": None,
}


@dataclass(frozen=True)
class CurvePlan:
    """What a learning curve measures, and when it ends.

    Attributes
    ----------
    epochs : tuple of int, increasing
        The checkpoints: numbers of iterations after which to measure.
    metrics : tuple of str
    metric : str
        The one of ``metrics`` that decides which of two checkpoints or curves is better.
    exclude_seen : bool
        Whether training items are left out of the ranking on test.
    patience : int or None
        End after this many checkpoints in a row without a better ``metric``.
    on_train : bool
        Whether to measure on train, too. Otherwise the values on train are NaN, and a checkpoint
        costs less.
    """

    epochs: tuple[int, ...]
    metrics: tuple[str, ...]
    metric: str
    exclude_seen: bool = True
    patience: int | None = None
    on_train: bool = True

    @classmethod
    def validate(
        cls,
        split: Split,
        epochs: Iterable[int],
        metrics: Sequence[str],
        exclude_seen: bool,
        patience: int | None,
    ) -> CurvePlan:
        """Return a validated plan, which compares curves by the first of ``metrics``."""
        check_split(split)
        checkpoints = as_epochs(epochs)
        names = tuple(check_metrics(metrics, split.train.n_items))
        if patience is not None:
            patience = as_positive_int(patience, "patience")
        return cls(checkpoints, names, names[0], bool(exclude_seen), patience)


@dataclass(frozen=True)
class SearchOptions:
    """The arguments of a search other than the model, the split and the space.

    Attributes
    ----------
    plan : CurvePlan
    seeds, validation, journal, n_jobs, log, progress
        As in :func:`wrmf.grid_search`.
    random_state : int or None
        Seed of the random settings; None takes the model's.
    """

    plan: CurvePlan
    seeds: int | Sequence[int] | None
    validation: float | Split | None
    journal: str | os.PathLike[str] | None
    n_jobs: int | str
    log: Log
    progress: bool | None
    random_state: int | None

    @classmethod
    def validate(
        cls, split: Split, epochs: Iterable[int], metric: str | None, **options: Any
    ) -> SearchOptions:
        """Return the options in the arguments of a search, validated.

        Parameters
        ----------
        split, epochs, metric
            As in :func:`wrmf.grid_search`.
        **options
            The arguments of :func:`wrmf.grid_search` from ``metrics`` on, with the same defaults,
            and ``random_state``.

        Raises
        ------
        TypeError, ValueError
            For an option that no search takes, and for a value that is not valid.
        """
        unknown = [name for name in options if name not in DEFAULTS]
        if unknown:
            raise TypeError(
                f"unknown option {shown(unknown[0])}: a search takes {', '.join(DEFAULTS)}"
            )
        values = {**DEFAULTS, **options}
        metrics = values.pop("metrics")
        if isinstance(metrics, str):
            metrics = (metrics,)
        if metrics is None:
            metrics = (metric or METRIC, "mse")
        elif metric is not None:
            metrics = (metric, *metrics)
        plan = CurvePlan.validate(
            split, epochs, metrics, values.pop("exclude_seen"), values.pop("patience")
        )
        if values["n_jobs"] != "auto":
            values["n_jobs"] = as_positive_int(values["n_jobs"], "n_jobs")
        if values["random_state"] is not None:
            values["random_state"] = as_positive_int(values["random_state"], "random_state", 0)
        as_seeds(values["seeds"], first=0)
        if values["validation"] is not None:
            as_validation(split, values["validation"], random_state=0)
        return cls(plan, **values)

    @property
    def scored_on(self) -> str:
        """The set on which settings are ranked: "test", or "validation" if there is such a set."""
        return "test" if self.validation is None else "validation"


def as_epochs(epochs: Any) -> tuple[int, ...]:
    """Return checkpoints as increasing ints ≥ 1; a single int is one checkpoint."""
    if isinstance(epochs, (int, np.integer)):
        epochs = [epochs]
    if not isinstance(epochs, Iterable):
        raise TypeError(f"epochs must be increasing, such as range(2, 40, 2), got {shown(epochs)}")
    checked = tuple(as_positive_int(epoch, "epochs") for epoch in epochs)
    if not checked or any(a >= b for a, b in itertools.pairwise(checked)):
        raise ValueError(f"epochs must be increasing, such as range(2, 40, 2), got {epochs}")
    return checked


def as_seeds(seeds: int | Sequence[int] | None, first: int) -> list[int]:
    """Return the seeds of a curve.

    Parameters
    ----------
    seeds : int, sequence of int, or None
        A number n means ``first``, ``first + 1`` … ``first + n - 1``, and None ``first`` alone.
    first : int

    Examples
    --------
    >>> as_seeds(3, first=7), as_seeds([1, 5], first=7), as_seeds(None, first=7)
    ([7, 8, 9], [1, 5], [7])
    """
    if seeds is None:
        return [first]
    if isinstance(seeds, (int, np.integer)):
        return [first + offset for offset in range(as_positive_int(seeds, "seeds"))]
    checked = [as_positive_int(seed, "seeds", 0) for seed in seeds]
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds must be a number, or a list of different seeds, got {seeds}")
    return checked


def as_seed(random_state: Any) -> int:
    """Return ``random_state`` if it is an int, otherwise an int that is drawn from it."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return int(random_state)
    return int(as_generator(random_state).integers(2**31))
