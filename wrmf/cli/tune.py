"""``wrmf tune``: find good parameters in a given time, and save the model."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from wrmf.cli.autotuning import autotune
from wrmf.cli.data import add_data_options, load_data
from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.splits import SPLIT_PARAMETERS, add_split_options, load_data_and_split
from wrmf.cli.streams import notices, save_model
from wrmf.cli.tables import add_table_option, write_table
from wrmf.cli.verb import Verb

__all__ = ["TUNE"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the data, the time, the metric and the file of the model."""
    add_data_options(command)
    # Without a split, all data are tuned on.
    add_split_options(command, default=None)
    add = command.add_argument
    add("--seconds", type=float, default=60.0, metavar="S", help="how long to search")
    add(
        "--trials",
        type=int,
        metavar="N",
        help="number of settings, in place of a time: the same result on every machine",
    )
    add("--metric", default="ndcg@20", help="metric that ranks the settings")
    add(
        "--save",
        type=Path,
        metavar="FILE",
        help="save the best model, fitted to all interactions of the data",
    )
    add_table_option(add, "the table of settings")
    add_thread_option(command)
    add_seed_option(command)


def run(options: argparse.Namespace) -> None:
    """Tune, write the table of settings, and say what is best."""
    source = load_source(options)
    log_file = notices(options)
    with contextlib.redirect_stdout(log_file):
        arguments: dict[str, Any] = {"seconds": options.seconds, "metric": options.metric}
        if options.trials is not None:
            arguments["trials"] = options.trials
        result = autotune(source, **arguments)
    write_table(result.to_frame(), options.out, options.format)
    print(result.summary, file=log_file)
    if options.save is not None:
        save_model(result.model, options.save, options)
        print(f"saved to {options.save}", file=log_file)


def load_source(options: argparse.Namespace) -> Any:
    """Return the data, or their split if an option of splits is typed."""
    typed = [getattr(options, option[2:].replace("-", "_")) for option in SPLIT_PARAMETERS.values()]
    if options.split is None and options.test is None and all(value is None for value in typed):
        return load_data(options)
    options.split = options.split or "leave-out"
    return load_data_and_split(options)[1]


TUNE = Verb(
    name="tune",
    summary="Find good parameters in a given time, and save the model.",
    details="A part of the data is set aside to compare settings. With --split or --test, the\n"
    "best model is measured on the test part, which no choice depends on.",
    example="wrmf tune likes.csv --seconds 60 --save model.wrmf",
    add_options=add_options,
    run=run,
)
