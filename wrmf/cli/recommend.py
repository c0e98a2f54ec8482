"""``wrmf recommend`` and ``wrmf similar``: lists of items from a saved model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.cli.tables import add_table_option, write_table
from wrmf.cli.verb import Verb
from wrmf.model.list_files import FORMATS
from wrmf.model.loading import load

__all__ = ["RECOMMEND", "SIMILAR"]


def add_recommend_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the users and the length of the lists."""
    command.add_argument("model", type=Path, help="model file written by wrmf fit")
    command.add_argument(
        "user_ids", nargs="*", metavar="user", help="user ids; all users where none is given"
    )
    command.add_argument("-n", type=int, default=10, help="number of items for each user")
    command.add_argument(
        "--keep-seen",
        action="store_true",
        help="also list items that the user has interacted with",
    )
    command.add_argument(
        "--fallback",
        metavar="NAME",
        help="popular: users without interactions get the items that most users have; by default "
        "they get none",
    )
    command.add_argument(
        "--unknown",
        choices=("raise", "skip", "popular"),
        default="raise",
        help="what to do with ids that are no user of the model: raise an error, give an empty "
        "list, or the items that most users have",
    )
    for name, text in (
        ("exclude", "leave out these items"),
        ("items", "choose from these items only"),
    ):
        command.add_argument(
            f"--{name}-file",
            type=Path,
            metavar="FILE",
            help=f"{text}: a file with an item id, or a name that only one item has, in each line",
        )
    command.add_argument(
        "--min-score", type=float, metavar="X", help="leave out items with a lower score"
    )
    add_table_option(command.add_argument)


def run_recommend(options: argparse.Namespace) -> None:
    """Write a table of users, items, ranks and scores."""
    model = load(options.model)
    users = parse_ids(options.user_ids, model.users) if options.user_ids else None
    arguments: dict[str, Any] = {
        "exclude_seen": not options.keep_seen,
        "unknown": options.unknown,
    }
    if options.fallback is not None:
        arguments["fallback"] = options.fallback
    if options.min_score is not None:
        arguments["min_score"] = options.min_score
    for name, path in (("exclude", options.exclude_file), ("items", options.items_file)):
        if path is not None:
            arguments[name] = parse_ids(_lines(path), model.items)
    if options.out is None or options.out.suffix[1:] not in FORMATS:
        lists = model.recommend(users, n=options.n, **arguments)
        write_table(lists.to_frame(), options.out)
        n_users, n_empty = len(lists), int((lists.counts == 0).sum())
    else:
        n_users, _, n_empty = model.recommend_to(options.out, users, n=options.n, **arguments)
    if n_empty:
        print(f"Users without a list: {n_empty} of {n_users}", file=sys.stderr)


def add_similar_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the items and the number of neighbours."""
    command.add_argument("model", type=Path, help="model file written by wrmf fit")
    command.add_argument(
        "item_ids", nargs="+", metavar="item", help="item ids, or names that only one item has"
    )
    command.add_argument("-n", type=int, default=10, help="number of neighbours for each item")
    add_table_option(command.add_argument)


def run_similar(options: argparse.Namespace) -> None:
    """Write a table of items, their neighbours and the cosines between them."""
    model = load(options.model)
    neighbours = model.similar_items(parse_ids(options.item_ids, model.items), n=options.n)
    write_table(neighbours.to_frame(), options.out)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, without empty ones."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def parse_ids(texts: Sequence[str], model_ids: np.ndarray) -> list[Any]:
    """Return the ids of a model whose texts were typed; other texts are returned unchanged.

    Such a text may be the name of an item; if it is not, the model reports it as unknown.
    """
    ids = model_ids.tolist()
    by_text = {str(model_id): model_id for model_id in ids}
    # If 7 and "7" are both ids, a typed 7 means the text.
    by_text.update((model_id, model_id) for model_id in ids if isinstance(model_id, str))
    return [by_text.get(text, text) for text in texts]


RECOMMEND = Verb(
    name="recommend",
    summary="List the best items for users of a saved model.",
    details="Items that a user has interacted with are excluded. A list is shorter than -n where\n"
    "fewer items are left. A file of text, JSON lines or parquet is written\n"
    "in blocks of users, so that memory does not grow with their number.",
    example="wrmf recommend model.wrmf ann bob -n 5",
    add_options=add_recommend_options,
    run=run_recommend,
)
SIMILAR = Verb(
    name="similar",
    summary="List the nearest neighbours of items of a saved model.",
    details="Items are compared by the cosine of their factors.",
    example="wrmf similar model.wrmf item-7 -n 5",
    add_options=add_similar_options,
    run=run_similar,
)
