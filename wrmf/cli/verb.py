"""What a verb of the command line is, and how its help is laid out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["HelpFormatter", "Verb"]


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show the default of an option that has one, and keep the line breaks of descriptions."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == []:
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(action.default)})"
        return super()._get_help_string(action)


@dataclass(frozen=True)
class Verb:
    """One verb: its help, its options and the function that runs it.

    Attributes
    ----------
    name : str
        What is typed after ``wrmf``.
    summary : str
        One sentence for the list of verbs; it also begins the verb's own help.
    example : str
        A whole command, shown at the end of the help.
    add_options : callable(ArgumentParser)
        Adds the verb's options and arguments to its parser.
    run : callable(Namespace)
        Does the work. An exception of a type in ``main.REPORTED_ERRORS`` becomes one line on
        standard error.
    details : str, default ""
        Further lines of the description.
    """

    name: str
    summary: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    details: str = ""
