"""The leaderboard: every contender is tuned with the same budget and tested once.

    python -m benchmarks.quality.leaderboard              # all sets, both protocols: half an hour
    python -m benchmarks.quality.leaderboard --sets citeulike_a --protocols weak --seconds 20
    python -m benchmarks.quality.leaderboard --show       # only the tables of earlier results
    python -m benchmarks.quality.leaderboard --summary    # the means over seeds of those

For each data set and protocol, every contender has the same budget: a number of trials, and a
number of seconds for training and validation. Tuning ends when one of them is used up. Contenders
that tune themselves have the same seconds and the same validation split. Settings are chosen by
ndcg@20 on this split of train. The best setting is trained again on all of train and scored once on
test. The scores of each user are kept in ``.cache/benchmarks``, so that differences can be paired.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wrmf
from benchmarks import record
from benchmarks.data import CACHE
from benchmarks.machine import load_average
from benchmarks.missing import Missing
from benchmarks.quality.contenders import CONTENDERS, SELF_TUNED, Contender
from benchmarks.quality.contenders.self_tuned import SelfTuned
from benchmarks.quality.rankers import summary
from benchmarks.quality.splits import PROTOCOLS, leaderboard_split
from benchmarks.quality.standings import REFERENCE, paired, standings
from benchmarks.quality.threads import n_threads, set_threads
from benchmarks.quality.tuner import Budget, Plan, search

SETS = (
    "citeulike_a",
    "lastfm_hetrec2k",
    "mtg_decks",
    "gowalla",
    "retail",
    "steam",
    "tafeng",
    "mtg_players",
)
METRICS = ("recall@20", "ndcg@20")
CHOSEN_BY = "ndcg@20"


def log(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)


# A contender's record, and the values of METRICS on test of each user; none if it was skipped.
Result = tuple[dict[str, Any], dict[str, np.ndarray]]


def compete(
    contender: Contender, split: wrmf.Split, validation: wrmf.Split, budget: Budget, seed: int
) -> Result:
    """Tune a contender on ``validation``, and test it on ``split``."""

    def curve(params: dict[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
        for epoch, model in contender.curve(params, validation):
            yield epoch, model.evaluate(validation, METRICS)[0]

    if not contender.space:
        budget = Budget(1, budget.seconds)
    plan = Plan(contender.space, CHOSEN_BY, contender.starts, seed)
    trials = search(curve, plan, budget, log=lambda line: log(f"  {line}"))
    best = trials[0]
    if best.failed or not best.curve:
        return {"skipped": best.failed or "no checkpoint within the budget"}, {}
    start = time.perf_counter()
    ((_, model),) = contender.curve(best.params, split, (best.epoch,))
    training = time.perf_counter() - start
    content = {
        "als": contender.als,
        "tried": len(trials),
        "tuning_seconds": round(sum(trial.seconds for trial in trials), 1),
        "best": best.to_json(),
        "training_seconds": round(training, 3),
        "trials": [trial.to_json() for trial in trials],
    }
    return content, model.by_user(split, METRICS)


def tune_itself(
    contender: SelfTuned, split: wrmf.Split, validation: wrmf.Split, seconds: float, seed: int
) -> Result:
    """Let a contender tune itself for some seconds, and test it on ``split``."""
    chosen = contender.tune(split, validation, CHOSEN_BY, seconds, seed)
    return chosen.to_json(), chosen.by_user(split, METRICS)


def tested(content: dict[str, Any], values: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a contender's record with its scores on test."""
    if not values:
        return content
    means, errors = summary(values)
    return {
        **content,
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
        "threads": n_threads(),
        "cpus": allowed_cpus(),
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
    path = results_path(name, protocol, options)
    for contender in options.contenders:
        log(f"{name} {protocol}: {contender}")
        load = load_average()
        try:
            if contender in SELF_TUNED:
                chosen = SELF_TUNED[contender]
                result, values = tune_itself(
                    chosen, split, validation, options.seconds, options.seed
                )
            else:
                result, values = compete(
                    CONTENDERS[contender], split, validation, budget, options.seed
                )
        except Missing as reason:
            result, values = {"skipped": str(reason)}, {}
        result = {"ended": record.now(), "load": load, **tested(result, values)}
        content["contenders"][contender] = result
        if values:
            keep_values(path, contender, values[CHOSEN_BY])
    earlier: dict[str, Any] = {"contenders": {}}
    if path.exists() and record.read(path)["data"] == content["data"]:
        earlier = record.read(path)
    results = counted(earlier["contenders"], content["contenders"])
    # Contenders that were not asked for keep their earlier results of the same budget.
    is_same = all(earlier.get(key) == content[key] for key in ("budget", "threads"))
    content["contenders"] = (earlier["contenders"] if is_same else {}) | results
    add_differences(path, content["contenders"])
    described = record.described("benchmarks.quality.leaderboard", content)
    return record.write(described, path.stem, path)


def allowed_cpus() -> list[int] | None:
    """Return the numbers of the CPUs that this process may use, None if the system hides them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def values_path(path: Path, contender: str) -> Path:
    """Return the file of the scores of each user, which is not part of the record."""
    return CACHE / "leaderboard" / f"{path.stem}-{contender.replace(' ', '-')}.npy"


def keep_values(path: Path, contender: str, values: np.ndarray) -> None:
    """Write the scores of each user on test."""
    target = values_path(path, contender)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.save(target, values)


def add_differences(path: Path, results: dict[str, Any]) -> None:
    """Add to each record how far the reference is ahead, paired by user, with the error."""
    reference = values_path(path, REFERENCE)
    if "test" not in results.get(REFERENCE, {}) or not reference.exists():
        return
    for contender, result in results.items():
        values = values_path(path, contender)
        if contender != REFERENCE and "test" in result and values.exists():
            result["behind"] = paired(np.load(reference), np.load(values))


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
    parser.add_argument("--threads", type=int, default=2, help="of each contender; default 2")
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--show", action="store_true", help="only print the tables of results")
    parser.add_argument("--summary", action="store_true", help="only print the means over seeds")
    parser.add_argument("--seeds", nargs="+", type=int, default=(1, 2, 3), help="of the summary")
    options = parser.parse_args(arguments)
    if options.summary:
        folder = options.out or record.RESULTS
        print(standings(folder, options.protocols, options.sets, options.seeds))
        return
    set_threads(options.threads)
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
