"""Kill processes while they write: ``python kills.py TASK COUNT FOLDER`` prints the survivals.

A task is repeated in a forked child, which is killed (``SIGKILL``) at a random moment. Then what it
has left behind is checked: the old file or the new one, never a part of one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import wrmf
from wrmf.datasets.download import download
from wrmf.search.journal import read_journal

__all__ = ["TASKS", "kill"]


@dataclass(frozen=True)
class Task:
    """What is repeated until it is killed, how long at most, and the check of what is left."""

    run: Callable[[Path], None]
    check: Callable[[Path], None]
    seconds: float


@functools.cache
def models() -> list[wrmf.WRMF]:
    """Return two models of different sizes, so that a mixture of their files would be noticed."""
    counts = np.add.outer(np.arange(300), np.arange(200)) % 7 == 0
    return [
        wrmf.WRMF(factors=k, iterations=1, num_threads=1, random_state=k).fit(
            counts, progress=False
        )
        for k in (8, 24)
    ]


def save(folder: Path) -> None:
    for model in itertools.cycle(models()):
        model.save(folder / "model")


def check_model(folder: Path) -> None:
    if not (folder / "model").exists():
        return
    loaded = wrmf.load(folder / "model")
    (expected,) = [model for model in models() if model.state.k == loaded.state.k]
    assert np.array_equal(loaded.user_factors, expected.user_factors)
    assert np.array_equal(loaded.item_factors, expected.item_factors)


@functools.cache
def search(journal: Path | None) -> wrmf.SearchResult:
    """Run a search of eight settings, or what is left of it."""
    data = wrmf.datasets.synthetic_likes(60, 50, 600)
    split = wrmf.leave_k_out(data, k=2, random_state=0)
    model = wrmf.WRMF(num_threads=1, random_state=0)
    grid = {"factors": [2, 3, 4, 5], "alpha": [1.0, 20.0]}
    options = {"n_jobs": 1, "validation": 0.2, "progress": False}
    return wrmf.grid_search(model, split, grid, [1, 2, 3], journal=journal, **options)


def scores(result: wrmf.SearchResult) -> list[tuple]:
    return [(c.params, c.epochs, c.train, c.test, c.stderr) for c in result.curves]


def run_search(folder: Path) -> None:
    search.__wrapped__(folder / "journal")
    # Finished: the next child begins a new search.
    (folder / "done").touch()


def check_journal(folder: Path) -> None:
    path, done = folder / "journal", folder / "done"
    whole = scores(search(None))
    if done.exists():
        assert scores(read_journal(path)) == whole
        assert read_journal(path).test == search(None).test
        done.unlink()
        path.unlink()
    elif path.exists():
        # A search that was killed before it finished a setting has nothing to read yet.
        with contextlib.suppress(ValueError):
            measured = scores(read_journal(path))
            assert measured == whole[: len(measured)]
            return
        assert path.read_bytes().count(b"\n") <= 1


def write_report(folder: Path) -> None:
    for _ in itertools.count():
        wrmf.write_report(folder / "report.html", search(None))


@functools.cache
def page() -> bytes:
    """Return the report as it is written without a kill."""
    path = Path(os.environ["WRMF_DATA"], "whole.html")
    path.parent.mkdir(exist_ok=True)
    wrmf.write_report(path, search(None))
    return path.read_bytes()


def check_report(folder: Path) -> None:
    path = folder / "report.html"
    assert not path.exists() or len(path.read_bytes()) == len(page())


CONTENT = bytes(range(256)) * 40_000


def fetch(folder: Path) -> None:
    source = folder / "source"
    if not source.exists():
        source.write_bytes(CONTENT)
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    for number in itertools.count():
        archive = f"cached-{number % 3}"
        download(SimpleNamespace(url=source.as_uri(), archive=archive, notice="", md5=md5))
        Path(os.environ["WRMF_DATA"], f"cached-{(number + 1) % 3}").unlink(missing_ok=True)


def check_cache(folder: Path) -> None:
    for path in Path(os.environ["WRMF_DATA"]).glob("cached-*"):
        assert path.read_bytes() == CONTENT


TASKS = {
    "save": Task(save, check_model, 0.1),
    "search": Task(run_search, check_journal, 0.6),
    "report": Task(write_report, check_report, 0.2),
    "cache": Task(fetch, check_cache, 0.2),
}


def kill(name: str, count: int, folder: Path, seed: int = 0) -> int:
    """Kill a task at random moments, and check what is left; return the number of kills."""
    task, generator = TASKS[name], np.random.default_rng(seed)
    os.environ["WRMF_DATA"] = str(folder / "cache")
    task.check(folder)
    # What the children share is computed before.
    models(), search(None)
    kills = 0
    while kills < count:
        child = os.fork()
        if child == 0:
            try:
                task.run(folder)
            except BaseException as error:
                print(f"{name}: {error!r}", file=sys.stderr, flush=True)
                os._exit(3)
            os._exit(0)
        time.sleep(generator.uniform(0, task.seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed"
        kills += os.WIFSIGNALED(status)
        task.check(folder)
        for leftover in folder.glob(".*.tmp"):
            # What a killed process could not remove, under a name that nothing reads.
            leftover.unlink()
    return kills


if __name__ == "__main__":
    words = sys.argv[1:]
    print(kill(words[0], int(words[1]), Path(words[2])), "kills survived")
