"""The methods by which scikit-learn uses a model: tags, transform and score.

scikit-learn is imported only by the method that it calls itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.data.dislikes import likes_of
from wrmf.model.axes import rows_on_item_axis
from wrmf.model.display import model_html
from wrmf.model.fold_in import FoldIn
from wrmf.model.item_term import item_terms
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.objective import observed_scores
from wrmf.numerics.ranked import Ranked, ndcg
from wrmf.numerics.ranking import rank_held_out
from wrmf.numerics.term_ranks import rank_held_out_with_terms

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["Estimator"]

# The cut-off of the score, and the share of each row that it holds out.
SCORE_CUTOFF, SCORE_SHARE = 10, 0.2


class Estimator(FoldIn):
    """A model as scikit-learn uses it: rows are users, columns are items."""

    def transform(self, X: Any) -> np.ndarray:
        """Return the factors of users given their interactions, as ``fold_in_users`` does.

        Parameters
        ----------
        X : as in ``fold_in_users``, (n, n_items)

        Returns
        -------
        ndarray (n, k)

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> wrmf.WRMF(factors=2, random_state=0).fit(likes).transform(likes[:4]).shape
        (4, 2)
        """
        return self.fold_in_users(X)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Train, and return the factors of the users that were trained on.

        Parameters
        ----------
        X, y, **fit_params : as in ``fit``

        Returns
        -------
        ndarray (n_users, k)
            As ``transform(X)``, in the order of ``model.users``.
        """
        self.fit(X, y, **fit_params)  # type: ignore[attr-defined]
        factors: np.ndarray = self.state.user_factors.copy()
        return factors

    def score(self, X: Any, y: Any = None) -> float:
        """Return ndcg@10 of a held-out fifth of each user's items; higher is better.

        A fifth of the items of each row, at least one, is held out. The user is folded in from the
        others, and the held-out items are ranked among all items that are left. Rows with fewer
        than two items are left out. Which items are held out depends on the items of the row only,
        so that the score of a row is always the same. X should hold users that the model was not
        fitted to, as in cross-validation over users: of others, it has seen what is held out.

        Parameters
        ----------
        X : as in ``fold_in_users``, (n, n_items)
        y : ignored, for scikit-learn

        Returns
        -------
        float in [0, 1]

        Raises
        ------
        ValueError
            If no row has two items.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> wrmf.WRMF(factors=2, random_state=0).fit(likes[:4]).score(likes[4:])
        1.0
        """
        _, rows = rows_on_item_axis(X, self.state)
        known, held_out = hold_out_part(rows)
        held_out = likes_of(held_out)
        tested = np.diff(held_out.indptr) > 0
        if not tested.any():
            raise ValueError(
                f"a score needs users with at least 2 items, got {rows.shape[0]} users with "
                f"{int(np.diff(rows.indptr).max(initial=0))} or fewer"
            )
        known, held_out = known[tested], held_out[tested]
        x, y_factors = self.fold_in_users(known), self.state.item_factors
        threads = self.num_threads
        cutoff = min(SCORE_CUTOFF, len(y_factors))
        terms = item_terms(self.state, ItemLists.of(likes_of(known)))
        if terms is None:
            side = held_out, observed_scores(held_out, x, y_factors, threads), True
            (ranks,) = rank_held_out(x, y_factors, [side], known, cutoff, threads)
        else:
            pair = held_out, True
            (ranks,) = rank_held_out_with_terms(
                (x, y_factors), terms, [pair], known, cutoff, threads
            )
        ranked = Ranked.of(ranks.ranks, np.diff(held_out.indptr), None)
        return float(ndcg(ranked, cutoff).mean())

    def _repr_html_(self) -> str:
        """Return a table for notebooks: what was set, what the data chose, and the size."""
        return model_html(self, self.resolved_params if self.is_fitted else {})

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names wrmf0, wrmf1, … of the columns of ``transform``.

        Parameters
        ----------
        input_features : ignored, for scikit-learn
        """
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{factor}" for factor in range(self.state.k)], dtype=object)

    @property
    def n_features_in_(self) -> int:
        """The number of items, once the model is fitted."""
        return len(self.state.items)

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(sparse=True, positive_only=True),
            non_deterministic=False,
        )


def hold_out_part(rows: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return two matrices: the entries of each row that stay known, and those held out.

    A fifth of the entries of a row, rounded down but at least one, is held out; of rows with one
    entry, none. The choice looks random, but is a function of the columns of the row alone.

    Examples
    --------
    >>> known, held_out = hold_out_part(sparse.csr_matrix([[1, 2, 3, 0], [0, 0, 0, 4]]))
    >>> known.getnnz(axis=1).tolist(), held_out.getnnz(axis=1).tolist()
    ([2, 1], [1, 0])
    """
    counts = np.diff(rows.indptr)
    row = np.repeat(np.arange(len(counts)), counts)
    columns = rows.indices.astype(np.uint64)
    # The sum over the row, so that an item is held out for some users and known for others.
    mixed = _mixed(columns)
    ends = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed)))
    of_row = ends[rows.indptr[1:]] - ends[rows.indptr[:-1]]
    order = np.lexsort((_mixed(columns ^ of_row[row]), row))
    place = np.arange(len(order)) - np.repeat(rows.indptr[:-1], counts)
    n_held_out = np.where(counts > 1, np.maximum(1, (counts * SCORE_SHARE).astype(np.int64)), 0)
    is_held_out = np.zeros(len(order), dtype=bool)
    is_held_out[order[place < n_held_out[row]]] = True
    return _entries(rows, ~is_held_out), _entries(rows, is_held_out)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return uint64 numbers whose bits are mixed (the finaliser of SplitMix64)."""
    bits = numbers + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = bits ^ (bits >> np.uint64(31))
    return mixed


def _entries(rows: sparse.csr_matrix, chosen: np.ndarray) -> sparse.csr_matrix:
    """Return the matrix of the entries that a bool mask chooses."""
    indptr = np.concatenate(([0], np.cumsum(chosen)))[rows.indptr]
    return sparse.csr_matrix((rows.data[chosen], rows.indices[chosen], indptr), shape=rows.shape)
