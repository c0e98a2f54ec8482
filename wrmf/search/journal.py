"""The journal of a search: one JSON line a finished step, which survives a kill."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from wrmf.evaluation.evaluate import Evaluation
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.result import SearchResult
from wrmf.search.space import Range, plain, setting_key

__all__ = ["Journal", "read_journal"]

JOURNAL = "wrmf-search"
TOLD = [f.name for f in fields(LearningCurve) if f.name not in ("params", "model")]


class Journal:
    """What is done, and where it is noted; without a path nothing is kept.

    Attributes
    ----------
    header : dict, of this search or, where the file was there before, as it was noted
    """

    def __init__(self, path: str | os.PathLike[str] | None, header: dict[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.header = {"journal": JOURNAL, "version": 2, **header}
        self._done: dict[str, LearningCurve] = {}
        if self.path is not None:
            self._open(self.path)

    def _open(self, path: Path) -> None:
        raw = path.read_bytes() if path.exists() else b""
        if not raw or (b"\n" not in raw and raw.startswith(b'{"journal"')):
            # New, or killed while the first line was being written.
            path.write_bytes(b"")
            self._write(self.header)
            return
        found, *lines = _lines(path, raw)
        if found["search"] != self.header["search"]:
            raise ValueError(
                f"{path} is the journal of another search (other data, model, epochs, metrics, "
                "seeds or method): name another file or delete it"
            )
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            # The last line was cut off by a crash; its setting is run again.
            with path.open("r+b") as file:
                file.truncate(whole)
        self.header = found
        self._done = {setting_key(curve.params): curve for curve in _curves(lines)}

    def curve(self, setting: dict[str, Any]) -> LearningCurve | None:
        """Return a fresh copy of the curve noted for a setting, None where there is none."""
        found = self._done.get(setting_key(setting))
        if found is None:
            return None
        return LearningCurve(params=setting, **json.loads(json.dumps(_told(found))))

    def note(self, setting: dict[str, Any], curve: LearningCurve) -> None:
        """Append a curve, on disk when this returns; a later one of a setting takes its place."""
        self._write({"setting": setting, "curve": _told(curve)})

    def note_test(self, test: Evaluation) -> None:
        """Append the scores on the test split."""
        self._write({"test": [dict(test), test.n_users, test.n_skipped, test.stderr]})

    def _write(self, record: dict[str, Any]) -> None:
        if self.path is None:
            return
        with self.path.open("ab") as file:
            file.write(json.dumps(record, default=plain).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: str | os.PathLike[str]) -> SearchResult:
    """Return what the journal of a search holds, finished or not.

    Raises
    ------
    FileNotFoundError, ValueError
        For a file that is no journal, or has no finished setting.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"no such journal: {source}")
    header, *lines = _lines(source, source.read_bytes())
    curves = _curves(lines)
    if not curves:
        raise ValueError(f"{source} holds no finished setting yet")
    tests = [line["test"] for line in lines if "test" in line]
    return SearchResult(
        header["metric"],
        tuple(header["searched"]),
        curves,
        {**header["params"], "random_state": header["seed"]},
        scored_on=header.get("scored_on", "test"),
        ranges={name: Range(*ends) for name, ends in header.get("ranges", {}).items()},
        test=Evaluation(*tests[-1]) if tests else None,
    )


def _told(curve: LearningCurve) -> dict[str, Any]:
    return {name: getattr(curve, name) for name in TOLD}


def _curves(lines: list[dict[str, Any]]) -> list[LearningCurve]:
    """Return the last curve of each setting, in the order in which settings first came."""
    found = {setting_key(line["setting"]): line for line in lines if "setting" in line}
    return [LearningCurve(params=line["setting"], **line["curve"]) for line in found.values()]


def _lines(path: Path, raw: bytes) -> list[dict[str, Any]]:
    """Return the whole lines of a journal; a last one cut off by a crash is left out."""
    try:
        lines = [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]
    except ValueError:
        lines = []
    if not lines or not isinstance(lines[0], dict) or lines[0].get("journal") != JOURNAL:
        raise ValueError(f"{path} is not a search journal: name another file")
    return lines
