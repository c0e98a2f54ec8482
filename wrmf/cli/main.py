"""The command ``wrmf``: how a command line is run, and how errors end the process."""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wrmf.cli.config import expand_config, without_config
from wrmf.cli.parser import build_parser, describe_unknown, parsers_of_verbs, verb_problem
from wrmf.cli.signals import Ended, ended_by_signals
from wrmf.cli.streams import check_outputs, stream_problem

__all__ = ["REPORTED_ERRORS", "build_parser", "main"]

# A password in the address of a database, which must not be written to files that are passed on.
PASSWORDS = (
    re.compile(r"(?P<before>://[^\s:/@]*:)[^\s'\"]+(?=@)"),
    re.compile(r"(?P<before>(?:password|passwd|pwd)=)[^\s&;'\"]+"),
)
# Errors that the user can correct are reported in one line. Any other exception is a bug of this
# package and shows its traceback.
REPORTED_ERRORS = (ValueError, TypeError, OSError, ImportError, MemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``wrmf``; by default those of the process.

    Returns
    -------
    int
        The exit status: 0 on success, 1 after a reported error, 130 after Ctrl-C, 143 after
        SIGTERM, 129 after SIGHUP.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, with 0 after ``--help`` and ``--version``.
    """
    _open_closed_streams()
    _replace_unprintable()
    typed = list(sys.argv[1:] if arguments is None else arguments)
    options = None
    if problem := verb_problem(typed):
        build_parser().error(problem)
    try:
        words = expand_config(typed, parsers_of_verbs)
        options, others = build_parser().parse_known_args(words)
        if others:
            options.parser.error(describe_unknown(others, options.parser))
        if problem := stream_problem(options):
            options.parser.error(problem)
        command = shlex.join(["wrmf", *without_config(words)])
        options.note = without_passwords(command)
        if options.print_command:
            print(command)
        else:
            check_outputs(options)
            with ended_by_signals(), _warnings_in_one_line(options):
                options.run(options)
        sys.stdout.flush()
    except SystemExit:
        # After --help and the like, which a pipe may not read to the end.
        _discard_unwritable()
        raise
    except KeyboardInterrupt:
        print("wrmf: interrupted", file=sys.stderr)
        return 130
    except Ended as end:
        print(f"wrmf: {end}", file=sys.stderr)
        return end.status
    except BrokenPipeError:
        # The reader of standard output, such as head, has closed it.
        _discard_output()
    except REPORTED_ERRORS as error:
        message = " ".join(_message_of(error).split())
        text = message if options is None else _in_words_of(options, message)
        print(f"wrmf: error: {text or type(error).__name__}", file=sys.stderr)
        _discard_unwritable()
        return 1
    return 0


def _message_of(error: BaseException) -> str:
    """Return the text of an error; of one of the system the file and the reason, no number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


@contextmanager
def _warnings_in_one_line(options: argparse.Namespace) -> Iterator[None]:
    """Print warnings as errors are: in one line, in the words of the command line."""
    usual = warnings.formatwarning

    def format_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if not issubclass(category, UserWarning):
            return usual(message, category, filename, lineno, line)
        return f"wrmf: warning: {_in_words_of(options, ' '.join(str(message).split()))}\n"

    warnings.formatwarning = format_warning
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _in_words_of(options: argparse.Namespace, message: str) -> str:
    """Return a message with the options of a verb in place of the library's parameters."""
    # The names of all options need the modules of the library, which a message rarely does.
    from wrmf.cli.messages import translate

    return translate(message, options)


def _open_closed_streams() -> None:
    """Read from and write to nowhere in place of standard streams that the caller has closed."""
    # In the order of their numbers, so that no other file gets the number of one of them.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, stream)


def _replace_unprintable() -> None:
    """Escape signs that an encoding lacks, such as that of a pipe on Windows."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def without_passwords(command: str) -> str:
    """Return a command with *** in place of passwords in addresses."""
    for password in PASSWORDS:
        command = password.sub(r"\g<before>***", command)
    return command


def _discard_unwritable() -> None:
    """Discard what standard output cannot take, such as that of a full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    """Send standard output nowhere, or Python would report a second error at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
