"""What this library wants to reach, and whether it does: the jobs, and the verdicts from JSON."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.peers import Setting
from benchmarks.speed.runner import Job
from benchmarks.speed.table import Cells, aligned, geometric_mean, number, seconds_until

MAIN = (("gowalla", 64), ("gowalla", 128), ("mtg_players", 64))
GOWALLA = MAIN[:2]
OURS = ("wrmf-exact", "wrmf-cg")
OUR_CG = ("wrmf-cg", "wrmf-cg1")
EXACT_PEERS = ("irspack-cholesky", "implicit-cholesky")
CG_PEERS = ("irspack-cg", "implicit-cg")
APPROXIMATE_PEERS = (*CG_PEERS, "irspack-ialspp")
LARGE_FACTORS = (512, 1024)
THREADS, SWEEPS = 2, 8
# Rows and entries together, entries alone, k alone; 64 factors where k does not change.
ROWS = ("synthetic", "synthetic-2x", "synthetic-4x")
ENTRIES = ("synthetic", "synthetic-2e", "synthetic-4e")
FACTORS = (32, 64, 128, 256, 512, 1024)


def job(peer, data, factors, threads=THREADS, seed=0, sweeps=SWEEPS, every=False) -> Job:
    setting = Setting(factors=factors, sweeps=sweeps, threads=threads, seed=seed)
    return Job(peer, data, setting, every)


def groups(seed: int, repeats: int) -> list[tuple[list[Job], int]]:
    """Return (jobs, repeats); the jobs of a group are measured in turn."""
    main = [
        job(peer, data, k, seed=seed)
        for data, k in MAIN
        for peer in ("wrmf-exact", *OUR_CG, *EXACT_PEERS, *CG_PEERS)
    ]
    main += [job("irspack-ialspp", data, k, seed=seed) for data, k in GOWALLA]
    main += [job("wrmf-exact", data, k, 1, seed) for data, k in MAIN]
    growth = [job("wrmf-exact", data, 64, seed=seed) for data in dict.fromkeys(ROWS + ENTRIES)]
    growth += [
        job("wrmf-exact", "gowalla", k, seed=seed)
        for k in FACTORS
        if ("gowalla", k) not in MAIN and k not in LARGE_FACTORS
    ]
    # Ours may take more sweeps than the peers' eight to be as low: what counts is the time.
    large = [
        job(peer, "gowalla", k, seed=seed, every=True, sweeps=2 * SWEEPS)
        if peer in OURS
        else job(peer, "gowalla", k, seed=seed)
        for k in LARGE_FACTORS
        for peer in (*OURS, *APPROXIMATE_PEERS)
    ]
    return [(main, repeats), (growth, repeats), (large, 1)]


def verdicts(results: dict) -> str:
    """Return the table of targets with what was measured; blank where it was not."""
    cells = Cells(results)
    rows = [["", "must", "aim", "measured", "in detail"]]
    for name, must, aim, find in TARGETS:
        measured, detail = find(cells)
        rows.append([name, must, aim, measured, detail])
    return aligned(rows)


def ratio(cells: Cells, ours: str, peers, data: str, k: int) -> float | None:
    """Return the fastest peer's seconds per sweep over ours."""
    mine = cells.seconds(ours, data, k, THREADS)
    theirs = [cells.seconds(peer, data, k, THREADS) for peer in peers]
    theirs = [seconds for seconds in theirs if seconds is not None]
    return min(theirs) / mine if mine and theirs else None


def _against(ours, peers, where):
    def find(cells):
        found = {f"{data} {k}": ratio(cells, ours, peers, data, k) for data, k in where}
        if None in found.values():
            return "", "not all measured"
        detail = ", ".join(f"{name}: {value:.2f}" for name, value in found.items())
        return f"{geometric_mean(found.values()):.2f} ×", detail

    return find


