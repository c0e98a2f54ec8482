"""Grid search over learning curves, with a journal that an interrupted search resumes from."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wrmf.checks import as_generator, as_positive_int
from wrmf.metrics import check_metrics
from wrmf.model import WRMF
from wrmf.selection import (
    LearningCurve,
    Log,
    SearchResult,
    as_epochs,
    as_log,
    describe,
    learning_curve,
)
from wrmf.split import Split
from wrmf.threads import available_threads

__all__ = ["grid_search", "read_journal"]

JOURNAL = "wrmf-search"


def grid_search(
    model: WRMF,
    split: Split,
    grid: Mapping[str, Sequence[Any]],
    epochs: Iterable[int] = range(2, 40, 2),
    metric: str = "precision@5",
    metrics: Sequence[str] | None = None,
    exclude_seen: bool = True,
    journal: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    log: Log = None,
    progress: bool | None = None,
) -> SearchResult:
    """Measure a learning curve for every combination of parameter values.

    Parameters
    ----------
    model : WRMF
        Gives the parameters that are not varied; it is not changed. All settings start from the
        same seed (one is drawn where ``random_state`` is not an int).
    split : Split
    grid : mapping of parameter name to the values to try
    epochs : rising ints, default 2, 4, … 38, the checkpoints
    metric : str, default "precision@5", what settings are ranked by
    metrics : sequence of str, default (metric, "mse"), what is measured
    exclude_seen : bool, default True, as in :func:`wrmf.evaluate`
    journal : path, optional
        Each finished setting is appended to this file. Called again with the same arguments, the
        search goes on after the last one finished and ends with the same result. A journal of
        another search is refused.
    n_jobs : int ≥ 1, default 1
        Settings at a time; the threads are shared out. No result depends on it.
    log : bool or callable(str), optional
        True prints each setting's table as it grows (with n_jobs > 1: when it is finished).
    progress : bool, optional
        Whether to show a bar with the time left; by default where standard error is a terminal.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.synthetic_likes(300, 200, 4000, random_state=0)
    >>> split = wrmf.leave_k_out(data, k=3, random_state=0)
    >>> result = wrmf.grid_search(wrmf.WRMF(random_state=0), split,
    ...                           {"factors": [4, 8]}, epochs=[1, 2])
    >>> len(result.curves)
    2
    """
    checkpoints = as_epochs(epochs)
    measured = tuple(metrics) if metrics is not None else tuple(dict.fromkeys((metric, "mse")))
    if metric not in measured:
        measured = (metric, *measured)
    check_metrics(measured, split.train.n_items)
    n_jobs = as_positive_int(n_jobs, "n_jobs")
    settings = _settings(model, grid)

    header = {
        "journal": JOURNAL,
        "version": 1,
        "search": _fingerprint(model, split, checkpoints, measured, exclude_seen),
        "seed": _seed(model.random_state),
        "metric": metric,
        "searched": list(grid),
        "params": {**model.get_params(), "random_state": None},
    }
    records = Path(journal) if journal is not None else None
    done: dict[str, dict[str, Any]] = {}
    if records is not None:
        header, done = _open_journal(records, header)
    base = {**model.get_params(), "random_state": header["seed"]}

    total = sum(_cost(base, setting, checkpoints[-1]) for setting in settings)
    bar = tqdm(
        total=total,
        desc="search",
        disable=None if progress is None else not progress,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}",
    )
    write = as_log(log)
    threads = max(1, available_threads(model.num_threads) // n_jobs)
    lock, stop = threading.Lock(), threading.Event()

    def run(setting: dict[str, Any]) -> LearningCurve:
        key = _key(setting)
        cost = _cost(base, setting, checkpoints[-1])
        params = {**base, **setting}
        if key in done:
            with lock:
                # What was done before tells nothing about the speed of this run.
                bar.total -= cost
                bar.refresh()
            return LearningCurve(params=setting, **done[key])
        if stop.is_set():
            raise InterruptedError("the search was interrupted")
        lines: list[str] = []
        tell = write if n_jobs == 1 else lines.append
        tell(describe(setting))
        reached = 0

        def advance(epoch: int) -> None:
            nonlocal reached
            with lock:
                bar.update(cost * (epoch - reached) / checkpoints[-1])
            reached = epoch

        curve = learning_curve(
            WRMF(**{**params, "num_threads": threads}),
            split,
            checkpoints,
            measured,
            exclude_seen,
            tell,
            advance,
            stop.is_set,
        )
        curve.model, curve.params = None, setting
        with lock:
            if lines:
                write("\n".join(lines))
            if records is not None:
                _append(records, setting, curve)
        return curve

    try:
        if n_jobs == 1:
            curves = [run(setting) for setting in settings]
        else:
            curves = _run_parallel(run, settings, n_jobs, stop)
    finally:
        bar.close()
    return SearchResult(metric, tuple(grid), curves, base)


def read_journal(path: str | os.PathLike[str]) -> SearchResult:
    """Return what a journal of :func:`grid_search` holds, finished or not.

    Raises
    ------
    FileNotFoundError, ValueError
        For a file that is no journal, or has no finished setting.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"no such journal: {source}")
    lines = _journal_lines(source, source.read_bytes())
    if len(lines) < 2:
        raise ValueError(f"{source} holds no finished setting yet")
    header = lines[0]
    curves = [LearningCurve(params=line["setting"], **line["curve"]) for line in lines[1:]]
    base = {**header["params"], "random_state": header["seed"]}
    return SearchResult(header["metric"], tuple(header["searched"]), curves, base)


