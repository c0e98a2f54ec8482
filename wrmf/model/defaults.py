"""What the parameters that are set to "auto" become, for the data that a model is trained on.

The rule was chosen on validation parts of nine data sets by
``python -m benchmarks.quality.defaults``; docs/quality.md has what it reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.model.overlaps import excess_of_overlaps
from wrmf.model.parameters import PLACEHOLDERS, auto_multiple, validate_parameters
from wrmf.numerics.objective import Objective
from wrmf.numerics.values import FittedValues, ValueRule

__all__ = ["Statistics", "resolve", "resolve_again", "resolve_from"]

# The values of the model of Hu, Koren and Volinsky 2008, which the objective "wrmf" is.
PLAIN: dict[str, Any] = {
    "confidence": "linear",
    "regularization_exponent": 0.0,
    "alpha": 30.0,
    "unobserved_weight": 1.0,
    "regularization": 30.0,
}
# Those of the objective "ials" that are the same for any data.
SCALED: dict[str, Any] = {"confidence": "log", "regularization_exponent": 1.0}
# α₀ = SHARE · density^SHARE_POWER, at most SHARE_LIMIT, of the mean weight of a pair.
SHARE, SHARE_POWER, SHARE_LIMIT = 2.4, 0.75, 0.5
# λ = PENALTY · size^PENALTY_POWER, where size is the mean number of items of a user.
PENALTY, PENALTY_POWER = 0.37, -1.1
# Where users differ little beyond what is popular, α₀ and the penalty of an average user, which is
# λ (size + α₀ n_items), are multiplied by up to (size / RAISED_FROM)^RAISED_POWER, at most
# MOST_RAISED: by all of that up to a difference of LITTLE, by nothing from MUCH on.
RAISED_FROM, RAISED_POWER, MOST_RAISED = 14.0, 2.0, 4.0
LITTLE, MUCH = 0.35, 0.5
# The largest λ, relative to the one from which on all factors are zero. It decides where users have
# less than about four items.
PENALTY_LIMIT = 0.6
# Steps of the power iteration for that λ. Any number gives a lower bound.
STEPS = 12


# The parameters that a rule may use.
USED = (
    *PLACEHOLDERS,
    "objective",
    "epsilon",
    "regularization_counts",
    "value_damping",
    "weighting",
    "bm25_k1",
    "bm25_b",
)


class Statistics(Protocol):
    """What the rules ask of training data, which may be in several shards of users."""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        ...

    @property
    def n_filled_users(self) -> int:
        """The number of users with entries."""
        ...

    @property
    def item_counts(self) -> np.ndarray:
        """The number of entries of each item."""
        ...

    def sums(
        self, values: ValueRule, function: Callable[..., tuple[Any, ...]], *args: Any
    ) -> tuple[Any, ...]:
        """Return the sums over all shards of what a function returns for a shard.

        It is called with the users × items matrix of a shard, with the values that ``values``
        returns, and with ``args``. It returns numbers or arrays, of the same shapes for all shards.
        """
        ...


@dataclass(frozen=True, eq=False)
class MatrixStatistics:
    """The statistics of a matrix in memory, CSR (n_users, n_items)."""

    matrix: sparse.csr_matrix

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape  # type: ignore[no-any-return]

    @property
    def n_filled_users(self) -> int:
        return int(np.count_nonzero(np.diff(self.matrix.indptr)))

    @cached_property
    def item_counts(self) -> np.ndarray:
        return np.bincount(self.matrix.indices, minlength=self.shape[1])

    def sums(
        self, values: ValueRule, function: Callable[..., tuple[Any, ...]], *args: Any
    ) -> tuple[Any, ...]:
        weighted = FittedValues.of(values, self.matrix).of_training(self.matrix)
        return function(weighted, *args)


Rule = Callable[["Weighted"], float]


def resolve(params: Mapping[str, Any], matrix: sparse.csr_matrix) -> dict[str, Any]:
    """Return the values of the parameters that are "auto", by name.

    Parameters
    ----------
    params : mapping of parameter name to value, as ``WRMF.get_params`` returns it
    matrix : CSR (n_users, n_items)
        The training data; of dtype bool if its counts are not known, which then are 1.

    Raises
    ------
    TypeError, ValueError
        For another parameter that is out of bounds.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> likes = sparse.csr_matrix(np.indices((6, 6)).sum(axis=0) % 2)
    >>> resolve(wrmf.WRMF(objective="wrmf", alpha=5.0).get_params(), likes)["regularization"]
    30.0
    >>> resolve(wrmf.WRMF().get_params(), likes)["unobserved_weight"]
    0.5
    """
    return resolve_from(params, MatrixStatistics(matrix))


def resolve_from(params: Mapping[str, Any], data: Statistics) -> dict[str, Any]:
    """Return the values of the parameters that are "auto", for data that need not be in memory.

    Errors are as in :func:`resolve`.
    """
    validate_parameters(params)
    multiples = {name: auto_multiple(name, params[name]) for name in PLACEHOLDERS}
    values: dict[str, Any] = {}
    pairs = PairStatistics(data)
    # A rule uses what those before it have set.
    for name, multiple in multiples.items():
        if multiple is None:
            continue
        fixed = PLAIN if params["objective"] == "wrmf" else SCALED
        if name in fixed:
            value = fixed[name]
        else:
            present = validate_parameters({**params, **values})
            value = RULES[name](Weighted(pairs, present.objective, present.values))
        values[name] = value if multiple == 1 else value * multiple
    return values


def resolve_again(
    params: Mapping[str, Any],
    matrix: sparse.csr_matrix,
    fitted: Mapping[str, Any],
    automatic: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the values of "auto" for a model whose training goes on.

    What the data of its fit decided stays, so that the loss stays the same, unless a parameter has
    changed on which that depends.

    Parameters
    ----------
    params, matrix : as in ``resolve``
    fitted : mapping of parameter name to value
        The parameters that the model was fitted with.
    automatic : mapping of parameter name to value
        What those of them that are "auto" became.
    """
    if all(name in fitted and params[name] == fitted[name] for name in USED):
        return dict(automatic)
    return resolve(params, matrix)


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """Training data without the values of its pairs."""

    data: Statistics

    @cached_property
    def n_entries(self) -> int:
        """The number of pairs."""
        return int(self.data.item_counts.sum())

    @property
    def mean_size(self) -> float:
        """The mean number of items of the users who have any; at least 1."""
        return max(1.0, float(self.n_entries) / max(1, self.data.n_filled_users))

    @property
    def density(self) -> float:
        """The share of pairs among the users and items that have any."""
        n_items = int(np.count_nonzero(self.data.item_counts))
        return self.mean_size / max(1, n_items)

    @cached_property
    def difference(self) -> float:
        """How much users differ beyond what is popular: e √o, for the excess e of overlaps.

        o is the mean number of items that two users share. So it is the geometric mean of what
        overlaps vary more than by chance, by their mean squared (e) and by their mean (e o).
        """
        counts = self.data.item_counts.astype(np.float64)
        shared = float(counts @ counts) / max(1, self.data.n_filled_users) ** 2
        excess = excess_of_overlaps(
            self.data.item_counts, lambda *args: self.data.sums(ValueRule(), *args)
        )
        return float(excess * math.sqrt(shared))

    @cached_property
    def raised(self) -> float:
        """What α₀ and the penalty of a user are multiplied by where users differ little."""
        most = min((self.mean_size / RAISED_FROM) ** RAISED_POWER, MOST_RAISED)
        if most <= 1:
            return 1.0
        power = min(1.0, max(0.0, (MUCH - self.difference) / (MUCH - LITTLE)))
        return float(most**power)

    @property
    def share_by_density(self) -> float:
        """α₀ by the density alone, for pairs whose mean weight is 1."""
        return min(float(SHARE * self.density**SHARE_POWER), SHARE_LIMIT)

    @property
    def share(self) -> float:
        """α₀ for pairs whose mean weight is 1."""
        return min(self.share_by_density * self.raised, SHARE_LIMIT)

    @property
    def strength(self) -> float:
        """λ for ν = 1 and weights of mean 1, without its limit."""
        size, n_items = self.mean_size, self.data.shape[1]
        before, now = (size + share * n_items for share in (self.share_by_density, self.share))
        return float(PENALTY * size**PENALTY_POWER * self.raised * before / now)