def _cg(cells):
    """The faster of ours whose loss is no higher than that of the fastest peer."""
    found, details = [], []
    for data, k in MAIN:
        peers = [(cells.seconds(peer, data, k, THREADS), peer) for peer in CG_PEERS]
        theirs, peer = min((each for each in peers if each[0]), default=(None, None))
        if theirs is None:
            return "", "not all measured"
        loss = cells.loss_after(SWEEPS, peer, data, k, THREADS)
        lost = {name: cells.loss_after(SWEEPS, name, data, k, THREADS) for name in OUR_CG}
        ours = [
            (cells.seconds(name, data, k, THREADS), name)
            for name in OUR_CG
            if (lost[name] or math.inf) <= loss
        ]
        if not ours:
            details.append(f"{data} {k}: no loss of ours as low as {peer}'s")
            found.append(math.nan)
            continue
        mine, name = min(ours)
        found.append(theirs / mine)
        details.append(
            f"{data} {k}: {theirs / mine:.2f} by {name}, "
            f"loss {lost[name] / loss - 1:+.2%} of {peer}'s"
        )
    return f"{geometric_mean(found):.2f} ×", "; ".join(details)


def _gemm(cells):
    share = cells.gemm_share("gowalla", 128, THREADS)
    return number(share, ".0%"), "without the multiplications into the basis and back"


def _large(cells):
    found, details = [], []
    for k in LARGE_FACTORS:
        fastest = []
        for peer in APPROXIMATE_PEERS:
            points = cells.points((peer, "gowalla", k, THREADS))
            if points:
                fastest.append((points[-1][1], points[-1][2], peer))
        if not fastest:
            continue
        seconds, loss, peer = min(fastest)
        ours = [
            (seconds_until(cells.points((name, "gowalla", k, THREADS)), loss), name)
            for name in OURS
        ]
        reached = [each for each in ours if each[0] is not None]
        if not reached:
            details.append(f"{k}: {peer}'s loss not reached")
            continue
        best, name = min(reached)
        found.append(seconds / best)
        details.append(f"{k}: {name} {best:.2f} s, {peer} {seconds:.2f} s")
    return " and ".join(f"{value:.2f} ×" for value in found), "; ".join(details)


def _threads(cells):
    found = {}
    for data, k in MAIN:
        one = cells.seconds("wrmf-exact", data, k, 1)
        two = cells.seconds("wrmf-exact", data, k, 2)
        if one and two:
            found[f"{data} {k}"] = one / two
    detail = ", ".join(f"{name}: {value:.2f}" for name, value in found.items())
    return number(min(found.values(), default=None), ".2f"), detail


def exponent(sizes, values) -> float:
    """Return the slope of log(values) over log(sizes), by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def growth(cells: Cells, cases: list[tuple[str, int]], sizes: list[float]):
    """Return (measured, predicted) exponents of a sweep over sizes, None where one is missing."""
    seconds = [cells.seconds("wrmf-exact", data, k, THREADS) for data, k in cases]
    if None in seconds:
        return None
    flops = [cells.results["data"][data]["flops"][str(k)]["all"] for data, k in cases]
    return exponent(sizes, seconds), exponent(sizes, flops)


def _exponents(cells):
    about = cells.results["data"]

    def entries(names):
        return [about.get(name, {}).get("entries", 1) for name in names]

    details, worst = [], []
    for what, cases, sizes in (
        ("rows", [(name, 64) for name in ROWS], entries(ROWS)),
        ("entries", [(name, 64) for name in ENTRIES], entries(ENTRIES)),
        ("k", [("gowalla", k) for k in FACTORS], FACTORS),
    ):
        found = growth(cells, cases, sizes)
        if found is not None:
            measured, predicted = found
            worst.append(abs(measured / predicted - 1))
            details.append(f"{what}: {measured:.2f}, flops {predicted:.2f}")
    return number(max(worst, default=None), ".0%"), "; ".join(details)


TARGETS = (
    (
        "exact / best exact peer, geometric mean",
        "≥ 6 ×, none < 2.5 ×",
        "≥ 12 ×",
        _against("wrmf-exact", EXACT_PEERS, MAIN),
    ),
    (
        "exact / best approximate peer, gowalla",
        "≥ 0.8 ×",
        "≥ 2 ×",
        _against("wrmf-exact", APPROXIMATE_PEERS, GOWALLA),
    ),
    ("cg / best peer's CG, loss no higher", "≥ 3 ×", "≥ 5 ×", _cg),
    ("necessary flops / GEMM rate, gowalla k = 128", "≥ 40 %", "≥ 60 %", _gemm),
    ("k = 512 and 1024: to the fastest peer's loss", "≥ 2 ×", "≥ 4 ×", _large),
    ("exponents over rows, entries, k", "within 15 %", "", _exponents),
    ("two threads over one", "≥ 1.8 ×", "≥ 1.95 ×", _threads),
)
