"""A model in training: both sides of its matrix as the kernels want them, and the sweeps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep
from wrmf.numerics.threads import single_threaded_blas

__all__ = ["Callback", "Trainer"]

# Called with the model and the iterations done.
Callback = Callable[[Any, int], Any]

# Factors below this are on their way to zero.
VANISHED = 1e-12


class Trainer:
    """A WRMF with factors, and the matrix that it is trained on.

    One for several runs spares all but the first the transposition and sorting, and gives the
    same factors. Between runs the model's solver and threads may change, its objective may not.
    """

    def __init__(
        self, model: Any, objective: Objective, regularization: tuple[float, float]
    ) -> None:
        matrix, dtype = model.train_matrix, model.user_factors.dtype
        of_users, of_items = regularization
        self.model = model
        self.users = Side.of(matrix, objective, of_users, dtype)
        self.items = Side.of(matrix.T.tocsr(), objective, of_items, dtype, self.users.workspace)

    def run(
        self, iterations: int, callback: Callback | None = None, progress: bool | None = None
    ) -> None:
        """Sweep ``iterations`` times, fewer where the callback returns True."""
        model = self.model
        solver = "exact" if model.solver == "auto" else model.solver
        hidden = None if progress is None else not progress
        from_users = self.items, model.user_factors, model.item_factors
        from_items = self.users, model.item_factors, model.user_factors
        how = solver, model.num_threads, model.cg_steps
        if model.iterations_done == 0 and model.init_scale is None:
            # Half a sweep more, and the first items have users to answer to that are not noise.
            half_sweep(*from_items, *how)
        for _ in tqdm(range(iterations), desc="WRMF", unit="sweep", disable=hidden):
            with single_threaded_blas():
                half_sweep(*from_users, *how)
                half_sweep(*from_items, *how)
            model.iterations_done += 1
            if callback is not None and callback(model, model.iterations_done):
                break
        if model.train_matrix.nnz and not np.abs(model.item_factors).max() > VANISHED:
            warnings.warn(
                f"every factor is zero: regularization={model.regularization} outweighs this data; "
                "lower it, or raise alpha",
                stacklevel=3,
            )
