"""The interactions that a verb works on: their source, and how they are filtered."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.cli.reading import (
    EVENT_WEIGHT,
    READING,
    add_reading_options,
    as_column,
    reading_arguments,
)
from wrmf.data.formats.sources import FORMATS
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets import DATASETS
from wrmf.model.wrmf import WRMF

__all__ = ["add_data_options", "load_data", "load_like"]

# Parameters of ``read_interactions`` that also apply to the table of names.
SHARED_WITH_NAMES = ("sep", "header", "encoding", "comment", "quote", "bad_lines", "nulls")

# The share of users or items with a single interaction from which on a column is likely to be a
# wrong one, such as that of times, and the number of them from which on this is no chance.
SINGLE, FEWEST = 0.95, 100


def add_data_options(command: argparse.ArgumentParser) -> None:
    """Add the source of the interactions and how to read it; see :func:`load_data`."""
    command.add_argument(
        "data",
        nargs="+",
        help=f"files (formats: {', '.join(FORMATS)}; also compressed), folders, "
        "patterns such as 'day-*.parquet', the address of a database, or - for standard input; "
        "or the name of a data set, such as movielens-100k: wrmf datasets lists them",
    )
    add = command.add_argument_group("how the data are read").add_argument
    add_reading_options(add)
    add(
        "--names",
        metavar="FILE",
        help="table of item names; they are in its column --item-name",
    )
    add(
        "--names-item",
        metavar="COLUMN",
        help="column of item ids in the table --names; by default it is called as in the data",
    )
    add(
        "--core",
        type=int,
        default=0,
        metavar="N",
        help="keep only users and items with at least N interactions",
    )


def load_data(options: argparse.Namespace, like: WRMF | None = None) -> Interactions:
    """Return the interactions that the options of :func:`add_data_options` name.

    Ids are read as those of the model ``like``, unless the options name another; new ids are kept.
    A summary of the rows that were read and dropped is printed to standard error.
    """
    name = options.data[0] if len(options.data) == 1 else ""
    if name in DATASETS and not Path(name).exists():
        _check_no_reading_options(name, options)
        data = DATASETS[name].load(random_state=options.seed)
    else:
        source = options.data[0] if len(options.data) == 1 else options.data
        arguments = _arguments(options)
        if like is not None:
            arguments = {"like": like, "unknown": "extend", **arguments}
        data = read_interactions(source, **arguments)
    print(data.summary(), file=sys.stderr)
    if like is None:
        _warn_of_single_interactions(data)
    if options.names is not None:
        data = data.with_names(_read_names(data, options))
    if options.core:
        data = data.k_core(options.core, options.core)
        print(f"With at least {options.core} of each: {data!r}", file=sys.stderr)
    return data


def _warn_of_single_interactions(data: Interactions) -> None:
    """Warn where nearly all users or items have one interaction, as if a column were mistaken."""
    for name, counts in (
        ("user", np.diff(data.matrix.indptr)),
        ("item", np.bincount(data.matrix.indices, minlength=data.n_items)),
    ):
        n_single, n = int(np.count_nonzero(counts == 1)), len(counts)
        if n >= FEWEST and n_single >= SINGLE * n:
            warnings.warn(
                f"{n_single} of {n} {name}s have a single interaction, and little can be learned "
                f"from them: is the column of {name}s right ({name}=)?",
                stacklevel=2,
            )


def _check_no_reading_options(name: str, options: argparse.Namespace) -> None:
    """Raise an error for options that say how a file is read, which a data set ignores."""
    # With --test or --names, the options say how that file is read.
    if getattr(options, "test", None) is not None or options.names is not None:
        return
    given = [row.option for row in READING if getattr(options, row.parameter) is not None]
    if options.event_weights:
        given.append(EVENT_WEIGHT)
    if given:
        raise ValueError(
            f"{given[0]} has no meaning for the data set {name}, which is no file: write it to one "
            f"by wrmf datasets {name}, and read that"
        )


def load_like(source: str, train: Interactions, options: argparse.Namespace) -> Interactions:
    """Return the interactions in ``source``, read in the same way, on the axes of ``train``."""
    data = read_interactions(source, **{**_arguments(options), "like": train})
    print(f"{source}:\n{data.summary()}", file=sys.stderr)
    return data


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of ``read_interactions`` for the data.

    If there is a table of names, ``--item-name`` is a column of that table, not of the data.
    """
    arguments = reading_arguments(options)
    if options.names is not None:
        arguments.pop("item_name", None)
    return arguments


def _read_names(data: Interactions, options: argparse.Namespace) -> dict[Any, str]:
    """Return the name of each item in the table of names; items without a name have their id."""
    given = reading_arguments(options)
    arguments = {name: given[name] for name in SHARED_WITH_NAMES if name in given}
    first, second = ("0", "1") if options.header is False else ("item", "name")
    item = as_column(options.names_item or options.item or first, options)
    name = as_column(options.item_name or second, options)
    # The table is read as interactions of each item with itself, so that names can have every
    # format of data. Its axes are the items of the data, so that ids are matched by the same rules.
    arguments.update(user=item, item=item, item_name=name, duplicates="drop")
    arguments.update(users=data.items, items=data.items, unknown="drop")
    table = read_interactions(options.names, **arguments)
    print(f"Items with a name: {table.n_interactions} of {data.n_items}", file=sys.stderr)
    return dict(zip(data.items.tolist(), table.names_of(range(data.n_items)), strict=True))
