"""Options that several verbs of the command line share, and how their help reads."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

from wrmf.model.wrmf import WRMF

__all__ = [
    "Help",
    "data_options",
    "model_options",
    "model_params",
    "run_options",
    "split_options",
    "start_option",
    "table_option",
]


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that shows a default where there is one, and lines of examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == []:
            return action.help
        return super()._get_help_string(action)


def data_options(command: argparse.ArgumentParser) -> None:
    """Add what is read, and how."""
    add = command.add_argument
    add(
        "data",
        type=Path,
        help="csv, tsv, psv (pipes; each also .gz) or parquet file with a row for each "
        "interaction; or 'synthetic', likes made up here",
    )
    add("--user", default="user", metavar="COLUMN", help="column of user ids")
    add("--item", default="item", metavar="COLUMN", help="column of item ids")
    add("--value", metavar="COLUMN", help="column of counts; without it each row counts 1")
    add("--item-name", metavar="COLUMN", help="column of readable item names")
    add("--sep", help="separator, else from the file's ending")
    add(
        "--duplicates",
        choices=("sum", "drop", "error"),
        default="sum",
        help="what becomes of repeated (user, item) pairs",
    )
    add(
        "--core",
        type=int,
        default=0,
        metavar="N",
        help="keep users and items with at least N interactions",
    )


def split_options(command: argparse.ArgumentParser) -> None:
    """Add what is held out."""
    add = command.add_argument
    add(
        "--leave-out",
        type=int,
        default=5,
        metavar="K",
        help="interactions taken from each test user, of those with at least 2 K",
    )
    add(
        "--fraction",
        type=float,
        metavar="SHARE",
        help="share of users to test on; all that can without it",
    )
    add(
        "--keep-seen",
        action="store_true",
        help="leave training items in the ranking, as the article does",
    )


def model_options(command: argparse.ArgumentParser) -> None:
    """Add the model's parameters; what is not given has the default of WRMF."""
    defaults = inspect.signature(WRMF).parameters
    add = command.add_argument
    for name, kind, text in (
        ("factors", int, "dimensions of the model"),
        ("regularization", float, "λ, what keeps factors small"),
        ("alpha", float, "confidence that one count adds"),
        ("iterations", int, "sweeps over all users and items"),
    ):
        add(
            f"--{name}",
            type=kind,
            metavar="N" if kind is int else "X",
            help=f"{text} (default: {defaults[name].default})",
        )
    add(
        "--objective",
        choices=("wrmf", "ials"),
        help=f"the loss (default: {defaults['objective'].default})",
    )
    start_option(command)


def start_option(command: argparse.ArgumentParser) -> None:
    """Add the scale of the initial factors."""
    command.add_argument(
        "--init-scale", type=float, metavar="S", help="start from N(0, S²); the article's S is 1"
    )


def model_params(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of WRMF that were given."""
    given = {
        name: getattr(options, name, None)
        for name in ("factors", "regularization", "alpha", "iterations", "objective", "init_scale")
    }
    params = {name: value for name, value in given.items() if value is not None}
    return {**params, "num_threads": options.threads, "random_state": options.seed}


def run_options(command: argparse.ArgumentParser) -> None:
    """Add threads and seed."""
    command.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="0 means every CPU; no result depends on it",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random")


def table_option(command: argparse.ArgumentParser) -> None:
    """Add where a table goes."""
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="csv, tsv or parquet file, else printed"
    )
