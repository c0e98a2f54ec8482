"""Removes users and items from a fitted model."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.distinct import sorted_distinct
from wrmf.model.exact_rows import solve_exactly
from wrmf.model.growth import are_positions
from wrmf.model.item_term import with_item_weights
from wrmf.model.parameters import Parameters
from wrmf.model.state import Factors
from wrmf.model.update import Updatable, UpdateReport
from wrmf.numerics.values import FittedValues

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Forgetting"]

SIDES = ("users", "items")


class Forgetting(Updatable):
    """A model that can forget users and items."""

    def forget_users(self, ids: Any) -> Self:
        """Remove users, their interactions and their factors.

        Neither the model nor a file that it is saved to later has anything of them left. The items
        that they had are solved again without them, by one exact half-step. The factors of other
        users and items, which were trained together with theirs, stay as they are;
        ``partial_fit(model.train_matrix)`` trains them on what is left. Of a model that was saved
        without the counts of its training data, no items are solved again, which is a warning.

        Parameters
        ----------
        ids : an id or a sequence of ids

        Returns
        -------
        WRMF
            The model itself. ``last_update`` has the items that were solved again.

        Raises
        ------
        ValueError
            For an unknown id (see ``knows_users``), and if no interaction would be left.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.forget_users([1, 5]).users.tolist()
        [0, 2, 3, 4]
        """
        return self._forget(self.state.find_users(ids), 0)

    def forget_items(self, ids: Any) -> Self:
        """Remove items, their interactions, names and factors.

        The users that had them are solved again without them; see ``forget_users``.

        Parameters
        ----------
        ids : an id or a sequence of ids
            Unique names are accepted as ids.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> model.forget_items(3).item_factors.shape
        (5, 2)
        """
        return self._forget(self.state.find_items(ids), 1)

    def _forget(self, positions: np.ndarray, side: int) -> Self:
        """Remove rows of the users (side 0) or the items (side 1), and solve the other side."""
        began = time.perf_counter()
        state, params = self.state, self.fitted_params()
        removal = Removal.of(state, positions, side)
        smaller = removal.apply(state)
        changed = removal.changed_others()
        resolved = {}
        if changed is None:
            warnings.warn(
                f"the factors of {SIDES[1 - side]} stay as they are, since this model was saved "
                "without the counts of its training data: to solve them again, use a file saved "
                "with train=True",
                stacklevel=3,
            )
        else:
            smaller = removal.solve_others(smaller, changed, params)
            others = (smaller.users, smaller.items)[1 - side]
            resolved[("changed_items", "changed_users")[side]] = others[changed]
        if smaller.train_matrix is not None:
            self.state = with_item_weights(smaller, params)
        else:
            weights = state.item_weights
            if side == 1 and weights is not None:
                weights = weights.at(np.flatnonzero(removal.kept))
            self.state = replace(smaller, item_weights=weights)
        self._last_update = UpdateReport(
            **resolved,
            pairs_removed=removal.n_pairs,
            seconds=time.perf_counter() - began,
        )
        return self


@dataclass(frozen=True, eq=False)
class Removal:
    """Which rows of one side are removed, and the training data before and after.

    Attributes
    ----------
    side : {0, 1}
        0 for users, 1 for items.
    kept : bool (n_rows,)
        False for the rows of that side that are removed.
    before, after : CSR (n_rows, n_others) and (n_kept, n_others), or None
        The training data with the rows of that side as rows; None if the model has none.
    """

    side: int
    kept: np.ndarray
    before: sparse.csr_matrix | None
    after: sparse.csr_matrix | None

    @classmethod
    def of(cls, state: Factors, positions: np.ndarray, side: int) -> Removal:
        """Return the removal of the rows at some positions.

        Raises
        ------
        ValueError
            If nothing would be left.
        """
        kept = np.ones(len((state.users, state.items)[side]), dtype=bool)
        kept[positions] = False
        matrix = state.train_matrix
        if matrix is None:
            if not kept.any():
                raise ValueError(f"no {SIDES[side]} would be left of {len(kept)}")
            return cls(side, kept, None, None)
        before = matrix if side == 0 else matrix.T.tocsr()
        after = sparse.csr_matrix(before[kept])
        if not after.nnz:
            raise ValueError(
                f"no interaction would be left of {before.nnz}: fit a new model without these "
                f"{len(sorted_distinct(positions))} {SIDES[side]}"
            )
        return cls(side, kept, before, after)

    @property
    def n_pairs(self) -> int:
        """The number of pairs that are removed; 0 if they are not known."""
        return 0 if self.before is None or self.after is None else self.before.nnz - self.after.nnz

    def apply(self, state: Factors) -> Factors:
        """Return the state without the rows and without item weights; no row is solved."""
        kept, side = self.kept, self.side
        axes, factors = [state.users, state.items], [state.user_factors, state.item_factors]
        axes[side], factors[side] = axes[side][kept], factors[side][kept]
        features = list(state.features)
        if (own := features[side]) is not None and own.table is not None:
            features[side] = own.with_rows(own.table.matrix[kept])
        names, left = state.item_names, self.after
        return replace(
            state,
            user_factors=factors[0],
            item_factors=factors[1],
            users=axes[0],
            items=axes[1],
            train_matrix=left if side == 0 or left is None else left.T.tocsr(),
            saved_values=_saved_values(state.saved_values, kept, side),
            item_names=names[kept] if side == 1 and names is not None else names,
            numbered=state.numbered and are_positions(axes[side]),
            item_weights=None,
            features=(features[0], features[1]),
        )

    def changed_others(self) -> np.ndarray | None:
        """Return the rows of the other side that lose a pair; None without counts to solve them."""
        if self.before is None or self.before.dtype == bool:
            return None
        return sorted_distinct(self.before[~self.kept].indices)

    def solve_others(self, state: Factors, changed: np.ndarray, params: Parameters) -> Factors:
        """Return the state with the changed rows of the other side solved by one half-step."""
        others = 1 - self.side
        assert self.after is not None
        assert state.train_matrix is not None
        values = FittedValues.of(params.values, state.train_matrix)
        rows = values.of_rows(self.after[:, changed].T.tocsr(), others)
        factors = [state.user_factors, state.item_factors]
        features = state.features[others]
        prior = None if features is None else features.prior().at(changed)
        solved = solve_exactly(rows, factors[self.side], params, others, prior)
        factors[others] = factors[others].copy()
        factors[others][changed] = solved
        return replace(state, user_factors=factors[0], item_factors=factors[1])


def _saved_values(values: FittedValues | None, kept: np.ndarray, side: int) -> FittedValues | None:
    """Return what values count in a model without training data, for the rows that are left."""
    if values is None:
        return None
    if side == 0:
        return replace(values, user_counts=values.user_counts[kept])
    lengths = values.item_lengths
    return replace(
        values,
        item_counts=values.item_counts[kept],
        item_lengths=lengths[kept] if len(lengths) else lengths,
    )
