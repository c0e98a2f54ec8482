"""Scripts that complete commands in a shell, written by shtab."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["CompletionAction"]

SHELLS = ("bash", "zsh", "tcsh")
# What the help calls a value that is the name of a file or of a folder.
FILES = ("FILE", "FOLDER")
# Positional arguments that are files.
FILE_ARGUMENTS = ("data", "model", "path")


class CompletionAction(argparse.Action):
    """Prints the script for a shell, as ``--version`` prints the version, and ends the process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "choices": SHELLS, "metavar": "SHELL", "nargs": None})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print the script; without shtab, this is an error that names the extra."""
        try:
            import shtab
        except ImportError:
            parser.exit(
                1,
                "wrmf: error: completion needs shtab, which is not installed: "
                'pip install "wrmf[completion]"\n',
            )
        for action in _all_actions(parser):
            if action.metavar in FILES or action.dest in FILE_ARGUMENTS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=str(values)))
        parser.exit()


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of its subparsers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _all_actions(command.complete())
        else:
            yield action
