"""The contenders that Optuna tunes: irspack's own tuner, and implicit as its users tune it.

Both have a number of seconds for training and validation. When these are over, the epoch that is
being trained is the last one; all scores that were measured before count, those of trials that
were cut off or pruned, too.
"""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality.contenders.self_tuned import Choice, Chosen
from benchmarks.quality.contenders.treatment import SEED, item_degrees, treated
from benchmarks.quality.rankers import FactorRanker
from benchmarks.quality.threads import n_threads

# More trials than there is time for.
MANY = 100_000
# The weights that implicit's tutorial gives to play counts.
K1, B = 100.0, 0.8


def treatments(matrix: sparse.csr_matrix) -> list[str]:
    """Return the treatments of values to choose from: of ones, there is one."""
    return ["binary", "log"] if np.ptp(matrix.data) > 0 else ["binary"]


class IrspackTune:
    """``IALSRecommender.tune`` with its defaults, on the validation split of all contenders.

    It draws settings by Optuna's TPE, scores them after every epoch by irspack's evaluator,
    and prunes. Counts are replaced by 1 or by log(1 + count), whichever it finds better.
    """

    name = "irspack tune"

    def tune(
        self, split: wrmf.Split, validation: wrmf.Split, metric: str, seconds: float, seed: int
    ) -> Chosen:
        """Return the model that the tuner finds, trained on all of ``split.train``."""
        try:
            import optuna
            from irspack import Evaluator, EvaluatorWithColdUser, IALSRecommender
        except ImportError as error:
            raise Missing(f"irspack or optuna cannot be imported: {error}") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("IRSPACK").setLevel(logging.WARNING)
        begin = time.perf_counter()

        class Treated(IALSRecommender):  # type: ignore[misc]
            """irspack's model of treated values, which stops when the time is over."""

            deadline = begin + seconds

            def __init__(self, matrix: sparse.csr_matrix, values: str, **params: Any) -> None:
                self.values = values
                super().__init__(treated(matrix, values, item_degrees(matrix)), **params)

            def run_epoch(self) -> None:
                if time.perf_counter() > self.deadline:
                    raise optuna.TrialPruned
                super().run_epoch()

            def compute_user_embedding(
                self, matrix: sparse.csr_matrix, user_features: Any = None
            ) -> np.ndarray:
                rows = treated(sparse.csr_matrix(matrix), self.values, np.zeros(0))
                return super().compute_user_embedding(rows, user_features)

        kind, cutoff = metric.split("@")
        options = {"cutoff": int(cutoff), "target_metric": kind, "n_threads": n_threads()}
        train, held = validation.train.matrix, validation.test.matrix
        if validation.fold_in is None:
            # The evaluator takes a block of users, which are therefore moved to the end.
            rest = np.setdiff1d(np.arange(train.shape[0]), validation.users)
            matrix = train[np.concatenate([rest, validation.users])]
            evaluator = Evaluator(held[validation.users], offset=len(rest), **options)
        else:
            matrix = train
            known = validation.fold_in.matrix[validation.users]
            evaluator = EvaluatorWithColdUser(known, held[validation.users], **options)

        def suggest(trial: Any) -> dict[str, Any]:
            values = trial.suggest_categorical("values", treatments(train))
            return {"values": values, **Treated.default_suggest_parameter(trial, {})}

        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=10),
        )
        fixed = {"random_seed": SEED, "n_threads": n_threads()}
        # Without a completed trial, irspack raises ValueError when it names the best of all.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.suppress(ValueError),
            threadpool_limits(n_threads(), "blas"),
        ):
            Treated.tune(
                matrix,
                evaluator,
                study=study,
                n_trials=MANY,
                timeout=seconds,
                parameter_suggest_function=suggest,
                **fixed,
            )
        tuning_seconds = time.perf_counter() - begin
        scores = [
            (-value, step + 1, trial.params)
            for trial in study.trials
            for step, value in trial.intermediate_values.items()
        ]
        if not scores:
            raise Missing(f"irspack scored no setting within {seconds:g} s")
        score, epoch, params = max(scores, key=lambda scored: scored[0])
        Treated.deadline = np.inf
        begin = time.perf_counter()
        model = Treated(split.train.matrix, **params, **fixed)
        with threadpool_limits(1, "blas"):
            model.start_learning()
            for _ in range(epoch):
                model.run_epoch()
        trained = model.trainer.core_trainer
        ranker = FactorRanker(trained.user, trained.item, model.compute_user_embedding)
        tried = sum(bool(trial.intermediate_values) for trial in study.trials)
        choice = Choice(params, epoch, score, tried, tuning_seconds, time.perf_counter() - begin)
        return Chosen(ranker, choice, {"scores": len(scores)})


