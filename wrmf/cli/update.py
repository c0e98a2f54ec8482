"""``wrmf update``: bring new interactions into a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from wrmf.cli.data import add_data_options, load_data
from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.streams import describe_place, load_model, notices, save_model
from wrmf.model.histories import HOW

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the data and how they are combined."""
    command.add_argument("model", type=Path, help="model file written by wrmf fit")
    add_data_options(command)
    command.add_argument(
        "--how",
        choices=HOW,
        default=HOW[0],
        help="add counts to those of the model, set them, or replace whole histories of users",
    )
    command.add_argument(
        "--iterations",
        type=int,
        default=0,
        metavar="N",
        help="sweeps over all rows after those of the changed rows",
    )
    add_thread_option(command)
    add_seed_option(command)
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="file to save in; by default the model's own"
    )


def run(options: argparse.Namespace) -> None:
    """Update the model and save it, with ids read as those that the model has."""
    model = load_model(options.model)
    if options.out is None:
        # The model of standard input goes to standard output.
        options.out = options.model
    data, saved_threads = load_data(options, like=model), model.num_threads
    model.set_params(num_threads=options.threads)
    model.update(data, options.iterations, how=options.how)
    save_model(model.set_params(num_threads=saved_threads), options.out, options)
    print(f"{model.last_update}\nSaved to {describe_place(options.out)}", file=notices(options))