@dataclass(frozen=True, eq=False)
class Weighted:
    """Training data as an objective weighs it."""

    pairs: PairStatistics
    objective: Objective
    values: ValueRule

    @property
    def data(self) -> Statistics:
        """The statistics of the data."""
        return self.pairs.data

    @cached_property
    def mean_weight(self) -> float:
        """The mean of α·f(|d|) over the pairs; 0 if there are none."""
        (total,) = self.data.sums(self.values, _weight_sum, self.objective)
        return float(total) / self.pairs.n_entries if self.pairs.n_entries else 0.0

    @property
    def positive_weight(self) -> float:
        """The mean weight of a pair, or 1 if it is nothing that others could be relative to."""
        weight = self.mean_weight
        return weight if np.isfinite(weight) and weight > 0 else 1.0

    def vanishing(self) -> float:
        """Return the λ from which on all factors are zero, with ν = 1 and weights of mean 1.

        Near zero the loss is −2 Σ b x·y + Σ λ_u |x|² + Σ λ_i |y|². Its minimum is zero if no
        singular value of the targets b, divided by √λ_u and √λ_i, is above 1.
        """
        mean, share = self.mean_weight, self.pairs.share
        if not np.isfinite(mean) or mean <= 0:
            return np.inf
        of_items = (self.data.item_counts + share * self.data.shape[0]) ** -0.5
        right, largest = 1.0 / of_items, 0.0
        for _ in range(STEPS):
            scaled = of_items * right / np.linalg.norm(right)
            square, right = self.data.sums(
                self.values, _power_step, self.objective, mean, share, scaled
            )
            largest = math.sqrt(square)
            if largest == 0:
                # There are only dislikes, and all factors are zero with any λ.
                return np.inf
            right = of_items * right
        return largest


