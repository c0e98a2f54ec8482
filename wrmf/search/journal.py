"""The journal of a search: a file of JSON lines from which an interrupted search resumes.

The first line is the header. It names what is searched, and has a digest of everything that
determines the curves. Each line ends in its checksum, so damage is refused
(:mod:`wrmf.search.journal_lines`). Each further line is one of

- ``{"setting": {…}, "curve": {…}}``: a setting and its curve, up to the epoch reached; a later
  line of the same setting replaces an earlier one,
- ``{"test": […]}``: the scores of the best setting on the test split.

Each line is on disk before the search continues, so a killed process loses no finished step.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.data.split import Split
from wrmf.evaluation.evaluate import Evaluation
from wrmf.files import is_special
from wrmf.model.wrmf import WRMF
from wrmf.search.journal_lines import (
    CURVE_FIELDS,
    KIND,
    VERSION,
    Record,
    check_curves,
    read_lines,
    write_line,
)
from wrmf.search.learning_curve import LearningCurve
from wrmf.search.options import CurvePlan, SearchOptions, as_seed
from wrmf.search.result import SearchResult
from wrmf.search.space import Range, Setting, Space, plain, setting_key

__all__ = ["Journal", "read_journal", "search_header"]


class Journal:
    """The curves measured so far, in memory and in a file; several threads may use it at once.

    Parameters
    ----------
    path : path or None
        A new file, or the journal of the same search to resume. None stores nothing.
    header : dict
        The header that :func:`search_header` returns.
    plan : CurvePlan
        What the search measures, and when.

    Attributes
    ----------
    header : dict
        The given header, or, if the search resumes, the header of the file, whose seed may differ.

    Raises
    ------
    ValueError
        If the file is not a journal, damaged, or the journal of another search. The file is not
        changed.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, header: Record, plan: CurvePlan
    ) -> None:
        self.path = None if path is None else Path(path)
        self.plan = plan
        self.header = {"journal": KIND, "version": VERSION, **header}
        self._curves: dict[str, LearningCurve] = {}
        self._lock = threading.Lock()
        if self.path is not None:
            self._load_or_create(self.path)

    def _load_or_create(self, path: Path) -> None:
        if is_special(path):
            # A device may have no end, and what a pipe has is gone once it is read.
            raise ValueError(f"{path} is a device or a pipe: a journal must be a file")
        content = path.read_bytes() if path.exists() else b""
        header_cut_off = b"\n" not in content and content.startswith(b'{"journal"')
        if not content or header_cut_off:
            path.write_bytes(b"")
            self._append(self.header)
            return
        header, records = read_lines(path, content)
        if header["search"] != self.header["search"]:
            raise ValueError(
                f"{path} is the journal of another search (other data, model, epochs, metrics, "
                "seeds or method): name another file or delete it"
            )
        check_curves(path, records, self.plan)
        end_of_last_line = content.rfind(b"\n") + 1
        if end_of_last_line < len(content):
            # A crash left the last line incomplete. Drop it; its setting is trained again.
            with path.open("r+b") as file:
                file.truncate(end_of_last_line)
        self.header = header
        self._curves = {setting_key(curve.params): curve for curve in _last_curves(records)}

    def curve(self, setting: Setting) -> LearningCurve | None:
        """Return a copy of the curve that the file had for a setting, or None if it had none."""
        stored = self._curves.get(setting_key(setting))
        if stored is None:
            return None
        # The copy may grow, so it shares no list with the stored one.
        return LearningCurve(params=setting, **json.loads(json.dumps(_stored_fields(stored))))

    def add_curve(self, curve: LearningCurve) -> None:
        """Append a curve; it replaces an earlier one of the same setting."""
        self._append({"setting": curve.params, "curve": _stored_fields(curve)})

    def add_test(self, test: Evaluation) -> None:
        """Append the scores of the best setting on the test split."""
        # The fields of an Evaluation in their order, without the values of each user.
        values = [dict(test), test.n_users, test.n_skipped, test.stderr, None]
        counts = [test.n_cold_users, test.n_cold_items, test.n_trained_on, test.n_disliked]
        self._append({"test": [*values, *counts, test.popularity]})

    def _append(self, record: Record) -> None:
        """Append a line; it is on disk when this returns."""
        if self.path is None:
            return
        with self._lock, self.path.open("ab") as file:
            file.write(write_line(record))
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: str | os.PathLike[str]) -> SearchResult:
    """Return the result of a search, finished or not, from its journal.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, it is not a journal or damaged, or it has no finished setting.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"no such journal: {source}")
    header, records = read_lines(source, source.read_bytes())
    curves = _last_curves(records)
    if not curves:
        raise ValueError(f"{source} holds no finished setting yet")
    tests = [record["test"] for record in records if "test" in record]
    return SearchResult(
        header["metric"],
        tuple(header["searched"]),
        curves,
        {**header["params"], "random_state": header["seed"]},
        scored_on=header.get("scored_on", "test"),
        ranges={name: Range(*ends) for name, ends in header.get("ranges", {}).items()},
        test=Evaluation(*tests[-1]) if tests else None,
    )


def search_header(
    method: str, model: WRMF, split: Split, space: Space, options: SearchOptions
) -> Record:
    """Return the header of a search's journal.

    Parameters
    ----------
    method : str
        "grid", or the name of another method of choosing settings.
    model, split, space, options
        The validated arguments of the search.
    """
    return {
        "search": _fingerprint(method, model, split, space, options),
        "seed": as_seed(model.random_state),
        "metric": options.plan.metric,
        "searched": list(space),
        "params": {**model.get_params(), "random_state": None},
        "scored_on": options.scored_on,
        "ranges": {
            name: [values.low, values.high, values.log, *([True] if values.of_auto else [])]
            for name, values in space.items()
            if isinstance(values, Range)
        },
    }


def _fingerprint(
    method: str, model: WRMF, split: Split, space: Space, options: SearchOptions
) -> str:
    """Return a digest of everything that determines the curves, except their settings."""
    plan = options.plan
    params = model.get_params()
    # Results do not depend on the threads, and the epochs replace the iterations.
    del params["num_threads"], params["iterations"]
    seed = params.pop("random_state")
    own_split = isinstance(options.validation, Split)
    determining: Record = {
        "params": params,
        # A seed that is not an int is drawn; it is stored in the header instead.
        "seed": int(seed) if isinstance(seed, (int, np.integer)) else None,
        "seeds": options.seeds,
        "epochs": plan.epochs,
        "metrics": plan.metrics,
        "exclude_seen": plan.exclude_seen,
        "patience": (plan.patience, plan.metric) if plan.patience else None,
        "validation": "split" if own_split else options.validation,
    }
    if method != "grid":
        # These determine which settings are tried. For a grid they are left out: a later call may
        # add settings.
        determining |= {
            "method": method,
            "metric": plan.metric,
            "draws": options.random_state,
            "space": repr(space),
        }
    splits = [split]
    if isinstance(options.validation, Split):
        splits.append(options.validation)
    digest = hashlib.sha256()
    for array in _arrays(splits):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps(determining, sort_keys=True, default=plain).encode())
    return digest.hexdigest()[:32]


def _arrays(splits: Iterable[Split]) -> Iterable[np.ndarray]:
    """Yield the arrays of all matrices of the splits, then the users of each split."""
    for split in splits:
        for part in (split.train, split.test, split.fold_in):
            if part is not None:
                yield from (part.matrix.indptr, part.matrix.indices, part.matrix.data)
    for split in splits:
        yield split.users


def _stored_fields(curve: LearningCurve) -> Record:
    return {name: getattr(curve, name) for name in CURVE_FIELDS}


def _last_curves(records: Iterable[Mapping[str, Any]]) -> list[LearningCurve]:
    """Return the last curve of each setting, in the order in which the settings first occur."""
    last = {setting_key(record["setting"]): record for record in records if "setting" in record}
    return [LearningCurve(params=record["setting"], **record["curve"]) for record in last.values()]
