"""Features of users and of items, from tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrmf.cli.recommend import parse_ids
from wrmf.cli.streams import STREAM
from wrmf.data.interactions import Interactions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_feature_options", "load_features"]

SEPARATORS = {".tsv": "\t", ".psv": "|"}
SIDES = ("user", "item")


def add_feature_options(command: argparse.ArgumentParser) -> None:
    """Add the tables of features; see :func:`load_features`."""
    add = command.add_argument_group("features").add_argument
    for side in SIDES:
        add(
            f"--{side}-features",
            type=Path,
            metavar="FILE",
            help=f"table of numbers: a row for each {side}, whose id is in the column --{side}; "
            "csv, tsv, psv (also compressed), jsonl, parquet or feather",
        )


def load_features(options: argparse.Namespace, data: Interactions) -> dict[str, Any]:
    """Return the arguments of ``WRMF.fit`` for the tables that the options name.

    Ids are matched with those of the data by their text, so that 007 stays 007.
    """
    given = {}
    for side in SIDES:
        path = getattr(options, f"{side}_features")
        if path is not None:
            column = getattr(options, side) or side
            ids = data.users if side == "user" else data.items
            table = _read_table(path, str(column), options)
            table[side] = parse_ids(table.pop(column).astype(str).tolist(), ids)
            given[f"{side}_features"] = table
    return given


def _read_table(path: Path, column: str, options: argparse.Namespace) -> pd.DataFrame:
    """Return a table with the ids of a column as text, where the file has text."""
    import pandas as pd

    name = Path(path.stem) if path.suffix in (".gz", ".bz2", ".xz", ".zst", ".zip") else path
    source: Any = sys.stdin.buffer if path == STREAM else path
    try:
        if name.suffix == ".parquet":
            table = pd.read_parquet(source)
        elif name.suffix in (".feather", ".arrow"):
            table = pd.read_feather(source)
        elif name.suffix in (".jsonl", ".ndjson"):
            table = pd.read_json(source, lines=True, dtype={column: str})
        else:
            sep = options.sep or SEPARATORS.get(name.suffix, ",")
            encoding = options.encoding or "utf-8-sig"
            table = pd.read_csv(source, sep=sep, dtype={column: str}, encoding=encoding)
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {path}") from None
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as a table of features: {reason}") from None
    if column not in table:
        raise ValueError(f"{path} has no column {column!r} with ids; it has {list(table)}")
    return table
