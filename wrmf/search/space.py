"""What a search varies: lists of values, ranges to draw from, and settings made of them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.data.checks import as_real
from wrmf.model.wrmf import WRMF

__all__ = ["Range", "all_settings", "as_space", "drawn_settings", "setting_key"]

FIXED = ("random_state", "num_threads", "iterations")


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both are ints.

    Parameters
    ----------
    low, high : int or float, low < high
    log : bool, default False
        Whether each factor of ten gets the same share, for which low must be above 0.

    Examples
    --------
    >>> import wrmf
    >>> space = {"factors": wrmf.Range(16, 256, log=True), "alpha": [1.0, 10.0, 100.0]}
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        low = as_real(self.low, "low", minimum=-np.inf)
        high = as_real(self.high, "high", minimum=-np.inf)
        if low >= high:
            raise ValueError(f"a range must rise, got {self.low} to {self.high}")
        if self.log and low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, got {self.low}")

    @property
    def whole(self) -> bool:
        """Whether the numbers are ints."""
        return isinstance(self.low, (int, np.integer)) and isinstance(self.high, (int, np.integer))

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one."""
        turn = math.log if self.log else float
        return (turn(value) - turn(self.low)) / (turn(self.high) - turn(self.low))

    def draw(self, generator: np.random.Generator) -> float:
        """Return a random number of the range."""
        # The ends of a range of ints get as much room as the others.
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        share = generator.random()
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(value)


def as_space(model: WRMF, space: Any, name: str = "grid") -> dict[str, Any]:
    """Return {parameter: list of values, or Range}, each value checked before any training."""
    if not isinstance(model, WRMF):
        raise TypeError(f"model must be a WRMF, got {type(model).__name__}")
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            f'{name} must map names to values, such as {{"factors": [32, 64]}}, got {space!r}'
        )
    checked: dict[str, Any] = {}
    for parameter, values in space.items():
        if parameter in FIXED:
            told = {"random_state": "pass seeds=", "iterations": "epochs covers iterations"}
            hint = told.get(parameter, "it changes no result")
            raise ValueError(f"{parameter} cannot be searched over: {hint}")
        if isinstance(values, Range):
            tried: list[Any] = [values.low, values.high]
            checked[parameter] = values
        elif isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise ValueError(f"{name}[{parameter!r}] must be a sequence of values, got {values!r}")
        else:
            tried = checked[parameter] = list(values)
            if not tried:
                raise ValueError(f"{name}[{parameter!r}] must be a sequence of values, got none")
        for value in tried:
            WRMF(**model.get_params()).set_params(**{parameter: value}).check_params()
    return checked


def all_settings(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every combination of lists of values."""
    for parameter, values in space.items():
        if isinstance(values, Range):
            raise ValueError(
                f"{parameter} is a range, and a grid needs values: list them, or use random_search"
            )
    combined = itertools.product(*space.values())
    return [dict(zip(space, values, strict=True)) for values in combined]


def drawn_settings(
    space: Mapping[str, Any], n_trials: int, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """Return n random settings, all different; fewer where there are not so many."""
    if all(isinstance(values, list) for values in space.values()):
        every = all_settings(space)
        return [every[place] for place in generator.permutation(len(every))[:n_trials]]
    found: dict[str, dict[str, Any]] = {}
    for _ in range(100 * n_trials):
        if len(found) == n_trials:
            break
        setting = {
            parameter: values.draw(generator)
            if isinstance(values, Range)
            else values[generator.integers(len(values))]
            for parameter, values in space.items()
        }
        found.setdefault(setting_key(setting), setting)
    return list(found.values())


def setting_key(setting: Mapping[str, Any]) -> str:
    """Return a text that is the same for equal settings."""
    return json.dumps(setting, sort_keys=True, default=plain)


def plain(value: Any) -> Any:
    """Return what JSON can hold in place of ``value``."""
    return value.item() if isinstance(value, np.generic) else str(value)
