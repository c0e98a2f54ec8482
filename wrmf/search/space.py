"""Search spaces: values to try, ranges to draw from, and the settings made of them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from wrmf.data.checks import as_real
from wrmf.data.choices import shown
from wrmf.model.wrmf import WRMF

__all__ = [
    "Range",
    "Setting",
    "Space",
    "all_settings",
    "as_space",
    "check_model",
    "describe",
    "drawn_settings",
    "format_value",
    "plain",
    "setting_key",
]

# Parameters that a search may not vary, and what to do instead.
FIXED = {
    "iterations": "pass epochs=, the iterations after which every setting is measured",
    "num_threads": "results do not depend on it",
    "random_state": "pass seeds=",
}


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    The numbers are whole if both ends are ints.

    Parameters
    ----------
    low, high : int or float, ``low < high``
    log : bool, default False
        Draw on a logarithmic scale, so that each factor of ten is equally likely; ``low`` must then
        be above 0.
    of_auto : bool, default False
        The numbers are multiples of what the data decides, and values are texts, such as
        "2*auto"; for ``alpha``, ``unobserved_weight`` and ``regularization``.

    Raises
    ------
    TypeError, ValueError
        If the ends are not finite numbers, or ``low`` is not below ``high``.

    Examples
    --------
    >>> import wrmf
    >>> space = {"factors": wrmf.Range(16, 256, log=True), "alpha": [1.0, 10.0, 100.0]}
    """

    low: float
    high: float
    log: bool = False
    of_auto: bool = False

    def __post_init__(self) -> None:
        low = as_real(self.low, "low", minimum=-np.inf)
        high = as_real(self.high, "high", minimum=-np.inf)
        if low >= high:
            raise ValueError(f"a range must have low < high, got {self.low} to {self.high}")
        if self.log and low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, got {self.low}")

    @property
    def whole(self) -> bool:
        """Whether the numbers are ints."""
        return isinstance(self.low, (int, np.integer)) and isinstance(self.high, (int, np.integer))

    def value(self, number: float) -> Any:
        """Return the value of a parameter for a number of the range."""
        return f"{number:.6g}*auto" if self.of_auto else number

    def share(self, value: Any) -> float:
        """Return the relative position of a value: 0 at ``low``, 1 at ``high``."""
        if self.of_auto:
            value = float(value.partition("*")[0])
        scale = math.log if self.log else float
        return (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))

    def draw(self, generator: np.random.Generator) -> Any:
        """Return a random value of the range."""
        return self.at(generator.random())

    def at(self, share: float) -> Any:
        """Return the value at a relative position: ``low`` for 0, ``high`` for 1."""
        # The range is extended by half a unit at both ends. After rounding, the end values then
        # have the same probability as the values between them.
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        value = min(max(value, self.low), self.high)
        return self.value(round(value) if self.whole else float(value))


Setting: TypeAlias = dict[str, Any]  # parameter: value
Space: TypeAlias = dict[str, "list[Any] | Range"]  # parameter: values to try


def check_model(model: WRMF) -> None:
    """Raise TypeError if ``model`` is not a WRMF."""
    if not isinstance(model, WRMF):
        raise TypeError(f"model must be a WRMF, got {type(model).__name__}")


def as_space(model: WRMF, space: Mapping[str, Any], name: str = "grid") -> Space:
    """Return a search space with every value validated as a parameter of ``model``.

    Parameters
    ----------
    model : WRMF
        Model with the other parameters, with which each value must be valid.
    space : mapping of parameter name to a sequence of values or a :class:`Range`
    name : str, default "grid"
        The argument's name in error messages.

    Raises
    ------
    TypeError, ValueError
        If the model is no WRMF, the space is no mapping or is empty, a parameter is unknown or
        cannot be varied, or a value is not valid.
    """
    check_model(model)
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            f'{name} must map names to values, such as {{"factors": [32, 64]}}, got {shown(space)}'
        )
    checked: Space = {}
    for parameter, values in space.items():
        if parameter in FIXED:
            raise ValueError(f"{parameter} cannot be searched over: {FIXED[parameter]}")
        if isinstance(values, Range):
            checked[parameter] = values
            to_validate: list[Any] = [values.value(values.low), values.value(values.high)]
        elif isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise ValueError(
                f"{name}[{parameter!r}] must be a sequence of values, got {shown(values)}"
            )
        else:
            checked[parameter] = to_validate = list(values)
            if not to_validate:
                raise ValueError(f"{name}[{parameter!r}] must be a sequence of values, got none")
        for value in to_validate:
            WRMF(**model.get_params()).set_params(**{parameter: value}).check_params()
    return checked


def all_settings(space: Mapping[str, Any]) -> list[Setting]:
    """Return every combination of the values of a space that has no ranges.

    Examples
    --------
    >>> all_settings({"factors": [8, 16], "alpha": [1.0]})
    [{'factors': 8, 'alpha': 1.0}, {'factors': 16, 'alpha': 1.0}]
    """
    for parameter, values in space.items():
        if isinstance(values, Range):
            raise ValueError(
                f"{parameter} is a range, and a grid needs values: list them, or use random_search"
            )
    combinations = itertools.product(*space.values())
    return [dict(zip(space, values, strict=True)) for values in combinations]


def drawn_settings(space: Space, n: int, generator: np.random.Generator) -> list[Setting]:
    """Return ``n`` different random settings, or all settings if the space has fewer.

    The first settings are the same for every ``n``, so a later search can add to an earlier one.
    """
    if not any(isinstance(values, Range) for values in space.values()):
        settings = all_settings(space)
        return [settings[place] for place in generator.permutation(len(settings))[:n]]
    drawn: dict[str, Setting] = {}
    # A space of whole numbers may have fewer than n settings, so the number of draws is limited.
    for _ in range(100 * n):
        if len(drawn) == n:
            break
        setting = {
            parameter: values.draw(generator)
            if isinstance(values, Range)
            else values[generator.integers(len(values))]
            for parameter, values in space.items()
        }
        drawn.setdefault(setting_key(setting), setting)
    return list(drawn.values())


def setting_key(setting: Mapping[str, Any]) -> str:
    """Return a string that is the same for equal settings, whatever their order."""
    return json.dumps(setting, sort_keys=True, default=plain)


def plain(value: Any) -> Any:
    """Return the value that JSON stores in place of one that JSON has no type for."""
    return value.item() if isinstance(value, np.generic) else str(value)


def describe(params: Mapping[str, Any]) -> str:
    """Return a setting in one line, as in the log of Rosenthal 2016.

    References
    ----------
    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Examples
    --------
    >>> describe({"factors": 40, "alpha": 50.0})
    'factors: 40 | alpha: 50'
    """
    return " | ".join(f"{name}: {format_value(value)}" for name, value in params.items())


def format_value(value: Any) -> str:
    """Return a parameter's value as a person writes it; floats with six significant digits.

    Examples
    --------
    >>> [format_value(value) for value in (40, 0.1, 1e-05, 50.0, "exact")]
    ['40', '0.1', '1e-05', '50', 'exact']
    """
    return f"{value:g}" if isinstance(value, float) else str(value)
