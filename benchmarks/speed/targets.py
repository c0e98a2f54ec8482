"""The targets for the speed of this library: the jobs to measure, and the verdicts on results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers import Setting
from benchmarks.speed.jobs import Job, Round
from benchmarks.speed.table import (
    OURS,
    Cell,
    Cells,
    Group,
    aligned,
    geometric_mean,
    number,
    seconds_until,
)

# The measured value and its details, as texts for the table of targets.
Verdict = tuple[str, str]
# A data set and a number of factors.
Case = tuple[str, int]
GOWALLA: tuple[Case, ...] = (("gowalla", 64), ("gowalla", 128))
MAIN: tuple[Case, ...] = (*GOWALLA, ("mtg_players", 64))
OUR_SOLVERS = ("wrmf-exact", "wrmf-cg")
OUR_CG = ("wrmf-cg", "wrmf-cg1")
EXACT_PEERS = ("irspack-cholesky", "implicit-cholesky")
CG_PEERS = ("irspack-cg", "implicit-cg")
APPROXIMATE_PEERS = (*CG_PEERS, "irspack-ialspp")
# Numbers of factors for which the times to the same loss are compared.
LARGE_FACTORS = (512, 1024)
THREADS, SWEEPS = 2, 8
# Data sets whose rows and entries grow together, to measure the growth of the time.
ROWS = ("synthetic", "synthetic-2x", "synthetic-4x")
# Data sets whose entries grow while the rows stay the same.
ENTRIES = ("synthetic", "synthetic-2e", "synthetic-4e")
# Numbers of factors on the same data.
FACTORS = (32, 64, 128, 256, 512, 1024)
NOT_MEASURED: Verdict = ("", "not all measured")


def rounds(seed: int, repeats: int) -> list[Round]:
    """Return the rounds that the targets need."""

    def job(peer: str, data: str, k: int, threads: int = THREADS) -> Job:
        return Job(peer, data, Setting(factors=k, sweeps=SWEEPS, threads=threads, seed=seed))

    main = [
        job(peer, data, k)
        for data, k in MAIN
        for peer in ("wrmf-exact", *OUR_CG, *EXACT_PEERS, *CG_PEERS)
    ]
    main += [job("irspack-ialspp", data, k) for data, k in GOWALLA]
    main += [job("wrmf-exact", data, k, threads=1) for data, k in MAIN]
    growth = [job("wrmf-exact", data, 64) for data in dict.fromkeys(ROWS + ENTRIES)]
    growth += [
        job("wrmf-exact", "gowalla", k)
        for k in FACTORS
        if ("gowalla", k) not in MAIN and k not in LARGE_FACTORS
    ]
    # Our solvers may take more sweeps than the peers to reach their loss: only the time counts.
    longer = {
        k: Setting(factors=k, sweeps=2 * SWEEPS, threads=THREADS, seed=seed) for k in LARGE_FACTORS
    }
    large = [
        Job(peer, "gowalla", longer[k], every=True)
        if peer in OUR_SOLVERS
        else job(peer, "gowalla", k)
        for k in LARGE_FACTORS
        for peer in (*OUR_SOLVERS, *APPROXIMATE_PEERS)
    ]
    return [Round(main, repeats), Round(growth, repeats), Round(large, 1)]


def ratio(cells: Cells, ours: str, peers: Iterable[str], case: Case) -> float | None:
    """Return the fastest peer's seconds per sweep divided by those of our solver ``ours``."""
    our_seconds = cells.seconds(ours, *case, THREADS)
    their_seconds = [cells.seconds(peer, *case, THREADS) for peer in peers]
    measured = [seconds for seconds in their_seconds if seconds is not None]
    return min(measured) / our_seconds if our_seconds and measured else None


def exact_against(peers: Sequence[str], cases: Sequence[Case]) -> Callable[[Cells], Verdict]:
    """Return the function that compares our exact solver with the fastest of ``peers``."""

    def verdict(cells: Cells) -> Verdict:
        ratios = {f"{data} {k}": ratio(cells, OURS, peers, (data, k)) for data, k in cases}
        values = [value for value in ratios.values() if value is not None]
        if len(values) < len(ratios):
            return NOT_MEASURED
        detail = ", ".join(f"{name}: {value:.2f}" for name, value in ratios.items())
        return f"{geometric_mean(values):.2f} ×", detail

    return verdict


class Timed(NamedTuple):
    """Running time of one solver in seconds, and its loss after the last sweep."""

    seconds: float
    loss: float
    name: str


def timed(cells: Cells, names: Iterable[str], group: Group) -> list[Timed]:
    """Return the solvers that were measured in a group, the fastest first."""
    measured = []
    for name in names:
        seconds = cells.seconds(name, *group)
        loss = cells.loss_after(SWEEPS, Cell(name, *group))
        if seconds and loss is not None:
            measured.append(Timed(seconds, loss, name))
    return sorted(measured)


def conjugate_gradients(cells: Cells) -> Verdict:
    """Compare the fastest peer with our fastest solver whose loss is no higher."""
    ratios, details = [], []
    for data, k in MAIN:
        group = Group(data, k, THREADS)
        peers = timed(cells, CG_PEERS, group)
        if not peers:
            return NOT_MEASURED
        peer = peers[0]
        ours = [solver for solver in timed(cells, OUR_CG, group) if solver.loss <= peer.loss]
        if not ours:
            ratios.append(math.nan)
            details.append(f"{data} {k}: no loss of ours as low as {peer.name}'s")
            continue
        ratios.append(peer.seconds / ours[0].seconds)
        details.append(
            f"{data} {k}: {ratios[-1]:.2f} by {ours[0].name}, "
            f"loss {ours[0].loss / peer.loss - 1:+.2%} of {peer.name}'s"
        )
    return f"{geometric_mean(ratios):.2f} ×", "; ".join(details)


