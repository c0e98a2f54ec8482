"""One small adapter for each implementation.

An adapter is a module with

- ``load()``: import the library and return its version, or raise ``Missing`` with the reason;
- ``train(matrix, setting, recorder)``: call ``recorder.start()``, then ``recorder.sweep(factors)``
  after each sweep, where ``factors`` is a function that returns (user_factors, item_factors). For a
  library that cannot continue training, call ``recorder.fits(fit)`` instead, where ``fit(sweeps)``
  trains from the beginning and returns both factors. Return the trained model;
- ``start(setting)``: return a description of the initial factors;
- optionally ``ENVIRONMENT``, the environment variables that the library's documentation asks for;
  ``FLOAT64 = True`` if the library can train in float64; ``evaluate(model, train, test, setting)``
  and ``recommend(model, train, setting)``; and, if the library's λ has another meaning than ours,
  ``regularization(matrix, setting)``, which returns the (λ of users, λ of items) that make our loss
  the same, or None if there are none.

``matrix`` is a CSR matrix, users × items, of counts d in float32. The objective is that of Hu,
Koren and Volinsky (2008): the confidence is 1 + α·d for stored pairs and 1 for all others, and λ is
the same for all users and items. The adapter maps α and λ to the library's own parameters, and
``benchmarks.speed --prove`` verifies the mapping.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any, Protocol

import numpy as np

FactorPair = tuple[np.ndarray, np.ndarray]


class SweepRecorder(Protocol):
    """The clock that an adapter reports its sweeps to."""

    def start(self) -> None:
        """Start the clock, once the data has the library's own form."""

    def sweep(self, factors: Callable[[], FactorPair]) -> None:
        """Record the end of a sweep."""

    def fits(self, fit: Callable[[int], FactorPair]) -> None:
        """Time fits with several numbers of sweeps, for a library that cannot continue training."""


@dataclass(frozen=True)
class Setting:
    """The objective and the conditions of one measurement."""

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 10.0
    sweeps: int = 8
    threads: int = 2
    seed: int = 0
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict."""
        return asdict(self)


@dataclass(frozen=True)
class Peer:
    """One way of running an adapter.

    Attributes
    ----------
    adapter : str
        Name of the module in this package.
    exact : bool
        Whether every row is solved exactly.
    options : dict
        Parameters that the library is given.
    slow : bool
        Whether only a single sweep is measured, without repeats, because a sweep takes very long.
    unproved : str
        Why the loss at convergence differs from ours, if it does.
    """

    adapter: str
    exact: bool
    options: dict[str, Any] = field(default_factory=dict)
    slow: bool = False
    unproved: str = ""

    def module(self) -> ModuleType:
        """Import and return the adapter."""
        return importlib.import_module(f"benchmarks.peers.{self.adapter}")


CMFREC_CG = (
    "its conjugate gradients (3.5.1) settle about 4 % above the minimum that its own Cholesky "
    "solver reaches; more steps, more sweeps or float64 do not change that"
)
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
    "cmfrec-cg": Peer("cmfrec", False, {"use_cg": True}, unproved=CMFREC_CG),
    "spark": Peer("spark", True),
    "qmf": Peer("qmf", True),
    "scipy-rows": Peer("scipy_rows", True, {"processes": 1}, slow=True),
    "scipy-pool": Peer("scipy_rows", True, {}, slow=True),
}


def select_peers(names: Sequence[str]) -> list[str]:
    """Return the peers that ``names`` select: full names, or a library for all its solvers.

    Raises
    ------
    ValueError
        If a name is neither.

    Examples
    --------
    >>> select_peers(["implicit", "wrmf-cg"])
    ['implicit-cholesky', 'implicit-cg', 'wrmf-cg']
    """
    selected: list[str] = []
    for name in names:
        matching = [peer for peer in PEERS if peer == name or peer.rpartition("-")[0] == name]
        if not matching:
            raise ValueError(f"unknown peer {name!r}; choose from {', '.join(PEERS)}")
        selected += [peer for peer in matching if peer not in selected]
    return selected
