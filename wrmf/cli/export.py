"""``wrmf export``: write the items of a saved model for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from wrmf.cli.verb import Verb
from wrmf.export.export import KINDS
from wrmf.model.loading import load

__all__ = ["EXPORT"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the kind of file and its path."""
    command.add_argument("model", type=Path, help="model file written by wrmf fit")
    command.add_argument("kind", choices=KINDS, help="library of the index, or npz for arrays")
    command.add_argument("path", type=Path, help="file to write")


def run(options: argparse.Namespace) -> None:
    """Write the file, and print what it holds and how many of the best items it finds."""
    print(load(options.model).export(options.kind, options.path))


EXPORT = Verb(
    name="export",
    summary="Write the items of a saved model as an index of another library, or as arrays.",
    details="An index finds the best items approximately; its recall is printed.",
    example="wrmf export model.wrmf faiss items.faiss",
    add_options=add_options,
    run=run,
)
