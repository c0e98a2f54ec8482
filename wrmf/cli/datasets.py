"""``wrmf datasets``: generate or download a data set, and write it as a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from wrmf.cli.options import add_seed_option
from wrmf.cli.tables import TABLE_ENDINGS, table_file, write_table
from wrmf.cli.verb import Verb
from wrmf.datasets import DATASETS, synthetic_raw_likes, write_likes_file

__all__ = ["DATASETS_VERB"]

# A data set in the form of a file with repeated rows. The data sets in DATASETS have no repeats.
RAW = "synthetic-raw"
RAW_DESCRIPTION = "Generated likes in the file format of Rosenthal 2016, with repeated rows"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the name, the file and the seed."""
    command.add_argument("name", nargs="?", help="name of a data set; by default all are listed")
    command.add_argument(
        "--out",
        type=table_file,
        metavar="FILE",
        help=f"file to write; by default NAME.csv, likes.psv for {RAW}; endings: {TABLE_ENDINGS}",
    )
    add_seed_option(command)


def run(options: argparse.Namespace) -> None:
    """List the data sets, or write one."""
    if options.name is None:
        print(list_datasets())
    elif options.name == RAW:
        write_raw_likes(options.out or Path("likes.psv"), options.seed)
    else:
        write_dataset(options.name, options.out or Path(f"{options.name}.csv"), options.seed)


def list_datasets() -> str:
    """Return one line for each data set: its name and what it contains."""
    rows = {RAW: RAW_DESCRIPTION}
    rows.update((name, dataset.description) for name, dataset in DATASETS.items())
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {description}" for name, description in rows.items())


def write_raw_likes(out: Path, seed: int) -> None:
    """Generate raw likes and write them to ``out``, a file with the ending ``.psv``."""
    if out.suffix.lower() != ".psv":
        raise ValueError(f"{RAW} is written with its own quotes, as .psv: got --out {out}")
    write_likes_file(synthetic_raw_likes(random_state=seed), out)
    print(f"{out}: columns modelname, mid, uid")


def write_dataset(name: str, out: Path, seed: int) -> None:
    """Load the data set ``name`` and write its pairs to ``out``."""
    if name not in DATASETS:
        raise ValueError(
            f"unknown data set {name!r}; expected one of {', '.join([RAW, *DATASETS])}"
        )
    data = DATASETS[name].load(random_state=seed)
    frame = data.to_frame()
    if data.item_names is not None:
        frame["name"] = data.item_names[data.matrix.indices]
    write_table(frame, out)
    print(f"{out}: columns {', '.join(frame.columns)}")
    print(data.summary())


DATASETS_VERB = Verb(
    name="datasets",
    summary="Generate or download a data set; without a name, list all of them.",
    example="wrmf datasets synthetic-raw --out likes.psv",
    add_options=add_options,
    run=run,
)
