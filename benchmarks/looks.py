"""Counts how often the test part of a data set is looked at.

Studies that evaluate a test part call :func:`look` first; each call is an entry of
``results/looks.json``. ``python -m benchmarks.looks`` prints the counts.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from benchmarks import record

PATH = record.RESULTS / "looks.json"


def looks() -> list[dict[str, Any]]:
    """Return all looks so far, in their order."""
    return list(record.read(PATH)["looks"]) if PATH.exists() else []


def look(set_name: str, model: str) -> int:
    """Note that the test part of a data set is about to be looked at.

    Parameters
    ----------
    set_name : str, such as ``"gowalla"``
    model : str
        What is evaluated, with all parameters.

    Returns
    -------
    int
        How often this part has been looked at, with this time.
    """
    command = " ".join(["python -m", *sys.orig_argv[2:]])
    entry = {"set": set_name, "at": record.now(), "model": model, "command": command}
    record.write({"looks": [*looks(), entry]}, "looks", PATH)
    return sum(entry["set"] == set_name for entry in looks())


if __name__ == "__main__":
    for name, count in Counter(entry["set"] for entry in looks()).items():
        print(f"{name}: {count}")
