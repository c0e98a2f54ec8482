"""The command ``wrmf``: the table of verbs, and how errors end the process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from wrmf.cli.datasets import DATASETS_VERB
from wrmf.cli.demo import DEMO
from wrmf.cli.evaluate import EVALUATE
from wrmf.cli.export import EXPORT
from wrmf.cli.fit import FIT
from wrmf.cli.messages import translate
from wrmf.cli.recommend import RECOMMEND, SIMILAR
from wrmf.cli.report import REPORT
from wrmf.cli.search import SEARCH
from wrmf.cli.update import UPDATE
from wrmf.cli.verb import HelpFormatter, Verb
from wrmf.versions import __version__

__all__ = ["REPORTED_ERRORS", "VERBS", "main"]

# The verbs, in the order in which the help lists them.
VERBS: tuple[Verb, ...] = (
    DEMO,
    SEARCH,
    FIT,
    UPDATE,
    RECOMMEND,
    SIMILAR,
    EVALUATE,
    EXPORT,
    REPORT,
    DATASETS_VERB,
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
        The exit status: 0 on success, 1 after a reported error, 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, with 0 after ``--help`` and ``--version``.
    """
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("wrmf: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of standard output, such as head, has closed it. Without this, Python would
        # report a second error when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except REPORTED_ERRORS as error:
        message = " ".join(str(error).split())
        print(f"wrmf: error: {translate(message, options)}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with a subparser for each verb."""
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
    subparsers = parser.add_subparsers(metavar="verb", required=True)
    for verb in VERBS:
        command = subparsers.add_parser(
            verb.name,
            help=verb.summary,
            description=f"{verb.summary}\n{verb.details}",
            epilog=f"example:\n  {verb.example}",
            formatter_class=HelpFormatter,
        )
        command.set_defaults(run=verb.run)
        verb.add_options(command)
    return parser
