"""The contenders that train by alternating least squares: wrmf, irspack and implicit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality.contenders.treatment import (
    CHECKPOINTS,
    SEED,
    TREATMENTS,
    item_degrees,
    treated,
)
from benchmarks.quality.rankers import FactorRanker
from benchmarks.quality.threads import n_threads
from wrmf import Range

Curve = Iterator[tuple[int, FactorRanker]]
# Numbers of factors that are tried.
FACTORS = [64, 128, 256, 512]
# The parameters that wrmf and irspack have in common: k, α₀, the strength of the regularisation
# (see ``regularization``), ν and the value transformation.
SHARED_SPACE: dict[str, Any] = {
    "factors": FACTORS,
    "alpha0": Range(0.003, 0.5, log=True),
    "strength": Range(0.00005, 0.05, log=True),
    "nu": Range(0.0, 1.5),
    "values": TREATMENTS,
}
# Parameters in the columns of ``STARTS``.
START_COLUMNS = (*SHARED_SPACE, "solver", "init")
# Settings of wrmf that are tried first.
STARTS = (
    (128, 0.05, 0.003, 1.0, "damped", "exact", None),
    (256, 0.02, 0.002, 1.0, "binary", "cg 3", None),
    # Close to the best settings on gowalla, where damped values were best for every k.
    (512, 0.025, 0.0025, 1.0, "damped", "cg 3", None),
    # The same λ for every row, as in Hu et al. 2008 and in implicit.
    (512, 0.05, 0.0003, 0.0, "damped", "cg 3", 6.0),
    (512, 0.025, 0.0025, 1.0, "binary", "cg 3", None),
    (512, 0.025, 0.0025, 1.0, "damped", "cg 3", 2.0),
)
# irspack's default of ``init``, which is √k times the standard deviation of its random start.
IRSPACK_INIT = 0.1


def regularization(params: Mapping[str, Any], train: sparse.csr_matrix) -> float:
    """Return the λ with which a row of average length has the same penalty for every ν."""
    size = 2 * train.nnz / sum(train.shape) + params["alpha0"] * sum(train.shape) / 2
    return float(params["strength"] * size ** (1 - params["nu"]))


class Ours:
    """wrmf. ``init`` is √k times the standard deviation of the random start, None its default."""

    name, als = "wrmf", True
    space: Mapping[str, Any] = {
        **SHARED_SPACE,
        "solver": ["exact", "cg 2", "cg 3"],
        "init": [None, 2.0, 6.0],
    }
    starts: Sequence[Mapping[str, Any]] = [
        dict(zip(START_COLUMNS, row, strict=True)) for row in STARTS
    ]

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Curve:
        train, degrees = split.train.matrix, item_degrees(split.train.matrix)
        values = treated(train, params["values"], degrees)
        solver, _, steps = params["solver"].partition(" ")
        scale = None if params["init"] is None else params["init"] / params["factors"] ** 0.5
        model = wrmf.WRMF(
            params["factors"],
            regularization(params, train),
            1.0,
            unobserved_weight=params["alpha0"],
            regularization_exponent=params["nu"],
            objective="ials",
            confidence="linear",
            random_state=SEED,
            num_threads=n_threads(),
            solver=solver,
            cg_steps=int(steps or 1),
            init_scale=scale,
        )

        def fold_in(known: sparse.csr_matrix) -> np.ndarray:
            return model.fold_in_users(treated(known, params["values"], degrees))

        for epoch in checkpoints:
            model.partial_fit(values, epoch - model.iterations_done, progress=False)
            yield epoch, FactorRanker(model.user_factors, model.item_factors, fold_in)


class Irspack:
    """irspack's IALSRecommender with its default solver, three steps of conjugate gradients."""

    name, als = "irspack iALS", True
    space: Mapping[str, Any] = {**SHARED_SPACE, "init": [IRSPACK_INIT, 2.0, 6.0]}
    # The starts of wrmf, except for an ``init`` of 6: with ν = 0, irspack's default was better.
    starts: Sequence[Mapping[str, Any]] = [
        {
            **{name: start[name] for name in SHARED_SPACE},
            "init": 2.0 if start["init"] == 2.0 else IRSPACK_INIT,
        }
        for start in Ours.starts
    ]

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Curve:
        try:
            from irspack import IALSRecommender
        except ImportError as error:
            raise Missing(f"irspack cannot be imported: {error}") from None
        train, degrees = split.train.matrix, item_degrees(split.train.matrix)
        model = IALSRecommender(
            treated(train, params["values"], degrees),
            n_components=params["factors"],
            alpha0=params["alpha0"],
            reg=regularization(params, train),
            nu=params["nu"],
            init_std=params["init"],
            random_seed=SEED,
            n_threads=n_threads(),
        )

        def fold_in(known: sparse.csr_matrix) -> np.ndarray:
            return model.compute_user_embedding(treated(known, params["values"], degrees))

        with threadpool_limits(1, "blas"):
            model.start_learning()
        done = 0
        for epoch in checkpoints:
            for _ in range(epoch - done):
                model.run_epoch()
            done = epoch
            trainer = model.trainer.core_trainer
            yield epoch, FactorRanker(trainer.user, trainer.item, fold_in)


class Implicit:
    """implicit's AlternatingLeastSquares with its default solver, conjugate gradients."""

    name, als = "implicit ALS", True
    space: Mapping[str, Any] = {
        "factors": FACTORS,
        "alpha": Range(1.0, 200.0, log=True),
        "regularization": Range(0.01, 100.0, log=True),
        "values": TREATMENTS,
    }
    starts: Sequence[Mapping[str, Any]] = (
        {"factors": 128, "alpha": 20.0, "regularization": 3.0, "values": "damped"},
        {"factors": 256, "alpha": 50.0, "regularization": 5.0, "values": "binary"},
        {"factors": 512, "alpha": 20.0, "regularization": 3.5, "values": "damped"},
        {"factors": 512, "alpha": 40.0, "regularization": 5.0, "values": "binary"},
    )

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Curve:
        try:
            from implicit.cpu import _als
            from implicit.cpu.als import AlternatingLeastSquares
        except ImportError as error:
            raise Missing(f"implicit cannot be imported: {error}") from None
        train, degrees = split.train.matrix, item_degrees(split.train.matrix)
        values = treated(train, params["values"], degrees)
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                params["factors"],
                params["regularization"],
                params["alpha"],
                random_state=SEED,
                num_threads=n_threads(),
            )

        def fold_in(known: sparse.csr_matrix) -> np.ndarray:
            rows = treated(known, params["values"], degrees) * np.float32(params["alpha"])
            factors = np.zeros((rows.shape[0], params["factors"]), dtype=np.float32)
            with threadpool_limits(1, "blas"):
                _als.least_squares(
                    rows.tocsr(),
                    factors,
                    np.ascontiguousarray(model.item_factors),
                    params["regularization"],
                    num_threads=n_threads(),
                )
            return factors

        done = 0
        for epoch in checkpoints:
            # A second fit continues from the factors of the first.
            model.iterations, done = epoch - done, epoch
            with threadpool_limits(1, "blas"):
                model.fit(values, show_progress=False)
            yield epoch, FactorRanker(model.user_factors, model.item_factors, fold_in)
