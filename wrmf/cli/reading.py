r"""The options of the command line for the parameters of :func:`wrmf.read_interactions`."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.cli.streams import read_lines
from wrmf.data.formats.databases import is_database
from wrmf.data.ids import encode_ids
from wrmf.data.reading import read_interactions
from wrmf.data.rows import DUPLICATES
from wrmf.model.loading import load

__all__ = [
    "EVENT_WEIGHT",
    "READING",
    "ReadingOption",
    "add_reading_options",
    "as_column",
    "reading_arguments",
]

EVENT_WEIGHT = "--event-weight"


def as_column(text: str, options: argparse.Namespace) -> str | int:
    """Return a column as the library expects it: its name, or its position with --no-header."""
    if options.header is not False:
        return text
    if not text.isdecimal():
        raise ValueError(
            f"with --no-header columns are positions from 0, as in --user 0 --item 1; got {text!r}"
        )
    return int(text)


# Parameters that say which axes the result gets; a file --like is read without them.
AXES = ("like", "users", "items", "unknown")


def _as_like(source: str, options: argparse.Namespace) -> object:
    """Return the model in a file, or the interactions in a source that is read like the data."""
    reason = "there is no file of this name"
    if not is_database(source) and Path(source).is_file():
        try:
            return load(source)
        except ValueError as error:
            reason = str(error)
    try:
        return read_interactions(source, **reading_arguments(options, leave_out=AXES))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{source} of --like is no model ({reason}), and cannot be read like the data: {error}"
        ) from None


def _as_axis(path: Path, options: argparse.Namespace) -> np.ndarray:
    """Return the ids in a file that has one id in each line."""
    import pandas as pd

    texts = read_lines(path, options.encoding)
    codes, ids = encode_ids(pd.Series(texts, dtype=object), str(path), typed=False)
    if not texts or (codes < 0).any():
        null = f"a null, {texts[int((codes < 0).argmax())]!r}" if texts else "no line"
        raise ValueError(f"{path} must hold one id in each line, it holds {null}")
    return ids


def _unchanged(value: Any, options: argparse.Namespace) -> Any:
    return value


@dataclass(frozen=True)
class ReadingOption:
    """The option for one parameter of :func:`wrmf.read_interactions`.

    Attributes
    ----------
    parameter : str
        The name of the parameter and of the attribute of the parsed options. The attribute is None
        if the option is not given.
    option : str
        The option as it is typed, such as ``--user``.
    help : str
        The help of the option, without the default.
    settings : dict
        Further arguments of ``ArgumentParser.add_argument``.
    convert : callable(value, options)
        Returns the argument of :func:`wrmf.read_interactions` for the value that was typed.
    """

    parameter: str
    option: str
    help: str
    settings: dict[str, Any] = field(default_factory=dict)
    convert: Callable[[Any, argparse.Namespace], Any] = _unchanged


# Settings that several options share.
COLUMN = {"metavar": "COLUMN"}
FILE = {"metavar": "FILE", "type": Path}
MARK = {"metavar": "MARK"}
NAME = {"metavar": "NAME"}
TEXT = {"metavar": "TEXT"}

# One row for each parameter, in the order of the help.
READING: tuple[ReadingOption, ...] = (
    ReadingOption(
        "user", "--user", "column of user ids, with --no-header its position", COLUMN, as_column
    ),
    ReadingOption(
        "item", "--item", "column of item ids, with --no-header its position", COLUMN, as_column
    ),
    ReadingOption(
        "value",
        "--value",
        "column of counts; without it, each row counts 1",
        COLUMN,
        as_column,
    ),
    ReadingOption(
        "event",
        "--event",
        f"column of events, whose weights {EVENT_WEIGHT} gives",
        COLUMN,
        as_column,
    ),
    ReadingOption(
        "time", "--time", "column of times, for --split time and last", COLUMN, as_column
    ),
    ReadingOption(
        "time_format",
        "--time-format",
        "how times are written: s, ms, us or ns since 1970, or a pattern such as %%d.%%m.%%Y; by "
        "default ISO dates and plain numbers are understood",
        {"metavar": "FORMAT"},
    ),
    ReadingOption(
        "item_name",
        "--item-name",
        "column of item names, in the data or in the table --names",
        COLUMN,
        as_column,
    ),
    ReadingOption(
        "layout",
        "--layout",
        "pairs: one interaction in each line; user-items: a user, then its items; baskets: the "
        "items of one basket; wide: a column for each item",
        NAME,
    ),
    ReadingOption(
        "header",
        "--no-header",
        "the first line is a row like others, and columns are positions from 0",
        {"action": "store_const", "const": False},
    ),
    ReadingOption(
        "sep",
        "--sep",
        r"column separator, such as ';', '::' or '\t'; by default it follows from the file",
        TEXT,
    ),
    ReadingOption(
        "encoding", "--encoding", "encoding of the text, such as latin-1; by default utf-8", NAME
    ),
    ReadingOption("decimal", "--decimal", "decimal mark of values, '.' or ','", MARK),
    ReadingOption("comment", "--comment", "skip lines that begin with this text", TEXT),
    ReadingOption(
        "quote", "--quote", "mark around fields that hold the separator, or 'none'", MARK
    ),
    ReadingOption(
        "bad_lines",
        "--bad-lines",
        "error, or drop lines with more or fewer fields than the first",
        NAME,
    ),
    ReadingOption(
        "nulls",
        "--nulls",
        "error; drop: leave out rows without a user, item, value or time; keep: take words such as "
        "NULL for ids",
        NAME,
    ),
    ReadingOption(
        "negative",
        "--negative",
        "error, drop, or dislike: keep rows with a value below 0",
        NAME,
    ),
    ReadingOption(
        "min_value",
        "--min-value",
        "drop rows with a value below this one, such as ratings below 4",
        {"metavar": "X", "type": float},
    ),
    ReadingOption(
        "duplicates",
        "--duplicates",
        "how to treat repeated (user, item) pairs; drop keeps the first row",
        {"choices": DUPLICATES},
    ),
    ReadingOption(
        "like",
        "--like",
        "model, or a file read like the data: its users and items are the axes",
        {"metavar": "FILE"},
        _as_like,
    ),
    ReadingOption(
        "users", "--users", "file of user ids, one in each line: the axis of users", FILE, _as_axis
    ),
    ReadingOption(
        "items", "--items", "file of item ids, one in each line: the axis of items", FILE, _as_axis
    ),
    ReadingOption(
        "unknown",
        "--unknown",
        "error, drop or extend: ids that are not on the given axes",
        NAME,
    ),
)


def add_reading_options(add: Callable[..., argparse.Action]) -> None:
    """Add an option for each parameter, with the library's default in its help.

    ``add`` is the ``add_argument`` of a parser or of a group of its options.
    """
    parameters = inspect.signature(read_interactions).parameters
    for row in READING:
        default = getattr(parameters.get(row.parameter), "default", None)
        text = f"{row.help} (default: {default})" if isinstance(default, str) else row.help
        add(row.option, dest=row.parameter, help=text, **row.settings)
    add(
        EVENT_WEIGHT,
        dest="event_weights",
        type=_parse_event_weight,
        action="append",
        metavar="EVENT=WEIGHT",
        help="weight of one event of the column --event, such as cart=3; repeat it for others",
    )


def _parse_event_weight(text: str) -> tuple[str, float]:
    """Return the event and the weight of ``event=weight``."""
    event, _, weight = text.rpartition("=")
    try:
        if event:
            return event, float(weight)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected EVENT=WEIGHT such as cart=3, got {text!r}")


def reading_arguments(options: argparse.Namespace, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments of :func:`wrmf.read_interactions` that the options give."""
    arguments = {
        row.parameter: row.convert(getattr(options, row.parameter), options)
        for row in READING
        if getattr(options, row.parameter) is not None and row.parameter not in leave_out
    }
    if options.event_weights:
        weights = dict(options.event_weights)
        if len(weights) < len(options.event_weights):
            raise ValueError(f"{EVENT_WEIGHT} names an event twice")
        if options.value is not None:
            raise ValueError(
                f"--value and {EVENT_WEIGHT} both say what a row counts: name the column of events "
                "by --event"
            )
        arguments["value"] = weights
    return arguments
