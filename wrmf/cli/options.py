"""Options for the model, its seed and its threads."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable

from wrmf.model.wrmf import WRMF
from wrmf.search.space import format_value

__all__ = [
    "MODEL_PARAMETERS",
    "add_init_scale_option",
    "add_model_options",
    "add_seed_option",
    "add_thread_option",
    "build_model",
    "describe_automatic",
]

# Name, type and help of each numeric parameter of WRMF that the command line offers.
MODEL_NUMBERS = (
    ("factors", int, "number of factors of each user and item"),
    ("regularization", float, "λ, the penalty on the size of the factors"),
    ("alpha", float, "α, the confidence that each count adds"),
    ("unobserved_weight", float, "α₀, the confidence in pairs without interaction"),
    ("iterations", int, "number of sweeps over all users and items"),
    ("item_weight", float, "β, how much single items say beside the factors"),
)
MODEL_PARAMETERS = (*(name for name, _, _ in MODEL_NUMBERS), "objective", "init_scale")


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Add parameters of :class:`wrmf.WRMF`, whose defaults the help shows."""
    defaults = inspect.signature(WRMF).parameters
    add = command.add_argument_group("the model").add_argument
    for name, number, text in MODEL_NUMBERS:
        add(
            f"--{name.replace('_', '-')}",
            type=number,
            metavar="N" if number is int else "X",
            help=f"{text} (default: {defaults[name].default})",
        )
    add(
        "--objective",
        choices=("wrmf", "ials"),
        help=f"loss to minimise (default: {defaults['objective'].default})",
    )
    add_init_scale_option(add)


def add_init_scale_option(add: Callable[..., argparse.Action]) -> None:
    """Add the standard deviation of the initial factors.

    ``add`` is the ``add_argument`` of a parser or of a group of its options.
    """
    add(
        "--init-scale",
        type=float,
        metavar="S",
        help="draw the initial factors from N(0, S²); Rosenthal 2016 has S = 1",
    )


def build_model(options: argparse.Namespace) -> WRMF:
    """Return an unfitted model; parameters that are not given have their default."""
    given = vars(options)
    params = {name: given[name] for name in MODEL_PARAMETERS if given.get(name) is not None}
    return WRMF(**params, num_threads=options.threads, random_state=options.seed)


def describe_automatic(model: WRMF) -> str:
    """Return what the parameters of a fitted model that are "auto" became, in one line."""
    given, resolved = model.get_params(), model.resolved_params
    chosen = {name: value for name, value in resolved.items() if value != given[name]}
    return ", ".join(f"{name}={format_value(value)}" for name, value in chosen.items())


def add_thread_option(command: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    command.add_argument(
        "--threads",
        type=_parse_threads,
        default=0,
        metavar="N",
        help="number of threads, 0 for one on each CPU; it changes no result",
    )


def _parse_threads(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number ≥ 0, got {text!r}")
    return int(text)


def add_seed_option(command: argparse.ArgumentParser) -> None:
    """Add the seed."""
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of every random choice"
    )
