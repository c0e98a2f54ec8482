"""How good a model of gowalla gets: tuned on a part of train, retrained, tested once for each k.

    python -m benchmarks.quality.gowalla --factors 64 128 256 512 1024

Each k is tuned and tested in a process of its own and begins at the best settings of the k before.
A setting is scored by recall@20 + ndcg@20 on a tenth of each user's training part; the test part is
looked at once, by the model retrained on all of train with the setting and the epochs that won.
Everything goes into results/gowalla-quality-k….json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import wrmf
from benchmarks import data
from benchmarks.quality.data import described, gowalla, write
from benchmarks.quality.tuner import Trial, search
from benchmarks.speed.runner import RESULTS
from benchmarks.speed.worker import peak_memory
from wrmf.data.splitting import _keep, _places

METRICS = ("recall@20", "ndcg@20")
CHECKPOINTS = (2, 3, 4, 5, 6, 8, 10, 12, 16)
# λ is given for a row of this many: λ of the loss = strength · SIZE^(1 − ν), so that ν alone
# changes which rows are held back more, and not how much all are.
SIZE = 600.0
SPACE = {
    "unobserved_weight": wrmf.Range(0.003, 0.1, log=True),
    "strength": wrmf.Range(0.001, 0.03, log=True),
    "regularization_exponent": wrmf.Range(0.4, 1.6),
    "user_power": wrmf.Range(-0.2, 0.8),
    "item_power": wrmf.Range(-0.2, 0.8),
}
# α0 .015, λ .005, ν 1 is what a light search with another library ended at.
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
TRIALS = {64: 40, 128: 60, 256: 30, 512: 36, 1024: 14, 2048: 3}
TUNING_USERS = 10_000


def model_of(params: dict, factors: int, epochs: int, seed: int) -> wrmf.WRMF:
    exponent = params["regularization_exponent"]
    return wrmf.WRMF(
        factors,
        params["strength"] * SIZE ** (1 - exponent),
        1.0,
        iterations=epochs,
        unobserved_weight=params["unobserved_weight"],
        regularization_exponent=exponent,
        objective="ials",
        random_state=seed,
    )


def weighted(train: wrmf.Interactions, params: dict) -> wrmf.Interactions:
    """Return train with values n_u^−a · n_i^−b, scaled to a mean of 1: what a pair counts."""
    matrix = train.matrix.copy()
    of_users = np.diff(matrix.indptr)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1])
    values = np.repeat(of_users.astype(float), of_users) ** -params["user_power"]
    values *= of_items[matrix.indices].astype(float) ** -params["item_power"]
    matrix.data[:] = values / values.mean()
    return train.with_matrix(matrix)


def curve(params: dict, factors: int, split: wrmf.Split, seed: int, checkpoints=CHECKPOINTS):
    """Yield (epoch, scores on ``split.test``) at each checkpoint of one training run."""
    model = model_of(params, factors, 1, seed)
    train = weighted(split.train, params)
    for epoch in checkpoints:
        model.partial_fit(train, epoch - model.iterations_done, progress=False)
        scores = dict(wrmf.evaluate(model, split, METRICS))
        yield epoch, scores | {"sum": sum(scores.values())}


def validation(
    train: wrmf.Interactions, seed: int, share: float = 0.1, n_users: int = TUNING_USERS
) -> wrmf.Split:
    """Return a share of each user's train held out, at least one pair, as in the test part.

    Only ``n_users``, drawn, are scored.
    """
    generator = np.random.default_rng(seed)
    counts = np.diff(train.matrix.indptr)
    wanted = np.maximum(1, np.rint(share * counts))
    held = _places(train.matrix, generator) < np.repeat(wanted, counts)
    users = np.sort(generator.permutation(len(counts))[:n_users])
    return wrmf.Split(_keep(train, ~held), _keep(train, held), users)


def run(
    factors: int,
    trials: int,
    seconds: float,
    seed: int,
    starts: list[dict],
    before: list[Trial],
    test: bool = True,
    held_out: float = 0.1,
    patience: int = 2,
    users: int = TUNING_USERS,
) -> dict:
    """Return the record of one k: every trial, then the one look at the test part."""
    whole = gowalla()
    held = validation(whole.train, seed, held_out, users)
    found = search(
        lambda params: curve(params, factors, held, seed),
        SPACE,
        "sum",
        trials,
        seconds,
        seed + len(before),
        starts,
        before,
        explore=0.4 if starts is STARTS else 0.0,
        patience=patience,
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    best = found[0]
    record = {
        "factors": factors,
        "seed": seed,
        "threads": 2,
        "tuning": {
            "trials": len(found),
            "users": len(held.users),
            "seconds": round(sum(trial.seconds for trial in found), 1),
            "held_out": held_out,
            "checkpoints": CHECKPOINTS,
            "patience": patience,
        },
        "best": best.to_json() | {"model": repr(model_of(best.params, factors, best.epoch, seed))},
        "trials": [trial.to_json() for trial in found],
    }
    return record | (tested(best, factors, whole, seed) if test else {})


def tested(best: Trial, factors: int, whole: wrmf.Split, seed: int) -> dict:
    model = model_of(best.params, factors, best.epoch, seed)
    start = time.perf_counter()
    model.fit(weighted(whole.train, best.params), progress=False)
    training = time.perf_counter() - start
    scores = wrmf.evaluate(model, whole, METRICS)
    return {
        "test": {
            **{name: round(value, 5) for name, value in scores.items()},
            "stderr": {name: round(value, 5) for name, value in scores.stderr.items()},
            "users": scores.n_users,
        },
        "training_seconds": round(training, 2),
        "peak_memory_MiB": round((peak_memory() or 0) / 2**20),
    }


def best_settings(path: Path, n: int = 3) -> list[dict]:
    trials = json.loads(path.read_text(encoding="utf-8"))["trials"]
    return [trial["params"] for trial in trials[:n]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.gowalla", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--trials", type=int, help="of each k; by default fewer for larger k")
    parser.add_argument("--seconds", type=float, default=np.inf, help="of tuning, each k at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="results of another k to begin at")
    parser.add_argument("--starts", type=int, default=3, help="how many of its best settings")
    parser.add_argument("--resume", action="store_true", help="add trials to those in the results")
    parser.add_argument("--tune-only", action="store_true", help="leave the test part alone")
    parser.add_argument("--held-out", type=float, default=0.1, help="share of train to tune on")
    parser.add_argument("--users", type=int, default=TUNING_USERS, help="drawn to tune on")
    parser.add_argument("--patience", type=int, default=2, help="checkpoints without a gain")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    if len(asked.factors) > 1:
        # A fresh process for each k, so that peak memory is its own.
        start = asked.start
        for factors in asked.factors:
            own = RESULTS / f"gowalla-quality-k{factors}.json"
            command = [
                sys.executable,
                "-m",
                "benchmarks.quality.gowalla",
                "--factors",
                str(factors),
                "--seconds",
                str(asked.seconds),
                "--seed",
                str(asked.seed),
                *(["--trials", str(asked.trials)] if asked.trials else []),
                *(["--start", str(start)] if start else []),
            ]
            subprocess.run(command, cwd=data.ROOT, check=True)
            start = own
        return
    factors = asked.factors[0]
    starts = best_settings(asked.start, asked.starts) + STARTS[:1] if asked.start else STARTS
    trials = TRIALS.get(factors, 6) if asked.trials is None else asked.trials
    name = f"gowalla-quality-k{factors}"
    own = asked.out or RESULTS / f"{name}.json"
    before: list[Trial] = []
    found_by = []
    if asked.resume:
        so_far = json.loads(own.read_text(encoding="utf-8"))
        before = [Trial.of_json(trial) for trial in so_far["trials"]]
        found_by = so_far["tuning"].get("commands", [so_far["command"]])
        starts = []
    record = run(
        factors,
        trials,
        asked.seconds,
        asked.seed,
        starts,
        before,
        not asked.tune_only,
        asked.held_out,
        asked.patience,
        asked.users,
    )
    record = described("benchmarks.quality.gowalla", record)
    record["tuning"]["commands"] = [*found_by, *([record["command"]] if trials else [])]
    path = write(record, name, asked.out)
    print(f"k = {factors}: {record['best']['model']}, {record.get('test', 'not tested')}, {path}")


if __name__ == "__main__":
    main()