def gemm_share(cells: Cells) -> Verdict:
    """Compare the rate of the necessary flops with that of a GEMM."""
    share = cells.gemm_share(Group("gowalla", 128, THREADS))
    return number(share, ".0%"), "without the multiplications into the basis and back"


def large_factors(cells: Cells) -> Verdict:
    """Compare the times until the final loss of the fastest peer is reached."""
    ratios, details = [], []
    for k in LARGE_FACTORS:
        group = Group("gowalla", k, THREADS)
        curves = {name: cells.points(Cell(name, *group)) for name in APPROXIMATE_PEERS}
        ends = [
            Timed(points[-1].seconds, points[-1].loss, name)
            for name, points in curves.items()
            if points and points[-1].loss is not None
        ]
        if not ends:
            continue
        peer = min(ends)
        times = {
            name: seconds_until(cells.points(Cell(name, *group)), peer.loss) for name in OUR_SOLVERS
        }
        reached = [(seconds, name) for name, seconds in times.items() if seconds is not None]
        if not reached:
            details.append(f"{k}: {peer.name}'s loss not reached")
            continue
        seconds, name = min(reached)
        ratios.append(peer.seconds / seconds)
        details.append(f"{k}: {name} {seconds:.2f} s, {peer.name} {peer.seconds:.2f} s")
    return " and ".join(f"{value:.2f} ×" for value in ratios), "; ".join(details)


def thread_speedup(cells: Cells) -> Verdict:
    """Compare our exact solver's times with one and with two threads."""
    speedups = {}
    for data, k in MAIN:
        one_thread = cells.seconds(OURS, data, k, 1)
        two_threads = cells.seconds(OURS, data, k, 2)
        if one_thread and two_threads:
            speedups[f"{data} {k}"] = one_thread / two_threads
    detail = ", ".join(f"{name}: {value:.2f}" for name, value in speedups.items())
    return number(min(speedups.values(), default=None), ".2f"), detail


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the least-squares slope of log(values) as a function of log(sizes)."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def growth_exponents(
    cells: Cells, cases: Sequence[Case], sizes: Sequence[float]
) -> tuple[float, float] | None:
    """Return the exponents of a sweep's (measured time, flops), None if a time is missing."""
    timed = [cells.seconds(OURS, data, k, THREADS) for data, k in cases]
    seconds = [value for value in timed if value is not None]
    if len(seconds) < len(cases):
        return None
    flops = [cells.results["data"][data]["flops"][str(k)]["all"] for data, k in cases]
    return exponent(sizes, seconds), exponent(sizes, flops)


def growth(cells: Cells) -> Verdict:
    """Compare the growth of the time with that of all flops."""

    def entries(names: Iterable[str]) -> list[int]:
        return [cells.results["data"].get(name, {}).get("entries", 1) for name in names]

    studies: dict[str, tuple[list[Case], Sequence[float]]] = {
        "rows": ([(name, 64) for name in ROWS], entries(ROWS)),
        "entries": ([(name, 64) for name in ENTRIES], entries(ENTRIES)),
        "k": ([("gowalla", k) for k in FACTORS], FACTORS),
    }
    details, deviations = [], []
    for name, (cases, sizes) in studies.items():
        exponents = growth_exponents(cells, cases, sizes)
        if exponents is not None:
            measured, predicted = exponents
            deviations.append(abs(measured / predicted - 1))
            details.append(f"{name}: {measured:.2f}, flops {predicted:.2f}")
    return number(max(deviations, default=None), ".0%"), "; ".join(details)


@dataclass(frozen=True)
class Target:
    """One line of the table of targets."""

    name: str
    must: str
    aim: str
    verdict: Callable[[Cells], Verdict]


TARGETS = (
    Target(
        "exact / best exact peer, geometric mean",
        "≥ 6 ×, none < 2.5 ×",
        "≥ 12 ×",
        exact_against(EXACT_PEERS, MAIN),
    ),
    Target(
        "exact / best approximate peer, gowalla",
        "≥ 0.8 ×",
        "≥ 2 ×",
        exact_against(APPROXIMATE_PEERS, GOWALLA),
    ),
    Target("cg / best peer's CG, loss no higher", "≥ 3 ×", "≥ 5 ×", conjugate_gradients),
    Target("necessary flops / GEMM rate, gowalla k = 128", "≥ 40 %", "≥ 60 %", gemm_share),
    Target("k = 512 and 1024: to the fastest peer's loss", "≥ 2 ×", "≥ 4 ×", large_factors),
    Target("exponents over rows, entries, k", "within 15 %", "", growth),
    Target("two threads over one", "≥ 1.8 ×", "≥ 1.95 ×", thread_speedup),
)


def verdicts(results: dict[str, Any]) -> str:
    """Return the table of targets with the measured values, blank where there are none."""
    cells = Cells(results)
    rows = [["", "must", "aim", "measured", "in detail"]]
    for target in TARGETS:
        rows.append([target.name, target.must, target.aim, *target.verdict(cells)])
    return aligned(rows)
