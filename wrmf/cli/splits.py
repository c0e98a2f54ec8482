"""Options that say what is held out as the test set, and the table of the kinds of splits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wrmf.cli.data import load_data, load_like
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.data.splitting import leave_k_out, split_interactions, split_users
from wrmf.data.time_splits import split_by_time, split_last

__all__ = [
    "SPLITS",
    "SPLIT_PARAMETERS",
    "SplitKind",
    "add_split_options",
    "load_data_and_split",
    "load_split",
]

# The option for each parameter of the functions that split data.
SPLIT_PARAMETERS = {
    "k": "--leave-out",
    "fraction": "--fraction",
    "min_interactions": "--min-interactions",
    "test_size": "--test-size",
    "n_test": "--test-size",
    "cutoff": "--cutoff",
    "by": "--by",
    "seen": "--seen",
    "fold_in": "--fold-in",
}


def _latest(data: Interactions, **arguments: Any) -> Split:
    """Hold out the latest interactions, by default a fifth of them."""
    return split_by_time(data, **({} if "cutoff" in arguments else {"test_size": 0.2}) | arguments)


def _users(data: Interactions, **arguments: Any) -> Split:
    """Hold out users, by default a fifth of them."""
    return split_users(data, **{"n_test": 0.2} | arguments)


@dataclass(frozen=True)
class SplitKind:
    """A value of ``--split``.

    Attributes
    ----------
    function : callable(Interactions, ...) that returns a Split
    parameters : tuple of str
        The parameters of the function that have an option in ``SPLIT_PARAMETERS``.
    is_random : bool
        Whether the function takes a ``random_state``.
    """

    function: Callable[..., Split]
    parameters: tuple[str, ...]
    is_random: bool = False


SPLITS = {
    "leave-out": SplitKind(leave_k_out, ("k", "fraction", "min_interactions"), is_random=True),
    "last": SplitKind(split_last, ("k", "min_interactions", "seen")),
    "random": SplitKind(split_interactions, ("test_size", "by"), is_random=True),
    "time": SplitKind(_latest, ("test_size", "cutoff", "seen")),
    "users": SplitKind(_users, ("n_test", "fold_in"), is_random=True),
}


def add_split_options(command: argparse.ArgumentParser, default: str | None = "leave-out") -> None:
    """Add which interactions are held out; see :func:`load_split`.

    ``default`` is the kind of split if none is typed.
    """
    add = command.add_argument_group("what is held out").add_argument
    add(
        "--split",
        choices=tuple(SPLITS),
        default=default,
        help="what is held out. leave-out: random interactions of each test user. last: the "
        "latest ones of each user. random: interactions of any users. time: the latest of all. "
        "users: whole users, a part of whose interactions is known at test time",
    )
    add(
        "--test",
        metavar="FILE",
        help="file whose interactions are the test set, read like the data; nothing is split",
    )
    _add_split_parameters(add)
    add(
        "--keep-seen",
        action="store_true",
        help="keep training items in the ranking, as Rosenthal 2016 does",
    )


def _add_split_parameters(add: Callable[..., Any]) -> None:
    """Add the options of ``SPLIT_PARAMETERS``."""
    add(
        "--leave-out",
        type=_parse_size,
        metavar="K",
        help="number of interactions held out from each user, by default 5 for leave-out and 1 for "
        "last; for last, also a share of the user's interactions",
    )
    add(
        "--fraction",
        type=float,
        metavar="SHARE",
        help="for leave-out, share of all users that become test users; by default all with "
        "enough interactions",
    )
    add(
        "--min-interactions",
        type=int,
        metavar="N",
        help="for leave-out and last, least number of interactions of a test user",
    )
    add(
        "--test-size",
        type=_parse_size,
        metavar="SIZE",
        help="share or number of test interactions for random and time, of test users for users; "
        "by default 0.2",
    )
    add("--cutoff", metavar="TIME", help="for time, the first time that belongs to the test set")
    add(
        "--by",
        metavar="NAME",
        help="for random, interactions: drawn from all interactions together; user: the same share "
        "of each user's interactions",
    )
    add(
        "--seen",
        metavar="NAME",
        help="for time and last, keep or drop test rows whose pair the training set has, too",
    )
    add(
        "--fold-in",
        type=float,
        metavar="SHARE",
        help="for users, share of a test user's interactions that is known; by default 0.8",
    )


def _parse_size(text: str) -> int | float:
    """Return a whole number as an int, which is a count, and any other as a float, a share."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a share or a number, got {text!r}") from None


def load_split(options: argparse.Namespace) -> Split:
    """Return the data split as the options of :func:`add_split_options` say."""
    return load_data_and_split(options)[1]


def load_data_and_split(options: argparse.Namespace) -> tuple[Interactions, Split]:
    """Return the data and their split; with ``--test``, the data are the training part."""
    given = {name for name in SPLIT_PARAMETERS if _typed(name, options) is not None}
    if options.test is not None:
        _check_options(given, (), "--test, which splits nothing")
        train = load_data(options)
        return train, Split(train, load_like(options.test, train, options))
    kind = SPLITS[options.split]
    _check_options(given, kind.parameters, f"--split {options.split}")
    arguments = {name: _typed(name, options) for name in kind.parameters if name in given}
    if kind.is_random:
        arguments["random_state"] = options.seed
    data = load_data(options)
    return data, kind.function(data, **arguments)


def _typed(parameter: str, options: argparse.Namespace) -> Any:
    """Return the value typed for the option of a parameter, or None if it was not typed."""
    return getattr(options, SPLIT_PARAMETERS[parameter].removeprefix("--").replace("-", "_"))


def _check_options(given: set[str], allowed: tuple[str, ...], choice: str) -> None:
    """Raise an error for an option that has no meaning for the chosen split."""
    options = {SPLIT_PARAMETERS[name] for name in allowed}
    for option in sorted({SPLIT_PARAMETERS[name] for name in given} - options):
        kinds = [
            name
            for name, kind in SPLITS.items()
            if option in {SPLIT_PARAMETERS[parameter] for parameter in kind.parameters}
        ]
        raise ValueError(
            f"{option} has no meaning for {choice}; it belongs to --split {' or '.join(kinds)}"
        )
