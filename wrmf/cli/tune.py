"""``wrmf tune``: find good parameters in a given time, and save the model."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from wrmf.cli.data import add_data_options, load_data
from wrmf.cli.parameters import build_model
from wrmf.cli.search import add_result_options, journal_file
from wrmf.cli.splits import SPLIT_PARAMETERS, add_split_options, load_data_and_split
from wrmf.cli.streams import describe_place, notices, save_model
from wrmf.cli.tables import write_table
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.model.wrmf import WRMF
from wrmf.search.autotune import autotune

__all__ = ["add_options", "run"]


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
        "--journal",
        type=journal_file,
        metavar="FILE",
        help="record finished settings in this file; with --trials, resume from it",
    )
    add(
        "--quiet",
        action="store_true",
        help="print only the sentence about the best setting: no bar of progress, and a table of "
        "all settings only to --out or in a --format that is named",
    )
    add_result_options(command)


def run(options: argparse.Namespace) -> None:
    """Tune, write the table of settings, and say what is best."""
    model = build_model(options)
    data, split = load_source(options)
    arguments: dict[str, Any] = {
        "seconds": options.seconds,
        "trials": options.trials,
        "metric": options.metric,
        "exclude_seen": not options.keep_seen,
        "journal": options.journal,
        "model": model,
        "progress": False if options.quiet else None,
    }
    log_file = notices(options)
    with contextlib.redirect_stdout(log_file):
        tuned = autotune(data if split is None else split, **arguments)
    if options.save is not None:
        best = tuned.model
        if split is not None:
            # It has not seen the test part yet, on which it was measured.
            best = WRMF(**best.get_params()).fit(data)
        # Before anything is printed, which the reader of a pipe may not wait for.
        save_model(best, options.save, options)
    if not options.quiet or options.out is not None or options.format is not None:
        write_table(tuned.to_frame(), options.out, options.format)
    print(tuned.summary, file=log_file)
    if options.save is not None:
        print(f"fitted to {data!r}: saved to {describe_place(options.save)}", file=log_file)


def load_source(options: argparse.Namespace) -> tuple[Interactions, Split | None]:
    """Return the data, and their split if an option of splits is typed."""
    typed = [getattr(options, option[2:].replace("-", "_")) for option in SPLIT_PARAMETERS.values()]
    if options.split is None and options.test is None and all(value is None for value in typed):
        return load_data(options), None
    options.split = options.split or "leave-out"
    return load_data_and_split(options)
