"""The parser of the whole command line."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from wrmf.cli.completion import CompletionAction
from wrmf.cli.verb import HelpFormatter, VerbParser, advise_dashes
from wrmf.cli.verbs import VERBS
from wrmf.versions import __version__

__all__ = ["build_parser", "describe_unknown", "parsers_of_verbs", "verb_problem"]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with a subparser for each verb."""
    return _build_parsers()[0]


def parsers_of_verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of all verbs by name, with their options."""
    return {name: command.complete() for name, command in _build_parsers()[1].items()}


def _build_parsers() -> tuple[argparse.ArgumentParser, dict[str, VerbParser]]:
    parser = argparse.ArgumentParser(
        prog="wrmf",
        formatter_class=HelpFormatter,
        description="Recommend items from likes, plays, clicks or purchases by weighted\n"
        "regularised matrix factorisation. Each verb has a --help of its own.",
        epilog="examples:\n"
        "  wrmf demo                                          run all steps on generated likes\n"
        "  wrmf fit likes.csv --user uid --item mid           train, write model.wrmf\n"
        "  wrmf recommend model.wrmf ann bob                  list ten items for each user\n",
    )
    parser.add_argument("--version", action="version", version=f"wrmf {__version__}")
    parser.add_argument(
        "--print-completion",
        action=CompletionAction,
        help="print a script that completes commands in a shell, and exit",
    )
    subparsers = parser.add_subparsers(metavar="verb", required=True, parser_class=VerbParser)
    commands = {}
    for verb in VERBS:
        command = subparsers.add_parser(
            verb.name,
            help=verb.summary,
            description=f"{verb.summary}\n{verb.details}",
            epilog=f"example:\n  {verb.example}",
            formatter_class=HelpFormatter,
        )
        command.verb = verb
        commands[verb.name] = command
    return parser, commands


def verb_problem(words: Sequence[str]) -> str | None:
    """Return what is wrong with the words of a command before its verb, None if nothing is.

    argparse would list all verbs for one that is misspelt, and ask for a verb after an option that
    it does not know.
    """
    lists = "wrmf --help lists all verbs"
    if not words:
        return f"name a verb, as in wrmf demo; {lists}"
    parser, first = build_parser(), words[0]
    if first.startswith("-"):
        known = [option for action in parser._actions for option in action.option_strings]
        is_known = any(option.startswith(first.partition("=")[0]) for option in known)
        return None if is_known else describe_unknown([first], parser)
    names = [verb.name for verb in VERBS]
    if first in names:
        return None
    near = difflib.get_close_matches(first.lower(), names, n=1)
    return f"there is no verb {first!r}{f'; did you mean {near[0]}?' if near else f'; {lists}'}"


def describe_unknown(words: Sequence[str], command: argparse.ArgumentParser) -> str:
    """Return an error about words that a verb does not have, with options that are spelt alike."""
    known = [option for action in command._actions for option in action.option_strings]
    near = difflib.get_close_matches(words[0].partition("=")[0], known, n=1, cutoff=0.75)
    if near:
        hint = f"; did you mean {near[0]}?"
    else:
        hint = advise_dashes(command) if words[0].startswith("-") else ""
    return f"unrecognized arguments: {' '.join(words)}{hint}"
