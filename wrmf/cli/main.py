"""The command ``wrmf``: one verb a task, files in and out."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import wrmf
from wrmf import datasets
from wrmf.cli.demo import run_demo
from wrmf.cli.options import (
    Help,
    data_options,
    model_options,
    model_params,
    run_options,
    split_options,
    start_option,
    table_option,
)
from wrmf.cli.search import run_search, search_options, told
from wrmf.model.wrmf import WRMF
from wrmf.pictures.sources import ApiPictures, FolderPictures, UrlPictures
from wrmf.search.journal import read_journal

__all__ = ["main"]

# What a user can mend is told in one line; anything else is our fault and shows its traceback.
TOLD = (ValueError, TypeError, OSError, ImportError, MemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("wrmf: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as head, has enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except TOLD as error:
        print(f"wrmf: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


# What each verb does


def _demo(options: argparse.Namespace) -> None:
    run_demo(options.out, num_threads=options.threads, random_state=options.seed)


def _search(options: argparse.Namespace) -> None:
    split = _split(options)
    result = run_search(_model(options), split, options)
    ascending = options.metric == "mse"
    _write_table(result.to_frame().sort_values("best_score", ascending=ascending), options.out)
    print(told(result))


def _fit(options: argparse.Namespace) -> None:
    data = _read(options)
    model = _model(options).fit(data)
    model.save(options.out)
    print(f"{data!r}: fitted, loss {model.loss(data):.6g}, saved to {options.out}")


def _recommend(options: argparse.Namespace) -> None:
    model = wrmf.load(options.model)
    users = _ids(options.users, model.users) if options.users else None
    found = model.recommend(users, n=options.n, exclude_seen=not options.keep_seen)
    _write_table(found.to_frame(), options.out)


def _similar(options: argparse.Namespace) -> None:
    model = wrmf.load(options.model)
    found = model.similar_items(_ids(options.items, model.items), n=options.n)
    _write_table(found.to_frame().rename(columns={"user": "query"}), options.out)


def _evaluate(options: argparse.Namespace) -> None:
    split = _split(options)
    model = _model(options).fit(split.train)
    rows = []
    for side in ("train", "test"):
        scores = wrmf.evaluate(
            model, split, options.metrics, exclude_seen=not options.keep_seen, on=side
        )
        rows.append({"on": side, "users": scores.n_users, **dict(scores)})
    _write_table(pd.DataFrame(rows), options.out)


def _report(options: argparse.Namespace) -> None:
    pictures: Any = None
    if options.pictures:
        pictures = FolderPictures(options.pictures)
    elif options.picture_url and options.picture_path:
        pictures = ApiPictures(options.picture_url, options.picture_path)
    elif options.picture_url:
        pictures = UrlPictures(options.picture_url)
    data = _read(options)
    model = wrmf.load(options.model) if options.model else None
    wrmf.write_report(options.out, read_journal(options.journal), model, data, pictures)
    print(f"report: {options.out}")


def _datasets(options: argparse.Namespace) -> None:
    known: dict[str, Callable[[], wrmf.Interactions]] = {
        "synthetic": lambda: datasets.synthetic_likes(random_state=options.seed),
        "sketchfab": datasets.fetch_sketchfab,
        "lastfm": datasets.fetch_lastfm,
        "msd": datasets.fetch_msd,
        **{
            f"movielens-{size}": functools.partial(datasets.fetch_movielens, size)
            for size in ("100k", "1m", "20m")
        },
    }
    if options.name is None:
        print("synthetic-raw and synthetic are made here; the others are downloaded:")
        print("\n".join(["synthetic-raw", *known]))
        return
    if options.name == "synthetic-raw":
        out = options.out or Path("likes.psv")
        datasets.write_likes_file(datasets.synthetic_raw_likes(random_state=options.seed), out)
        print(f"{out}: columns modelname, mid, uid")
        return
    if options.name not in known:
        raise ValueError(f"unknown data set {options.name!r}: synthetic-raw, {', '.join(known)}")
    data = known[options.name]()
    frame = data.to_frame()
    if data.item_names is not None:
        frame["name"] = data.item_names[data.matrix.indices]
    out = options.out or Path(f"{options.name}.csv")
    _write_table(frame, out)
    print(f"{out}: columns {', '.join(frame.columns)}")
    print(data.summary())


# Reading and writing


def _read(options: argparse.Namespace) -> wrmf.Interactions:
    if str(options.data) == "synthetic" and not options.data.exists():
        data = datasets.synthetic_likes(random_state=getattr(options, "seed", 0))
    else:
        data = wrmf.read_interactions(
            options.data,
            user=options.user,
            item=options.item,
            value=options.value,
            sep=options.sep,
            duplicates=options.duplicates,
            item_name=options.item_name,
        )
    if options.core:
        data = data.k_core(options.core, options.core)
    return data


def _split(options: argparse.Namespace) -> wrmf.Split:
    return wrmf.leave_k_out(
        _read(options), k=options.leave_out, fraction=options.fraction, random_state=options.seed
    )


def _model(options: argparse.Namespace) -> WRMF:
    return WRMF(**model_params(options))


def _ids(texts: Sequence[str], known: np.ndarray) -> list[Any]:
    """Ids as typed, turned into numbers where the model's ids are numbers."""
    if known.dtype == object:
        return list(texts)
    try:
        return [int(text) for text in texts]
    except ValueError:
        raise ValueError(f"ids of this model are whole numbers, got {list(texts)}") from None


