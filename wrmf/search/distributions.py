"""A search space as the distributions of Optuna, which keeps what it proposes in its study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.search.space import Range, Setting, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import Trial

__all__ = ["check_same_space", "suggest"]

# What Optuna stores of a list of values; others are stored as their text.
STORED_TYPES = (str, bool, int, float, type(None))


def suggest(trial: Trial, space: Space) -> Setting:
    """Return the setting that a study proposes for a trial."""
    return {name: _suggest(trial, name, values) for name, values in space.items()}


def check_same_space(study: Study, space: Space) -> None:
    """Raise a ValueError if trials of a study had values of another space."""
    from optuna.distributions import check_distribution_compatibility

    for trial in study.get_trials(deepcopy=False):
        # A trial that waits to be run has no values yet.
        differ = sorted(space.keys() ^ trial.distributions.keys()) if trial.distributions else []
        if differ:
            raise ValueError(
                f"trial {trial.number} of the study varied {', '.join(trial.distributions)}, and "
                f"this search varies {', '.join(space)}: pass a new study, or the same space"
            )
        for name, earlier in trial.distributions.items():
            present = _distribution(space[name])
            try:
                check_distribution_compatibility(earlier, present)
            except ValueError:
                raise ValueError(
                    f"trial {trial.number} of the study took {name} from {earlier}, and this "
                    f"search takes it from {present}: pass a new study, or the same space"
                ) from None


def _suggest(trial: Trial, name: str, values: list[Any] | Range) -> Any:
    if isinstance(values, Range):
        if values.whole:
            low, high = int(values.low), int(values.high)
            return values.value(trial.suggest_int(name, low, high, log=values.log))
        return values.value(trial.suggest_float(name, values.low, values.high, log=values.log))
    stored = _stored(values)
    return stored[trial.suggest_categorical(name, list(stored))]


def _distribution(values: list[Any] | Range) -> BaseDistribution:
    """Return the distribution that ``_suggest`` asks a trial for."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(values, Range):
        return CategoricalDistribution(list(_stored(values)))
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(float(values.low), float(values.high), log=values.log)


def _stored(values: list[Any]) -> dict[Any, Any]:
    """Return the values by what Optuna stores of them; equal ones once."""
    stored: dict[Any, Any] = {}
    for value in values:
        plain = value.item() if isinstance(value, np.generic) else value
        key = plain if isinstance(plain, STORED_TYPES) else str(plain)
        stored.setdefault(key, value)
    return stored
