"""The quality of tuned models on gowalla, tested once for each number of factors k.

    python -m benchmarks.quality.gowalla --factors 64 128 256 512 1024

Each k is tuned and tested in a process of its own, which first tries the best settings of the k
before. A setting is scored by recall@20 + ndcg@20 on a tenth of each user's training items, which
is held out. Then a model with the best setting and number of epochs is trained on all of train, and
evaluated once on the test part. The records are ``results/gowalla-quality-k….json``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wrmf
from benchmarks import data, record
from benchmarks.machine import peak_memory
from benchmarks.quality.tuner import Budget, Plan, Trial, search
from wrmf.data.splitting import random_places

METRICS = ("recall@20", "ndcg@20")
# Epochs after which a setting is scored.
CHECKPOINTS = (2, 3, 4, 5, 6, 8, 10, 12, 16)
# A row of this size (entries + α₀ · columns) has the same λ, strength · SIZE, for every ν, because
# the loss is given λ = strength · SIZE^(1 − ν). So ν changes which rows are regularised more, but
# not the overall strength.
SIZE = 600.0
SPACE = {
    "unobserved_weight": wrmf.Range(0.003, 0.1, log=True),
    "strength": wrmf.Range(0.001, 0.03, log=True),
    "regularization_exponent": wrmf.Range(0.4, 1.6),
    "user_power": wrmf.Range(-0.2, 0.8),
    "item_power": wrmf.Range(-0.2, 0.8),
}
# Settings that are tried first: the result of a short search with another library (α₀ = 0.015,
# λ = 0.005, ν = 1), once with equal weights, once with weights that decrease with the number of
# interactions of the user and the item.
STARTS = [
    {
        "unobserved_weight": 0.015,
        "strength": 0.005,
        "regularization_exponent": 1.0,
        "user_power": power,
        "item_power": power,
    }
    for power in (0.0, 0.25)
]
# Number of trials by k.
TRIALS = {64: 40, 128: 60, 256: 30, 512: 36, 1024: 14, 2048: 3}
# Number of trials for any other k.
OTHER_TRIALS = 6
# Number of users, drawn at random, on whom a setting is scored.
TUNING_USERS = 10_000
# Share of the budget for random settings, if the search starts without earlier results.
RANDOM_SHARE = 0.4


@dataclass(frozen=True)
class Study:
    """How one k is tuned and tested.

    Attributes
    ----------
    factors : int
    budget : Budget
    plan : Plan
    seed : int, default 0
        Seed of the models and of the validation split.
    earlier : sequence of Trial
        Trials of the search that this one continues.
    held_out : float
        Share of each user's training items that is held out for validation.
    users : int
        Number of users, drawn at random, on whom settings are scored.
    test : bool
        Whether the test part is evaluated.
    """

    factors: int
    budget: Budget
    plan: Plan
    seed: int = 0
    earlier: Sequence[Trial] = ()
    held_out: float = 0.1
    users: int = TUNING_USERS
    test: bool = True

    @property
    def name(self) -> str:
        """Name of the record."""
        return record_name(self.factors)


def record_name(factors: int) -> str:
    """Return the name of the record of one k."""
    return f"gowalla-quality-k{factors}"


def model_of(params: Mapping[str, Any], factors: int, epochs: int, seed: int) -> wrmf.WRMF:
    """Return the model of a setting, not yet fitted."""
    exponent = params["regularization_exponent"]
    return wrmf.WRMF(
        factors,
        params["strength"] * SIZE ** (1 - exponent),
        1.0,
        iterations=epochs,
        unobserved_weight=params["unobserved_weight"],
        regularization_exponent=exponent,
        objective="ials",
        confidence="linear",
        random_state=seed,
    )


def weighted(train: wrmf.Interactions, params: Mapping[str, Any]) -> wrmf.Interactions:
    """Return ``train`` with its pairs weighted by n_u^−a · n_i^−b, scaled to a mean of 1.

    n_u and n_i are the degrees of user and item, a is ``user_power`` and b ``item_power``.
    """
    matrix = train.matrix.copy()
    of_users = np.diff(matrix.indptr)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1])
    values = np.repeat(of_users.astype(float), of_users) ** -params["user_power"]
    values *= of_items[matrix.indices].astype(float) ** -params["item_power"]
    matrix.data[:] = values / values.mean()
    return train.with_matrix(matrix)


def curve(
    params: Mapping[str, Any], factors: int, split: wrmf.Split, seed: int
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield (epoch, scores on ``split.test``) at each checkpoint of one training run."""
    model = model_of(params, factors, 1, seed)
    train = weighted(split.train, params)
    for epoch in CHECKPOINTS:
        model.partial_fit(train, epoch - model.iterations_done, progress=False)
        scores = dict(wrmf.evaluate(model, split, METRICS))
        yield epoch, scores | {"sum": sum(scores.values())}


def validation(
    train: wrmf.Interactions, seed: int, share: float = 0.1, n_users: int = TUNING_USERS
) -> wrmf.Split:
    """Return a split that holds out a share of each user's training items, as the test part does.

    At least one pair of every user is held out. Only ``n_users`` random users are scored.
    """
    generator = np.random.default_rng(seed)
    counts = np.diff(train.matrix.indptr)
    n_held_out = np.maximum(1, np.rint(share * counts))
    held_out = random_places(train.matrix, generator) < np.repeat(n_held_out, counts)
    users = np.sort(generator.permutation(len(counts))[:n_users])
    return wrmf.Split(train.keep_entries(~held_out), train.keep_entries(held_out), users)


