"""The command ``python -m benchmarks.speed``, which measures speed and prints tables of it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.peers import PEERS, Setting, select_peers
from benchmarks.speed import table, targets
from benchmarks.speed.jobs import QUICK_PEERS, Job, Round, quick_rounds, wide_jobs
from benchmarks.speed.runner import Session


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=(
            "Time wrmf and its peers, each measurement in a fresh process. "
            "Without --peer, --data or another choice, the quick set is measured."
        ),
    )
    add = command.add_argument
    add("--peer", nargs="+", metavar="NAME", default=[], help=f"some of {', '.join(PEERS)}")
    add("--data", nargs="+", metavar="NAME", help="data sets, see benchmarks/data.py")
    add("--factors", nargs="+", type=int, default=[64])
    add("--threads", nargs="+", type=int, default=[2])
    add("--sweeps", type=int, default=8)
    add("--repeats", type=int, default=3)
    add("--seed", type=int, default=0)
    add("--alpha", type=float, default=10.0)
    add("--regularization", type=float, default=1.0)
    add("--every", action="store_true", help="compute the loss after every sweep")
    add("--questions", action="store_true", help="also time evaluation and recommendation")
    add("--timeout", type=float, default=900.0, help="seconds for one process")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--targets", action="store_true", help="measure what the targets need")
    choice.add_argument("--full", action="store_true", help="measure everything; takes hours")
    choice.add_argument("--prove", action="store_true", help="compare losses at convergence")
    choice.add_argument(
        "--show", nargs="+", type=Path, metavar="FILE", help="print the tables of results"
    )
    add("--run", type=int, metavar="N", help="number of the run, added to the file's name")
    add("--out", type=Path, help="the JSON file; default benchmarks/results/STUDY.json")
    return command


def show(results: dict[str, Any]) -> None:
    """Print the tables of a results file."""
    if "proofs" in results:
        print(table.heading(results), table.proofs(results), sep="\n\n")
    if results["measurements"]:
        print(table.summary(results))
    if results.get("targets"):
        print("\n" + targets.verdicts(results))


def chosen_jobs(options: argparse.Namespace, peers: list[str]) -> list[Job]:
    """Return the jobs that ``--peer``, ``--data`` and the settings name."""
    return [
        Job(
            peer,
            data,
            Setting(
                k, options.regularization, options.alpha, options.sweeps, threads, options.seed
            ),
            options.every,
            options.questions,
        )
        for data in options.data or ["synthetic"]
        for k in options.factors
        for threads in options.threads
        for peer in peers or QUICK_PEERS
    ]


def study(options: argparse.Namespace, peers: list[str]) -> tuple[str, list[Round]]:
    """Return the name of the study that was asked for, and its rounds."""
    if options.prove:
        return "proof-part" if peers else "proof", []
    if options.targets:
        return "targets", targets.rounds(options.seed, options.repeats)
    if options.full:
        return "full", [
            *quick_rounds(options.seed),
            *targets.rounds(options.seed, options.repeats),
            Round(wide_jobs(options.seed), options.repeats),
        ]
    if peers or options.data:
        return "part", [Round(chosen_jobs(options, peers), options.repeats)]
    return "quick", quick_rounds(options.seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 if a proof failed, or 2 for an unknown peer."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    if options.show:
        for path in options.show:
            show(record.read(path))
        return 0
    try:
        peers = select_peers(options.peer)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    session = Session(arguments, options.timeout)
    session.results["targets"] = options.targets or options.full
    name, rounds = study(options, peers)
    proved = not options.prove or session.prove(peers or list(PEERS), options.threads[0])
    # A terminated run writes what it has measured, like an interrupted one.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for measured in rounds:
            session.run(measured)
    finally:
        signal.signal(signal.SIGTERM, before)
        path = session.write(f"{name}-{options.run}" if options.run else name, options.out)
    show(session.results)
    print(f"\nwritten to {path}")
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
