"""The leaderboard: everybody tuned with the same budget, tested once.

    python -m benchmarks.quality.leaderboard              # all sets, both protocols: half an hour
    python -m benchmarks.quality.leaderboard --sets citeulike_a --protocols weak --seconds 20
    python -m benchmarks.quality.leaderboard --show       # the tables again, from the results

A budget is so many trials and so many seconds (training and evaluation on validation), whichever
ends first, for each contender, set and protocol. Settings are chosen by ndcg@20 on a validation
split of train; the winner is retrained on all of train and scored on test once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.peers import Missing
from benchmarks.quality.contenders import CONTENDERS
from benchmarks.quality.data import described, leaderboard_split, write
from benchmarks.quality.tuner import search
from benchmarks.speed.runner import RESULTS

SETS = ("citeulike_a", "lastfm_hetrec2k", "mtg_decks")
PROTOCOLS = ("weak", "strong")
METRICS = ("recall@20", "ndcg@20")


def compete(contender, split, inner, trials: int, seconds: float, seed: int) -> dict:
    """Return one contender's record on one split."""

    def run(params):
        for epoch, model in contender.curve(params, inner):
            yield epoch, model.evaluate(inner, METRICS)[0]

    trials = trials if contender.space else 1
    found = search(
        run,
        contender.space,
        "ndcg@20",
        trials,
        seconds,
        seed,
        contender.starts,
        log=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
    )
    best = found[0]
    if best.failed or not best.curve:
        return {"skipped": best.failed or "no checkpoint within the budget"}
    start = time.perf_counter()
    last = (best.epoch,)
    options = {"checkpoints": last} if contender.als else {}
    ((_, model),) = contender.curve(best.params, split, **options)
    training = time.perf_counter() - start
    values, errors = model.evaluate(split, METRICS)
    return {
        "als": contender.als,
        "tried": len(found),
        "tuning_seconds": round(sum(trial.seconds for trial in found), 1),
        "best": best.to_json(),
        "training_seconds": round(training, 3),
        "test": {name: round(value, 5) for name, value in values.items()},
        "stderr": {name: round(value, 5) for name, value in errors.items()},
        "trials": [trial.to_json() for trial in found],
    }


def run(name: str, protocol: str, asked) -> Path:
    split, inner = leaderboard_split(name, protocol, asked.seed)
    train = split.train.matrix
    record = {
        "set": name,
        "protocol": protocol,
        "seed": asked.seed,
        "threads": 2,
        "budget": {"trials": asked.trials, "seconds": asked.seconds},
        "data": {
            "users": train.shape[0],
            "items": train.shape[1],
            "train": train.nnz,
            "test": split.test.n_interactions,
            "test_users": len(split.users),
        },
        "contenders": {},
    }
    for one in asked.contenders:
        print(f"{name} {protocol}: {one}", file=sys.stderr, flush=True)
        try:
            found = compete(CONTENDERS[one], split, inner, asked.trials, asked.seconds, asked.seed)
        except Missing as reason:
            found = {"skipped": str(reason)}
        record["contenders"][one] = found
    path = results_of(name, protocol, asked)
    if path.exists():
        # Who was not asked for keeps what was found before, on the same split.
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["data"] == record["data"] and before["budget"] == record["budget"]:
            record["contenders"] = before["contenders"] | record["contenders"]
    return write(described("benchmarks.quality.leaderboard", record), path.stem, path)


def results_of(name: str, protocol: str, asked) -> Path:
    seed = f"-seed{asked.seed}" if asked.seed else ""
    return (asked.out or RESULTS) / f"leaderboard-{name}-{protocol}{seed}.json"


def table(record: dict) -> str:
    """Return a Markdown table, the best first; a winner of another kind is marked."""
    data, budget = record["data"], record["budget"]
    lines = [
        f"**{record['set']}, {record['protocol']}**: {data['users']:,} × {data['items']:,}, "
        f"{data['train']:,} in train, {data['test_users']:,} test users; "
        f"{budget['trials']} trials or {budget['seconds']:.0f} s each",
        "",
        "| | recall@20 | ndcg@20 | ± | trials | s tuning | s training |",
        "|---|" + "---|" * 6,
    ]
    ranked = sorted(
        (each for each in record["contenders"].items() if "test" in each[1]),
        key=lambda each: -each[1]["test"]["ndcg@20"],
    )
    for place, (name, found) in enumerate(ranked):
        shown = f"**{name}**" if name == "wrmf" else name
        if place == 0 and not found["als"]:
            shown += " (wins, and is no ALS)"
        test = found["test"]
        lines.append(
            f"| {shown} | {test['recall@20']:.4f} | {test['ndcg@20']:.4f} | "
            f"{found['stderr']['ndcg@20']:.4f} | {found['tried']} | {found['tuning_seconds']} | "
            f"{found['training_seconds']} |"
        )
    for name, found in record["contenders"].items():
        if "skipped" in found:
            lines.append(f"| {name} | left out: {found['skipped']} |||||| ")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.leaderboard", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--protocols", nargs="+", default=PROTOCOLS, choices=PROTOCOLS)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--show", action="store_true", help="only print the tables of results")
    asked = parser.parse_args(arguments)
    for name in asked.sets:
        for protocol in asked.protocols:
            path = results_of(name, protocol, asked)
            try:
                path = path if asked.show else run(name, protocol, asked)
            except Missing as reason:
                print(f"{name} {protocol}: left out: {reason}")
                continue
            if path.exists():
                print(table(json.loads(path.read_text(encoding="utf-8"))), end="\n\n")


if __name__ == "__main__":
    main()
