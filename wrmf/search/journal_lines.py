"""The lines of a journal: JSON objects that end in a checksum, and what each may hold.

A line is ``{…, "crc32": "89abcdef"}``: the checksum is of the object without it, as it is written.
Journals of version 2 have no checksums. They are still read, and lines that are added to them have
one.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

from wrmf.data.checks import is_integer, is_number
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.options import CurvePlan
from wrmf.search.space import plain

__all__ = ["CURVE_FIELDS", "KIND", "VERSION", "Record", "check_curves", "read_lines", "write_line"]

KIND, VERSION = "wrmf-search", 3
# The last version whose lines have no checksum.
UNCHECKED = 2
# A line of JSON: the header or a record.
Record = dict[str, Any]
# The fields of a curve that are stored; its params are the setting.
CURVE_FIELDS = [
    field.name for field in fields(LearningCurve) if field.name not in ("params", "model")
]
CHECKSUM = re.compile(rb', "crc32": "([0-9a-f]{8})"\}\Z')


def write_line(record: Record) -> bytes:
    """Return an object as a line with a checksum.

    Examples
    --------
    >>> write_line({"journal": "wrmf-search"})
    b'{"journal": "wrmf-search", "crc32": "..."}\\n'
    """
    text = json.dumps(record, default=plain).encode()
    return text[:-1] + b', "crc32": "%08x"}\n' % zlib.crc32(text)


def read_lines(path: Path, content: bytes) -> tuple[Record, list[Record]]:
    """Return the header and the records of a journal's content, all of them checked.

    What follows the last line break is the beginning of a line, and is left out.

    Raises
    ------
    ValueError
        For content that is not a journal, of a later version, or damaged; it names the line.
    """
    lines = content.split(b"\n")[:-1]
    is_checked = _version(path, lines) > UNCHECKED
    records: list[Record] = []
    for number, line in enumerate(lines, 1):
        try:
            record = _decode(line, is_checked)
            if records:
                _check_record(record, records[0]["metric"])
            else:
                _check_header(record)
        except _DamagedLine as damage:
            raise damage.error(path, number) from None
        records.append(record)
    return records[0], records[1:]


def check_curves(path: Path, records: list[Record], plan: CurvePlan) -> None:
    """Raise an error for curves that a search with a plan cannot have written.

    To resume a curve, its model is trained up to the last of its epochs, which may be any number
    in a forged file.

    Parameters
    ----------
    path : Path
    records : list of dict
        The records that :func:`read_lines` returns.
    plan : CurvePlan

    Raises
    ------
    ValueError
        For such a curve; it names the line.
    """
    # The header is line 1.
    for number, record in enumerate(records, 2):
        if "curve" not in record:
            continue
        curve = record["curve"]
        epochs, scores = curve["epochs"], [curve["test"], *curve.get("by_seed", [])]
        try:
            _check(epochs == list(plan.epochs[: len(epochs)]), "has epochs other than the search's")
            _check(
                all(metrics.keys() == set(plan.metrics) for metrics in scores),
                "has metrics other than the search's",
            )
        except _DamagedLine as damage:
            raise damage.error(path, number) from None


class _DamagedLine(Exception):
    """What is wrong with a line, as the end of a sentence."""

    def error(self, path: Path, number: int) -> ValueError:
        """Return the error for a line of a file, counted from 1."""
        remedy = "to measure its setting again, delete this line" if number > 1 else "delete it"
        return ValueError(
            f"{path} is damaged, its line {number} {self}: {remedy}, or name another file"
        )


def _version(path: Path, lines: list[bytes]) -> int:
    """Return the version of a journal that this package can read."""
    try:
        header = json.loads(lines[0]) if lines else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("journal") != KIND:
        raise ValueError(f"{path} is not a search journal: name another file")
    version = header.get("version")
    if not is_integer(version) or version > VERSION:
        raise ValueError(
            f"{path} is a journal of version {version!r:.20}, this wrmf reads up to {VERSION}: "
            "update wrmf, or name another file"
        )
    return version


def _decode(line: bytes, is_checked: bool) -> Record:
    """Return the object of a line, whose checksum is compared if it has one."""
    checksum = CHECKSUM.search(line)
    if checksum:
        line = line[: checksum.start()] + b"}"
        if int(checksum[1], 16) != zlib.crc32(line):
            raise _DamagedLine("differs from its checksum")
    elif is_checked:
        raise _DamagedLine("has no checksum")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise _DamagedLine("is not JSON") from None
    if not isinstance(record, dict):
        raise _DamagedLine("is not an object")
    return record


def _check_header(header: Record) -> None:
    """Raise an error for a header that ``search_header`` does not write."""
    kinds = {"search": str, "seed": int, "metric": str, "searched": list, "params": dict}
    for name, kind in kinds.items():
        _check(type(header.get(name)) is kind, f"has no valid {name!r}")
    _check(_are(str, header["searched"]), "names no parameters that are searched")
    _check(isinstance(header.get("scored_on", ""), str), "has no valid 'scored_on'")
    ranges = header.get("ranges", {})
    _check(isinstance(ranges, dict), "has no valid 'ranges'")
    for ends in ranges.values():
        _check(isinstance(ends, list) and len(ends) in (3, 4), "has no valid 'ranges'")
        _check(all(map(is_number, ends[:2])), "has no valid 'ranges'")
        _check(all(type(end) is bool for end in ends[2:]), "has no valid 'ranges'")


def _check_record(record: Record, metric: str) -> None:
    """Raise an error for a record that is neither a curve nor the scores on the test split."""
    if record.keys() == {"test"}:
        _check_test(record["test"], metric)
    elif record.keys() == {"setting", "curve"}:
        _check(isinstance(record["setting"], dict), "has a setting that is no object")
        _check_curve(record["curve"], metric)
    else:
        raise _DamagedLine("is neither a curve nor a test")


def _check_curve(curve: Any, metric: str) -> None:
    _check(isinstance(curve, dict), "has a curve that is no object")
    for name in ("epochs", "train", "test", "seconds"):
        _check(name in curve, f"has a curve without {name}")
    _check(curve.keys() <= set(CURVE_FIELDS), "has a curve with unknown fields")
    epochs, by_seed = curve["epochs"], curve.get("by_seed", [])
    _check(isinstance(epochs, list) and len(epochs) > 0, "has a curve without epochs")
    _check(all(type(epoch) is int for epoch in epochs), "has epochs that are not whole numbers")
    _check(epochs == sorted(set(epochs)), "has epochs that do not rise")
    _check_scores({"seconds": curve["seconds"]}, len(epochs))
    _check(isinstance(by_seed, list), "has no valid scores by seed")
    for scores in (curve["train"], curve["test"], *by_seed):
        _check_scores(scores, len(epochs))
    _check(metric in curve["test"], f"has a curve without the metric {metric!r:.40}")
    _check(curve["train"].keys() == curve["test"].keys(), "has other metrics on train than on test")
    _check_scores(curve.get("stderr", {}), len(epochs))


def _check_scores(scores: Any, n: int) -> None:
    """Raise an error unless ``scores`` has a list of ``n`` numbers for each metric."""
    _check(isinstance(scores, dict), "has scores that are no object")
    for values in scores.values():
        _check(_are_numbers(values) and len(values) == n, f"has scores that are not {n} numbers")


def _check_test(test: Any, metric: str) -> None:
    _check(isinstance(test, list) and len(test) in (3, 4, 7, 10), "has a test of another length")
    values, *counts = test
    # The values of popularity come last; older files have none.
    for scores in (values, *counts[2:3], *counts[8:]):
        _check(isinstance(scores, dict), "has scores that are no object")
        _check(all(map(is_number, scores.values())), "has scores that are not numbers")
    _check(metric in values, f"has a test without the metric {metric!r:.40}")
    _check(all(type(count) is int for count in counts[:2] + counts[4:8]), "has counts that are not")


def _check(holds: bool, damage: str) -> None:
    if not holds:
        raise _DamagedLine(damage)


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_number, values))
