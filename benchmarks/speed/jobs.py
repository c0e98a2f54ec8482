"""The jobs that are measured, the rounds in which they are, and the quick and the full set."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers import PEERS, Setting


@dataclass(frozen=True)
class Job:
    """One measurement: a peer, a data set, and the setting to train with.

    Attributes
    ----------
    peer, data : str
    setting : Setting
    every : bool
        Whether the loss is computed after every sweep, not only after the last.
    questions : bool
        Whether evaluation and recommendation are timed, too.
    """

    peer: str
    data: str
    setting: Setting
    every: bool = False
    questions: bool = False


@dataclass(frozen=True)
class Round:
    """Jobs that are repeated together: all are measured once before any is measured again."""

    jobs: list[Job]
    repeats: int


# Peers that are measured on every data set.
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
# Peers whose time is measured for several sizes of the data, numbers of factors and threads.
SCALED_PEERS = ("wrmf-exact", "wrmf-cg", "irspack-cholesky", "irspack-cg", "implicit-cg")


def quick_rounds(seed: int) -> list[Round]:
    """Return the quick set.

    It measures every peer once, the main ones also with the loss after every sweep, and the growth
    of the time with the size of the data and the number of factors.
    """
    setting = Setting(factors=64, sweeps=16, seed=seed)
    short = Setting(factors=40, seed=seed)
    curves = [
        Job(peer, data, setting, every=True, questions=True)
        for data in ("synthetic", "gowalla")
        for peer in QUICK_PEERS
    ]
    others = [Job(name, "synthetic", short) for name, peer in PEERS.items() if not peer.slow]
    # At full size, one sweep of the slow peers takes hours.
    baseline = [
        Job(name, "synthetic-0.1x", short)
        for name, peer in PEERS.items()
        if peer.slow or name == "wrmf-exact"
    ]
    growth = [Job("wrmf-exact", "synthetic-4x", short)]
    over_factors = [
        Job(peer, "synthetic", Setting(factors=k, threads=threads, seed=seed))
        for peer in SCALED_PEERS
        for k, threads in ((32, 2), (128, 2), (128, 1))
    ]
    return [Round(curves, 1), Round(others + baseline, 1), Round(growth + over_factors, 2)]


def wide_jobs(seed: int) -> list[Job]:
    """Return the jobs that the full set adds: more data sets, sizes and numbers of factors."""
    setting = Setting(factors=64, seed=seed)
    names = ("citeulike_a", "lastfm_hetrec2k", "mtg_players", "movielens-20m", "lastfm")
    data = [Job(peer, name, setting) for name in names for peer in QUICK_PEERS]
    sizes = [
        Job(peer, f"synthetic-{scale}x", Setting(factors=64, threads=threads, seed=seed))
        for scale in (1, 4, 16)
        for threads in (1, 2)
        for peer in SCALED_PEERS
    ]
    over_factors = [
        Job(peer, "gowalla", Setting(factors=k, seed=seed))
        for k in (16, 32, 64, 128, 256)
        for peer in QUICK_PEERS
        if not peer.startswith("cmfrec")
    ]
    return data + sizes + over_factors
