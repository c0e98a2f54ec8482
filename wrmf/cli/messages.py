"""Error messages of the library in the words of the command line: ``user=`` becomes ``--user``."""

from __future__ import annotations

import argparse
import ast
import re

from wrmf.cli.parameters import MODEL_PARAMETERS
from wrmf.cli.reading import EVENT_WEIGHT, READING
from wrmf.cli.splits import SPLIT_PARAMETERS

__all__ = ["OPTIONS", "translate"]

# Options with the name of their parameter.
SAME = (
    *("epochs", "metric", "metrics", "patience", "seeds", "validation", "journal", "grid"),
    *(
        "cold",
        "fallback",
        "unknown",
        "unknown_items",
        "min_score",
        "how",
        "iterations",
        "seconds",
        "trials",
    ),
    *("host", "port", "workers", "folder", "shards"),
)
# The options for each parameter that the command line offers; a verb has one of them.
OPTIONS: dict[str, tuple[str, ...]] = {
    **{name: (f"--{name.replace('_', '-')}",) for name in SAME},
    **{row.parameter: (row.option,) for row in READING},
    **{name: (option,) for name, option in SPLIT_PARAMETERS.items()},
    **{parameter.name: (parameter.option,) for parameter in MODEL_PARAMETERS},
    "random_state": ("--seed",),
    "num_threads": ("--threads",),
    "n_jobs": ("--jobs",),
    "n_trials": ("--trials",),
    "resume": ("--no-resume",),
    "space": ("--grid",),
    "n": ("-n",),
    "user_min": ("--core",),
    "item_min": ("--core",),
    "exclude": ("--exclude-file",),
    "among": ("--items-file",),
    "items": ("--items", "--items-file"),
    "users": ("--users", "--users-file"),
    "exclude_seen": ("--keep-seen",),
    # A method whose place an option has.
    "recommend_new": ("--history",),
}
# Options that stand for a value of a parameter, and that value.
FLAGS = {"header": "False", "exclude_seen": "False", "resume": "False"}
# What is said of a function, and of a command in its place.
PHRASES = {
    "call fit again with the same arguments": "run the same command again",
    'pass (connection, "likes") or (connection, "select … from likes"), or write the table': (
        "write the table or a query"
    ),
}
# Parameters whose names are ordinary words are translated only where they are clearly parameters:
# before an equals sign, as the subject of "must", and after an advice to change them.
ORDINARY_WORDS = {name for name in OPTIONS if "_" not in name} - {"fraction", "cutoff"}

TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# Paths such as data/user=3/x.parquet hold no parameters, nor does text in quotes.
PARTS = re.compile(
    rf"(?<![\w=])(?P<quoted>{TEXT})"
    rf"|(?<![\w./\\-])(?P<argument>[a-z][a-z_0-9]*)=(?P<value>\{{[^}}]*\}}|{TEXT}|[\w.+-]*)(?![\w/\\])"
    # Further values, as in: pass duplicates="sum" or "drop".
    rf"(?P<others>(?:(?:, | or )(?:{TEXT}))*)"
    r"|^(?P<subject>[a-z][a-z_0-9]*)(?= must )"
    r"|(?:(?<=lower )|(?<=raise ))(?P<advised>[a-z][a-z_0-9]*)(?!\w)"
    r"|(?<![\w./\\-])(?P<word>[a-z][a-z_0-9]*)(?![\w./\\=(-])"
)


def translate(message: str, options: argparse.Namespace) -> str:
    """Return an error message with the options of a verb in place of the library's parameters.

    Parameters
    ----------
    message : str
    options : argparse.Namespace
        The parsed options of the verb; parameters without an option are left as they are.

    Examples
    --------
    >>> options = argparse.Namespace(duplicates=None, header=None)
    >>> translate('pass duplicates="drop" or header=False', options)
    'pass --duplicates drop or --no-header'
    """
    offered = set(vars(options))

    def replace(part: re.Match[str]) -> str:
        name = part["argument"] or part["subject"] or part["advised"] or part["word"] or ""
        option = _offered_option(name, offered)
        if option is None:
            return part[0]
        if name == "value" and not part["value"] and getattr(options, "event_weights", None):
            # The parameter is a column or weights of events, and here the user gave weights.
            return EVENT_WEIGHT
        if part["argument"]:
            return _as_typed(name, option, part["value"]) + _bare(part["others"])
        return part[0] if part["word"] and name in ORDINARY_WORDS else option

    for phrase, of_command in PHRASES.items():
        message = message.replace(phrase, of_command)
    return PARTS.sub(replace, message)


def _offered_option(name: str, offered: set[str]) -> str | None:
    """Return the option of a verb for a parameter, None if it has none."""
    options = OPTIONS.get(name, ())
    for option in options:
        if option.lstrip("-").replace("-", "_") in offered:
            return option
    # The attribute of a parsed option may be called as the parameter.
    return options[0] if options and name in offered else None


def _as_typed(name: str, option: str, value: str) -> str:
    """Return an argument of the library as it is typed in a shell."""
    if name in FLAGS:
        return option if value in (FLAGS[name], "") else f"no {option}"
    if value.startswith("{"):
        return _weights_as_typed(value)
    return f"{option} {_bare(value)}".rstrip()


def _bare(text: str) -> str:
    """Return a text without the quotes that a shell does not need."""
    return re.sub(r"""(["'])([\w.+-]+)\1""", r"\2", text)


def _weights_as_typed(value: str) -> str:
    try:
        weights = ast.literal_eval(value) or {"EVENT": "WEIGHT"}
        return " ".join(f"{EVENT_WEIGHT} {event}={weight}" for event, weight in weights.items())
    except (ValueError, SyntaxError, AttributeError):
        return f"{EVENT_WEIGHT} EVENT=WEIGHT"
