"""Factors and recommendations of users and items that were not in the training data."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr
from wrmf.data.interactions import Interactions, same_ids
from wrmf.model.lists import ItemFilter, Query, ranked_items
from wrmf.model.parameters import Parameters, Parametrized
from wrmf.model.recommendations import Recommendations
from wrmf.model.recommender import Recommender
from wrmf.model.state import Factors
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

__all__ = ["FoldIn"]


class FoldIn(Parametrized, Recommender):
    """Solves rows of new users, or columns of new items, with the other side's factors fixed."""

    def fold_in_users(self, data: Any) -> np.ndarray:
        """Return the exact factors of users given by their rows; the model is not changed.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n, n_items)
            Item ids of Interactions are mapped to the model's.

        Returns
        -------
        ndarray (n, k) of the model's dtype
            A row without entries has zeros.

        Raises
        ------
        ValueError
            For another number of columns, unknown item ids, or values that are not finite and ≥ 0.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> np.array_equal(model.fold_in_users(likes[:2]), model.user_factors[:2])
        True
        """
        state, params = self.state, self.check_params()
        rows = _rows_over_items(data, state)
        return _fold_in(rows, state.item_factors, params, params.regularization[0])

    def fold_in_items(self, data: Any) -> np.ndarray:
        """Return the exact factors of items given by their columns; the model is not changed.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n_users, n)
            Rows in the order of ``model.users``.

        Returns
        -------
        ndarray (n, k) of the model's dtype
            A column without entries has zeros.

        Raises
        ------
        ValueError
            For another number of rows, or values that are not finite and ≥ 0.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.fold_in_items(likes[:, :4]).shape
        (4, 2)
        """
        state, params = self.state, self.check_params()
        matrix = data.matrix if isinstance(data, Interactions) else as_csr(data, allow_empty=True)
        if matrix.shape[0] != len(state.users):
            raise ValueError(
                f"data must be users × new items with {len(state.users)} rows, got {matrix.shape}"
            )
        rows = matrix.T.tocsr()
        return _fold_in(rows, state.user_factors, params, params.regularization[1])

    def recommend_new(
        self,
        interactions: Any,
        n: int = 10,
        exclude_seen: bool = True,
        exclude: Any = None,
        items: Any = None,
    ) -> Recommendations:
        """Return the n items with the highest scores for users who were not in the training data.

        Parameters
        ----------
        interactions : Interactions, or a sparse or dense matrix (n_new_users, n_items)
            Folded in as by ``fold_in_users``. Users are named by their ids, or 0, 1, 2, … for a
            matrix.
        n, exclude_seen, exclude, items : as in ``recommend``
            The items seen are those of ``interactions``.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.recommend_new(np.array([[0, 1, 0, 1, 0, 0]]), n=1).ids
        array([[5]])
        """
        state = self.state
        matrix = _rows_over_items(interactions, state)
        named = isinstance(interactions, Interactions)
        users = interactions.users if named else np.arange(matrix.shape[0])
        query = Query(users, self.fold_in_users(matrix), matrix if exclude_seen else None)
        return ranked_items(state, query, n, ItemFilter(exclude, items), self.num_threads)


def _rows_over_items(data: Any, state: Factors) -> sparse.csr_matrix:
    """Return the rows of ``data`` over the model's items; item ids are mapped."""
    matrix = data
    if isinstance(data, Interactions):
        if same_ids(data.items, state.items):
            return data.matrix
        columns = state.find_items(data.items)
        entries = data.matrix.tocoo()
        matrix = sparse.coo_matrix(
            (entries.data, (entries.row, columns[entries.col])),
            shape=(data.n_users, len(state.items)),
        )
    rows = as_csr(matrix, allow_empty=True)
    if rows.shape[1] != len(state.items):
        raise ValueError(
            f"data must be users × items with {len(state.items)} columns, got {rows.shape}"
        )
    return rows


def _fold_in(
    rows: sparse.csr_matrix, fixed: np.ndarray, params: Parameters, regularization: float
) -> np.ndarray:
    side = Side.of(rows, params.objective, regularization, fixed.dtype)
    out: np.ndarray = np.zeros((rows.shape[0], fixed.shape[1]), dtype=fixed.dtype)
    half_sweep(side, fixed, out, num_threads=params.sweep.num_threads)
    return out
