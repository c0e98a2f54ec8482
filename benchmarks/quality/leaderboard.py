"""The leaderboard: every contender is tuned with the same budget and tested once.

    python -m benchmarks.quality.leaderboard              # all sets, both protocols: half an hour
    python -m benchmarks.quality.leaderboard --sets citeulike_a --protocols weak --seconds 20
    python -m benchmarks.quality.leaderboard --show       # only the tables of earlier results

For each data set and protocol, every contender has the same budget: a number of trials, and a
number of seconds for training and validation. Tuning ends when one of them is used up. Settings are
chosen by ndcg@20 on a validation split of train. The best setting is trained again on all of train
and scored once on test.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import wrmf
from benchmarks import record
from benchmarks.missing import Missing
from benchmarks.quality.contenders import CONTENDERS, SELF_TUNED, Contender
from benchmarks.quality.contenders.self_tuned import Autotune
from benchmarks.quality.splits import PROTOCOLS, leaderboard_split
from benchmarks.quality.tuner import Budget, Plan, search

SETS = ("citeulike_a", "lastfm_hetrec2k", "mtg_decks")
METRICS = ("recall@20", "ndcg@20")
CHOSEN_BY = "ndcg@20"


def log(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def compete(
    contender: Contender, split: wrmf.Split, validation: wrmf.Split, budget: Budget, seed: int
) -> dict[str, Any]:
    """Tune a contender on ``validation``, test it on ``split`` and return its record."""

    def curve(params: dict[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
        for epoch, model in contender.curve(params, validation):
            yield epoch, model.evaluate(validation, METRICS)[0]

    if not contender.space:
        budget = Budget(1, budget.seconds)
    plan = Plan(contender.space, CHOSEN_BY, contender.starts, seed)
    trials = search(curve, plan, budget, log=lambda line: log(f"  {line}"))
    best = trials[0]
    if best.failed or not best.curve:
        return {"skipped": best.failed or "no checkpoint within the budget"}
    start = time.perf_counter()
    ((_, model),) = contender.curve(best.params, split, (best.epoch,))
    training = time.perf_counter() - start
    means, errors = model.evaluate(split, METRICS)
    return {
        "als": contender.als,
        "tried": len(trials),
        "tuning_seconds": round(sum(trial.seconds for trial in trials), 1),
        "best": best.to_json(),
        "training_seconds": round(training, 3),
        "test": {name: round(value, 5) for name, value in means.items()},
        "stderr": {name: round(value, 5) for name, value in errors.items()},
        "trials": [trial.to_json() for trial in trials],
    }


def tune_itself(
    contender: Autotune, split: wrmf.Split, validation: wrmf.Split, seconds: float
) -> dict[str, Any]:
    """Let a contender tune itself for some seconds, test it on ``split`` and return its record."""
    model = contender.tune(split, validation, CHOSEN_BY, seconds)
    means, errors = model.evaluate(split, METRICS)
    return {
        **model.to_json(),
        "test": {name: round(value, 5) for name, value in means.items()},
        "stderr": {name: round(value, 5) for name, value in errors.items()},
    }


def run(name: str, protocol: str, options: argparse.Namespace) -> Path:
    """Tune and test the contenders on one set; return the path of the record."""
    split, validation = leaderboard_split(name, protocol, options.seed)
    train = split.train.matrix
    content: dict[str, Any] = {
        "set": name,
        "protocol": protocol,
        "seed": options.seed,
        "threads": 2,
        "budget": {"trials": options.trials, "seconds": options.seconds},
        "data": {
            "users": train.shape[0],
            "items": train.shape[1],
            "train": train.nnz,
            "test": split.test.n_interactions,
            "test_users": len(split.users),
        },
        "contenders": {},
    }
    budget = Budget(options.trials, options.seconds)
    for contender in options.contenders:
        log(f"{name} {protocol}: {contender}")
        try:
            if contender in SELF_TUNED:
                chosen = SELF_TUNED[contender]
                result = tune_itself(chosen, split, validation, options.seconds)
            else:
                result = compete(CONTENDERS[contender], split, validation, budget, options.seed)
        except Missing as reason:
            result = {"skipped": str(reason)}
        content["contenders"][contender] = result
    path = results_path(name, protocol, options)
    earlier: dict[str, Any] = {"contenders": {}, "budget": content["budget"]}
    if path.exists() and record.read(path)["data"] == content["data"]:
        earlier = record.read(path)
    results = counted(earlier["contenders"], content["contenders"])
    # Contenders that were not asked for keep their earlier results of the same budget.
    is_same = earlier["budget"] == content["budget"]
    content["contenders"] = (earlier["contenders"] if is_same else {}) | results
    described = record.described("benchmarks.quality.leaderboard", content)
    return record.write(described, path.stem, path)


def counted(earlier: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Return results with the number of times that each contender has seen the test part."""
    looks = {name: result.get("looks_at_test", 1) for name, result in earlier.items()}
    return {
        name: {**result, "looks_at_test": looks.get(name, 0) + 1} if "test" in result else result
        for name, result in results.items()
    }


def results_path(name: str, protocol: str, options: argparse.Namespace) -> Path:
    """Return the path of the record of one set and protocol."""
    seed = f"-seed{options.seed}" if options.seed else ""
    folder: Path = options.out or record.RESULTS
    return folder / f"leaderboard-{name}-{protocol}{seed}.json"


def table(content: dict[str, Any]) -> str:
    """Return a Markdown table, the best contender first; a winner that is not ALS is marked."""
    data, budget = content["data"], content["budget"]
    lines = [
        f"**{content['set']}, {content['protocol']}**: {data['users']:,} × {data['items']:,}, "
        f"{data['train']:,} in train, {data['test_users']:,} test users; "
        f"{budget['trials']} trials or {budget['seconds']:.0f} s each",
        "",
        "| | recall@20 | ndcg@20 | ± | trials | s tuning | s training |",
        "|---|" + "---|" * 6,
    ]
    ranked = sorted(
        ((name, result) for name, result in content["contenders"].items() if "test" in result),
        key=lambda named: -named[1]["test"][CHOSEN_BY],
    )
    for place, (name, result) in enumerate(ranked):
        shown = f"**{name}**" if name.startswith("wrmf") else name
        if place == 0 and not result["als"]:
            shown += " (wins, and is no ALS)"
        test = result["test"]
        lines.append(
            f"| {shown} | {test['recall@20']:.4f} | {test['ndcg@20']:.4f} | "
            f"{result['stderr']['ndcg@20']:.4f} | {result['tried']} | "
            f"{result['tuning_seconds']} | {result['training_seconds']} |"
        )
    for name, result in content["contenders"].items():
        if "skipped" in result:
            lines.append(f"| {name} | left out: {result['skipped']} |||||| ")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.leaderboard", description=__doc__.splitlines()[0]
    )
    names = [*SELF_TUNED, *CONTENDERS]
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--protocols", nargs="+", default=PROTOCOLS, choices=PROTOCOLS)
    parser.add_argument("--contenders", nargs="+", default=names, choices=names)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--show", action="store_true", help="only print the tables of results")
    options = parser.parse_args(arguments)
    for name in options.sets:
        for protocol in options.protocols:
            path = results_path(name, protocol, options)
            try:
                path = path if options.show else run(name, protocol, options)
            except Missing as reason:
                print(f"{name} {protocol}: left out: {reason}")
                continue
            if path.exists():
                print(table(record.read(path)), end="\n\n")


if __name__ == "__main__":
    main()