def run(study: Study) -> dict[str, Any]:
    """Tune one k, evaluate the best setting once on the test part, and return the record."""
    split = data.gowalla()
    inner = validation(split.train, study.seed, study.held_out, study.users)
    trials = search(
        lambda params: curve(params, study.factors, inner, study.seed),
        study.plan,
        study.budget,
        study.earlier,
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    best = trials[0]
    model = model_of(best.params, study.factors, best.epoch, study.seed)
    content = {
        "factors": study.factors,
        "seed": study.seed,
        "threads": 2,
        "tuning": {
            "trials": len(trials),
            "users": len(inner.users),
            "seconds": round(sum(trial.seconds for trial in trials), 1),
            "held_out": study.held_out,
            "checkpoints": CHECKPOINTS,
            "patience": study.plan.patience,
        },
        "best": best.to_json() | {"model": repr(model)},
        "trials": [trial.to_json() for trial in trials],
    }
    return content | (result_on_test(model, best.params, split) if study.test else {})


def result_on_test(
    model: wrmf.WRMF, params: Mapping[str, Any], split: wrmf.Split
) -> dict[str, Any]:
    """Train a model on all of train; return its test scores, seconds and peak memory."""
    start = time.perf_counter()
    model.fit(weighted(split.train, params), progress=False)
    training = time.perf_counter() - start
    evaluation = wrmf.evaluate(model, split, METRICS)
    return {
        "test": {
            **{name: round(value, 5) for name, value in evaluation.items()},
            "stderr": {name: round(value, 5) for name, value in evaluation.stderr.items()},
            "users": evaluation.n_users,
        },
        "training_seconds": round(training, 2),
        "peak_memory_MiB": round((peak_memory() or 0) / 2**20),
    }


def best_settings(path: Path, n: int = 3) -> list[dict[str, Any]]:
    """Return the n best settings of a record."""
    return [trial["params"] for trial in record.read(path)["trials"][:n]]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.gowalla", description=__doc__.splitlines()[0]
    )
    add = command.add_argument
    add("--factors", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    add("--trials", type=int, help="number for each k; by default fewer for larger k")
    add("--seconds", type=float, default=np.inf, help="most seconds of tuning for each k")
    add("--seed", type=int, default=0)
    add("--start", type=Path, help="record of another k, whose best settings are tried first")
    add("--starts", type=int, default=3, help="number of settings to take from --start")
    add("--resume", action="store_true", help="add trials to those of the record")
    add("--tune-only", action="store_true", help="do not evaluate the test part")
    add("--held-out", type=float, default=0.1, help="share of train to hold out for tuning")
    add("--users", type=int, default=TUNING_USERS, help="number of users to score settings on")
    add("--patience", type=int, default=2, help="end a trial after so many without a gain")
    add("--out", type=Path, help="the JSON file, for a single k")
    return command


def run_each(options: argparse.Namespace) -> None:
    """Run each k in a fresh process, so that its peak memory is its own."""
    start = options.start
    for factors in options.factors:
        arguments = [f"--factors={factors}", f"--seconds={options.seconds}"]
        arguments += [f"--seed={options.seed}"]
        arguments += [f"--trials={options.trials}"] if options.trials else []
        arguments += [f"--start={start}"] if start else []
        module = [sys.executable, "-m", "benchmarks.quality.gowalla"]
        subprocess.run([*module, *arguments], cwd=data.ROOT, check=True)
        start = record.RESULTS / f"{record_name(factors)}.json"


def study_of(options: argparse.Namespace, earlier: Sequence[Trial]) -> Study:
    """Return the study that the command line asks for."""
    factors = options.factors[0]
    trials = TRIALS.get(factors, OTHER_TRIALS) if options.trials is None else options.trials
    starts: list[dict[str, Any]] = STARTS
    if options.resume:
        starts = []
    elif options.start:
        starts = best_settings(options.start, options.starts) + STARTS[:1]
    plan = Plan(
        SPACE,
        "sum",
        starts,
        # A resumed search must not propose the same settings again.
        seed=options.seed + len(earlier),
        explore=0.0 if options.resume or options.start else RANDOM_SHARE,
        patience=options.patience,
    )
    return Study(
        factors,
        Budget(trials, options.seconds),
        plan,
        options.seed,
        earlier,
        held_out=options.held_out,
        users=options.users,
        test=not options.tune_only,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    if len(options.factors) > 1:
        run_each(options)
        return
    factors = options.factors[0]
    path = options.out or record.RESULTS / f"{record_name(factors)}.json"
    earlier: list[Trial] = []
    commands: list[str] = []
    if options.resume:
        previous = record.read(path)
        earlier = [Trial.of_json(trial) for trial in previous["trials"]]
        commands = previous["tuning"].get("commands", [previous["command"]])
    study = study_of(options, earlier)
    content = record.described("benchmarks.quality.gowalla", run(study))
    if study.budget.trials:
        commands = [*commands, content["command"]]
    content["tuning"]["commands"] = commands
    path = record.write(content, study.name, path)
    tested = content.get("test", "not tested")
    print(f"k = {factors}: {content['best']['model']}, {tested}, {path}")


if __name__ == "__main__":
    main()
