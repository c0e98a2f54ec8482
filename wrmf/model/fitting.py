"""Fits a model to data: from random factors, from another model's, or on from its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.choices import as_callback
from wrmf.data.inputs import as_interactions, is_matrix
from wrmf.model.axes import names_on_item_axis, on_own_axes
from wrmf.model.features import features_of_training
from wrmf.model.item_term import with_item_weights
from wrmf.model.limits import check_limits, warn_of_idle_factors
from wrmf.model.saved_ids import check_ids
from wrmf.model.start import as_start, initial_factors, warm_factors
from wrmf.model.state import FactorModel, Factors
from wrmf.model.trainer import Trainer, warn_if_vanished
from wrmf.model.update import Updatable

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Fitting"]


class Fitting(Updatable):
    """A model that can be fitted to data, and trained further."""

    iterations: int

    def fit(
        self,
        data: Any,
        y: Any = None,
        callback: Callable[[Self, int], Any] | None = None,
        progress: bool | None = None,
        start: FactorModel | Factors | None = None,
        *,
        user_features: Any = None,
        item_features: Any = None,
    ) -> Self:
        """Train from new random factors, or from those of another model.

        Parameters
        ----------
        data : Interactions, or a sparse or dense users × items matrix (n_users, n_items)
            Or a table with columns user, item and, if it has one, value, eager or lazy, of pandas,
            polars, arrow or others; or histories, ``{user: [items]}`` or
            ``{user: {item: count}}``. Methods with an argument ``data`` take all of these.
        y : ignored, for scikit-learn
        callback : callable(model, iterations_done), optional
            Called after each iteration; training stops if it returns True. Pass it by name.
        progress : bool, optional
            Whether to show a progress bar; by default if standard error is a terminal.
        start : WRMF or Factors, optional
            A fitted model with the same number of factors. Users and items with the same id start
            from its factors, which are copied; their order may differ. Other rows start from random
            factors; users among them are solved once from the items before the first iteration.
        user_features, item_features : matrix (n_rows, n_features) or data frame, optional
            Features of users and of items, which their factors are regularised towards
            (docs/features.md). A sparse or dense matrix has a row for each user or item of the
            data, in their order. A data frame has ids in the column "user" or "item", or in the
            index of a frame of pandas, and numbers in all other columns; its rows are matched by
            id, and those of other ids are not used.

        Returns
        -------
        WRMF
            The model itself.

        Raises
        ------
        TypeError, ValueError
            For parameters out of bounds, for data that is not a matrix of finite numbers ≥ 0
            with at least one entry, for counts whose weights the dtype cannot hold, and for ids
            that cannot be saved. For a ``start`` with another number of factors, with ids of
            another type, or without any id of the data. The model then stays as it was.
        MemoryError
            If factors or item weights need more memory than is available; the model stays as it
            was.

        Warns
        -----
        UserWarning
            For more than 256 factors that are more than the users or the items, and if every
            factor has become zero or nearly so, as with a ``regularization`` that is too large.

        Notes
        -----
        Ctrl-C is noticed within a second. The model then keeps the factors reached so far, can be
        used, and ``partial_fit`` continues from there.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> losses = []
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, iterations=3, random_state=0)
        >>> model = model.fit(likes, callback=lambda m, done: losses.append(m.loss(likes)))
        >>> losses == sorted(losses, reverse=True)
        True
        """
        if callable(y):
            raise TypeError("y is ignored, got a function: pass it by name, as callback=")
        as_callback(callback)
        iterations = as_positive_int(self.iterations, "iterations")
        self._start(data, start, (user_features, item_features))
        Trainer(self, random_users=start is None).run(iterations, callback, progress)
        warn_if_vanished(self)
        return self

    def partial_fit(
        self,
        data: Any,
        iterations: int | None = None,
        callback: Callable[[Self, int], Any] | None = None,
        progress: bool | None = None,
        *,
        user_features: Any = None,
        item_features: Any = None,
    ) -> Self:
        """Continue training from the present factors, or from new ones if the model is not fitted.

        Ten iterations followed by five give the same factors as fifteen at once. The present
        parameters become those that the model was fitted with; what "auto" became at the fit stays,
        unless a parameter on which that depends has changed.

        Parameters
        ----------
        data : Interactions, or a sparse or dense matrix (n_users, n_items)
            With the same users and items as the data of the fit, matched by id. The rows and
            columns of a matrix are in the order of ``users`` and ``items``.
        iterations : int ≥ 1, optional
            By default the model's.
        callback, progress : as in ``fit``
        user_features, item_features : as in ``fit``
            Only of a model that is not fitted; a fitted one keeps its features.

        Returns
        -------
        WRMF
            The model itself.

        Raises
        ------
        ValueError
            For other users or items (use ``fit``, or ``fold_in_users`` for new users), or if the
            model was fitted with another number of factors or dtype; and for features of a fitted
            model.

        Examples
        --------
        >>> import numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, iterations=10, random_state=0).fit(likes)
        >>> model.partial_fit(likes, iterations=5).iterations_done
        15
        """
        iterations = self.iterations if iterations is None else iterations
        as_callback(callback)
        iterations = as_positive_int(iterations, "iterations")
        self.trainer(data, (user_features, item_features)).run(iterations, callback, progress)
        warn_if_vanished(self)
        return self

    def trainer(
        self,
        data: Any,
        features: tuple[Any, Any] = (None, None),
        earlier: Factors | None = None,
    ) -> Trainer:
        """Return a trainer that continues training in several runs, preparing ``data`` once.

        A model that is not fitted starts from new random factors; the item weights of an
        ``earlier`` state of another model are taken if they are of the same pairs. ``data``,
        ``features`` of users and of items, and errors are as in ``partial_fit``.
        """
        if not self.is_fitted:
            self._start(data, features=features, earlier=earlier)
            return Trainer(self)
        if any(given is not None for given in features):
            raise ValueError(
                "the model is fitted and keeps its features: pass none, or call fit for others"
            )
        state, params = self.state, self.check_params()
        n_models = (state.params or {}).get("n_models", 1)
        if n_models != params.n_models:
            raise ValueError(
                f"the model was fitted with n_models={n_models}, now {params.n_models} are asked "
                "for: call fit"
            )
        if (state.k, state.dtype) != (params.n_columns, params.dtype):
            raise ValueError(
                f"the model was fitted with {state.k} factors of {state.dtype}, now "
                f"{params.n_columns} of {params.dtype} are asked for: call fit"
            )
        matrix = on_own_axes(data, state)
        params, automatic = self.params_for(matrix, state)
        check_limits(matrix, params)
        names = names_on_item_axis(data, state) if state.item_names is None else state.item_names
        # Training writes to the factors, and those of a mapped file are read-only.
        prepared = replace(
            state,
            user_factors=np.require(state.user_factors, requirements=["C", "W"]),
            item_factors=np.require(state.item_factors, requirements=["C", "W"]),
            train_matrix=matrix,
            params=self.frozen_params(),
            automatic=automatic,
            item_names=names,
        )
        self.state = with_item_weights(prepared, params, state)
        return Trainer(self)

    def _start(
        self,
        data: Any,
        start: FactorModel | Factors | None = None,
        features: tuple[Any, Any] = (None, None),
        earlier: Factors | None = None,
    ) -> None:
        """Replace the state by the initial factors for ``data``."""
        self.check_params()
        numbered = is_matrix(data)
        data = as_interactions(data)
        check_ids(data.users, "user")
        check_ids(data.items, "item")
        params, automatic = self.params_for(data.matrix)
        check_limits(data.matrix, params)
        warn_of_idle_factors(data.shape, params)
        of_rows = features_of_training(features, (data.users, data.items), params)
        generator = as_generator(self.random_state)
        if start is None:
            x, y = initial_factors(data.shape, params, generator)
        else:
            x, y = warm_factors(as_start(start, params), data, params, generator)
        initial = Factors(
            user_factors=x,
            item_factors=y,
            users=data.users,
            items=data.items,
            train_matrix=data.matrix,
            item_names=data.item_names,
            params=self.frozen_params(),
            automatic=automatic,
            numbered=numbered,
            features=of_rows,
        )
        self.state = with_item_weights(initial, params, earlier)
        self._last_update = None
