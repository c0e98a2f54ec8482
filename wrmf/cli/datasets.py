"""``wrmf datasets``: generate or download a data set, and write it as a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wrmf.cli.options import add_seed_option
from wrmf.cli.streams import describe_place, notices
from wrmf.cli.tables import add_table_option, write_table
from wrmf.datasets import DATASETS, synthetic_raw_likes, write_likes_file

__all__ = ["add_options", "run"]

# A data set in the form of a file with repeated rows. The data sets in DATASETS have no repeats.
RAW = "synthetic-raw"
RAW_DESCRIPTION = "Generated likes in the file format of Rosenthal 2016, with repeated rows"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the name, the file and the seed."""
    command.add_argument("name", nargs="?", help="name of a data set; by default all are listed")
    add_table_option(
        command.add_argument,
        "the data set",
        f"by default NAME.csv, likes.psv for {RAW}, unless there is a --format",
    )
    command.add_argument(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="folder with the archive of the data set, or with what it holds: nothing is then "
        "downloaded; downloads are kept in the folder WRMF_DATA",
    )
    add_seed_option(command)


def run(options: argparse.Namespace) -> None:
    """List the data sets, or write one."""
    if options.name is None:
        write_list(options)
    elif options.name == RAW:
        write_raw_likes(options.out or Path("likes.psv"), options.seed)
    else:
        write_dataset(options)


def write_list(options: argparse.Namespace) -> None:
    """Print one line for each data set, or write their table."""
    import pandas as pd

    rows = {RAW: RAW_DESCRIPTION}
    rows.update((name, dataset.description) for name, dataset in DATASETS.items())
    if options.out is not None or options.format is not None:
        write_table(pd.DataFrame(described(rows)), options.out, options.format)
        return
    width = max(map(len, rows))
    for name, description in rows.items():
        print(f"{name:{width}}  {description}")


def described(descriptions: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what is known of each data set."""
    for name, description in descriptions.items():
        source = DATASETS[name].source if name in DATASETS else None
        yield {
            "name": name,
            "description": description,
            "megabytes": source.megabytes if source else None,
            "terms": source.terms if source else "",
            "home": source.home if source else "",
        }


def write_raw_likes(out: Path, seed: int) -> None:
    """Generate raw likes and write them to ``out``, a file with the ending ``.psv``."""
    if out.suffix.lower() != ".psv":
        raise ValueError(f"{RAW} is written with its own quotes, as .psv: got --out {out}")
    write_likes_file(synthetic_raw_likes(random_state=seed), out)
    print(f"{out}: columns modelname, mid, uid")


def write_dataset(options: argparse.Namespace) -> None:
    """Load a data set and write its pairs."""
    name, out = options.name, options.out
    if name not in DATASETS:
        # The categories of Amazon would fill the message.
        known = [RAW, *(key for key in DATASETS if not key.startswith("amazon-"))]
        raise ValueError(
            f"unknown data set {name!r}; expected one of {', '.join(known)}, or amazon- and a "
            "category that `wrmf datasets` lists"
        )
    if out is None and options.format is None:
        out = Path(f"{name}.csv")
    data = DATASETS[name].load(random_state=options.seed, folder=options.folder)
    frame = data.to_frame()
    write_table(frame, out, options.format)
    log_file = notices(options)
    print(f"{describe_place(out)}: columns {', '.join(frame.columns)}", file=log_file)
    print(data.summary(), file=log_file)
