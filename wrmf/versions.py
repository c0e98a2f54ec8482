"""The version of this package, and what a bug report should contain."""

from __future__ import annotations

import platform
import sys

from wrmf.numerics.isa import ISAS, active_isa
from wrmf.numerics.threads import available_threads

__all__ = ["PACKAGES", "__version__", "show_versions", "versions"]

# pyproject.toml reads this line without importing the module, so it has to stay a literal.
__version__ = "0.1.0"

# Packages that change results, speed or error messages.
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "narwhals",
    "threadpoolctl",
    "tqdm",
    "matplotlib",
    "polars",
)


def versions() -> dict[str, str]:
    """Return versions of Python, this package, its dependencies, the kernels and BLAS.

    Returns
    -------
    dict of str to str
        ``python``, ``machine``, ``wrmf``, a key for each of ``PACKAGES`` ("not installed" where
        it is missing), ``threads``, ``kernels`` (the instruction set in use and those available)
        and a key for each BLAS and OpenMP library in the process.

    Examples
    --------
    >>> import wrmf
    >>> versions()["wrmf"] == wrmf.__version__
    True
    """
    import importlib.metadata

    from threadpoolctl import threadpool_info

    report = {
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "wrmf": __version__,
    }
    for package in PACKAGES:
        try:
            report[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            report[package] = "not installed"
    report["threads"] = str(available_threads())
    report["kernels"] = f"{active_isa()} of {', '.join(ISAS)}"
    for library in threadpool_info():
        name = f"{library['user_api']} ({library.get('prefix', '')})"
        details = [library.get("version"), library.get("architecture")]
        report[name] = " ".join(str(detail) for detail in details if detail) or "loaded"
    return report


def show_versions() -> None:
    """Print the output of :func:`versions`, one line for each entry, for a bug report.

    Examples
    --------
    >>> show_versions()
    python: 3...
    """
    for name, version in versions().items():
        print(f"{name}: {version}")
