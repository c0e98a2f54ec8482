"""Which settings WRMF() should have for a user who sets none.

    python -m benchmarks.quality.defaults                    # some 10 minutes
    python -m benchmarks.quality.defaults --sets gowalla lastfm_hetrec2k --seconds 60

Candidates are compared on validation splits of two sets: each is worth the lower of its two shares
of the ndcg@20 that tuning reaches there. The winner is then shown on the test parts of all six,
beside the model that was tuned on each with a budget of seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path

import numpy as np

import wrmf
from benchmarks.peers import Missing
from benchmarks.quality.contenders import Ours
from benchmarks.quality.data import described, gowalla, leaderboard_split, matrix_of, read, write
from benchmarks.quality.gowalla import validation
from benchmarks.quality.tuner import search
from wrmf.data.splitting import as_validation

METRIC = "ndcg@20"
CHOSEN_ON = ("gowalla", "lastfm_hetrec2k")
SETS = (*CHOSEN_ON, "citeulike_a", "mtg_players", "mtg_decks", "synthetic_likes")
PLAYERS = 15_000  # of 66,190, drawn with the seed, so that a trial takes seconds
EPOCHS = (4, 6, 10, 15)
BEFORE = {"factors": 64, "regularization": 0.1, "alpha": 40.0}
# What WRMF() has: the winner's plateau with linear confidence (α 40 with log is α 28 for a count of
# one), at a λ that does not yet take small data to zero.
TAKEN = {"factors": 128, "regularization": 30.0, "alpha": 30.0}
TAKEN_ITERATIONS = 10
FAMILIES = {
    # The loss of 2008 as it is: λ the same for each row.
    "plain": {"alpha": (10.0, 40.0), "regularization": (10.0, 30.0, 100.0)},
    # λ scaled with frequency, and α₀ well below the weight of a pair.
    "scaled": {
        "alpha": (1.0,),
        "unobserved_weight": (0.02, 0.05, 0.1),
        "regularization": (0.003, 0.006),
        "regularization_exponent": (1.0,),
    },
}
COUNTS = ("linear", "log")


def load(name: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return (split, validation split of its train), 80 % of each user's items known."""
    if name == "gowalla":
        split = gowalla()
        return split, validation(split.train, seed)
    if name in ("citeulike_a", "lastfm_hetrec2k", "mtg_decks"):
        return leaderboard_split(name, "weak", seed)
    if name == "synthetic_likes":
        data = wrmf.datasets.synthetic_likes(random_state=seed).matrix
    else:
        data = matrix_of(read(name))
        drawn = np.random.default_rng(seed).permutation(data.shape[0])[:PLAYERS]
        data = data[np.sort(drawn)]
        data = data[:, np.bincount(data.indices, minlength=data.shape[1]) > 0]
    split = wrmf.split_interactions(data, 0.2, random_state=seed)
    return split, as_validation(split, 0.1, seed + 1)


def candidates(factors) -> list[dict]:
    found = [BEFORE]
    for k, grid in itertools.product(factors, FAMILIES.values()):
        found += [
            {"factors": k, **dict(zip(grid, values, strict=True))}
            for values in itertools.product(*grid.values())
        ]
    return found


def scores(params: dict, split: wrmf.Split, epochs=EPOCHS, seed: int = 0) -> list[tuple]:
    """Return (iterations, score) of what a user would get, on the values as they come."""
    model = wrmf.WRMF(**{"init_scale": 0.1 / params["factors"] ** 0.5, **params}, random_state=seed)
    found = []
    for epoch in epochs:
        model.partial_fit(split.train, epoch - model.iterations_done, progress=False)
        value = wrmf.evaluate(model, split, [METRIC])[METRIC]
        found.append((epoch, round(value, 5)))
    return found


def tuned(split: wrmf.Split, inner: wrmf.Split, seconds: float, seed: int) -> dict:
    contender = Ours()

    def run(params):
        for epoch, model in contender.curve(params, inner):
            yield epoch, model.evaluate(inner, [METRIC])[0]

    best, *_ = found = search(run, contender.space, METRIC, 40, seconds, seed, contender.starts)
    ((_, model),) = contender.curve(best.params, split, (best.epoch,))
    test = model.evaluate(split, [METRIC])[0][METRIC]
    return {
        "best": best.to_json(),
        "trials": len(found),
        "validation": round(best.score, 5),
        "test": round(test, 5),
    }