def _journal_lines(path: Path, raw: bytes) -> list[dict[str, Any]]:
    """Return the whole lines of a journal; a last one cut off by a crash is left out."""
    try:
        lines = [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]
    except ValueError:
        lines = []
    if not lines or not isinstance(lines[0], dict) or lines[0].get("journal") != JOURNAL:
        raise ValueError(f"{path} is not a search journal: name another file")
    return lines


def _run_parallel(run: Any, settings: list[Any], n_jobs: int, stop: threading.Event) -> list[Any]:
    with ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(run, setting) for setting in settings]
        try:
            while wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
                if any(f.done() and f.exception() is not None for f in futures):
                    break
            # The first failure in the grid's order is raised, the rest end after their sweep.
            if any(f.done() and f.exception() is not None for f in futures):
                stop.set()
                failures = [f.exception() for f in futures if f.done()]
                raise next(error for error in failures if error is not None)
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise


def _settings(model: WRMF, grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination, each checked before the first one is trained."""
    if not isinstance(grid, Mapping) or not grid:
        raise ValueError(
            f'grid must map names to values, such as {{"factors": [32, 64]}}, got {grid!r}'
        )
    for name, values in grid.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable) or not len(values):
            raise ValueError(f"grid[{name!r}] must be a sequence of values, got {values!r}")
        if name in ("random_state", "num_threads", "iterations"):
            raise ValueError(f"{name} cannot be searched over; epochs covers iterations")
    settings = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    for setting in settings:
        WRMF(**model.get_params()).set_params(**setting).check_params()
    return settings


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return int(random_state)
    return int(as_generator(random_state).integers(2**31))


def _cost(base: dict[str, Any], setting: dict[str, Any], epochs: int) -> float:
    """Relative time of a setting, for the time left: flops grow with k to a power below 2."""
    return epochs * (20.0 + {**base, **setting}["factors"]) ** 1.5


def _key(setting: dict[str, Any]) -> str:
    return json.dumps(setting, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _fingerprint(
    model: WRMF, split: Split, epochs: list[int], metrics: tuple[str, ...], exclude_seen: bool
) -> str:
    """Return a digest of all that determines the curves, besides the setting and the seed."""
    digest = hashlib.sha256()
    for part in (split.train, split.test, split.fold_in):
        if part is not None:
            for array in (part.matrix.indptr, part.matrix.indices, part.matrix.data):
                digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(np.asarray(split.users).tobytes())
    params = model.get_params()
    params.pop("num_threads")
    params.pop("iterations")
    seed = params.pop("random_state")
    told = [params, seed if isinstance(seed, int) else None, epochs, metrics, exclude_seen]
    digest.update(json.dumps(told, sort_keys=True, default=_plain).encode())
    return digest.hexdigest()[:32]


def _open_journal(
    path: Path, header: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the journal's header and finished settings; start the file where there is none."""
    if not path.exists() or path.stat().st_size == 0:
        _write(path, header)
        return header, {}
    raw = path.read_bytes()
    if b"\n" not in raw and raw.startswith(b'{"journal"'):
        # Killed while the first line was being written.
        path.unlink()
        return _open_journal(path, header)
    found, *lines = _journal_lines(path, raw)
    if found["search"] != header["search"]:
        raise ValueError(
            f"{path} is the journal of another search (other data, model, epochs or metrics): "
            "name another file or delete it"
        )
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        # The last line was cut off by a crash; its setting is run again.
        with path.open("r+b") as file:
            file.truncate(whole)
    return found, {_key(line["setting"]): line["curve"] for line in lines}


def _append(path: Path, setting: dict[str, Any], curve: LearningCurve) -> None:
    told = {name: getattr(curve, name) for name in ("epochs", "train", "test", "seconds")}
    _write(path, {"setting": setting, "curve": told})


def _write(path: Path, record: dict[str, Any]) -> None:
    with path.open("ab") as file:
        file.write(json.dumps(record, default=_plain).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
