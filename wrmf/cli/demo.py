"""``wrmf demo``: the steps of Rosenthal 2016 from a file of likes to neighbours of items.

Ethan Rosenthal, "Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models", 2016.
Its likes are replaced by generated ones of the same shape.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wrmf.cli.options import add_seed_option, add_thread_option
from wrmf.cli.search import ranked_table, summarise
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.data.split import Split
from wrmf.data.splitting import leave_k_out
from wrmf.datasets import synthetic_raw_likes, write_likes_file
from wrmf.model.wrmf import WRMF
from wrmf.pictures import DrawnPictures
from wrmf.report.page import write_report
from wrmf.search.grid import ROSENTHAL_INIT_SCALE, grid_search
from wrmf.search.result import SearchResult

__all__ = ["add_options", "run", "run_demo"]

# The best of the 180 settings in Rosenthal 2016, and values near it. All λ up to 100 score alike.
GRID: dict[str, list[Any]] = {
    "factors": [40, 80, 120],
    "regularization": [0.1, 10.0, 100.0],
    "alpha": [1.0, 10.0, 50.0],
}
EPOCHS = range(2, 22, 2)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the folder, the number of threads and the seed."""
    command.add_argument(
        "--out",
        dest="folder",
        type=Path,
        default=Path("demo"),
        metavar="FOLDER",
        help="folder for the likes, plots, model and page",
    )
    add_thread_option(command)
    add_seed_option(command)


def run(options: argparse.Namespace) -> None:
    """Run the demo as the options say."""
    run_demo(options.folder, num_threads=options.threads, random_state=options.seed)


def run_demo(
    folder: Path,
    *,
    num_threads: int = 0,
    random_state: int = 0,
    epochs: Sequence[int] = EPOCHS,
    progress: bool | None = None,
) -> Path:
    """Run and report every step; return the path of the HTML page.

    Parameters
    ----------
    folder : Path
        Receives the likes, the journal of the search, the plots (where matplotlib is installed),
        the model and the page. An interrupted search resumes from its journal.
    num_threads : int, default 0
        Number of threads; 0 is one for each CPU.
    random_state : int, default 0
        Seed of the likes, the split and the initial factors.
    epochs : sequence of int, default 2, 4, … 20
        Numbers of epochs after which scores are measured.
    progress : bool, optional
        Whether to show progress bars; by default where standard error is a terminal.

    Returns
    -------
    Path
        ``folder / "report.html"``.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, and the demo writes several: name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / "search.jsonl"
    raw = _load_likes(folder / "likes.psv", journal, random_state)

    _print_step("Keep users and items with at least 5 likes, until all have them")
    with _print_seconds():
        data = raw.k_core(5, 5)
        print(data.summary())

    _print_step("Hold out 5 likes of every fifth user as the test set")
    split = leave_k_out(data, k=5, fraction=0.2, random_state=random_state)
    print(
        f"train: {split.train.n_interactions} likes, test: {split.test.n_interactions} "
        f"likes of {len(split.users)} users"
    )

    n_settings = math.prod(len(values) for values in GRID.values())
    _print_step(
        f"Grid search: {n_settings} settings × {len(epochs)} checkpoints; precision@5 as in "
        "Rosenthal 2016, with training items kept in the ranking"
    )
    # With smaller initial factors than those of Rosenthal 2016, the curves have another shape.
    base = WRMF(
        objective="wrmf",
        random_state=random_state,
        num_threads=num_threads,
        init_scale=ROSENTHAL_INIT_SCALE,
    )
    with _print_seconds():
        result = _search(base, split, epochs, journal, progress)
    _report_best(result)
    _save_plots(result, folder)

    _print_step("Train on all likes with the best setting")
    model = result.best_model().fit(data, progress=progress)
    model.save(folder / "model.wrmf")
    print(f"saved to {folder / 'model.wrmf'}")

    _print_step("Items and their nearest neighbours")
    _print_neighbours(model, data)

    _print_step("Everything on one page, beside popular items and item neighbours")
    page = folder / "report.html"
    with _print_seconds():
        write_report(
            page,
            result,
            model,
            data,
            pictures=DrawnPictures(data),
            title="Likes, end to end",
            split=split,
            item_knn=True,
        )
    print(page)
    return page


def _print_step(title: str) -> None:
    print(f"\n== {title}", flush=True)


@contextmanager
def _print_seconds() -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"({time.perf_counter() - start:.2f} s)")


def _load_likes(path: Path, journal: Path, random_state: int) -> Interactions:
    """Generate likes, write them to ``path`` and read them back."""
    _print_step(f"Generate likes, write them to {path} and read them back")
    old_content = path.read_bytes() if path.exists() else b""
    write_likes_file(synthetic_raw_likes(random_state=random_state), path)
    if path.read_bytes() != old_content:
        # The journal records a search on other likes, made by another version of the package.
        journal.unlink(missing_ok=True)
    likes = read_interactions(path, "uid", "mid", item_name="modelname", duplicates="drop")
    print(f"Repeated rows: {likes.n_duplicates}, dropped")
    print(likes.summary())
    return likes


def _search(
    base: WRMF, split: Split, epochs: Sequence[int], journal: Path, progress: bool | None
) -> SearchResult:
    return grid_search(
        base,
        split,
        GRID,
        epochs,
        metric="precision@5",
        exclude_seen=False,
        journal=journal,
        log=True,
        progress=progress,
    )


def _report_best(result: SearchResult) -> None:
    _print_step("The best settings")
    print(ranked_table(result).to_string(index=False))
    print(f"\n{summarise(result)}")


def _save_plots(result: SearchResult, folder: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('No plots, because matplotlib is not installed: pip install "wrmf[plot]"')
        return
    for kind in ("best", "traces", "mse"):
        path = folder / f"{kind}.png"
        figure = Figure(figsize=(7, 5), layout="constrained")
        result.plot(kind, ax=figure.subplots())
        figure.savefig(path, dpi=120)
        print(f"plot: {path}")


def _print_neighbours(model: WRMF, data: Interactions) -> None:
    """Print five neighbours of three items, taken from different places of the catalogue."""
    for item in data.items[[0, data.n_items // 3, 2 * data.n_items // 3]]:
        neighbours = model.similar_items(item, n=5)
        print(data.names_of(data.item_index(item))[0])
        names = data.names_of(neighbours.rows[0])
        for name, score in zip(names, neighbours.scores[0], strict=True):
            print(f"    {score:.3f}  {name}")
