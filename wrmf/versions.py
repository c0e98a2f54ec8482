"""What a report of a problem should name."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

from threadpoolctl import threadpool_info

from wrmf.numerics.isa import ISAS, active_isa
from wrmf.numerics.threads import available_threads

__all__ = ["show_versions", "versions"]

PACKAGES = ("wrmf", "numpy", "scipy", "pandas", "threadpoolctl", "tqdm", "matplotlib", "pyarrow")


def versions() -> dict[str, str]:
    """Return versions of Python and the packages, the machine, threads, kernels and BLAS."""
    found = {"python": sys.version.split()[0], "machine": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["threads"] = str(available_threads())
    found["kernels"] = f"{active_isa()} of {', '.join(ISAS)}"
    for library in threadpool_info():
        name = f"{library['user_api']} ({library.get('prefix', '')})"
        details = [library.get("version"), library.get("architecture")]
        found[name] = " ".join(str(detail) for detail in details if detail) or "loaded"
    return found


def show_versions() -> None:
    """Print what :func:`versions` returns.

    Examples
    --------
    >>> show_versions()
    python: 3...
    """
    for name, version in versions().items():
        print(f"{name}: {version}")