def _weight_sum(matrix: sparse.csr_matrix, objective: Objective) -> tuple[float]:
    return (objective.sum_weights(matrix),)


def _power_step(
    matrix: sparse.csr_matrix, objective: Objective, mean: float, share: float, vector: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return |l|² and bᵀ l of some users, where l = D b v for the targets b and D = λ_u^−½."""
    targets = objective.targets(matrix.data, np.float64)
    scaled = sparse.csr_matrix((targets / mean, matrix.indices, matrix.indptr), shape=matrix.shape)
    of_users = (np.diff(matrix.indptr) + share * matrix.shape[1]) ** -0.5
    left = of_users * (scaled @ vector)
    return float(left @ left), scaled.T @ left


def _alpha(data: Weighted) -> float:
    """Return the α with which the mean weight of a pair is 1, whatever the scale of the counts."""
    weight = data.mean_weight
    # Counts beyond the range of numbers are explained by ``check_limits``.
    return 1.0 / weight if np.isfinite(weight) and weight > 0 else 1.0


def _unobserved_weight(data: Weighted) -> float:
    return data.pairs.share * data.positive_weight


def _regularization(data: Weighted) -> float:
    """Return the λ with which a user of average size has the penalty of the rule.

    So an α, α₀ or ν that is not "auto" does not change how strong this penalty is.
    """
    pairs, n_items = data.pairs, data.data.shape[1]
    size = pairs.mean_size
    strength = min(pairs.strength, PENALTY_LIMIT * data.vanishing())
    penalty = strength * data.positive_weight * (size + pairs.share * n_items)
    unit = float(data.objective.row_regularization(1.0, np.array([size]), n_items)[0])
    # An exponent beyond the range of numbers is explained by ``check_limits``.
    return float(penalty / unit if np.isfinite(unit) and unit > 0 else penalty)


RULES: dict[str, Rule] = {
    "alpha": _alpha,
    "unobserved_weight": _unobserved_weight,
    "regularization": _regularization,
}
