"""The parser of the whole command line, and the table of verbs."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from wrmf.cli.completion import CompletionAction
from wrmf.cli.datasets import DATASETS_VERB
from wrmf.cli.demo import DEMO
from wrmf.cli.evaluate import EVALUATE
from wrmf.cli.export import EXPORT
from wrmf.cli.fit import FIT
from wrmf.cli.recommend import RECOMMEND, SIMILAR
from wrmf.cli.report import REPORT
from wrmf.cli.search import SEARCH
from wrmf.cli.serve import SERVE
from wrmf.cli.tune import TUNE
from wrmf.cli.update import UPDATE
from wrmf.cli.verb import HelpFormatter, Verb
from wrmf.versions import __version__

__all__ = ["VERBS", "build_parser", "build_parsers", "describe_unknown"]

# The verbs, in the order in which the help lists them.
VERBS: tuple[Verb, ...] = (
    DEMO,
    SEARCH,
    TUNE,
    FIT,
    UPDATE,
    RECOMMEND,
    SIMILAR,
    EVALUATE,
    EXPORT,
    SERVE,
    REPORT,
    DATASETS_VERB,
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with a subparser for each verb."""
    return build_parsers()[0]


def build_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the whole command line, and those of the verbs by name."""
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
    subparsers = parser.add_subparsers(metavar="verb", required=True)
    commands = {}
    for verb in VERBS:
        command = subparsers.add_parser(
            verb.name,
            help=verb.summary,
            description=f"{verb.summary}\n{verb.details}",
            epilog=f"example:\n  {verb.example}",
            formatter_class=HelpFormatter,
        )
        command.set_defaults(run=verb.run, parser=command)
        verb.add_options(command)
        _add_general_options(command)
        command.usage = _usage(command)
        commands[verb.name] = command
    return parser, commands


def describe_unknown(words: Sequence[str], command: argparse.ArgumentParser) -> str:
    """Return an error about words that a verb does not have, with options that are spelt alike."""
    known = [option for action in command._actions for option in action.option_strings]
    near = difflib.get_close_matches(words[0].partition("=")[0], known, n=1, cutoff=0.75)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unrecognized arguments: {' '.join(words)}{hint}"


def _usage(command: argparse.ArgumentParser) -> str:
    """Return a line in place of all options, of which there are dozens; the help lists them."""
    shapes = {"+": "{0} [{0} ...]", "*": "[{0} ...]", "?": "[{0}]"}
    words = [
        shapes.get(str(action.nargs), "{0}").format(action.metavar or action.dest)
        for action in command._actions
        if not action.option_strings
    ]
    return (
        " ".join([command.prog, "[options]", *words]) + f"; {command.prog} --help has the options"
    )


def _add_general_options(command: argparse.ArgumentParser) -> None:
    """Add the options that every verb has."""
    add = command.add_argument_group("the command itself").add_argument
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
