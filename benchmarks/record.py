"""Records of results: JSON files that also state the command, machine and versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine
from wrmf.files import write_atomically
from wrmf.versions import versions

RESULTS = Path(__file__).parent / "results"
# Objects and nested lists that do not fit into this many characters take several lines.
LINE_WIDTH = 100


def now() -> str:
    """Return the present time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def provenance(module: str, arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the command, the machine and the versions that produce a record.

    Parameters
    ----------
    module : str
        The module that was run, such as ``"benchmarks.speed"``.
    arguments : sequence of str, optional
        Its command-line arguments; by default those of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    return {
        "command": " ".join(["python -m", module, *arguments]),
        "machine": describe_machine(),
        "versions": versions(),
    }


def described(module: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return ``record`` preceded by its provenance and the present time."""
    return {**provenance(module), "ended": now(), **record}


def write(record: dict[str, Any], name: str, path: Path | None = None) -> Path:
    """Write a record as JSON and return the path of the file.

    Parameters
    ----------
    record : dict
    name : str
        Name of the study. The record replaces the file of this name in ``results/``.
    path : Path, optional
        File to write instead of the one in ``results/``.
    """
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (encode(record) + "\n").encode())
    return path


def read(path: Path) -> dict[str, Any]:
    """Return a record that ``write`` wrote."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def encode(record: Any) -> str:
    """Return ``record`` as compact JSON that can still be read, and compared line by line.

    An object that does not fit on one line is written with one line per key. A list of lists or
    objects that does not fit is written with one line per element, however long that line is. A
    list of plain values is always on one line.
    """
    return _spread(json.loads(json.dumps(record, default=_plain)), 0)


def _spread(value: Any, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(element, (dict, list)) for element in value)
    )
    if not nested or indent + len(line) <= LINE_WIDTH:
        return line
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_spread(element, indent + 1)}"
            for key, element in value.items()
        ]
    else:
        parts = [json.dumps(element, ensure_ascii=False) for element in value]
    inner = ",\n".join(" " * (indent + 1) + part for part in parts)
    left, right = "{}" if isinstance(value, dict) else "[]"
    return f"{left}\n{inner}\n{' ' * indent}{right}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a record holds numbers, texts, lists and dicts, not {type(value).__name__}")
