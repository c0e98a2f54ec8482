"""Recommend the items that most users have."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.baselines.baseline import Baseline, Lists
from wrmf.data.inputs import as_interactions, is_matrix
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.ranking import top_n

__all__ = ["Popularity"]


class Popularity(Baseline):
    """The same items for everyone: those with the most users in the training data.

    A score is the number of users; items that nobody has come last. What a model must beat.

    Parameters
    ----------
    num_threads : int ≥ 0, default 0
        0 uses every CPU that this process may use. Results are the same for any number.

    Attributes
    ----------
    user_factors, item_factors : float64 (n_users, 1), (n_items, 1)
        Ones and the numbers of users, whose products are the scores.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> likes = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]])
    >>> wrmf.Popularity().fit(likes).recommend([1], n=2).ids
    array([[0, 2]])
    """

    def __init__(self, num_threads: int = 0) -> None:
        self.num_threads = num_threads

    user_factors: np.ndarray
    item_factors: np.ndarray

    def fold_in_users(self, data: Any) -> np.ndarray:
        """Return ones: whatever a user has, the scores are the same."""
        rows = data if is_matrix(data) else as_interactions(data, allow_empty=True)
        return np.ones((rows.shape[0], 1))

    def _prepare(self, matrix: sparse.csr_matrix) -> None:
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        self.user_factors = np.ones((matrix.shape[0], 1))
        self.item_factors = counts.astype(np.float64)[:, None]

    def _lists(
        self,
        history: sparse.csr_matrix,
        n: int,
        blocked: sparse.csr_matrix | None,
        allowed: np.ndarray,
    ) -> Lists:
        ones = np.ones((history.shape[0], 1))
        masked = None if blocked is None else ItemLists.of(blocked)
        return Lists(*top_n(ones, self.item_factors, n, masked, allowed, self.num_threads))
