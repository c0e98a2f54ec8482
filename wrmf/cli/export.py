"""``wrmf export``: write the items of a saved model for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from wrmf.cli.streams import STREAM, load_model, notices, output_path
from wrmf.export.export import KINDS

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the kind of file and its path."""
    command.add_argument("model", type=Path, help="model file written by wrmf fit")
    command.add_argument("kind", choices=KINDS, help="library of the index, or npz for arrays")
    command.add_argument("path", type=Path, help="file to write; - for npz on standard output")


def run(options: argparse.Namespace) -> None:
    """Write the file, and print what it holds and how many of the best items it finds."""
    if options.path == STREAM and options.kind != "npz":
        raise ValueError(
            f"an index of {options.kind} is two files, the second one with the ids: name the first"
        )
    model = load_model(options.model)
    with output_path(options.path) as path:
        report = str(model.export(options.kind, path))
    print(report.replace(str(path), str(options.path)), file=notices(options))
