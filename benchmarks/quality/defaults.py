"""Which default settings ``WRMF()`` should have.

    python -m benchmarks.quality.defaults                    # about 10 minutes
    python -m benchmarks.quality.defaults --sets gowalla lastfm_hetrec2k --seconds 60

Candidates are compared on validation splits of two data sets. On each, the ndcg@20 of a candidate
is divided by that of a tuned model, and the lower of the two quotients is its worth. The best
candidates are then tested on all six data sets, and compared with a model that was tuned on each
within a number of seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import gowalla, matrix_of, read_pairs
from benchmarks.missing import Missing
from benchmarks.quality.contenders.als import Ours
from benchmarks.quality.gowalla import validation
from benchmarks.quality.splits import leaderboard_split
from benchmarks.quality.tuner import Budget, Plan, search
from wrmf.data.splitting import as_validation

METRIC = "ndcg@20"
# Data sets on which candidates are compared.
CHOSEN_ON = ("gowalla", "lastfm_hetrec2k")
LEADERBOARD_SETS = ("citeulike_a", "lastfm_hetrec2k", "mtg_decks")
SETS = (*CHOSEN_ON, "citeulike_a", "mtg_players", "mtg_decks", "synthetic_likes")
# Number of players that are drawn at random from the 66,190 of mtg_players, so that a trial takes
# seconds.
PLAYERS = 15_000
# Most trials when a model is tuned on a data set.
TRIALS = 40
# Numbers of iterations after which a candidate is scored.
EPOCHS = (4, 6, 10, 15)
# The defaults before this study.
BEFORE = {"factors": 64, "regularization": 0.1, "alpha": 40.0}
BEFORE_ITERATIONS = 15
# The defaults after this study. They score about as well as the best setting, which has logarithmic
# confidence with α = 40; for a count of one, that equals linear confidence with α = 28. A much
# larger λ would make all factors zero on small data.
TAKEN = {"factors": 128, "regularization": 30.0, "alpha": 30.0}
TAKEN_ITERATIONS = 10
FAMILIES: dict[str, dict[str, tuple[float, ...]]] = {
    # The loss of Hu et al. 2008, with the same λ for each row.
    "plain": {"alpha": (10.0, 40.0), "regularization": (10.0, 30.0, 100.0)},
    # λ is scaled by the frequency of a user or item, and α₀ is far below the weight of a pair.
    "scaled": {
        "alpha": (1.0,),
        "unobserved_weight": (0.02, 0.05, 0.1),
        "regularization": (0.003, 0.006),
        "regularization_exponent": (1.0,),
    },
}
CONFIDENCES = ("linear", "log")

Params = dict[str, Any]


def draw_players(seed: int) -> sparse.csr_matrix:
    """Return random rows of mtg_players, without the items that none of these players has."""
    matrix = matrix_of(read_pairs("mtg_players"))
    drawn = np.random.default_rng(seed).permutation(matrix.shape[0])[:PLAYERS]
    matrix = matrix[np.sort(drawn)]
    return matrix[:, np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0]


def load(name: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return the split of a data set, and a validation split of its train part.

    About 80 % of each user's items are in train.

    Raises
    ------
    Missing
        If the data set is not on this machine.
    """
    if name == "gowalla":
        split = gowalla()
        return split, validation(split.train, seed)
    if name in LEADERBOARD_SETS:
        return leaderboard_split(name, "weak", seed)
    if name == "synthetic_likes":
        matrix = wrmf.datasets.DATASETS["synthetic"].load(seed).matrix
    else:
        matrix = draw_players(seed)
    split = wrmf.split_interactions(matrix, 0.2, random_state=seed)
    return split, as_validation(split, 0.1, seed + 1)


def candidates(factors: Sequence[int]) -> list[Params]:
    """Return the settings that are compared, each with linear and with logarithmic confidence.

    On data whose values are all 1, logarithmic confidence equals linear confidence with another α.
    On counts, the two differ.
    """
    settings: list[Params] = [BEFORE]
    for k, grid in product(factors, FAMILIES.values()):
        settings += [
            {"factors": k, **dict(zip(grid, values, strict=True))}
            for values in product(*grid.values())
        ]
    return [
        {**params, "confidence": confidence} for params in settings for confidence in CONFIDENCES
    ]


def scores(
    params: Params, split: wrmf.Split, epochs: Sequence[int] = EPOCHS, seed: int = 0
) -> list[tuple[int, float]]:
    """Return (iterations, score) pairs of a setting that is trained on unchanged values."""
    model = wrmf.WRMF(**{"init_scale": 0.1 / params["factors"] ** 0.5, **params}, random_state=seed)
    results = []
    for epoch in epochs:
        model.partial_fit(split.train, epoch - model.iterations_done, progress=False)
        value = wrmf.evaluate(model, split, [METRIC])[METRIC]
        results.append((epoch, round(value, 5)))
    return results


