"""Removes users and items from a fitted model."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from wrmf.model.exact_rows import solve_exactly
from wrmf.model.growth import are_positions
from wrmf.model.item_term import with_item_weights
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
        axes = [state.users, state.items]
        factors = [state.user_factors, state.item_factors]
        kept = np.ones(len(axes[side]), dtype=bool)
        kept[positions] = False
        axes[side], factors[side] = axes[side][kept], factors[side][kept]
        matrix = state.train_matrix
        # Rows are those of the side that loses some, columns those of the other side.
        left = changed = None
        features = list(state.features)
        if (own := features[side]) is not None and own.table is not None:
            features[side] = own.with_rows(own.table.matrix[kept])
        n_removed = 0
        if matrix is not None:
            rows = matrix if side == 0 else matrix.T.tocsr()
            left = sparse.csr_matrix(rows[kept])
            n_removed = rows.nnz - left.nnz
            if not left.nnz:
                raise ValueError(
                    f"no interaction would be left of {rows.nnz}: fit a new model without these "
                    f"{len(np.unique(positions))} {SIDES[side]}"
                )
        elif not kept.any():
            raise ValueError(f"no {SIDES[side]} would be left of {len(kept)}")
        if matrix is None or matrix.dtype == bool:
            warnings.warn(
                f"the factors of {SIDES[1 - side]} stay as they are, since this model was saved "
                "without the counts of its training data: to solve them again, use a file saved "
                "with train=True",
                stacklevel=3,
            )
        else:
            assert left is not None
            changed = np.unique(rows[~kept].indices)
            factors[1 - side] = factors[1 - side].copy()
            values = FittedValues.of(params.values, left if side == 0 else left.T.tocsr())
            rows_left = values.of_rows(left[:, changed].T.tocsr(), 1 - side)
            others = features[1 - side]
            prior = None if others is None else others.prior().at(changed)
            factors[1 - side][changed] = solve_exactly(
                rows_left, factors[side], params, 1 - side, prior
            )
        names = state.item_names
        smaller = replace(
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
        if left is not None:
            self.state = with_item_weights(smaller, params)
        else:
            weights = state.item_weights
            if side == 1 and weights is not None:
                weights = weights.at(np.flatnonzero(kept))
            self.state = replace(smaller, item_weights=weights)
        resolved = {}
        if changed is not None:
            resolved[("changed_items", "changed_users")[side]] = axes[1 - side][changed]
        self._last_update = UpdateReport(
            **resolved,
            pairs_removed=n_removed,
            seconds=time.perf_counter() - began,
        )
        return self


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
