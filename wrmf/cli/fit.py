"""``wrmf fit``: train a model and save it."""

from __future__ import annotations

import argparse
from pathlib import Path

from wrmf.cli.cluster import add_cluster_options, check_local, fit_on_cluster
from wrmf.cli.data import add_data_options, load_data
from wrmf.cli.features import add_feature_options, load_features
from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.parameters import add_model_options, build_model, describe_automatic
from wrmf.cli.streams import check_outputs, describe_place, notices, save_model

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the data, the model's parameters and the file of the model."""
    add_data_options(command)
    add_model_options(command)
    add_feature_options(command)
    add_thread_option(command)
    add_seed_option(command)
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to save the model in, or - for standard output (default: model.wrmf; none with "
        "--scheduler, where the fit is in --folder)",
    )
    add_cluster_options(command)


def run(options: argparse.Namespace) -> None:
    """Train on all interactions and save the model."""
    unfitted = build_model(options)
    if options.scheduler is not None:
        fitted = fit_on_cluster(options, unfitted)
        if options.out is not None:
            save_model(fitted, options.out, options)
        saved = "" if options.out is None else f" and to {options.out}"
        print(f"{fitted!r}: saved in {options.folder}{saved}", file=notices(options))
        return
    check_local(options)
    if options.out is None:
        options.out = Path("model.wrmf")
        check_outputs(options)
    data = load_data(options)
    model = unfitted.fit(data, **load_features(options, data))
    save_model(model, options.out, options)
    log_file = notices(options)
    if chosen := describe_automatic(model):
        print(f"chosen by the data: {chosen}", file=log_file)
    saved = describe_place(options.out)
    print(f"{data!r}: fitted, loss {model.loss(data):.6g}, saved to {saved}", file=log_file)