def tune(split: wrmf.Split, inner: wrmf.Split, seconds: float, seed: int) -> dict[str, Any]:
    """Tune a model on ``inner``, test it on ``split`` and return its record."""
    contender = Ours()

    def curve(params: Params) -> Iterator[tuple[int, dict[str, float]]]:
        for epoch, model in contender.curve(params, inner):
            yield epoch, model.evaluate(inner, [METRIC])[0]

    plan = Plan(contender.space, METRIC, contender.starts, seed)
    trials = search(curve, plan, Budget(TRIALS, seconds))
    best = trials[0]
    ((_, model),) = contender.curve(best.params, split, (best.epoch,))
    test = model.evaluate(split, [METRIC])[0][METRIC]
    return {
        "best": best.to_json(),
        "trials": len(trials),
        "validation": round(best.score, 5),
        "test": round(test, 5),
    }


def choose(
    trials: Mapping[str, Sequence[Mapping[str, Any]]], best: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return {params, iterations, shares, worth} of each candidate and epoch, the best first.

    Parameters
    ----------
    trials : mapping of data set to the trials of all candidates, in the same order for each set
    best : mapping of data set to the score of the tuned model, which shares are relative to
    """
    ranked = []
    for rows in zip(*trials.values(), strict=True):
        for place, (epoch, _) in enumerate(rows[0]["scores"]):
            shares = {
                name: round(row["scores"][place][1] / best[name], 4)
                for name, row in zip(trials, rows, strict=True)
            }
            ranked.append(
                {
                    "params": rows[0]["params"],
                    "iterations": epoch,
                    "shares": shares,
                    "worth": min(shares.values()),
                }
            )
    return sorted(ranked, key=lambda candidate: -candidate["worth"])


def first(ranked: Sequence[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """Return a copy of the best candidate with the wanted parameters.

    None stands for a parameter that the candidate does not set.
    """
    for candidate in ranked:
        if all(candidate["params"].get(name) == value for name, value in wanted.items()):
            return dict(candidate)
    raise ValueError(f"no candidate has {wanted}")


def selection(ranked: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the candidates that are tested on all data sets, by their label."""
    return {
        "chosen": dict(ranked[0]),
        "chosen, counts as they are": first(ranked, confidence="linear"),
        "chosen, plain loss": first(ranked, unobserved_weight=None),
        "chosen, plain loss, counts as they are": first(
            ranked, confidence="linear", unobserved_weight=None
        ),
        "before": {
            **first(ranked, **BEFORE, confidence="linear"),
            "iterations": BEFORE_ITERATIONS,
        },
    }


def score_on_test(
    params: Params, iterations: int, split: wrmf.Split, tuned: float, seed: int
) -> dict[str, float]:
    """Return the test score of a setting, also divided by the test score of the tuned model."""
    ((_, value),) = scores(params, split, (iterations,), seed)
    return {METRIC: value, "share of tuned": round(value / tuned, 4)}


def run(options: argparse.Namespace) -> Path:
    """Run the study and write its record after each test; return the path of the record."""
    splits, tuned = {}, {}
    for name in dict.fromkeys((*CHOSEN_ON, *options.sets)):
        try:
            splits[name] = load(name, options.seed)
        except Missing as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        tuned[name] = tune(*splits[name], options.seconds, options.seed)
        print(name, tuned[name]["test"], file=sys.stderr, flush=True)
    trials = {
        name: [
            {"params": params, "scores": scores(params, splits[name][1], seed=options.seed)}
            for params in candidates(options.factors)
        ]
        for name in CHOSEN_ON
        if name in splits
    }
    ranked = choose(trials, {name: tuned[name]["validation"] for name in trials})
    content: dict[str, Any] = {
        "seed": options.seed,
        "metric": METRIC,
        "chosen_on": CHOSEN_ON,
        "tuned": tuned,
        "shown": selection(ranked),
        "ranked": ranked[:60],
        "trials": trials,
    }
    for label, candidate in content["shown"].items():
        params, iterations = candidate["params"], candidate["iterations"]
        candidate["test"] = {
            name: score_on_test(params, iterations, split, tuned[name]["test"], options.seed)
            for name, (split, _) in splits.items()
        }
        shares = [score["share of tuned"] for score in candidate["test"].values()]
        within = f"{sum(share >= 0.9 for share in shares)} of {len(shares)}"
        print(label, params, iterations, shares, within, flush=True)
        described = record.described("benchmarks.quality.defaults", content)
        path = record.write(described, "defaults", options.out)
    return path


def add_taken(path: Path, sets: Sequence[str], seed: int) -> None:
    """Add the test scores of ``WRMF()`` to a record."""
    content = record.read(path)
    taken: dict[str, Any] = {"params": TAKEN, "iterations": TAKEN_ITERATIONS, "test": {}}
    for name in sets:
        split, _ = load(name, seed)
        tuned = content["tuned"][name]["test"]
        taken["test"][name] = score_on_test(TAKEN, TAKEN_ITERATIONS, split, tuned, seed)
        print(name, *taken["test"][name].values(), flush=True)
    content["shown"]["taken"] = taken
    record.write(content, path.stem, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--factors", type=int, nargs="+", default=[128])
    parser.add_argument("--seconds", type=float, default=20.0, help="to tune on each data set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the JSON file; default results/defaults.json")
    parser.add_argument(
        "--taken",
        type=Path,
        metavar="JSON",
        help="only test the defaults of WRMF(), and add their scores to this record",
    )
    options = parser.parse_args(arguments)
    if options.taken:
        add_taken(options.taken, options.sets, options.seed)
    else:
        print(run(options))


if __name__ == "__main__":
    main()
