"""The studies of updating: its quality day by day, its cost, and the memory of a fit."""

import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("benchmarks.quality.updating", reason="run from the root of the source tree")

import wrmf
from benchmarks.quality import updating
from benchmarks.speed import fit_memory, update_cost


@pytest.fixture(scope="module")
def stream():
    frame = wrmf.datasets.synthetic_likes(260, 60, 3000, random_state=0).to_frame()
    # Some cards occur for the first time on a later day.
    user, item = (pd.factorize(frame[side])[0] for side in ("user", "item"))
    chosen = (item < 55) | (user >= 200)
    frame, day = frame[chosen], np.maximum(0, user[chosen] // 20 - 8)
    days = [wrmf.read_interactions(part) for _, part in frame.groupby(day)]
    return updating.Stream(days[0], days[1:])


def test_every_way_is_scored_on_the_same_decks_of_each_next_day(stream):
    model = wrmf.WRMF(factors=4, iterations=3, num_threads=1, random_state=0)
    records = updating.run(stream, model, seed=0)
    n_days = len(stream.days) - 1
    assert [entry["way"] for entry in records] == [*updating.STEPS] * n_days
    for entry in records:
        assert len(entry["scores"]) == len(records[(entry["day"] - 1) * 5]["scores"])
    result = updating.summary(records)
    assert result["full"]["minus full"] == 0
    assert {len(entry["by day"]) for entry in result.values()} == {n_days}
    scores = {name: entry[updating.METRIC] for name, entry in result.items()}
    assert scores["update 1"] > 0.5 * scores["full"]


def test_a_day_is_split_into_known_and_scored_cards_that_the_model_knows(stream):
    items = stream.first.items
    split = updating.test_split(stream.days[0], items, seed=0)
    assert split.train.items.tolist() == items.tolist()
    assert split.fold_in.matrix.multiply(split.test.matrix).nnz == 0
    known = stream.days[0].to_frame()["item"].isin(items).sum()
    assert split.fold_in.n_interactions + split.test.n_interactions <= known


def test_cards_that_a_model_does_not_know_come_last():
    model = wrmf.WRMF(factors=2, random_state=0).fit(np.ones((3, 2)))
    grown = updating.with_items(model, np.arange(4))
    assert grown.items.tolist() == [0, 1, 2, 3]
    assert not grown.item_factors[2:].any()
    assert np.array_equal(grown.item_factors[:2], model.item_factors)


def test_the_cost_of_updates_is_recorded_beside_that_of_a_sweep(tmp_path):
    out = tmp_path / "cost.json"
    options = {"users": 200, "items": 100, "pairs": 1000, "factors": 4, "rounds": 2, "out": out}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    update_cost.main([*arguments, "--events", "10", "50"])
    times = json.loads(out.read_text())["times"]
    assert list(times) == ["sweep", "update, 10 pairs", "update, 50 pairs"]
    assert times["sweep"]["over sweep"] == 1


def test_the_memory_of_a_fit_is_measured():
    row = fit_memory.measure("2000x1000x16", "float64")
    assert row["dtype"] == "float64"
    assert row["needed MiB"] is None or row["needed MiB"] >= 0
