"""The score of an item as a sum of contributions of the user's own items.

User factors that minimise the loss are x = A⁻¹ Σ_j b_j y_j, with A the user's system

    A = α₀ YᵀY + Σ_j w_j y_j y_jᵀ + λ_u I

and j the user's items (Hu, Koren, Volinsky 2008, section 5). So the score of an item i is
x·y_i = Σ_j b_j · y_jᵀ A⁻¹ y_i, a sum with one term for each j. An item term is such a sum, too.

A dislike j has b_j = 0, so that it would seem to have no share. With A₀ = A without the terms of
dislikes, A x = Σ b_j y_j becomes A₀ x = Σ_likes b_j y_j − Σ_dislikes w_j (x·y_j) y_j. So the
score is a sum of b_j · y_jᵀ A₀⁻¹ y_i over likes, and of −w_j (x·y_j) · y_jᵀ A₀⁻¹ y_i over dislikes.

Expected factors m of the user, by features, add λ_u m to the right-hand side, and so one more term,
λ_u m·A₀⁻¹ y_i.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from wrmf.data.checks import as_positive_int
from wrmf.model.features import member_priors
from wrmf.model.item_term import term_contributions
from wrmf.model.parameters import Parameters
from wrmf.model.state import Factors
from wrmf.numerics.threads import single_threaded_blas
from wrmf.numerics.whitening import LEAST_PIVOT

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contributions", "explain_score", "main_reasons"]


def contributions(
    state: Factors, params: Parameters, row: int, column: Any
) -> tuple[np.ndarray, Any]:
    """Return the terms of the score of item ``column`` for user ``row``.

    Of several members, the mean of their terms is returned.

    Parameters
    ----------
    state : Factors
    params : Parameters
    row : int
    column : int, or int64 (m,)

    Returns
    -------
    terms : float64 (n_items_of_the_user,), or (n_items_of_the_user, m)
        In the order of the user's row of ``state.train_matrix``.
    by_features : float or float64 (m,), the term of the user's features
    """
    objective = params.objective
    own = state.values(params.values).of_rows(state.train_counts()[[row]], side=0)
    columns, values = own.indices, own.data
    weights = objective.weights(values, np.float64)
    user_regularization = objective.row_regularization(
        params.regularization[0], np.array([len(columns)]), len(state.items)
    )[0]
    terms, by_features = np.zeros((len(columns), *np.shape(column))), np.zeros(np.shape(column))
    prior = state.prior(0)
    priors = member_priors(None if prior is None else prior.at(np.array([row])), params.n_models, 0)
    # Starting BLAS threads would take longer than these small products. Files may hold NaN.
    with single_threaded_blas(), np.errstate(invalid="ignore", over="ignore"):
        disliked = values < 0
        shares = objective.targets(values, np.float64)
        members = state.prepared.items.members(params.n_models, 1)
        for items, member_prior in zip(members, priors, strict=True):
            y = items.factors[columns].astype(np.float64)
            common = objective.unobserved_weight * items.gram
            common[np.diag_indices_from(common)] += user_regularization
            system = common + (y.T * np.where(disliked, 0.0, weights)) @ y
            direction = _solve(system, items.factors[column].astype(np.float64).T)
            own, pull = shares, np.zeros(len(system))
            if member_prior is not None:
                pull = user_regularization * member_prior.expected(1)[0].astype(np.float64)
                by_features = by_features + pull @ direction
            if disliked.any():
                user = _solve(common + (y.T * weights) @ y, y.T @ shares + pull)
                own = np.where(disliked, -weights * (y @ user), shares)
            # Transposed, one item is a vector and several are rows, so that ``own`` fits both.
            terms += (own * (y @ direction).T).T
    return terms / params.n_models, by_features / params.n_models


def _solve(system: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Solve a symmetric system; if it is singular, return its minimum-norm solution.

    If it is not finite, the solution is NaN.
    """
    if not np.isfinite(system).all():
        return np.full(target.shape, np.nan)
    lower, failed = dpotrf(system, lower=True)
    pivots = np.diag(lower) ** 2
    if failed or pivots.min() <= LEAST_PIVOT * pivots.max():
        minimum: np.ndarray = np.linalg.pinv(system, hermitian=True) @ target
        return minimum
    solution: np.ndarray = dpotrs(lower, target, lower=True)[0]
    return solution


def explain_score(state: Factors, params: Parameters, user: Any, item: Any, n: int) -> pd.DataFrame:
    """Return the n largest contributions to a score; see ``WRMF.explain``."""
    import pandas as pd

    n = as_positive_int(n, "n")
    rows, columns = state.find_users(user), state.find_items(item)
    if len(rows) != 1 or len(columns) != 1:
        raise ValueError(f"explain takes one user and one item, got {len(rows)} and {len(columns)}")
    row, column = int(rows[0]), int(columns[0])
    by_factors, of_features = contributions(state, params, row, column)
    by_features = float(of_features)
    history = state.train_counts()[[row]]
    every = history.indices
    by_items = np.where(history.data > 0, term_contributions(state, every, column), 0.0)
    terms = by_factors + by_items
    largest = np.argsort(-terms, kind="stable")[:n]
    own = every[largest]
    names = {} if state.item_names is None else {"name": state.item_names[own]}
    has_term = state.item_scale > 0
    parts = {"by_factors": by_factors[largest], "by_items": by_items[largest]} if has_term else {}
    frame: pd.DataFrame = pd.DataFrame(
        {"item": state.items[own], **names, "contribution": terms[largest], **parts}
    )
    of_factors = float(state.user_factors[row].astype(np.float64) @ state.item_factors[column])
    score = of_factors + float(by_items.sum())
    frame.attrs = {"score": score, "rest": score - by_features - float(terms[largest].sum())}
    if state.features[0] is not None:
        frame.attrs["features"] = by_features
    if has_term:
        frame.attrs["item_term"] = float(by_items.sum())
    return frame


def main_reasons(
    state: Factors, params: Parameters, row: int, columns: np.ndarray, n: int
) -> np.ndarray:
    """Return the n items of a user that add most to the score of each of several items.

    Parameters
    ----------
    state : Factors
    params : Parameters
    row : int
    columns : int64 (m,)
    n : int

    Returns
    -------
    int64 (m, n)
        Positions of items, those that add most first; −1 where no further item adds anything.
    """
    history = state.train_counts()[[row]]
    own = history.indices
    by_items = [term_contributions(state, own, int(column)) for column in columns]
    terms = contributions(state, params, row, columns)[0].T
    terms += np.where(history.data > 0, by_items, 0.0)
    order = np.argsort(-terms, axis=1, kind="stable")[:, :n]
    reasons: np.ndarray = np.full((len(columns), n), -1, dtype=np.int64)
    adds = np.take_along_axis(terms, order, axis=1) > 0
    reasons[:, : order.shape[1]] = np.where(adds, own[order], -1)
    return reasons
