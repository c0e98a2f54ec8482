"""Takes new data into a fitted model: appends users and items, and solves what has changed."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.choices import as_choice
from wrmf.data.inputs import as_data
from wrmf.data.interactions import Interactions
from wrmf.model.exact_rows import solve_exactly
from wrmf.model.features import NO_FEATURES, SideFeatures
from wrmf.model.fold_in import FoldIn
from wrmf.model.grown_features import GrownFeatures
from wrmf.model.growth import GrownAxes
from wrmf.model.histories import HOW, HistoryChange, change_histories, resized
from wrmf.model.item_term import with_item_weights
from wrmf.model.limits import check_limits
from wrmf.model.parameters import Parameters
from wrmf.model.start import random_items
from wrmf.model.state import Factors
from wrmf.model.trainer import Trainer, warn_if_vanished
from wrmf.numerics.values import FittedValues

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Updatable", "UpdateReport"]

NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class UpdateReport:
    """What an update of a model has changed; ``str()`` has a line for each figure above 0.

    Attributes
    ----------
    new_users, new_items : ndarray of ids
        Appended to the axes, in this order.
    changed_users, changed_items : ndarray of ids
        Known before, with an added, changed or removed pair. Their factors were solved again.
    pairs_added, pairs_changed, pairs_removed : int
        (user, item) pairs in which the training data differs.
    seconds : float

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> model = wrmf.WRMF(factors=2, random_state=0).fit(np.eye(3))
    >>> today = wrmf.Interactions.from_matrix(np.ones((1, 1)), users=[7], items=[2])
    >>> report = model.update(today).last_update
    >>> report.new_users, report.changed_items, report.pairs_added
    (array([7]), array([2]), 1)
    """

    new_users: np.ndarray = field(default_factory=lambda: NO_ROWS)
    new_items: np.ndarray = field(default_factory=lambda: NO_ROWS)
    changed_users: np.ndarray = field(default_factory=lambda: NO_ROWS)
    changed_items: np.ndarray = field(default_factory=lambda: NO_ROWS)
    pairs_added: int = 0
    pairs_changed: int = 0
    pairs_removed: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        counts = {
            "New users": len(self.new_users),
            "New items": len(self.new_items),
            "Changed users": len(self.changed_users),
            "Changed items": len(self.changed_items),
            "Pairs added": self.pairs_added,
            "Pairs changed": self.pairs_changed,
            "Pairs removed": self.pairs_removed,
        }
        lines = [f"{label}: {count}" for label, count in counts.items() if count]
        return "\n".join([*lines, f"Seconds: {self.seconds:.3g}"])


class Updatable(FoldIn):
    """A model that takes in new data without a full fit."""

    random_state: Any
    _last_update: UpdateReport | None = None

    @property
    def last_update(self) -> UpdateReport | None:
        """What the last ``update``, ``forget_users`` or ``forget_items`` changed; None after a fit.

        It is not saved.
        """
        return self._last_update

    def update(
        self,
        data: Any = None,
        iterations: int = 0,
        how: str = "add",
        progress: bool | None = None,
        *,
        user_features: Any = None,
        item_features: Any = None,
    ) -> Self:
        """Take in new interactions, users and items without training from the beginning.

        The users and items of ``data`` that the model does not have are appended to its axes, in
        the order of ``data``. Then three exact half-steps solve only rows that have changed: new
        users from the present items, changed and new items from the users, and changed and new
        users from the items. Other rows keep their factors. The cost is that of these rows, of the
        Gram matrix of each side, and of a copy of the factors and the training data.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n_users, n_items), optional
            The new interactions only, such as those of yesterday. Interactions are matched by id.
            A matrix is accepted if the model was fitted to one; its rows and columns are the
            model's, followed by new ones.
        iterations : int ≥ 0, default 0
            Sweeps over all users and items after the half-steps.
        how : {"add", "set", "replace"}, default "add"
            How ``data`` is combined with the training data that the model has:

            - "add": the counts of a pair are added up, as if both had been read together.
            - "set": a pair of ``data`` gets its count, so that the same update twice is one.
            - "replace": the pairs in ``data`` of a user are the user's whole history. Pairs that
              are not among them are removed; users without a pair in ``data`` stay as they are.
        progress : bool, optional
            Whether to show a progress bar of the iterations; by default if standard error is a
            terminal.
        user_features, item_features : matrix or data frame, optional
            Features of new users and items, and new ones of known users and items, for a model
            that was fitted with features. The rows of a matrix are those of ``data``. Ids that
            only a data frame has are appended, too: they have no interactions, and get the factors
            that their features say. New rows without features count as zeros, with a warning.

        Returns
        -------
        WRMF
            The model itself. ``last_update`` says what has changed.

        Raises
        ------
        TypeError, ValueError
            For ids of another type than those of the model, a matrix where ids are no positions or
            that is smaller than the model, and counts whose weights the dtype cannot hold. The
            model then stays as it was.

        Notes
        -----
        The parameters are those of the fit, even if ``set_params`` has changed them since. New
        items without a known user start from random factors, as in ``fit``.

        Ctrl-C leaves the model as it was before the update.

        Examples
        --------
        >>> import pandas as pd, wrmf
        >>> likes = pd.DataFrame({"user": ["ann", "ann", "bob"], "item": ["x", "y", "y"]})
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(wrmf.read_interactions(likes))
        >>> today = pd.DataFrame({"user": ["eve", "bob"], "item": ["y", "x"]})
        >>> model.update(wrmf.read_interactions(today)).users.tolist()
        ['ann', 'bob', 'eve']
        """
        began = time.perf_counter()
        state, params = self.state, self.fitted_params()
        iterations = as_positive_int(iterations, "iterations", 0)
        as_choice(how, "how", HOW)
        if data is not None:
            data = as_data(data)
        grown, features = _grown(data, state, (user_features, item_features))
        before = resized(state.train_counts(), grown.matrix.shape)
        change = change_histories(before, grown.matrix, how)
        check_limits(change.matrix, params)
        n_users, n_items = len(state.users), len(state.items)
        change = replace(
            change,
            users=np.union1d(change.users, features[0].changed),
            items=np.union1d(change.items, features[1].changed),
        )
        of_rows = features[0].features, features[1].features
        x, y = self._solve_changed(change, replace(state, features=NO_FEATURES), params, of_rows)
        updated = replace(
            state,
            user_factors=x,
            item_factors=y,
            users=grown.users,
            items=grown.items,
            train_matrix=change.matrix,
            item_names=grown.item_names,
            numbered=grown.numbered,
            item_weights=None,
            features=of_rows,
        )
        updated = with_item_weights(updated, params, state)
        if iterations:
            updated = self._trained(updated, iterations, progress)
        self.state = updated
        self._last_update = UpdateReport(
            new_users=grown.users[n_users:],
            new_items=grown.items[n_items:],
            changed_users=grown.users[change.users[change.users < n_users]],
            changed_items=grown.items[change.items[change.items < n_items]],
            pairs_added=change.n_added,
            pairs_changed=change.n_changed,
            pairs_removed=change.n_removed,
            seconds=time.perf_counter() - began,
        )
        return self

    def _solve_changed(
        self,
        change: HistoryChange,
        state: Factors,
        params: Parameters,
        features: tuple[SideFeatures | None, SideFeatures | None],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return new arrays of the users' and the items' factors, in which changed rows are new."""
        n_users, n_items = change.matrix.shape
        new_users = np.arange(len(state.users), n_users)
        more = n_items - len(state.items)
        random = random_items(more, params, as_generator(self.random_state)) if more else None
        values = FittedValues.of(params.values, change.matrix)
        x = _extended(state.user_factors, n_users)
        y = _extended(state.item_factors, n_items, random)
        priors = [None if of_side is None else of_side.prior() for of_side in features]
        items = np.union1d(change.items, np.arange(len(state.items), n_items))
        users = np.union1d(change.users, new_users)

        def solve(side: int, rows: np.ndarray) -> np.ndarray:
            own = change.matrix[:, rows].T.tocsr() if side else change.matrix[rows]
            fixed, prior = x if side else y, priors[side]
            if prior is not None:
                prior = prior.at(rows)
            return solve_exactly(values.of_rows(own, side), fixed, params, side, prior)

        if priors[1] is not None:
            new_items = priors[1].at(np.arange(len(state.items), n_items))
            y[len(state.items) :] = new_items.expected(1)
        # New users are solved first, since items would otherwise be solved as if they had none.
        x[new_users] = solve(0, new_users)
        y[items] = solve(1, items)
        x[users] = solve(0, users)
        return x, y

    def _trained(self, state: Factors, iterations: int, progress: bool | None) -> Factors:
        """Return a state after iterations with its own parameters, which may change its arrays."""
        model = copy.copy(self)
        model.state = state
        num_threads = self.num_threads
        model.set_params(**{**(state.params or {}), "num_threads": num_threads})
        Trainer(model).run(iterations, progress=progress)
        warn_if_vanished(model)
        return model.state

    def knows_users(self, ids: Any) -> np.ndarray:
        """Return, for each id, whether the model has a user with this id.

        Parameters
        ----------
        ids : an id or a sequence of n ids

        Returns
        -------
        bool (n,)

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> wrmf.WRMF(factors=2).fit(np.eye(3)).knows_users([2, 3, "ann"])
        array([ True, False, False])
        """
        return np.asarray(self.state.locate_users(ids)[1] >= 0)

    def knows_items(self, ids: Any) -> np.ndarray:
        """Return, for each id, whether the model has an item with this id.

        Parameters
        ----------
        ids : an id or a sequence of n ids
            Names are not taken for ids.

        Returns
        -------
        bool (n,)

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> wrmf.WRMF(factors=2).fit(np.eye(3)).knows_items([2, 3, "x"])
        array([ True, False, False])
        """
        return np.asarray(self.state.locate_items(ids)[1] >= 0)


def _grown(
    data: Any, state: Factors, given: tuple[Any, Any]
) -> tuple[GrownAxes, list[GrownFeatures]]:
    """Return the axes of a model and of new data and features, and the features of both sides."""
    if data is None and given[0] is None and given[1] is None:
        raise TypeError("update takes new interactions, features of users or of items, got none")
    axes = GrownAxes.of(data, state)
    ids: tuple[Any, Any] = (None, None)
    if data is not None:
        has_ids = isinstance(data, Interactions)
        ids = (data.users, data.items) if has_ids else (axes.users, axes.items)
    features = []
    for side in (0, 1):
        features.append(GrownFeatures.of(given[side], side, state, axes, ids[side]))
        axes = features[-1].axes
    return axes, features


def _extended(factors: np.ndarray, n_rows: int, more: np.ndarray | None = None) -> np.ndarray:
    """Return a copy of factors with rows appended: those of ``more``, or zeros."""
    out: np.ndarray = np.zeros((n_rows, factors.shape[1]), dtype=factors.dtype)
    out[: len(factors)] = factors
    if more is not None:
        out[len(factors) :] = more
    return out
