"""``wrmf similar``: the nearest neighbours of items from a saved model."""

from __future__ import annotations

import argparse

from wrmf.cli.recommend import add_filter_options, add_model_argument, filters, parse_ids
from wrmf.cli.streams import load_model
from wrmf.cli.tables import add_table_option, write_table

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the model, the items and the number of neighbours."""
    add_model_argument(command)
    command.add_argument(
        "item_ids", nargs="+", metavar="item", help="item ids, or names that only one item has"
    )
    command.add_argument("-n", type=int, default=10, help="number of neighbours for each item")
    add_filter_options(command.add_argument)
    add_table_option(command.add_argument)


def run(options: argparse.Namespace) -> None:
    """Write a table of items, their neighbours and the cosines between them."""
    model = load_model(options.model)
    chosen = filters(model, options)
    if "items" in chosen:
        chosen["among"] = chosen.pop("items")
    items = parse_ids(options.item_ids, model.items)
    write_table(
        model.similar_items(items, n=options.n, **chosen).to_frame(), options.out, options.format
    )