def _write_table(frame: pd.DataFrame, out: Path | None) -> None:
    if out is None:
        print(frame.to_string(index=False))
    elif out.suffix == ".parquet":
        frame.to_parquet(out, index=False)
    else:
        frame.to_csv(out, index=False, sep="\t" if out.suffix == ".tsv" else ",")


# The grammar


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wrmf",
        formatter_class=Help,
        description="Recommendations from likes, plays, clicks or purchases, by weighted\n"
        "regularised matrix factorisation. Every verb has its own --help.",
        epilog="start here:\n"
        "  wrmf demo                                          all steps, on made-up likes\n"
        "  wrmf fit likes.csv --user uid --item mid           then model.wrmf is there\n"
        "  wrmf recommend model.wrmf ann bob                  ten items for each\n",
    )
    parser.add_argument("--version", action="version", version=f"wrmf {wrmf.__version__}")
    verbs = parser.add_subparsers(metavar="verb", required=True)

    def verb(
        name: str, run: Any, text: str, more: str, example: str, *groups: Any
    ) -> argparse.ArgumentParser:
        command = verbs.add_parser(
            name,
            help=text,
            description=f"{text}\n{more}" if more else text,
            epilog=f"example:\n  {example}",
            formatter_class=Help,
        )
        command.set_defaults(run=run)
        for group in groups:
            group(command)
        return command

    demo = verb(
        "demo",
        _demo,
        "Run everything once on made-up likes.",
        "Likes are written and read back, thresholded and split; 27 settings are searched; the\n"
        "best is trained on all likes; a folder gets plots, the model and a page to look at.\n"
        "Minutes. A search that was interrupted goes on where it stopped.",
        "wrmf demo --out demo",
        run_options,
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo"), metavar="FOLDER", help="folder for the results"
    )

    verb(
        "search",
        _search,
        "Measure learning curves over a grid of settings.",
        "Some interactions are held out; each setting is trained on the rest and measured at\n"
        "each checkpoint. The table of settings comes out, the best one is named.",
        "wrmf search likes.csv --grid factors=32,64 --grid alpha=1,10 --journal search.jsonl",
        data_options,
        split_options,
        search_options,
        start_option,
        run_options,
    )

    fit = verb(
        "fit",
        _fit,
        "Train a model and save it.",
        "",
        "wrmf fit likes.psv --user uid --item mid --factors 64 --out model.wrmf",
        data_options,
        model_options,
        run_options,
    )
    fit.add_argument(
        "--out", type=Path, default=Path("model.wrmf"), metavar="FILE", help="file of the model"
    )

    recommend = verb(
        "recommend",
        _recommend,
        "List the best items for users of a saved model.",
        "What a user interacted with is left out, and lists are short where fewer are left.",
        "wrmf recommend model.wrmf ann bob -n 5",
    )
    recommend.add_argument("model", type=Path, help="file written by wrmf fit")
    recommend.add_argument("users", nargs="*", help="user ids; none means everyone")
    recommend.add_argument("-n", type=int, default=10, help="items for each user")
    recommend.add_argument("--keep-seen", action="store_true", help="also items already known")
    table_option(recommend)

    similar = verb(
        "similar",
        _similar,
        "List the nearest neighbours of items of a saved model.",
        "Near is a high cosine of the items' factors.",
        "wrmf similar model.wrmf item-7 -n 5",
    )
    similar.add_argument("model", type=Path, help="file written by wrmf fit")
    similar.add_argument("items", nargs="+", help="item ids")
    similar.add_argument("-n", type=int, default=10, help="neighbours of each item")
    table_option(similar)

    evaluate = verb(
        "evaluate",
        _evaluate,
        "Split, train, and measure on what was held out.",
        "",
        "wrmf evaluate likes.csv --factors 64 --metrics precision@5 recall@20",
        data_options,
        split_options,
        model_options,
        run_options,
    )
    evaluate.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        default=["precision@5", "recall@20", "ndcg@20", "mse"],
        help="precision@k, recall@k, capped_recall@k, ndcg@k, map@k, hit_rate@k, mrr, auc, mse",
    )
    table_option(evaluate)

    report = verb(
        "report",
        _report,
        "Write one HTML page about a search and a model.",
        "The page needs no network. Pictures come from a folder, from addresses with {item} in\n"
        "them, or from an API that answers with JSON which names the picture.",
        "wrmf report likes.csv --journal search.jsonl --model model.wrmf --pictures thumbnails",
        data_options,
    )
    report.add_argument(
        "--journal", type=Path, required=True, metavar="FILE", help="written by wrmf search"
    )
    report.add_argument(
        "--model", type=Path, metavar="FILE", help="written by wrmf fit; adds item neighbours"
    )
    report.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="folder of pictures named by item id"
    )
    report.add_argument(
        "--picture-url", metavar="URL", help="address of a picture, or of JSON, with {item} in it"
    )
    report.add_argument(
        "--picture-path",
        metavar="PATH",
        help="where in the JSON the picture's address stands, such as "
        "thumbnails.images[width==200].url",
    )
    report.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="the page"
    )

    data = verb(
        "datasets",
        _datasets,
        "Make or download a data set; without a name, list them.",
        "",
        "wrmf datasets synthetic-raw --out likes.psv",
    )
    data.add_argument("name", nargs="?", help="one of the list")
    data.add_argument("--out", type=Path, metavar="FILE", help="file to write")
    data.add_argument("--seed", type=int, default=0, metavar="N", help="of made-up likes")
    return parser
