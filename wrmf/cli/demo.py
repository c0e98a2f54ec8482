"""The whole way from a file of likes to neighbours of items, on made-up likes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wrmf.data.reading import read_interactions
from wrmf.data.splitting import leave_k_out
from wrmf.datasets import synthetic_raw_likes, write_likes_file
from wrmf.model.wrmf import WRMF
from wrmf.pictures.sources import DrawnPictures
from wrmf.report.page import write_report
from wrmf.search.grid import ARTICLE_INIT_SCALE, grid_search

__all__ = ["run_demo"]

# Of the article's 180 settings those around the best; of λ up to 100 a plateau is best.
GRID: dict[str, list[Any]] = {
    "factors": [40, 80, 120],
    "regularization": [0.1, 10.0, 100.0],
    "alpha": [1.0, 10.0, 50.0],
}
EPOCHS = range(2, 22, 2)


def run_demo(
    folder: Path,
    *,
    num_threads: int = 0,
    random_state: int = 0,
    epochs: Sequence[int] = EPOCHS,
    progress: bool | None = None,
) -> Path:
    """Run every step, tell what each one does, and return the path of the report page.

    ``folder`` receives the likes, the search journal, plots (where matplotlib is installed), the
    model and the page. A search that was interrupted goes on from its journal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    likes = folder / "likes.psv"

    def step(title: str) -> None:
        print(f"\n== {title}", flush=True)

    step(f"Likes: made up, written to {likes}, read back")
    before = likes.read_bytes() if likes.exists() else b""
    write_likes_file(synthetic_raw_likes(random_state=random_state), likes)
    journal = folder / "search.jsonl"
    if likes.read_bytes() != before:
        # Another version of the package made other likes: their search is of no use here.
        journal.unlink(missing_ok=True)
    raw = read_interactions(likes, "uid", "mid", item_name="modelname", duplicates="drop")
    print(f"Duplicated rows: {raw.n_duplicates}, dropped")
    print(raw.summary())

    step("Keep users and items with at least 5 likes, until stable")
    start = time.perf_counter()
    data = raw.k_core(5, 5)
    print(data.summary())
    print(f"({time.perf_counter() - start:.2f} s)")

    step("Take 5 likes of every fifth user aside as the test set")
    split = leave_k_out(data, k=5, fraction=0.2, random_state=random_state)
    print(
        f"train: {split.train.n_interactions} likes, test: {split.test.n_interactions} "
        f"likes of {len(split.users)} users"
    )

    settings = 1
    for values in GRID.values():
        settings *= len(values)
    step(
        f"Grid search: {settings} settings × {len(epochs)} checkpoints; p@k as in the article, "
        "with training items left in"
    )
    # The article's start is N(0, 1): from a smaller one its curves rise otherwise.
    base = WRMF(random_state=random_state, num_threads=num_threads, init_scale=ARTICLE_INIT_SCALE)
    start = time.perf_counter()
    result = grid_search(
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
    print(f"({time.perf_counter() - start:.0f} s)")

    step("The best settings")
    print(result.to_frame().sort_values("best_score", ascending=False).to_string(index=False))
    print(
        f"\nbest: {result.best_params}, epoch {result.best_epoch}, test p@5 {result.best_score:.5f}"
    )
    _save_plots(result, folder)

    step("Train on all likes with the best settings")
    model = result.best_model().fit(data, progress=progress)
    model.save(folder / "model.wrmf")
    print(f"saved to {folder / 'model.wrmf'}")

    step("Items and their nearest neighbours")
    for item in data.items[[0, data.n_items // 3, 2 * data.n_items // 3]]:
        found = model.similar_items(item, n=5)
        print(data.names_of(data.item_index(item))[0])
        for name, score in zip(data.names_of(found.rows[0]), found.scores[0], strict=True):
            print(f"    {score:.3f}  {name}")

    page = folder / "report.html"
    write_report(page, result, model, data, pictures=DrawnPictures(data), title="Likes, end to end")
    print(f"\nEverything on one page: {page}")
    return page


def _save_plots(result, folder: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no plots: they need matplotlib, pip install "wrmf[plot]"')
        return
    for kind in ("best", "traces", "mse"):
        figure = Figure(figsize=(7, 5), layout="constrained")
        result.plot(kind, ax=figure.subplots())
        figure.savefig(folder / f"{kind}.png", dpi=120)
        print(f"plot: {folder / f'{kind}.png'}")