class ImplicitOptuna:
    """implicit's ALS with its recommended settings, tuned by Optuna's TPE.

    The first setting is that of implicit's tutorial. Scores are wrmf's, as they are the fastest.
    """

    name = "implicit Optuna"
    starts: tuple[Mapping[str, Any], ...] = (
        {"factors": 64, "regularization": 0.05, "alpha": 2.0, "iterations": 15, "values": "bm25"},
        {
            "factors": 128,
            "regularization": 3.0,
            "alpha": 20.0,
            "iterations": 10,
            "values": "binary",
        },
    )

    def tune(
        self, split: wrmf.Split, validation: wrmf.Split, metric: str, seconds: float, seed: int
    ) -> Chosen:
        """Return the model that the search finds, trained on all of ``split.train``."""
        try:
            import optuna
            from implicit.cpu.als import AlternatingLeastSquares  # noqa: F401
        except ImportError as error:
            raise Missing(f"implicit or optuna cannot be imported: {error}") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        begin = time.perf_counter()
        choices = [*treatments(validation.train.matrix), "bm25"]

        def stop(*_: Any) -> None:
            if time.perf_counter() > begin + seconds:
                raise optuna.TrialPruned

        def objective(trial: Any) -> float:
            params = {
                "factors": trial.suggest_int("factors", 32, 512, log=True),
                "regularization": trial.suggest_float("regularization", 1e-2, 100.0, log=True),
                "alpha": trial.suggest_float("alpha", 1.0, 200.0, log=True),
                "iterations": trial.suggest_int("iterations", 2, 20),
                "values": trial.suggest_categorical("values", choices),
            }
            ranker = fit_implicit(validation.train.matrix, params, stop)
            return ranker.evaluate(validation, [metric])[0][metric]

        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        for start in self.starts:
            study.enqueue_trial(dict(start))
        study.optimize(objective, n_trials=MANY, timeout=seconds)
        tuning_seconds = time.perf_counter() - begin
        complete = [trial for trial in study.trials if trial.value is not None]
        if not complete:
            raise Missing(f"implicit scored no setting within {seconds:g} s")
        best = study.best_trial
        begin = time.perf_counter()
        ranker = fit_implicit(split.train.matrix, best.params)
        choice = Choice(
            best.params,
            best.params["iterations"],
            best.value,
            len(complete),
            tuning_seconds,
            time.perf_counter() - begin,
        )
        return Chosen(ranker, choice)


def fit_implicit(
    train: sparse.csr_matrix, params: Mapping[str, Any], callback: Any = None
) -> FactorRanker:
    """Return implicit's model with a setting; ``callback`` is called after each iteration."""
    from implicit.cpu import _als
    from implicit.cpu.als import AlternatingLeastSquares

    item_sums = np.asarray(train.sum(axis=0)).ravel()

    def weights(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        if params["values"] == "bm25":
            return bm25(matrix, item_sums)
        return treated(matrix, params["values"], np.zeros(0))

    names = ("factors", "regularization", "alpha", "iterations")
    model = AlternatingLeastSquares(
        **{name: params[name] for name in names}, random_state=SEED, num_threads=n_threads()
    )
    with threadpool_limits(1, "blas"):
        model.fit(weights(train), show_progress=False, callback=callback)

    def fold_in(known: sparse.csr_matrix) -> np.ndarray:
        rows = (weights(known) * np.float32(params["alpha"])).tocsr()
        factors = np.zeros((rows.shape[0], params["factors"]), dtype=np.float32)
        items = np.ascontiguousarray(model.item_factors)
        with threadpool_limits(1, "blas"):
            _als.least_squares(
                rows, factors, items, params["regularization"], num_threads=n_threads()
            )
        return factors

    return FactorRanker(model.user_factors, model.item_factors, fold_in)


def bm25(matrix: sparse.csr_matrix, item_sums: np.ndarray) -> sparse.csr_matrix:
    """Return the weights of implicit's tutorial: items are texts, and users are words."""
    lengths = 1 - B + B * item_sums / item_sums.mean()
    sizes = np.diff(matrix.indptr)
    rarity = np.log(max(len(item_sums), 1)) - np.log1p(sizes)
    counts = matrix.data.astype(float)
    values = counts * (K1 + 1) / (K1 * lengths[matrix.indices] + counts)
    values *= np.repeat(rarity, sizes)
    shape = matrix.shape
    return sparse.csr_matrix((values.astype(np.float32), matrix.indices, matrix.indptr), shape)
