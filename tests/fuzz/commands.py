"""The target "commands": command lines of random words, with sound and damaged files."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from fuzz.damage import damaged
from fuzz.outcomes import require
from fuzz.saved import journal, model_files
from fuzz.tables import TEXTS, sound

from wrmf.cli.main import build_parser, main

__all__ = ["run_command_case"]

# The demo and tune take long, and serve never ends.
VERBS = ["fit", "recommend", "similar", "evaluate", "search", "report", "update", "export"]
OTHERS = ["datasets", "train", "", "--version", "-h"]
WORDS = [
    *("0", "1", "2", "-1", "3.5", "nan", "1e400", "", " ", "x", "user", "item", "n", "time", ","),
    *("precision@3", "mse", "ndcg@0", "precision@x", "linear", "log", "drop", "error", "popular"),
    *(
        "user-items",
        "wide",
        "leave-k-out",
        "random",
        "users",
        "time",
        "utf-16",
        "%Y",
        "é",
        "\udcff",
    ),
    *("ann", "a", "7", "view=2", "view", "=", "--", "-n", "--no-such", "rosenthal2016", "grid"),
]
MODEL_WORDS = ["--factors", "2", "--iterations", "1", "--threads", "1"]


@functools.cache
def options_of(verb: str) -> list[str]:
    """Return the options of a verb."""
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return sorted(action.choices[verb]._option_string_actions)
    raise AssertionError("the command has no verbs")


def write_files(generator: np.random.Generator, folder: Path) -> list[str]:
    """Write a table, a model and a journal, each of them damaged at times; return their names."""
    kinds = list(TEXTS)
    contents = {
        "table.csv": sound("csv" if generator.random() < 0.6 else str(generator.choice(kinds))),
        "table.parquet": sound("parquet"),
        "model.wrmf": model_files(folder)[0],
        "journal.jsonl": journal(folder),
        "run.toml": b'factors = 2\nn = 3\nnulls = "drop"\n[search]\nquiet = true\n',
    }
    for name, content in contents.items():
        path = folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(damaged(content, generator) if generator.random() < 0.2 else content)
    return [*contents, "missing.csv", ".", "/dev/null", "nowhere/x"]


def draw_words(generator: np.random.Generator, files: list[str]) -> list[str]:
    """Draw a command line whose first words are often right."""
    if generator.random() < 0.05:
        return [str(generator.choice([*OTHERS, *WORDS])) for _ in range(generator.integers(3))]
    verb = str(generator.choice(VERBS))
    table = files[0] if generator.random() < 0.8 else str(generator.choice(files))
    words = {
        "fit": ["fit", table, *MODEL_WORDS],
        "recommend": ["recommend", "model.wrmf", "a"],
        "similar": ["similar", "model.wrmf", "1"],
        "evaluate": ["evaluate", table, *MODEL_WORDS],
        # A search of many settings would take long.
        "search": ["search", table, "--trials", "1", "--epochs", "1", "--method", "random"],
        "report": ["report", table, "--journal", "journal.jsonl", "--out", "report.html"],
        "update": ["update", "model.wrmf", table, "--out", "updated.wrmf"],
        "export": ["export", "model.wrmf", "npz", "items.npz"],
    }[verb]
    if verb in ("fit", "evaluate", "report") and generator.random() < 0.5:
        words += ["--negative", "drop", "--nulls", "drop"]
    for _ in range(generator.integers(0, 4)):
        option = str(generator.choice(options_of(verb)))
        if option in ("--picture-url", "--scheduler", "--grid"):
            # They reach for the network, and train for long.
            continue
        values = [*WORDS, *files]
        words += [option, *([str(generator.choice(values))] if generator.random() < 0.8 else [])]
    if generator.random() < 0.1:
        words.insert(int(generator.integers(len(words))), str(generator.choice([*WORDS, *files])))
    return words


def run_command_case(generator: np.random.Generator, folder: Path) -> str:
    """Run a command line; it ends with an answer, or an error of one line and a status."""
    words = draw_words(generator, write_files(generator, folder))
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape"), io.StringIO()
    with (
        contextlib.chdir(folder) if hasattr(contextlib, "chdir") else _chdir(folder),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(sound("csv")))),
        mock.patch.dict(os.environ, WRMF_DATA=str(folder / "cache")),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
    text = errors.getvalue()
    lines = [line for line in text.splitlines() if line.strip()]
    claim = f"{words} ended with {status}: {text!r}"
    require(status in (0, 1, 2), claim)
    require("Traceback" not in text, claim)
    if status == 1:
        said = [line for line in lines if line.startswith("wrmf: error: ")]
        require(len(said) == 1 and len(said[0]) < 900, claim)
    if status == 2:
        require(lines and "error:" in text, claim)
    return f"{words[0] if words else ''}: {status}"


@contextlib.contextmanager
def _chdir(folder: Path):
    """Change the working folder, as ``contextlib.chdir`` does from Python 3.11 on."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
