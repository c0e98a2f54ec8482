"""What the parameters that are set to "auto" become, for the data that a model is trained on.

The rule was chosen on validation parts of nine data sets by
``python -m benchmarks.quality.defaults``; docs/tuning.md has what it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.model.parameters import PLACEHOLDERS, is_auto, validate_parameters
from wrmf.numerics.objective import Objective
from wrmf.numerics.values import FittedValues

__all__ = ["resolve"]

# The values of the model of Hu, Koren and Volinsky 2008, which the objective "wrmf" is.
PLAIN = {
    "confidence": "linear",
    "regularization_exponent": 0.0,
    "alpha": 30.0,
    "unobserved_weight": 1.0,
    "regularization": 30.0,
}
# Those of the objective "ials" that are the same for any data.
SCALED = {"confidence": "log", "regularization_exponent": 1.0}
# α₀ = SHARE · density^SHARE_POWER, at most SHARE_LIMIT, of the mean weight of a pair.
SHARE, SHARE_POWER, SHARE_LIMIT = 2.4, 0.75, 0.5
# λ = PENALTY · size^PENALTY_POWER, where size is the mean number of items of a user.
PENALTY, PENALTY_POWER = 0.37, -1.1
# The largest λ, relative to the one from which on all factors are zero. It decides where users have
# less than about four items.
PENALTY_LIMIT = 0.6
# Steps of the power iteration for that λ. Any number gives a lower bound.
STEPS = 12


Rule = Callable[[Objective, sparse.csr_matrix], float]


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
    validate_parameters(params)
    wanted = [name for name in PLACEHOLDERS if is_auto(params[name])]
    if params["objective"] == "wrmf":
        return {name: PLAIN[name] for name in wanted}
    values: dict[str, Any] = {}
    # A rule uses what those before it have set.
    for name in wanted:
        if name in SCALED:
            values[name] = SCALED[name]
        else:
            present = validate_parameters({**params, **values})
            weighted = FittedValues.of(present.values, matrix).of_training(matrix)
            values[name] = RULES[name](present.objective, weighted)
    return values


def _alpha(objective: Objective, matrix: sparse.csr_matrix) -> float:
    """Return the α with which the mean weight of a pair is 1, whatever the scale of the counts."""
    weight = objective.mean_weight(matrix)
    # Counts beyond the range of numbers are explained by ``check_limits``.
    return 1.0 / weight if np.isfinite(weight) and weight > 0 else 1.0


def _unobserved_weight(objective: Objective, matrix: sparse.csr_matrix) -> float:
    return _share(matrix) * _positive_weight(objective, matrix)


def _regularization(objective: Objective, matrix: sparse.csr_matrix) -> float:
    """Return the λ with which a user of average size has the penalty of the rule.

    So an α, α₀ or ν that is not "auto" does not change how strong this penalty is.
    """
    size, n_items = _mean_size(matrix), matrix.shape[1]
    share, weight = _share(matrix), _positive_weight(objective, matrix)
    strength = min(
        PENALTY * size**PENALTY_POWER,
        PENALTY_LIMIT * _vanishing(objective, matrix, share),
    )
    penalty = strength * weight * (size + share * n_items)
    with np.errstate(over="ignore"):
        unit = float(objective.row_regularization(1.0, np.array([size]), n_items)[0])
    # An exponent beyond the range of numbers is explained by ``check_limits``.
    return float(penalty / unit if np.isfinite(unit) and unit > 0 else penalty)


def _vanishing(objective: Objective, matrix: sparse.csr_matrix, share: float) -> float:
    """Return the λ from which on all factors are zero, with ν = 1 and weights of mean 1.

    Near zero the loss is −2 Σ b x·y + Σ λ_u |x|² + Σ λ_i |y|². Its minimum is zero if no singular
    value of the targets b, divided by √λ_u and √λ_i, is above 1.
    """
    mean = objective.mean_weight(matrix)
    if not np.isfinite(mean) or mean <= 0:
        return np.inf
    targets = objective.targets(matrix.data, np.float64)
    scaled = sparse.csr_matrix((targets / mean, matrix.indices, matrix.indptr), shape=matrix.shape)
    n_users, n_items = matrix.shape
    of_users = (np.diff(matrix.indptr) + share * n_items) ** -0.5
    of_items = (np.bincount(matrix.indices, minlength=n_items) + share * n_users) ** -0.5
    right, largest = 1.0 / of_items, 0.0
    for _ in range(STEPS):
        left = of_users * (scaled @ (of_items * right / np.linalg.norm(right)))
        largest = float(np.linalg.norm(left))
        right = of_items * (scaled.T @ left)
    return largest


def _positive_weight(objective: Objective, matrix: sparse.csr_matrix) -> float:
    """Return the mean weight of a pair, or 1 if it is nothing that others could be relative to."""
    weight = objective.mean_weight(matrix)
    return weight if np.isfinite(weight) and weight > 0 else 1.0


def _share(matrix: sparse.csr_matrix) -> float:
    """Return α₀ for pairs whose mean weight is 1."""
    n_items = int(np.count_nonzero(np.bincount(matrix.indices, minlength=1)))
    density = _mean_size(matrix) / max(1, n_items)
    share: float = SHARE * density**SHARE_POWER
    return min(share, SHARE_LIMIT)


def _mean_size(matrix: sparse.csr_matrix) -> float:
    """Return the mean number of items of the users who have any; at least 1."""
    n_users = int(np.count_nonzero(np.diff(matrix.indptr)))
    return max(1.0, float(matrix.nnz) / max(1, n_users))


RULES: dict[str, Rule] = {
    "alpha": _alpha,
    "unobserved_weight": _unobserved_weight,
    "regularization": _regularization,
}
