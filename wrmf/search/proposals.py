"""What ``autotune`` tries: settings around what the data decides, and around the best of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.model.parameters import auto_multiple
from wrmf.model.wrmf import WRMF
from wrmf.search.space import Range, Setting, Space, drawn_settings, setting_key

__all__ = ["Proposals", "default_space"]

SPACE: dict[str, Any] = {
    "unobserved_weight": Range(1 / 16, 16.0, log=True, of_auto=True),
    "regularization": Range(1 / 8, 8.0, log=True, of_auto=True),
    "regularization_exponent": [1.0, 0.75, 0.5],
    "value_damping": [0.0, 0.15, 0.25, 0.35],
}
# The first settings that are tried, as multiples of α₀ and of λ, and a damping.
FIRST = [
    (1.0, 1.0, 0.0),
    (4.0, 1.0, 0.0),
    (0.25, 1.0, 0.0),
    (1.0, 0.35, 0.0),
    (1.0, 2.5, 0.0),
    (1.0, 1.0, 0.25),
    (4.0, 0.35, 0.0),
    (0.25, 2.5, 0.0),
    (0.25, 1.0, 0.25),
]
# Settings are compared with few factors before they are trained with many.
SCREENED = 64
# The widest models, and the number of factors from which on the conjugate gradient is faster.
WIDER, BY_GRADIENT = (512, 1024), 512
BRACKET, SMALL_BRACKET = len(FIRST), 3
# How far a setting near the best is from it: standard deviation, as a share of a range.
NEARBY = 0.12


def default_space(model: WRMF) -> Space:
    """Return the space of a model, without the parameters that it sets itself."""
    changed = set_by(model)
    return {name: values for name, values in SPACE.items() if name not in changed}


def set_by(model: WRMF) -> set[str]:
    """Return the names of the parameters that are not at their defaults."""
    defaults, params = WRMF().get_params(), model.get_params()
    return {name for name, value in params.items() if value != defaults[name]}


@dataclass(frozen=True)
class Proposals:
    """Brackets of settings, each of which may depend on the best setting so far.

    Attributes
    ----------
    model : WRMF
        With the parameters that are not searched.
    matrix : CSR, the training data of the search
    space : dict of parameter name to values
    generator : numpy Generator
    term : dict, default {}
        The item term that all settings have.
    """

    model: WRMF
    matrix: sparse.csr_matrix
    space: Space
    generator: np.random.Generator
    term: Setting = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether the number of factors is not set, so that the search may change it."""
        return "factors" not in set_by(self.model) | self.space.keys()

    @property
    def screened(self) -> Setting:
        """The number of factors with which settings are compared first, and the item term."""
        if "factors" in self.space:
            return self.term
        return {"factors": min(SCREENED, self.model.factors), **self.term}

    @property
    def full(self) -> Setting:
        """The number of factors of the model itself, and the item term."""
        return (
            {"factors": self.model.factors, **self.term}
            if "factors" not in self.space
            else self.term
        )

    def first(self) -> list[Setting]:
        """Return the first bracket."""
        designed = [
            {
                "unobserved_weight": f"{weight:g}*auto",
                "regularization": f"{penalty:g}*auto",
                "value_damping": damping,
            }
            for weight, penalty, damping in FIRST
        ]
        # A space of the caller's own has no settings that are known to be good.
        if any(self.space.get(name) != SPACE[name] for name in designed[0]):
            return [self.screened | s for s in drawn_settings(self.space, BRACKET, self.generator)]
        return [self.screened | setting for setting in designed]

    def further(self, best: Mapping[str, Any]) -> list[Setting]:
        """Return a bracket of random settings, half of them near the best one."""
        if not self.space:
            return []
        drawn = drawn_settings(self.space, BRACKET // 2, self.generator)
        near = [self._near(best) for _ in range(BRACKET - len(drawn))]
        return unique([self.screened | setting for setting in near + drawn])

    def near(self, best: Setting) -> list[Setting]:
        """Return a bracket of random settings near the best one, with all else as it has it."""
        return unique([{**best, **self._near(best)} for _ in range(SMALL_BRACKET)])

    def _near(self, best: Mapping[str, Any]) -> Setting:
        setting: Setting = {}
        for name, values in self.space.items():
            present = best.get(name)
            if isinstance(values, Range):
                centre = 0.5 if present is None else values.share(present)
                values_at = centre + NEARBY * self.generator.standard_normal()
                setting[name] = values.at(min(max(values_at, 0.0), 1.0))
            elif present is None or self.generator.random() < 1 / 3:
                setting[name] = values[self.generator.integers(len(values))]
            else:
                setting[name] = present
        return setting

    def variants(self, best: Setting) -> list[Setting]:
        """Return settings that differ from the best in one parameter, at the same width."""
        fixed = set_by(self.model)
        out = []
        for name, factor in (
            ("regularization", 0.6),
            ("regularization", 1.6),
            ("unobserved_weight", 0.5),
            ("unobserved_weight", 2.0),
        ):
            if name not in fixed and (changed := scaled(best, name, factor)) is not None:
                out.append(changed)
        if not fixed & {"objective", "alpha", "unobserved_weight", "regularization"}:
            # With this objective "auto" has other values, so all are named.
            params = {**self.model.get_params(), **best}
            _, automatic = WRMF(**params).params_for(self.matrix)
            out.append({**best, **automatic, "objective": "wrmf"})
        if "confidence" not in fixed and np.ptp(self.matrix.data) > 0:
            out.append({**best, "confidence": "linear"})
        if "init_scale" not in fixed:
            factors = best.get("factors", self.model.factors)
            out.append({**best, "init_scale": round(4 / math.sqrt(factors), 4)})
        return out

    def wider(self, best: Setting) -> Iterator[list[Setting]]:
        """Yield brackets of the best setting with more factors, and a larger λ."""
        most = min(self.matrix.shape) // 2
        for factors in WIDER:
            if self.is_free and self.model.factors < factors <= most:
                wide = {**best, "factors": factors}
                if factors >= BY_GRADIENT and "solver" not in set_by(self.model):
                    wide |= {"solver": "cg", "cg_steps": 3}
                more = scaled(wide, "regularization", 1.5)
                yield [wide] if more is None else [wide, more]


def unique(settings: list[Setting]) -> list[Setting]:
    """Return settings without repetitions, in their order."""
    return list({setting_key(setting): setting for setting in settings}.values())


def scaled(setting: Setting, name: str, factor: float) -> Setting | None:
    """Return a setting with another multiple of "auto"; None if its value is a number."""
    multiple = auto_multiple(name, setting.get(name, "auto"))
    return None if multiple is None else {**setting, name: f"{multiple * factor:.6g}*auto"}
