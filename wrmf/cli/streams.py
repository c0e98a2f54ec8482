"""Files and standard streams: ``-`` stands for standard input or standard output."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from wrmf.files import is_special

if TYPE_CHECKING:
    from wrmf.model.wrmf import WRMF

__all__ = [
    "STREAM",
    "check_outputs",
    "describe_place",
    "input_path",
    "load_model",
    "notices",
    "output_path",
    "read_lines",
    "save_model",
    "standard_output",
    "stream_problem",
]

STREAM = Path("-")
# Options that name a file to write. All other paths, and these texts, name what is read.
WRITTEN = ("out", "save", "path")
READ_TEXTS = ("data", "names", "test", "like", "config")
# Verbs that write a model, which may replace a model that they read.
WRITERS_OF_MODELS = ("fit", "search", "tune", "update")


@contextmanager
def input_path(path: Path) -> Iterator[Path]:
    """Yield the path of a file; for ``-``, that of a copy of standard input.

    Errors that name the copy name standard input instead.
    """
    if path != STREAM:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="wrmf-") as folder:
        copy = Path(folder) / "input"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield copy
        except (OSError, ValueError) as error:
            raise ValueError(str(error).replace(str(copy), "standard input")) from error


@contextmanager
def output_path(path: Path, *, is_text: bool = False) -> Iterator[Path]:
    """Yield a path to write a file to; one for ``-`` is then copied to standard output.

    Nothing is written to standard output if the block raises.
    """
    if path != STREAM:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="wrmf-") as folder, standard_output(is_text) as output:
        copy = Path(folder) / "output"
        yield copy
        with copy.open("rb") as file:
            shutil.copyfileobj(file, output)


@contextmanager
def standard_output(is_text: bool) -> Iterator[IO[bytes]]:
    """Yield standard output as a file of bytes.

    Raises
    ------
    ValueError
        If it is a terminal and what is written is no text.
    """
    if not is_text and sys.stdout.isatty():
        raise ValueError(
            "standard output is a terminal, and what would be written is no text: redirect it to a "
            "file or into a pipe"
        )
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def load_model(path: Path) -> WRMF:
    """Return the model in a file, or the one that standard input holds."""
    from wrmf.model.loading import load

    with input_path(path) as file:
        return load(file)


def save_model(model: WRMF, path: Path, options: argparse.Namespace) -> None:
    """Write a model, with the command as its note, to a file or to standard output."""
    with output_path(path) as file:
        model.save(file, note=options.note)


def read_lines(path: Path, encoding: str | None = None) -> list[str]:
    """Return the lines of a file or of standard input, without empty ones."""
    if encoding:
        from wrmf.data.formats.options import check_encoding

        check_encoding(encoding)
    if path != STREAM and not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    content = sys.stdin.buffer.read() if path == STREAM else path.read_bytes()
    try:
        text = content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read: {error}; pass its encoding=") from None
    return [line for line in text.splitlines() if line.strip()]


def notices(options: argparse.Namespace) -> TextIO:
    """Return where a verb tells what it has done: standard error if standard output has data."""
    given = vars(options)
    prints_data = given.get("out") is None and given.get("format") not in (None, "table")
    return sys.stderr if prints_data or _streams(options, written=True) else sys.stdout


def describe_place(path: Path | None) -> str:
    """Return the name of a file that was written; None and ``-`` are standard output."""
    return "standard output" if path in (None, STREAM) else str(path)


def stream_problem(options: argparse.Namespace) -> str | None:
    """Return what is wrong with the files that options name, before any work is done."""
    given = vars(options)
    for written, name in ((False, "input"), (True, "output")):
        users = _streams(options, written)
        if len(users) > 1:
            return f"{' and '.join(users)} cannot both be standard {name}: name a file for one"
    out = given.get("out")
    if given.get("format") is not None and out not in (None, STREAM):
        return f"--format is for what is printed; the ending of --out {out} says the format"
    # What is written to standard output can be read by a program if nothing else is printed.
    if given.get("save") == STREAM and "format" in given and out is None:
        return "--save - and the table cannot both be standard output: name a file by --out"
    return None


def check_outputs(options: argparse.Namespace) -> None:
    """Raise an error for a file that could not be written, before any work is done.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If its folder does not exist or cannot be written to, or it is a folder.
    ValueError
        If it is a file that the command reads.
    """
    read = _files_read(options)
    for dest in (*WRITTEN, "journal"):
        path = getattr(options, dest, None)
        if path is None or path == STREAM:
            continue
        if is_special(path):
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"no such folder: {folder}")
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder: name a file in it")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"no permission to write in {folder}")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(f"no permission to write to {path}: name another file")
        if dest != "journal" and path.exists() and any(map(path.samefile, read)):
            raise ValueError(f"{path} is read by this command, and would be replaced: name another")


def _files_read(options: argparse.Namespace) -> list[Path]:
    """Return the files that a command reads, but for models that a new model may replace."""
    files = []
    writes_model = options.parser.prog.endswith(WRITERS_OF_MODELS)
    for dest, value in vars(options).items():
        if dest in WRITTEN:
            continue
        if writes_model and dest in ("model", "like") and _is_model(value):
            continue
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, Path) or (isinstance(text, str) and dest in READ_TEXTS):
                # Whatever else the text is, such as the address of a database, is no file here.
                with contextlib.suppress(OSError, ValueError):
                    if Path(text).is_file():
                        files.append(Path(text))
    return files


def _is_model(path: Path | str | None) -> bool:
    """Return whether a file is one that a model was saved to."""
    from wrmf.model.persistence import read_note

    try:
        return path is not None and read_note(Path(path)) is not None
    except (OSError, ValueError):
        return False


def _streams(options: argparse.Namespace, written: bool) -> list[str]:
    """Return the options that are ``-``, as they are typed; positional ones by their name."""
    named = []
    for dest, value in vars(options).items():
        values = value if isinstance(value, list) else [value]
        is_stream = STREAM in values or (dest in READ_TEXTS and "-" in values)
        if is_stream and (dest in WRITTEN) == written:
            positional = dest in ("data", "model", "path")
            named.append(dest.upper() if positional else f"--{dest.replace('_', '-')}")
    return named
