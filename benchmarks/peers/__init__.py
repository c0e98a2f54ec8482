"""One small adapter for each implementation.

An adapter is a module with

- ``load()``: import the library and return its version, or raise ``Missing`` with the reason;
- ``train(matrix, setting, recorder)``: ``recorder.start()``, then ``recorder.sweep(factors)``
  after each sweep, ``factors`` a function that returns (user_factors, item_factors); a library
  that can only train from the beginning calls ``recorder.fits(fit)``. Returns the trained model;
- ``start(setting)``: words on the initial factors;
- optionally ``ENVIRONMENT`` (what its documentation asks to be set), ``evaluate(model, train, test,
  setting)`` and ``recommend(model, train, setting)``, and ``FLOAT64 = True`` where it offers that.

``matrix`` holds the counts d (CSR float32, users × items) of the objective of 2008, confidence
1 + α·d on stored pairs and 1 elsewhere, λI on both sides; the adapter maps it to the library's own.
``proof.py`` shows that the mapping is right.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any


class Missing(Exception):
    """Why an implementation cannot run here."""


@dataclass(frozen=True)
class Setting:
    """What one measurement asks of an implementation."""

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 10.0
    sweeps: int = 8
    threads: int = 2
    seed: int = 0
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Peer:
    """A named way of running an adapter; ``exact`` where every row is solved exactly."""

    adapter: str
    exact: bool
    options: dict[str, Any] = field(default_factory=dict)
    slow: bool = False  # one sweep, once: the baseline that nobody should wait for
    unproved: str = ""  # why its loss at convergence is not ours

    def module(self) -> ModuleType:
        return importlib.import_module(f"benchmarks.peers.{self.adapter}")


PEERS = {
    "wrmf-exact": Peer("wrmf", True, {"solver": "exact"}),
    "wrmf-cg": Peer("wrmf", False, {"solver": "cg"}),
    "wrmf-cg1": Peer("wrmf", False, {"solver": "cg", "cg_steps": 1}),
    "irspack-cholesky": Peer("irspack", True, {"solver_type": "CHOLESKY"}),
    "irspack-cg": Peer("irspack", False, {"solver_type": "CG"}),
    "irspack-ialspp": Peer("irspack", False, {"solver_type": "IALSPP"}),
    "implicit-cholesky": Peer("implicit", True, {"use_cg": False}),
    "implicit-cg": Peer("implicit", False, {"use_cg": True}),
    "cmfrec-cholesky": Peer("cmfrec", True, {"use_cg": False}),
    "cmfrec-cg": Peer(
        "cmfrec",
        False,
        {"use_cg": True},
        unproved="its conjugate gradients (3.5.1) settle some 4 % above the minimum that its own "
        "Cholesky solver reaches; more steps, more sweeps or float64 do not change that",
    ),
    "spark": Peer("spark", True),
    "qmf": Peer("qmf", True),
    "scipy-rows": Peer("scipy_rows", True, {"processes": 1}, slow=True),
    "scipy-pool": Peer("scipy_rows", True, {}, slow=True),
}


def named(names: list[str]) -> list[str]:
    """Return the peers that ``names`` mean: full names, or a library for all its solvers."""
    found = []
    for name in names:
        matching = [peer for peer in PEERS if peer == name or peer.rpartition("-")[0] == name]
        if not matching:
            raise ValueError(f"unknown peer {name!r}; there are {', '.join(PEERS)}")
        found += [peer for peer in matching if peer not in found]
    return found
