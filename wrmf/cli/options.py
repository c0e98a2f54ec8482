"""Options that several verbs share, each beside the function that reads them."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

import pandas as pd

from wrmf.data.formats import FORMATS
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.data.split import Split
from wrmf.data.splitting import leave_k_out
from wrmf.datasets import DATASETS
from wrmf.model.wrmf import WRMF

__all__ = [
    "add_data_options",
    "add_init_scale_option",
    "add_model_options",
    "add_seed_option",
    "add_split_options",
    "add_table_option",
    "add_thread_option",
    "build_model",
    "load_data",
    "load_split",
    "write_table",
]

SYNTHETIC = "synthetic"
# Option, type and help of the numeric parameters of WRMF that the command line offers.
MODEL_NUMBERS = (
    ("factors", int, "number of factors of each user and item"),
    ("regularization", float, "λ, the penalty on the size of the factors"),
    ("alpha", float, "α, the confidence that each count adds"),
    ("iterations", int, "number of sweeps over all users and items"),
)
MODEL_PARAMETERS = (*(name for name, _, _ in MODEL_NUMBERS), "objective", "init_scale")


def add_data_options(command: argparse.ArgumentParser) -> None:
    """Add the file of interactions and how to read it; see :func:`load_data`."""
    add = command.add_argument
    add(
        "data",
        type=Path,
        help=f"file with one interaction in each row, ending in {', '.join(FORMATS)} (text also in "
        f".gz); or '{SYNTHETIC}' for generated likes",
    )
    add("--user", default="user", metavar="COLUMN", help="column of user ids")
    add("--item", default="item", metavar="COLUMN", help="column of item ids")
    add("--value", metavar="COLUMN", help="column of counts; without it, each row counts 1")
    add("--item-name", metavar="COLUMN", help="column of item names to show in reports")
    add("--sep", help="column separator; by default it follows from the file's extension")
    add(
        "--duplicates",
        choices=("sum", "drop", "error"),
        default="sum",
        help="how to treat repeated (user, item) pairs",
    )
    add(
        "--core",
        type=int,
        default=0,
        metavar="N",
        help="keep only users and items with at least N interactions",
    )


def load_data(options: argparse.Namespace) -> Interactions:
    """Return the interactions that the options of :func:`add_data_options` name."""
    if str(options.data) == SYNTHETIC and not options.data.exists():
        data = DATASETS[SYNTHETIC].load(random_state=options.seed)
    else:
        data = read_interactions(
            options.data,
            user=options.user,
            item=options.item,
            value=options.value,
            sep=options.sep,
            duplicates=options.duplicates,
            item_name=options.item_name,
        )
    return data.k_core(options.core, options.core) if options.core else data


def add_split_options(command: argparse.ArgumentParser) -> None:
    """Add which interactions are held out; see :func:`load_split`."""
    add = command.add_argument
    add(
        "--leave-out",
        type=int,
        default=5,
        metavar="K",
        help="number of interactions held out from each test user; only users with at least 2 K "
        "interactions become test users",
    )
    add(
        "--fraction",
        type=float,
        metavar="SHARE",
        help="share of all users that become test users; by default all with enough interactions",
    )
    add(
        "--keep-seen",
        action="store_true",
        help="keep training items in the ranking, as Rosenthal 2016 does",
    )


def load_split(options: argparse.Namespace) -> Split:
    """Return the data split as the options of :func:`add_split_options` say."""
    return leave_k_out(
        load_data(options),
        k=options.leave_out,
        fraction=options.fraction,
        random_state=options.seed,
    )


def add_model_options(command: argparse.ArgumentParser) -> None:
    """Add parameters of :class:`wrmf.WRMF`, whose defaults the help shows."""
    defaults = inspect.signature(WRMF).parameters
    for name, number, text in MODEL_NUMBERS:
        command.add_argument(
            f"--{name}",
            type=number,
            metavar="N" if number is int else "X",
            help=f"{text} (default: {defaults[name].default})",
        )
    command.add_argument(
        "--objective",
        choices=("wrmf", "ials"),
        help=f"loss to minimise (default: {defaults['objective'].default})",
    )
    add_init_scale_option(command)


def add_init_scale_option(command: argparse.ArgumentParser) -> None:
    """Add the standard deviation of the initial factors."""
    command.add_argument(
        "--init-scale",
        type=float,
        metavar="S",
        help="draw the initial factors from N(0, S²); Rosenthal 2016 has S = 1",
    )


def build_model(options: argparse.Namespace) -> WRMF:
    """Return an unfitted model; parameters without an option, or not given, have their default."""
    given = vars(options)
    params = {name: given[name] for name in MODEL_PARAMETERS if given.get(name) is not None}
    return WRMF(**params, num_threads=options.threads, random_state=options.seed)


def add_thread_option(command: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    command.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="number of threads, 0 for one on each CPU; it changes no result",
    )


def add_seed_option(command: argparse.ArgumentParser) -> None:
    """Add the seed."""
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of every random choice"
    )


def add_table_option(command: argparse.ArgumentParser) -> None:
    """Add where a table is written; see :func:`write_table`."""
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="csv, tsv or parquet file for the table; by default it is printed",
    )


def write_table(frame: pd.DataFrame, out: Path | None) -> None:
    """Write a table in the format of the file's extension, or print it where ``out`` is None."""
    if out is None:
        print(frame.to_string(index=False))
    elif out.suffix == ".parquet":
        frame.to_parquet(out, index=False)
    else:
        frame.to_csv(out, index=False, sep="\t" if out.suffix == ".tsv" else ",")
