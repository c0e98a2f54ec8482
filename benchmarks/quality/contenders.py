"""Who takes part in the leaderboard: libraries of ALS, and simple models of other kinds.

A contender has a ``space`` to tune in, ``starts`` (settings tried first: what the library's
defaults or its documentation would say) and ``curve(params, split)``, which trains on
``split.train`` and yields (epoch, model) at each checkpoint. A model has ``evaluate(split,
metrics)``. Whoever takes counts is offered the same treatments of them, see ``treated``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

import wrmf
from benchmarks.peers import Missing
from benchmarks.quality.scored import Blocks, Factors
from wrmf import Range

CHECKPOINTS = (1, 2, 3, 4, 6, 8, 12, 16)
FACTORS = [64, 128, 256, 512]
SEED, THREADS = 0, 2


def treated(matrix: sparse.csr_matrix, kind: str, of_items: np.ndarray) -> sparse.csr_matrix:
    """Return the values that a model sees: all 1, log(1 + d), or lower for the often met.

    "damped" is n_u^−¼ n_i^−¼ with a mean near 1: a pair counts less where user and item have many.
    """
    matrix = matrix.astype(np.float32)
    if kind == "binary":
        matrix.data = np.ones_like(matrix.data)
    elif kind == "log":
        matrix.data = np.log1p(matrix.data)
    else:
        of_users = np.repeat(np.diff(matrix.indptr), np.diff(matrix.indptr)).astype(float)
        mean = max(of_items.sum(), 1) / max(np.count_nonzero(of_items), 1)
        values = np.maximum(of_items[matrix.indices] / mean, 1 / mean) * np.maximum(of_users, 1)
        matrix.data = (values**-0.25 * 2).astype(np.float32)
    return matrix


def degrees(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def regularization(params: Mapping[str, Any], train: sparse.csr_matrix) -> float:
    """λ as for a row of ordinary length, so that ν changes the shape alone."""
    size = 2 * train.nnz / sum(train.shape) + params["alpha0"] * sum(train.shape) / 2
    return params["strength"] * size ** (1 - params["nu"])


class Ours:
    name, als = "wrmf", True
    shared: Mapping[str, Any] = {
        "factors": FACTORS,
        "alpha0": Range(0.003, 0.5, log=True),
        "strength": Range(0.00005, 0.05, log=True),
        "nu": Range(0.0, 1.5),
        "values": ["binary", "log", "damped"],
    }
    # √k times the deviation of the random start; None is the default, with users solved first.
    space: Mapping[str, Any] = {
        **shared,
        "solver": ["exact", "cg 2", "cg 3"],
        "init": [None, 2.0, 6.0],
    }
    starts = (
        {
            "factors": 128,
            "alpha0": 0.05,
            "strength": 0.003,
            "nu": 1.0,
            "values": "damped",
            "solver": "exact",
            "init": None,
        },
        {
            "factors": 256,
            "alpha0": 0.02,
            "strength": 0.002,
            "nu": 1.0,
            "values": "binary",
            "solver": "cg 3",
            "init": None,
        },
        # What gowalla was best with, rounded: its best models at every size had damped values.
        {
            "factors": 512,
            "alpha0": 0.025,
            "strength": 0.0025,
            "nu": 1.0,
            "values": "damped",
            "solver": "cg 3",
            "init": None,
        },
        # The model of 2008, the same λ for every row: implicit's.
        {
            "factors": 512,
            "alpha0": 0.05,
            "strength": 0.0003,
            "nu": 0.0,
            "values": "damped",
            "solver": "cg 3",
            "init": 6.0,
        },
        {
            "factors": 512,
            "alpha0": 0.025,
            "strength": 0.0025,
            "nu": 1.0,
            "values": "binary",
            "solver": "cg 3",
            "init": None,
        },
        {
            "factors": 512,
            "alpha0": 0.025,
            "strength": 0.0025,
            "nu": 1.0,
            "values": "damped",
            "solver": "cg 3",
            "init": 2.0,
        },
    )

    def curve(self, params, split, checkpoints=CHECKPOINTS) -> Iterator[tuple[int, Factors]]:
        train, popular = split.train.matrix, degrees(split.train.matrix)
        values = treated(train, params["values"], popular)
        solver, _, steps = params["solver"].partition(" ")
        scale = None if params["init"] is None else params["init"] / params["factors"] ** 0.5
        model = wrmf.WRMF(
            params["factors"],
            regularization(params, train),
            1.0,
            unobserved_weight=params["alpha0"],
            regularization_exponent=params["nu"],
            objective="ials",
            random_state=SEED,
            num_threads=THREADS,
            solver=solver,
            cg_steps=int(steps or 1),
            init_scale=scale,
        )
        for epoch in checkpoints:
            model.partial_fit(values, epoch - model.iterations_done, progress=False)
            yield (
                epoch,
                Factors(
                    model.user_factors,
                    model.item_factors,
                    lambda known: model.fold_in_users(treated(known, params["values"], popular)),
                ),
            )


class Irspack:
    name, als = "irspack iALS", True
    # Its default start is 0.1; ν = 0 was better with it than with ours.
    space: Mapping[str, Any] = {**Ours.shared, "init": [0.1, 2.0, 6.0]}
    starts = tuple(
        {
            **{key: start[key] for key in start if key != "solver"},
            "init": 2.0 if start["init"] == 2 else 0.1,
        }
        for start in Ours.starts
    )

    def curve(self, params, split, checkpoints=CHECKPOINTS):
        try:
            from irspack import IALSRecommender
        except ImportError as error:
            raise Missing(f"irspack cannot be imported: {error}") from None
        train, popular = split.train.matrix, degrees(split.train.matrix)
        # All sweeps by its default, conjugate gradients with three steps.
        model = IALSRecommender(
            treated(train, params["values"], popular),
            n_components=params["factors"],
            alpha0=params["alpha0"],
            reg=regularization(params, train),
            nu=params["nu"],
            init_std=params["init"],
            random_seed=SEED,
            n_threads=THREADS,
        )
        with threadpool_limits(1, "blas"):
            model.start_learning()
        done = 0
        for epoch in checkpoints:
            for _ in range(epoch - done):
                model.run_epoch()
            done = epoch
            trainer = model.trainer.core_trainer
            yield (
                epoch,
                Factors(
                    trainer.user,
                    trainer.item,
                    lambda known: model.compute_user_embedding(
                        treated(known, params["values"], popular)
                    ),
                ),
            )


class Implicit:
    name, als = "implicit ALS", True
    space: Mapping[str, Any] = {
        "factors": FACTORS,
        "alpha": Range(1.0, 200.0, log=True),
        "regularization": Range(0.01, 100.0, log=True),
        "values": ["binary", "log", "damped"],
    }
    starts = (
        {"factors": 128, "alpha": 20.0, "regularization": 3.0, "values": "damped"},
        {"factors": 256, "alpha": 50.0, "regularization": 5.0, "values": "binary"},
        {"factors": 512, "alpha": 20.0, "regularization": 3.5, "values": "damped"},
        {"factors": 512, "alpha": 40.0, "regularization": 5.0, "values": "binary"},
    )

    def curve(self, params, split, checkpoints=CHECKPOINTS):
        try:
            from implicit.cpu import _als
            from implicit.cpu.als import AlternatingLeastSquares
        except ImportError as error:
            raise Missing(f"implicit cannot be imported: {error}") from None
        train, popular = split.train.matrix, degrees(split.train.matrix)
        values = treated(train, params["values"], popular)
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                params["factors"],
                params["regularization"],
                params["alpha"],
                random_state=SEED,
                num_threads=THREADS,
            )

        def fold_in(known):
            rows = treated(known, params["values"], popular) * np.float32(params["alpha"])
            out = np.zeros((rows.shape[0], params["factors"]), dtype=np.float32)
            with threadpool_limits(1, "blas"):
                _als.least_squares(
                    rows.tocsr(),
                    out,
                    np.ascontiguousarray(model.item_factors),
                    params["regularization"],
                    num_threads=THREADS,
                )
            return out

        done = 0
        for epoch in checkpoints:
            # A second fit goes on from the factors of the first.
            model.iterations, done = epoch - done, epoch
            with threadpool_limits(1, "blas"):
                model.fit(values, show_progress=False)
            yield epoch, Factors(model.user_factors, model.item_factors, fold_in)


class Popularity:
    name, als = "popularity", False
    space: Mapping[str, Any] = {}
    starts = ({},)

    def curve(self, params, split):
        popular = degrees(split.train.matrix).astype(np.float32)[:, None]
        ones = np.ones((split.train.n_users, 1), np.float32)
        yield 1, Factors(ones, popular, lambda known: np.ones((known.shape[0], 1), np.float32))


class ItemKNN:
    name, als = "item-kNN cosine", False
    space: Mapping[str, Any] = {
        "neighbours": Range(10, 2000, log=True),
        "shrink": Range(0.1, 1000.0, log=True),
        "values": ["binary", "log"],
    }
    starts = ({"neighbours": 100, "shrink": 10.0, "values": "binary"},)

    def curve(self, params, split):
        values = treated(split.train.matrix, params["values"], degrees(split.train.matrix))
        gram = (values.T @ values).tocsr()
        norms = np.sqrt(gram.diagonal())
        rows = np.repeat(np.arange(gram.shape[0]), np.diff(gram.indptr))
        gram.data /= norms[rows] * norms[gram.indices] + params["shrink"]
        gram.data[rows == gram.indices] = 0
        keep = np.zeros(gram.nnz, bool)
        for start, stop in zip(gram.indptr[:-1], gram.indptr[1:], strict=True):
            n = min(params["neighbours"], stop - start)
            if n:
                keep[start + np.argpartition(-gram.data[start:stop], n - 1)[:n]] = True
        gram.data[~keep] = 0
        gram.eliminate_zeros()
        weights = gram.T.tocsr()
        counts = degrees(split.train.matrix)

        def scores(known):
            return (treated(known, params["values"], counts) @ weights).toarray()

        yield 1, Blocks(scores)


class EASE:
    """Steck 2019: B = I − P / diag(P), P = (XᵀX + λI)⁻¹; by users where these are fewer.

    With K = (XXᵀ + λI)⁻¹, P = (I − XᵀKX) / λ, so nothing items × items is needed.
    """

    name, als, most = "EASE", False, 20_000
    space: Mapping[str, Any] = {"regularization": Range(1.0, 10_000.0, log=True)}
    starts = ({"regularization": 100.0},)

    def curve(self, params, split):
        x, strength = split.train.matrix.astype(np.float32), params["regularization"]
        x.data[:] = 1
        n_items = x.shape[1]
        if n_items > self.most:
            raise Missing(f"EASE is left out where items are more than {self.most}")
        some = np.flatnonzero(np.diff(x.indptr))
        if len(some) < n_items:
            x = x[some]
            kernel = np.linalg.inv((x @ x.T).toarray() + strength * np.eye(len(some), dtype="f4"))
            inverse = x.T @ np.ascontiguousarray((x.T @ kernel).T)
            inverse /= -strength
            inverse[np.diag_indices(n_items)] += 1 / strength
        else:
            gram = (x.T @ x).toarray()
            gram[np.diag_indices(n_items)] += strength
            inverse = np.linalg.inv(gram)
        diagonal = np.diag(inverse).copy()
        inverse /= -diagonal
        inverse[np.diag_indices(n_items)] = 0

        def scores(known):
            return _ones(known) @ inverse

        yield 1, Blocks(scores)


def _ones(matrix):
    matrix = matrix.astype(np.float32)
    matrix.data = np.ones_like(matrix.data)
    return matrix


class SVD:
    """Truncated SVD: a user is its row times the right singular vectors."""

    name, als = "truncated SVD", False
    space: Mapping[str, Any] = {
        "factors": Range(8, 512, log=True),
        "values": ["binary", "log", "damped"],
    }
    starts = ({"factors": 64, "values": "binary"},)

    def curve(self, params, split):
        train, popular = split.train.matrix, degrees(split.train.matrix)
        values = treated(train, params["values"], popular)
        k = min(params["factors"], min(train.shape) - 1)
        _, _, right = svds(values, k=k, rng=SEED)
        items = np.ascontiguousarray(right.T)
        yield (
            1,
            Factors(
                values @ items,
                items,
                lambda known: treated(known, params["values"], popular) @ items,
            ),
        )


CONTENDERS = {
    each.name: each
    for each in (Ours(), Irspack(), Implicit(), Popularity(), ItemKNN(), EASE(), SVD())
}
