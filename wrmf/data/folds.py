"""Split interactions into folds for cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wrmf.data.checks import (
    RandomStateLike,
    as_generator,
    as_positive_int,
    as_share,
)
from wrmf.data.choices import as_choice
from wrmf.data.inputs import as_interactions
from wrmf.data.split import Split
from wrmf.data.splitting import hold_out_users, split_at

__all__ = ["k_folds"]


def k_folds(
    data: Any,
    n: int = 5,
    by: str = "interactions",
    random_state: RandomStateLike = None,
    fold_in: float = 0.8,
) -> Iterator[Split]:
    """Return an iterator over n splits; each fold of the data is the test set of one split.

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    n : int ≥ 2, default 5
        Number of folds, whose sizes differ by at most one.
    by : {"interactions", "users"}, default "interactions"
        "interactions": folds are random interactions. "users": folds are whole users (strong
        generalisation, as in :func:`wrmf.split_users`), and users with only one interaction are
        always in ``train``.
    random_state : None, int, Generator or RandomState
    fold_in : float in (0, 1), default 0.8
        With "users": share of a held-out user's interactions that is known at test time.

    Returns
    -------
    iterator of Split

    Raises
    ------
    TypeError, ValueError
        If there are fewer than n interactions or, with "users", fewer than n users with at least
        two interactions.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> [split.test.n_interactions for split in wrmf.k_folds(np.ones((4, 5)), 3)]
    [7, 7, 6]
    """
    data = as_interactions(data)
    n = as_positive_int(n, "n", 2)
    fold_in = as_share(fold_in, "fold_in")
    generator = as_generator(random_state)
    as_choice(by, "by", ("interactions", "users"))
    if by == "interactions":
        folds = _draw_folds(data.n_interactions, n, "interactions", generator)
        return (split_at(data, folds == fold) for fold in range(n))
    eligible = np.flatnonzero(np.diff(data.matrix.indptr) >= 2)
    folds = _draw_folds(len(eligible), n, "users with at least two interactions", generator)
    return (hold_out_users(data, eligible[folds == fold], fold_in, generator) for fold in range(n))


def _draw_folds(n_units: int, n: int, what: str, generator: np.random.Generator) -> np.ndarray:
    """Return the number of a random fold for each of ``n_units`` interactions or users.

    Error messages call the units ``what``.
    """
    if n_units < n:
        raise ValueError(f"{n} folds need at least {n} {what}, there are {n_units}: lower n")
    return generator.permutation(np.arange(n_units) % n)
