"""What a verb of the command line is, and how its help is laid out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

__all__ = ["HelpFormatter", "Verb", "VerbParser", "advise_dashes"]

# Arguments that are ids of the data.
IDS = ("user_ids", "item_ids")


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
    """One verb and its help. What it does is in the module of ``wrmf.cli`` that is called as it.

    The module has a function ``add_options(parser)``, which adds the options and arguments of the
    verb, and ``run(options)``, which does the work. An exception of a type in
    ``main.REPORTED_ERRORS`` becomes one line on standard error.

    Attributes
    ----------
    name : str
        What is typed after ``wrmf``.
    summary : str
        One sentence for the list of verbs; it also begins the verb's own help.
    example : str
        A whole command, shown at the end of the help.
    details : str, default ""
        Further lines of the description.
    """

    name: str
    summary: str
    example: str
    details: str = ""

    def module(self) -> ModuleType:
        """Import the module of the verb, which may need much that other verbs do not."""
        return import_module(f"wrmf.cli.{self.name}")


class VerbParser(argparse.ArgumentParser):
    """The parser of a verb, whose module is imported when the options are first needed."""

    verb: Verb | None = None
    words: Sequence[str] = ()

    def complete(self) -> VerbParser:
        """Add the options of the verb, unless they are there, and return the parser."""
        verb, self.verb = self.verb, None
        if verb is not None:
            module = verb.module()
            self.set_defaults(run=module.run, parser=self)
            module.add_options(self)
            self._add_general_options()
            self.usage = self._short_usage()
        return self

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse words as every parser, with the options of the verb."""
        self.complete()
        self.words = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the error and end; ids that are missing may be words that look like options."""
        is_missing = "arguments are required" in message
        if is_missing and any(word.startswith("-") for word in self.words):
            message += advise_dashes(self)
        super().error(message)

    def _add_general_options(self) -> None:
        """Add the options that every verb has."""
        add = self.add_argument_group("the command itself").add_argument
        add(
            "--config",
            metavar="FILE",
            help="TOML file with options by their names; those that are typed come first",
        )
        add(
            "--print-command",
            action="store_true",
            help="print the command with the options of the file --config, and do nothing",
        )

    def _short_usage(self) -> str:
        """Return a line in place of all options, of which there are dozens; the help lists them."""
        shapes = {"+": "{0} [{0} ...]", "*": "[{0} ...]", "?": "[{0}]"}
        words = [
            shapes.get(str(action.nargs), "{0}").format(action.metavar or action.dest)
            for action in self._actions
            if not action.option_strings
        ]
        return " ".join([self.prog, "[options]", *words]) + f"; {self.prog} --help has the options"


def advise_dashes(command: argparse.ArgumentParser) -> str:
    """Return what to type for ids that look like options; nothing for verbs without ids."""
    if not any(action.dest in IDS for action in command._actions):
        return ""
    return f"; ids that begin with - stand after --, as in: {command.prog} model.wrmf -- -id"