def choose(trials: dict[str, list[dict]], best: dict[str, float]) -> list[dict]:
    """Return {params, iterations, shares, worth}, the best first, of candidates on all sets."""
    ranked = []
    names = list(trials)
    for rows in zip(*trials.values(), strict=True):
        for place, (epoch, _) in enumerate(rows[0]["scores"]):
            shares = {
                name: round(row["scores"][place][1] / best[name], 4)
                for name, row in zip(names, rows, strict=True)
            }
            ranked.append(
                {
                    "params": rows[0]["params"],
                    "iterations": epoch,
                    "shares": shares,
                    "worth": min(shares.values()),
                }
            )
    return sorted(ranked, key=lambda each: -each["worth"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--factors", type=int, nargs="+", default=[128])
    parser.add_argument("--seconds", type=float, default=20.0, help="of tuning on each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--taken",
        type=Path,
        metavar="JSON",
        help="only show WRMF()'s settings, beside what a file says was tuned",
    )
    asked = parser.parse_args(arguments)
    if asked.taken:
        show_taken(asked.taken, asked.sets, asked.seed)
        return
    data, references = {}, {}
    for name in [*CHOSEN_ON, *(name for name in asked.sets if name not in CHOSEN_ON)]:
        try:
            data[name] = load(name, asked.seed)
        except Missing as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        references[name] = tuned(*data[name], asked.seconds, asked.seed)
        print(name, references[name]["test"], file=sys.stderr, flush=True)
    # On sets of likes, log is linear with another α; the two are compared where there are counts.
    everyone = [
        {**params, "confidence": confidence}
        for params in candidates(asked.factors)
        for confidence in COUNTS
    ]
    trials = {
        name: [
            {"params": params, "scores": scores(params, data[name][1], seed=asked.seed)}
            for params in everyone
        ]
        for name in CHOSEN_ON
        if name in data
    }
    ranked = choose(trials, {name: references[name]["validation"] for name in trials})
    shown = {
        "chosen": ranked[0],
        "chosen, counts as they are": first(ranked, confidence="linear"),
        "chosen, plain loss": first(ranked, unobserved_weight=None),
        "chosen, plain loss, counts as they are": first(
            ranked, confidence="linear", unobserved_weight=None
        ),
        "before": first(ranked, **BEFORE, confidence="linear"),
    }
    shown["before"] = {**shown["before"], "iterations": 15}
    record = {
        "seed": asked.seed,
        "metric": METRIC,
        "chosen_on": CHOSEN_ON,
        "tuned": references,
        "shown": shown,
        "ranked": ranked[:60],
        "trials": trials,
    }
    # Written as it grows: what is found is kept where a run is cut short.
    for label, one in shown.items():
        one["test"] = {}
        for name, (split, _) in data.items():
            ((_, value),) = scores(one["params"], split, (one["iterations"],), asked.seed)
            share = round(value / references[name]["test"], 4)
            one["test"][name] = {METRIC: value, "share of tuned": share}
        shares = [each["share of tuned"] for each in one["test"].values()]
        print(
            label,
            one["params"],
            one["iterations"],
            shares,
            f"{sum(share >= 0.9 for share in shares)} of {len(shares)}",
            flush=True,
        )
        path = write(described("benchmarks.quality.defaults", record), "defaults", asked.out)
    print(path)


def show_taken(path: Path, sets, seed: int) -> None:
    """Add the test scores of WRMF() to a file of results."""
    record = json.loads(path.read_text(encoding="utf-8"))
    one = {"params": TAKEN, "iterations": TAKEN_ITERATIONS, "test": {}}
    for name in sets:
        ((_, value),) = scores(TAKEN, load(name, seed)[0], (TAKEN_ITERATIONS,), seed)
        share = round(value / record["tuned"][name]["test"], 4)
        one["test"][name] = {METRIC: value, "share of tuned": share}
        print(name, value, share, flush=True)
    record["shown"]["taken"] = one
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def first(ranked: list[dict], **wanted) -> dict:
    """Return a copy of the best candidate with these parameters (None: left at its default)."""
    for each in ranked:
        if all(each["params"].get(name) == value for name, value in wanted.items()):
            return dict(each)
    raise ValueError(f"no candidate has {wanted}")


if __name__ == "__main__":
    main()
