"""Instruction sets: which ones the kernels can use here, and which one they use."""

from __future__ import annotations

import os

from wrmf._als import ISAS

__all__ = ["ISAS", "active_isa", "isa_number"]


def active_isa() -> str:
    """Return the instruction set of the kernels: the fastest, or what ``WRMF_ISA`` names.

    Raises
    ------
    ValueError
        If ``WRMF_ISA`` names one that this CPU or this build does not have.
    """
    name = os.environ.get("WRMF_ISA", "").lower() or ISAS[-1]
    if name not in ISAS:
        raise ValueError(f"WRMF_ISA is {name!r}; this CPU and build have {', '.join(ISAS)}")
    return name


def isa_number() -> int:
    """Return the number by which the kernels know the active instruction set."""
    return int(ISAS.index(active_isa()))
