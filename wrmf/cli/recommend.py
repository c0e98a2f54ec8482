"""``wrmf recommend``: lists of items for users from a saved model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.cli.streams import STREAM, load_model, output_path, read_lines
from wrmf.cli.tables import add_table_option, is_printed_text, write_table
from wrmf.model.list_files import FORMATS
from wrmf.model.names import NameIndex
from wrmf.model.wrmf import WRMF

__all__ = ["add_options", "run"]

# The id that the user of --history has in the table.
NEW_USER = "new"
ITEM_LINES = "a file with an item id, or a name that only one item has, in each line, or -"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the users and the length of the lists."""
    add_model_argument(command)
    add = command.add_argument
    add("user_ids", nargs="*", metavar="user", help="user ids; all users where none is given")
    add(
        "--users-file",
        type=Path,
        metavar="FILE",
        help="further user ids: a file with one in each line, or -",
    )
    add(
        "--history",
        nargs="+",
        metavar="ITEM",
        help="item ids, or names that only one item has, of a user that the model does not know; "
        f"the user is called {NEW_USER} in the table",
    )
    add("--history-file", type=Path, metavar="FILE", help=f"the same: {ITEM_LINES}")
    add("-n", type=int, default=10, help="number of items for each user")
    add(
        "--keep-seen",
        action="store_true",
        help="also list items that the user has interacted with",
    )
    add(
        "--fallback",
        metavar="NAME",
        help="popular: users without interactions get the items that most users have; by default "
        "they get none",
    )
    add(
        "--unknown",
        choices=("raise", "skip", "popular"),
        default="raise",
        help="what to do with ids that are no user of the model: raise an error, give an empty "
        "list, or the items that most users have; skip leaves unknown items of a history out",
    )
    add_filter_options(add)
    add_table_option(add)


def add_model_argument(command: argparse.ArgumentParser) -> None:
    """Add the file of the model."""
    command.add_argument(
        "model", type=Path, help="model file written by wrmf fit, or - for standard input"
    )


def add_filter_options(add: Callable[..., argparse.Action]) -> None:
    """Add which items may be listed; ``add`` is the ``add_argument`` of a parser."""
    for name, text in (
        ("exclude", "leave out these items"),
        ("items", "choose from these items only"),
    ):
        add(f"--{name}-file", type=Path, metavar="FILE", help=f"{text}: {ITEM_LINES}")
    add("--min-score", type=float, metavar="X", help="leave out items with a lower score")
    add(
        "--unknown-items",
        choices=("raise", "skip"),
        default="raise",
        help="what to do with items in these files that the model does not have: an error, or "
        "nothing",
    )


def run(options: argparse.Namespace) -> None:
    """Write a table of users, items, ranks and scores."""
    users_named = options.user_ids or options.users_file is not None
    has_history = options.history is not None or options.history_file is not None
    if has_history and users_named:
        raise ValueError(
            "--history is of a user that the model does not know: leave out other users"
        )
    model = load_model(options.model)
    arguments: dict[str, Any] = {
        "exclude_seen": not options.keep_seen,
        **filters(model, options),
    }
    if options.fallback is not None:
        arguments["fallback"] = options.fallback
    if has_history:
        write_new_user(model, options, arguments)
        return
    arguments["unknown"] = options.unknown
    users = None
    if users_named:
        if options.users_file not in (None, STREAM) and not options.users_file.exists():
            # --users, as the library calls its parameter, is understood as --users-file.
            raise FileNotFoundError(
                f"no such file: {options.users_file}; users are typed without an option, as in "
                f"wrmf recommend {options.model} ann bob"
            )
        lines = stripped_lines(options.users_file)
        users = parse_ids([*options.user_ids, *lines], model.users)
    ending = None if options.out in (None, STREAM) else options.out.suffix[1:].lower()
    if (options.format if ending is None else ending) in FORMATS:
        with output_path(options.out or STREAM, is_text=is_text(options.format)) as path:
            written = model.recommend_to(path, users, options.n, format=options.format, **arguments)
        n_users, n_empty = written.n_users, written.n_empty
    else:
        lists = model.recommend(users, n=options.n, **arguments)
        write_table(lists.to_frame(), options.out, options.format)
        n_users, n_empty = len(lists), int((lists.counts == 0).sum())
    if n_empty:
        print(f"Users without a list: {n_empty} of {n_users}", file=sys.stderr)


def is_text(name: str | None) -> bool:
    """Return whether what is printed is text; a file, which has no format, may be anything."""
    return name is None or is_printed_text(name)


def write_new_user(model: WRMF, options: argparse.Namespace, arguments: dict[str, Any]) -> None:
    """Write the list of a user that the model does not know, from a history."""
    texts = [*(options.history or []), *stripped_lines(options.history_file)]
    items = parse_items(texts, model)
    if options.unknown == "skip":
        arguments["unknown"] = "skip"
    elif options.unknown == "popular":
        raise ValueError("--unknown popular is for users; for a --history, pass --unknown skip")
    lists = model.recommend_new({NEW_USER: items}, n=options.n, **arguments)
    write_table(lists.to_frame(), options.out, options.format)


def filters(model: WRMF, options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of lists that the options of :func:`add_filter_options` give."""
    given: dict[str, Any] = {}
    if options.unknown_items != "raise":
        given["unknown_items"] = options.unknown_items
    if options.min_score is not None:
        given["min_score"] = options.min_score
    for name, path in (("exclude", options.exclude_file), ("items", options.items_file)):
        if path is not None:
            given[name] = parse_ids(stripped_lines(path), model.items)
    return given


def stripped_lines(path: Path | None) -> list[str]:
    """Return the lines of a file without spaces around them and without empty ones."""
    return [] if path is None else [line.strip() for line in read_lines(path)]


def parse_ids(texts: Sequence[str], model_ids: np.ndarray) -> list[Any]:
    """Return the ids of a model whose texts were typed; other texts are returned unchanged.

    Such a text may be the name of an item; if it is not, the model reports it as unknown.
    """
    ids = model_ids.tolist()
    by_text = {str(model_id): model_id for model_id in ids}
    # If 7 and "7" are both ids, a typed 7 means the text.
    by_text.update((model_id, model_id) for model_id in ids if isinstance(model_id, str))
    return [by_text.get(text, text) for text in texts]


def parse_items(texts: Sequence[str], model: WRMF) -> list[Any]:
    """Return the ids of items whose ids or names were typed, as histories need them."""
    if model.item_names is None:
        return parse_ids(texts, model.items)
    names, known = NameIndex(model.items, model.item_names.tolist()), set(model.items.tolist())
    ids = []
    for text, item in zip(texts, parse_ids(texts, model.items), strict=True):
        place = -1 if item in known else names.position(text)
        ids.append(item if place < 0 else model.items[place])
    return ids
