"""What updating a model every day gives beside fitting it again: quality and seconds.

    python -m benchmarks.quality.updating                     # about 15 minutes on one core
    python -m benchmarks.quality.updating --decks 5000 --factors 32 --seeds 1

Decks of mtg_decks come in day by day. A model is fitted to the decks of the days before, and ten
days are then added one after the other, in five ways:

- ``full``: a new fit to all decks so far, from random factors
- ``warm``: a fit of ``WARM_ITERATIONS`` iterations that starts from the factors of the day before
- ``update 1``: ``update`` with one further iteration
- ``update 0``: ``update``, which solves only what has changed
- ``none``: the model of the first day; cards that it does not know are never recommended

After each day, the decks of the next day are ranked: four fifths of a deck's cards are folded in,
and the score is the ndcg@20 of the rest. Decks are users; most of them have 22 to 33 cards.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

import wrmf
from benchmarks import record
from benchmarks.data import read_pairs
from benchmarks.machine import load_average
from benchmarks.quality.splits import held_out
from wrmf.data.interactions import align

METRIC = "ndcg@20"
DAYS = 10
# The number of days before the first update whose decks the first model is fitted to.
FIRST_DAYS = 210
WARM_ITERATIONS = 2


@dataclass(frozen=True)
class Stream:
    """Interactions of the first fit, and those of each later day; ids are decks and cards."""

    first: wrmf.Interactions
    days: list[wrmf.Interactions]


def read_stream(n_decks: int, seed: int) -> Stream:
    """Return the decks of the latest days; for the first fit, ``n_decks`` random ones are drawn.

    Repeated decks are dropped, and so are cards in fewer than five of all these decks.

    Raises
    ------
    Missing
        If the tables are not on this machine.
    """
    meta = read_pairs("mtg_decks_meta")
    meta = meta[meta["repeat"] == 0]
    # The last of the days is only ranked.
    start = int(meta["day"].max()) - DAYS
    before = meta[(meta["day"] < start) & (meta["day"] >= start - FIRST_DAYS)]
    drawn = before.sample(min(n_decks, len(before)), random_state=seed)
    decks = pd.concat([drawn, meta[meta["day"] >= start]])
    frame = read_pairs("mtg_decks").merge(decks[["user", "day"]], on="user")
    frame = frame[frame.groupby("item")["user"].transform("size") >= 5]
    is_first = frame["day"] < start
    return Stream(
        wrmf.read_interactions(frame[is_first], value="value"),
        [
            wrmf.read_interactions(of_day, value="value")
            for _, of_day in frame[~is_first].groupby("day")
        ],
    )


def test_split(day: wrmf.Interactions, items: np.ndarray, seed: int) -> wrmf.Split:
    """Return a split of the decks of a day on the given cards; other cards are left out."""
    inner = held_out(
        align(day, items=items, unknown="drop").matrix, np.ones(day.n_users, bool), "strong", seed
    )
    assert inner.fold_in is not None
    parts = [
        wrmf.Interactions.from_matrix(part.matrix[inner.users], items=items)
        for part in (inner.fold_in, inner.test)
    ]
    return wrmf.Split(parts[0], parts[1], fold_in=parts[0])


def with_items(model: wrmf.WRMF, items: np.ndarray) -> wrmf.WRMF:
    """Return a model with cards appended that it gives zero factors, so that they come last."""
    state = model.state
    y = np.zeros((len(items), state.k), state.dtype)
    y[: len(state.items)] = state.item_factors
    matrix = sparse.csr_matrix(state.train_matrix)
    matrix.resize((len(state.users), len(items)))
    return wrmf.WRMF.from_factors(
        replace(state, item_factors=y, items=items, train_matrix=matrix, item_names=None)
    )


Step = Callable[[wrmf.WRMF, wrmf.Interactions, wrmf.Interactions], wrmf.WRMF]


def full(model: wrmf.WRMF, today: wrmf.Interactions, so_far: wrmf.Interactions) -> wrmf.WRMF:
    """Fit a new model to all decks so far."""
    return wrmf.WRMF(**model.get_params()).fit(so_far, progress=False)


def warm(model: wrmf.WRMF, today: wrmf.Interactions, so_far: wrmf.Interactions) -> wrmf.WRMF:
    """Fit to all decks so far from the factors of the day before."""
    params = {**model.get_params(), "iterations": WARM_ITERATIONS}
    return wrmf.WRMF(**params).fit(so_far, progress=False, start=model)


def updating(iterations: int) -> Step:
    """Return the step that updates a model with the decks of the day."""

    def step(model: wrmf.WRMF, today: wrmf.Interactions, so_far: wrmf.Interactions) -> wrmf.WRMF:
        return model.update(today, iterations=iterations, progress=False)

    return step


def none(model: wrmf.WRMF, today: wrmf.Interactions, so_far: wrmf.Interactions) -> wrmf.WRMF:
    """Leave the model as it is, with the new cards at its end."""
    return with_items(model, so_far.items)


STEPS: dict[str, Step] = {
    "full": full,
    "warm": warm,
    "update 1": updating(1),
    "update 0": updating(0),
    "none": none,
}


def run(stream: Stream, model: wrmf.WRMF, seed: int) -> list[dict[str, Any]]:
    """Return a record for each day and way, with the scores of the next day's decks.

    The ways take turns within a day, so that a busy machine slows all of them.
    """
    first = wrmf.WRMF(**model.get_params()).fit(stream.first, progress=False)
    models = {name: wrmf.WRMF.from_factors(_copied(first.state)) for name in STEPS}
    so_far, records = stream.first, []
    for number, (today, tomorrow) in enumerate(
        zip(stream.days[:-1], stream.days[1:], strict=True), start=1
    ):
        so_far = wrmf.Interactions.concat([so_far, today])
        split = test_split(tomorrow, so_far.items, seed)
        for name, step in STEPS.items():
            began = time.perf_counter()
            models[name] = step(models[name], today, so_far)
            seconds = time.perf_counter() - began
            scores = wrmf.evaluate(models[name], split, [METRIC], per_user=True)
            assert scores.per_user is not None
            records.append(
                {
                    "day": number,
                    "way": name,
                    "seed": seed,
                    "new decks": today.n_users,
                    "seconds": seconds,
                    "scores": scores.per_user[METRIC].to_numpy(),
                }
            )
    return records


def _copied(state: Any) -> Any:
    return replace(
        state, user_factors=state.user_factors.copy(), item_factors=state.item_factors.copy()
    )


def summary(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, for each way, its mean score, its mean difference to ``full``, and its seconds."""
    by_way: dict[str, list[dict[str, Any]]] = {}
    for entry in records:
        by_way.setdefault(entry["way"], []).append(entry)
    reference = np.concatenate([entry["scores"] for entry in by_way["full"]])
    seconds = np.array([entry["seconds"] for entry in by_way["full"]])
    result = {}
    for name, entries in by_way.items():
        scores = np.concatenate([entry["scores"] for entry in entries])
        difference = scores - reference
        own = np.array([entry["seconds"] for entry in entries])
        result[name] = {
            METRIC: round(float(scores.mean()), 5),
            "minus full": round(float(difference.mean()), 5),
            "stderr of it": round(float(difference.std(ddof=1) / np.sqrt(len(scores))), 5),
            "last day": round(float(entries[-1]["scores"].mean()), 5),
            "median seconds": round(float(np.median(own)), 3),
            "seconds over full": round(float(np.median(own / seconds)), 4),
            "by day": [
                round(float(np.mean([e["scores"].mean() for e in entries if e["day"] == day])), 4)
                for day in sorted({entry["day"] for entry in entries})
            ],
        }
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decks", type=int, default=30_000, help="decks of the first fit")
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0 for all CPUs")
    parser.add_argument("--out", type=Path, help="file of the record")
    options = parser.parse_args(arguments)
    loads, records = [load_average()], []
    for seed in range(options.seeds):
        stream = read_stream(options.decks, seed)
        model = wrmf.WRMF(factors=options.factors, num_threads=options.threads, random_state=seed)
        records += run(stream, model, seed)
        loads.append(load_average())
    result = summary(records)
    content = {
        "decks of the first fit": options.decks,
        "cards": stream.first.n_items,
        "decks a day": [day.n_users for day in stream.days],
        "model": repr(model),
        "warm iterations": WARM_ITERATIONS,
        "load averages": loads,
        "ways": result,
    }
    path = record.write(
        record.described("benchmarks.quality.updating", content), "updating", options.out
    )
    for name, entry in result.items():
        print(f"{name:9} {entry[METRIC]:.4f} {entry['seconds over full']:8.3f} × full")
    print(path)


if __name__ == "__main__":
    main()
