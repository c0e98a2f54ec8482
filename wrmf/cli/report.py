"""``wrmf report``: one HTML page about a search and a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Hashable
from pathlib import Path

from wrmf.cli.data import add_data_options, load_data
from wrmf.cli.options import add_seed_option
from wrmf.cli.splits import SPLIT_PARAMETERS, add_split_options, load_data_and_split
from wrmf.cli.streams import describe_place, input_path, notices, output_path
from wrmf.model.loading import load
from wrmf.model.persistence import read_note
from wrmf.pictures import ApiPictures, FolderPictures, Picture, UrlPictures
from wrmf.report.page import write_report
from wrmf.search.journal import read_journal

__all__ = ["add_options", "run"]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the data, the journal, the model, the comparison, pictures and the page's file."""
    add_data_options(command)
    add_split_options(command)
    add_seed_option(command)
    add = command.add_argument
    add(
        "--journal",
        type=Path,
        metavar="FILE",
        help="journal written by wrmf search --journal, finished or not; always needed",
    )
    add(
        "--model",
        type=Path,
        metavar="FILE",
        help="model file written by wrmf fit, whose people and items the page shows",
    )
    add(
        "--compare",
        action="store_true",
        help="fit the best setting to the training part, and compare it on what is held out with "
        "popular items and item neighbours; say what is held out as for the search",
    )
    add(
        "--item-knn",
        action="store_true",
        help="compare with item neighbours even where they take longer than some seconds",
    )
    add("--pictures", type=Path, metavar="FOLDER", help="folder of pictures named by item id")
    add(
        "--picture-url",
        metavar="URL",
        help="address of an item's picture, with {item} in place of the item's id; with "
        "--picture-path, address of JSON that contains the picture's address",
    )
    add(
        "--picture-path",
        metavar="PATH",
        help="path to the picture's address within the JSON, such as "
        "thumbnails.images[width==200].url",
    )
    add(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="HTML file to write, or - for standard output",
    )


def run(options: argparse.Namespace) -> None:
    """Write the page."""
    if options.journal is None:
        raise ValueError(
            "a report needs the journal of a search: wrmf search DATA --journal search.jsonl "
            "writes it, and wrmf report DATA --journal search.jsonl the page"
        )
    check_comparison(options)
    pictures = picture_source(options)
    split = None
    if options.compare:
        data, split = load_data_and_split(options)
    else:
        data = load_data(options)
    model, commands = None, [options.note]
    if options.model:
        with input_path(options.model) as file:
            model = load(file)
            commands.insert(0, read_note(file))
    with input_path(options.journal) as journal:
        result = read_journal(journal)
    with output_path(options.out, is_text=True) as page:
        write_report(
            page,
            result,
            model,
            data,
            pictures,
            random_state=options.seed,
            split=split,
            item_knn=options.item_knn or None,
            commands=filter(None, commands),
        )
    print(f"report: {describe_place(options.out)}", file=notices(options))


def check_comparison(options: argparse.Namespace) -> None:
    """Raise an error for options of the comparison that would have no effect."""
    if options.keep_seen:
        raise ValueError("--keep-seen has no meaning for report, which never lists what is known")
    if options.compare:
        return
    names = ["--test", *SPLIT_PARAMETERS.values()]
    typed = [name for name in names if getattr(options, name[2:].replace("-", "_")) is not None]
    if options.item_knn:
        typed.append("--item-knn")
    if typed:
        raise ValueError(f"{typed[0]} has a meaning only with --compare")


def picture_source(options: argparse.Namespace) -> Callable[[Hashable], Picture | None] | None:
    """Return the source of pictures that the options name, None where they name none."""
    if options.pictures:
        return FolderPictures(options.pictures)
    if options.picture_url and options.picture_path:
        return ApiPictures(options.picture_url, options.picture_path)
    if options.picture_url:
        return UrlPictures(options.picture_url)
    return None
