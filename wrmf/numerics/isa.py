"""The instruction sets that the kernels can use on this CPU, and the one that they use."""

from __future__ import annotations

from wrmf._als import ISAS
from wrmf._als import isa_number as active_isa_number

__all__ = ["ISAS", "active_isa", "isa_number"]


def active_isa() -> str:
    """Return the instruction set of the kernels: the fastest, or the one that ``WRMF_ISA`` names.

    Raises
    ------
    ValueError
        If ``WRMF_ISA`` names one that this CPU or this build does not have.
    """
    return str(ISAS[active_isa_number()])


def isa_number(name: str | None = None) -> int:
    """Return the number of an instruction set, by which the kernels select it.

    Parameters
    ----------
    name : str, optional
        One of ``ISAS``. By default the active one.

    Raises
    ------
    ValueError
        If this CPU or this build does not have it.
    """
    if name is None:
        return int(active_isa_number())
    if name not in ISAS:
        raise ValueError(f"isa is {name!r}; this CPU and build have {', '.join(ISAS)}")
    return int(ISAS.index(name))
