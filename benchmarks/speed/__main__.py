"""The command line: which part to measure. ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks.peers import PEERS, Setting, named
from benchmarks.speed import table, targets
from benchmarks.speed.runner import Job, Session, in_fresh_process

QUICK_PEERS = [
    "wrmf-exact",
    "wrmf-cg",
    "irspack-cholesky",
    "irspack-cg",
    "irspack-ialspp",
    "implicit-cholesky",
    "implicit-cg",
    "cmfrec-cholesky",
    "cmfrec-cg",
]
WRMF = ("wrmf-exact", "wrmf-cg")


def quick(seed: int) -> list[tuple[list[Job], int]]:
    """Every implementation once, the main ones with curves and questions; growth with size."""
    setting = Setting(factors=64, sweeps=16, seed=seed)
    short = Setting(factors=40, seed=seed)
    curves = [
        Job(peer, data, setting, every=True, questions=True)
        for data in ("synthetic", "gowalla")
        for peer in QUICK_PEERS
    ]
    others = [Job(name, "synthetic", short) for name, peer in PEERS.items() if not peer.slow]
    # At full size the baseline would take hours a sweep.
    baseline = [
        Job(name, "synthetic-0.1x", short)
        for name, peer in PEERS.items()
        if peer.slow or name == "wrmf-exact"
    ]
    growth = [Job("wrmf-exact", "synthetic-4x", short)]
    over_k = [
        Job(peer, "synthetic", Setting(factors=k, threads=threads, seed=seed))
        for peer in (*WRMF, "irspack-cholesky", "irspack-cg", "implicit-cg")
        for k, threads in ((32, 2), (128, 2), (128, 1))
    ]
    return [(curves, 1), (others + baseline, 1), (growth + over_k, 2)]


def full(seed: int, repeats: int) -> list[tuple[list[Job], int]]:
    """The quick set, the targets, all data sets, all sizes and more numbers of factors."""
    setting = Setting(factors=64, seed=seed)
    names = ("citeulike_a", "lastfm_hetrec2k", "mtg_players", "movielens-20m", "lastfm-360k")
    data = [Job(peer, name, setting) for name in names for peer in QUICK_PEERS]
    sizes = [
        Job(peer, f"synthetic-{scale}x", Setting(factors=64, threads=threads, seed=seed))
        for scale in (1, 4, 16)
        for threads in (1, 2)
        for peer in (*WRMF, "irspack-cholesky", "irspack-cg", "implicit-cg")
    ]
    over_k = [
        Job(peer, "gowalla", Setting(factors=k, seed=seed))
        for k in (16, 32, 64, 128, 256)
        for peer in QUICK_PEERS
        if not peer.startswith("cmfrec")
    ]
    return [*quick(seed), *targets.groups(seed, repeats), (data + sizes + over_k, repeats)]


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=(
            "Time wrmf beside its peers, each measurement in a fresh process. "
            "Without --peer, --data or another choice: the quick set."
        ),
    )
    out.add_argument("--peer", nargs="+", metavar="NAME", help=f"of {', '.join(PEERS)}")
    out.add_argument("--data", nargs="+", metavar="NAME", help="data sets, see data.py")
    out.add_argument("--factors", nargs="+", type=int, default=[64])
    out.add_argument("--threads", nargs="+", type=int, default=[2])
    out.add_argument("--sweeps", type=int, default=8)
    out.add_argument("--repeats", type=int, default=3)
    out.add_argument("--seed", type=int, default=0)
    out.add_argument("--alpha", type=float, default=10.0)
    out.add_argument("--regularization", type=float, default=1.0)
    out.add_argument("--every", action="store_true", help="the loss after every sweep")
    out.add_argument("--questions", action="store_true", help="time evaluating, recommending")
    out.add_argument("--timeout", type=float, default=900.0, help="seconds for one process")
    choice = out.add_mutually_exclusive_group()
    choice.add_argument("--targets", action="store_true", help="what the targets need")
    choice.add_argument("--full", action="store_true", help="everything; hours")
    choice.add_argument("--prove", action="store_true", help="compare losses at convergence")
    choice.add_argument("--show", nargs="+", type=Path, metavar="FILE", help="print results again")
    out.add_argument("--out", type=Path, help="the JSON file; default benchmarks/results/…")
    return out


def show(results: dict) -> None:
    if "proofs" in results:
        print(table.heading(results), table.proofs(results), sep="\n\n")
    if results["measurements"]:
        print(table.summary(results))
    if results.get("targets"):
        print("\n" + targets.verdicts(results))


def prove(session: Session, names: list[str], threads: int) -> bool:
    """Run the proofs; False where one failed that has no stated reason."""
    session.results["proofs"] = []
    for name in names:
        environment = getattr(PEERS[name].module(), "ENVIRONMENT", {})
        found = in_fresh_process(
            {"peer": "proof", "name": name, "threads": threads}, environment, session.timeout
        )
        session.results["proofs"].append({"peer": name, **found})
    return all(
        "skipped" in each or each["proved"] or PEERS[each["peer"]].unproved
        for each in session.results["proofs"]
    )


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    if asked.show:
        for path in asked.show:
            show(json.loads(path.read_text(encoding="utf-8")))
        return 0
    try:
        peers = named(asked.peer or [])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    session = Session(sys.argv[1:] if arguments is None else arguments, asked.timeout)
    proved = True
    if asked.prove:
        name, groups = "proof", []
        proved = prove(session, peers or list(PEERS), asked.threads[0])
    elif asked.targets:
        name, groups = "targets", targets.groups(asked.seed, asked.repeats)
    elif asked.full:
        name, groups = "full", full(asked.seed, asked.repeats)
    elif asked.peer or asked.data:
        jobs = [
            Job(
                peer,
                data,
                Setting(k, asked.regularization, asked.alpha, asked.sweeps, threads, asked.seed),
                asked.every,
                asked.questions,
            )
            for data in asked.data or ["synthetic"]
            for k in asked.factors
            for threads in asked.threads
            for peer in peers or QUICK_PEERS
        ]
        name, groups = "part", [(jobs, asked.repeats)]
    else:
        name, groups = "quick", quick(asked.seed)
    session.results["targets"] = asked.targets or asked.full
    # Ended from outside, it still writes what it has.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for jobs, repeats in groups:
            session.run(jobs, repeats)
    finally:
        # What was measured before an interruption is kept.
        path = session.write(asked.out, name)
    show(session.results)
    print(f"\nwritten to {path}")
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
