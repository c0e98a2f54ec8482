"""Alternating least squares: sweeps over the items and the users of a model in training."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np

from wrmf.model.feature_sweep import FeatureSweep
from wrmf.model.features import NO_FEATURES
from wrmf.model.members import Member, joined, members_of
from wrmf.model.parameters import Parameters, SweepOptions
from wrmf.model.state import Factors
from wrmf.numerics.priors import Prior
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep
from wrmf.progress import load_tqdm

__all__ = ["Callback", "Trainable", "Trainer", "warn_if_vanished"]

# Called with the model and the number of iterations done; True stops training.
Callback = Callable[[Any, int], Any]

# If no item factor is larger than VANISHED in absolute value, all factors are converging to zero,
# and a warning is given; so it is if no score can be larger than LOWEST_SCORE, as after the first
# iterations of such a fit.
VANISHED, LOWEST_SCORE = 1e-12, 1e-3


class Trainable(Protocol):
    """The attributes of a model that a trainer uses."""

    state: Factors

    @property
    def iterations_done(self) -> int: ...

    @property
    def resolved_params(self) -> dict[str, Any]: ...

    def check_params(self) -> Parameters: ...

    def fitted_params(self) -> Parameters: ...


class Trainer:
    """Trains a model in one or several runs. The data is prepared once, for all runs.

    Several runs give the same factors as one run of as many iterations. Between runs the model's
    ``solver``, ``cg_steps`` and ``num_threads`` may change; the next run uses the new values. A
    change of the objective or of the regularization requires a new trainer.

    Parameters
    ----------
    model : Trainable
        It must have a state. It is trained on ``state.train_matrix``, and the factor arrays of the
        state are updated in place.
    random_users : bool, default True
        Whether the users of a model with 0 iterations are random, so that it may be better to solve
        them once before the items.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> trainer = wrmf.WRMF(factors=2, random_state=0).trainer(np.eye(6))
    >>> trainer.run(iterations=2)
    >>> trainer.run(iterations=3)
    >>> trainer.model.iterations_done
    5
    """

    def __init__(self, model: Trainable, random_users: bool = True) -> None:
        params, state = model.fitted_params(), model.state
        of_users, of_items = params.regularization
        counts, dtype = state.train_counts(), state.dtype
        matrix = state.values(params.values).of_rows(counts, side=0)
        self.model = model
        self.random_users = random_users
        self.prepared = matrix.shape, dtype
        self.users = Side.of(matrix, params.objective, of_users, dtype)
        # The sides are solved in turn, so they can share their scratch arrays.
        workspaces = self.users.workspaces
        self.items = Side.of(matrix.T.tocsr(), params.objective, of_items, dtype, workspaces)
        self.of_users, self.of_items = (
            FeatureSweep.of(state.features[place], side, params, place)
            for place, side in enumerate((self.users, self.items))
        )

    def run(
        self, iterations: int, callback: Callback | None = None, progress: bool | None = None
    ) -> None:
        """Train for some iterations.

        Parameters
        ----------
        iterations : int
        callback : callable(model, iterations_done), optional
            Called after each iteration; training stops if it returns True.
        progress : bool, optional
            Whether to show a progress bar; by default if standard error is a terminal.

        Raises
        ------
        ValueError
            If the model was fitted to data of another shape since this trainer was made.
        """
        model = self.model
        params = model.check_params()
        random_users = self.random_users and model.iterations_done == 0
        try:
            if random_users and params.solve_users_first:
                # The first items are then solved for users who fit the initial items, not random
                # ones.
                members = self._members(params.n_models)
                for place, (x, y) in enumerate(members):
                    prior = self.of_users.prior(place)
                    self._solve(self.users, y, x, params.sweep, prior)
                self._publish(members, model.iterations_done)
                random_users = False
            for _ in _shown(range(iterations), progress):
                members = self._members(params.n_models)
                for place, (x, y) in enumerate(members):
                    self._solve(self.items, x, y, params.sweep, self.of_items.prior(place))
                    self.of_items.fit(place, y, params.sweep)
                    # Users are solved last, so that they are exact for what their features say.
                    if not random_users:
                        self.of_users.fit(place, x, params.sweep)
                    self._solve(self.users, y, x, params.sweep, self.of_users.prior(place))
                self._publish(members, model.iterations_done + 1)
                random_users = False
                if callback is not None and callback(model, model.iterations_done):
                    break
        except BaseException:
            # An interrupted iteration may have changed the factors of one side.
            model.state = model.state.after_training(model.iterations_done)
            raise

    def _state(self) -> Factors:
        """Return the model's state after checking its shape and dtype, which the kernels do not."""
        state = self.model.state
        if (state.shape, state.dtype) != self.prepared:
            raise ValueError(
                "the model was fitted to other data or with another dtype since this trainer was "
                "made: make a new one with model.trainer(data)"
            )
        return state

    def _members(self, n_models: int) -> list[Member]:
        """Return the factors of each member; those of a single one are solved in place."""
        state = self._state()
        for sweep, features in zip((self.of_users, self.of_items), state.features, strict=True):
            sweep.start(features, n_models)
        return members_of(state.user_factors, state.item_factors, n_models)

    def _publish(self, members: list[Member], iterations_done: int) -> None:
        """Set the state of the model to the factors of its members."""
        state = self.model.state
        if len(members) > 1:
            x, y = joined(members)
            state = replace(state, user_factors=x, item_factors=y)
        if state.features != NO_FEATURES:
            features = self.of_users.joined(), self.of_items.joined()
            state = replace(state, features=features)
        self.model.state = state.after_training(iterations_done)

    @staticmethod
    def _solve(
        side: Side, fixed: np.ndarray, out: np.ndarray, sweep: SweepOptions, prior: Prior | None
    ) -> None:
        try:
            half_sweep(replace(side, prior=prior), fixed, out, **asdict(sweep))
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"the factors left the range of {fixed.dtype}: scale the counts down, lower alpha "
                'or init_scale, or pass dtype="float64"'
            ) from error


def _shown(iterations: range, progress: bool | None) -> Iterable[int]:
    """Return the iterations, with a progress bar if it is wanted."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    # Bars that are disabled take a lock, too, which a child forked at that moment never gets.
    if not progress:
        return iterations
    bar: Iterable[int] = load_tqdm()(iterations, desc="WRMF", unit="sweep")
    return bar


def warn_if_vanished(model: Trainable) -> None:
    """Warn if all factors have become zero, or so small that no score can reach 0.001.

    Searches, which try such settings on purpose, do without.

    Warns
    -----
    UserWarning
    """
    state = model.state
    if not state.train_counts().nnz:
        return
    of_users, of_items = _largest(state.user_factors), _largest(state.item_factors)
    if not (of_items > VANISHED and state.k * of_users * of_items > LOWEST_SCORE):
        warnings.warn(
            "every factor is zero or nearly so: "
            f"regularization={model.resolved_params['regularization']} outweighs this data; "
            "lower it, or raise alpha",
            stacklevel=3,
        )


def _largest(factors: np.ndarray) -> float:
    """Return the largest absolute value, without an array of absolute values."""
    return max(abs(float(factors.max())), abs(float(factors.min())))
