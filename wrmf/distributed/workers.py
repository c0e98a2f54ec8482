"""What must be the same on all workers: versions, and an instruction set that all have."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from wrmf.distributed.tasks import ClusterError
from wrmf.numerics.isa import ISAS, active_isa
from wrmf.versions import __version__

__all__ = ["check_worker", "facts_of_process", "slowest_isa"]

VERSIONED = ("wrmf", "numpy", "dask", "Python")


def facts_of_process() -> dict[str, Any]:
    """Return the versions of this process, the instruction sets it has, and the one it uses."""
    return {
        "wrmf": __version__,
        "numpy": np.__version__,
        "dask": version("dask"),
        "Python": ".".join(map(str, sys.version_info[:2])),
        "isa": active_isa(),
        "isas": list(ISAS),
    }


def check_worker(address: str, answer: Any, own: Mapping[str, Any], isa: str | None = None) -> None:
    """Check what a worker answered to :func:`facts_of_process`.

    Parameters
    ----------
    address : str
    answer : mapping, or the error of the call
    own : mapping, the facts of the process that calls ``fit``
    isa : str, optional
        An instruction set that the worker must have.

    Raises
    ------
    ClusterError
        If it cannot run wrmf, has other versions, or lacks the instruction set.
    """
    if isinstance(answer, BaseException):
        raise ClusterError(
            f"the worker {address} cannot run wrmf ({answer!r}): install wrmf {__version__} with "
            "the extra [distributed] on all workers"
        )
    for name in VERSIONED:
        if answer[name] != own[name]:
            raise ClusterError(
                f"the worker {address} has {name} {answer[name]}, here it is {own[name]}: all must "
                "have the same"
            )
    if isa is not None and isa not in answer["isas"]:
        raise ClusterError(
            f"the worker {address} has the instruction sets {', '.join(answer['isas'])}, and the "
            f"fit has begun with {isa}: remove the worker, and call fit again with the same "
            "arguments"
        )


def slowest_isa(answers: Iterable[Mapping[str, Any]]) -> str:
    """Return the slowest instruction set that workers use.

    Examples
    --------
    >>> slowest_isa([{"isa": ISAS[-1]}, {"isa": ISAS[0]}]) == ISAS[0]
    True
    """
    # One that this process does not know is faster than all that it knows.
    numbers = [ISAS.index(isa) if isa in ISAS else len(ISAS) for isa in (a["isa"] for a in answers)]
    return str(ISAS[min(*numbers, len(ISAS) - 1)])
