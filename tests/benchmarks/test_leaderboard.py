"""The leaderboard: contenders that tune themselves, its records and its tables."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("benchmarks.quality.tuner", reason="run from the root of the source tree")

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality import leaderboard, splits, threads
from benchmarks.quality.contenders import SELF_TUNED
from benchmarks.quality.contenders.by_optuna import bm25, treatments
from benchmarks.quality.contenders.self_tuned import Autotune
from benchmarks.quality.contenders.simple import Popularity
from benchmarks.quality.standings import paired, standings
from benchmarks.quality.tuner import Budget
from wrmf.data.splitting import as_validation


def test_the_leaderboard_marks_a_winner_that_is_no_als_and_lists_who_is_left_out():
    split = wrmf.split_interactions(
        wrmf.datasets.synthetic_likes(60, 50, 600, random_state=0), 0.2, random_state=0
    )
    result = leaderboard.tested(*leaderboard.compete(Popularity(), split, split, Budget(5, 10), 0))
    assert result["tried"] == 1
    content = {
        "set": "a",
        "protocol": "weak",
        "budget": {"trials": 5, "seconds": 10},
        "data": {"users": 60, "items": 50, "train": 480, "test_users": 60},
        "contenders": {"popularity": result, "EASE": {"skipped": "too many items"}},
    }
    text = leaderboard.table(content)
    assert "popularity (wins, and is no ALS)" in text
    assert "EASE | left out: too many items" in text


@pytest.mark.parametrize("protocol", ["weak", "strong"])
@pytest.mark.parametrize("name", SELF_TUNED)
def test_contenders_that_tune_themselves_find_a_setting_in_time(split_by_protocol, protocol, name):
    split = split_by_protocol[protocol]
    validation = as_validation(split, 0.2, 1)
    try:
        chosen = SELF_TUNED[name].tune(split, validation, "ndcg@20", 1.0, 0)
    except Missing as reason:
        pytest.skip(str(reason))
    result = leaderboard.tested(chosen.to_json(), chosen.by_user(split, leaderboard.METRICS))
    json.dumps(result)
    assert result["test"]["ndcg@20"] > 0.1
    assert result["tried"] >= 1
    assert result["best"]["score"] > 0.1


def test_autotune_is_not_given_the_test_part(split_by_protocol):
    split = split_by_protocol["weak"]
    validation = as_validation(split, 0.2, 1)
    without_test = wrmf.Split(split.train, split.train)
    chosen = Autotune().tune(without_test, validation, "ndcg@20", 1e-6, 0)
    assert chosen.choice.score > 0
    assert chosen.more["validation"]["autotune"] >= chosen.more["validation"]["WRMF()"]


def test_bm25_equals_the_weights_of_implicit():
    nearest_neighbours = pytest.importorskip("implicit.nearest_neighbours")
    matrix = wrmf.datasets.synthetic_likes(50, 40, 500, random_state=0).matrix
    matrix.data = np.random.default_rng(0).integers(1, 9, matrix.nnz).astype(np.float32)
    expected = nearest_neighbours.bm25_weight(matrix.T.tocsr(), K1=100, B=0.8).T.toarray()
    sums = np.asarray(matrix.sum(axis=0)).ravel()
    assert np.allclose(bm25(matrix, sums).toarray(), expected, rtol=1e-5)
    assert np.allclose(bm25(matrix[:5], sums).toarray(), expected[:5], rtol=1e-5)


def test_only_counts_have_treatments_to_choose_from():
    matrix = wrmf.datasets.synthetic_likes(50, 40, 500, random_state=0).matrix
    matrix.data[:] = 1
    assert treatments(matrix) == ["binary"]
    matrix.data[0] = 2
    assert treatments(matrix) == ["binary", "log"]


def test_looks_at_a_test_part_are_counted_over_runs():
    first = leaderboard.counted({}, {"a": {"test": {}}, "b": {"skipped": "slow"}})
    assert first == {"a": {"test": {}, "looks_at_test": 1}, "b": {"skipped": "slow"}}
    both = {"a": {"test": {}}, "c": {"test": {}}}
    # A record of a time when looks were not counted is one look.
    again = leaderboard.counted({**first, "c": {"test": {}}}, both)
    assert {name: result["looks_at_test"] for name, result in again.items()} == {"a": 2, "c": 2}


@pytest.fixture
def small_board(monkeypatch, tmp_path, split_by_protocol):
    """Records of a small set, written by two runs, of which the second has the reference."""
    split = split_by_protocol["weak"]
    validation = as_validation(split, 0.2, 1)
    monkeypatch.setattr(leaderboard, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(leaderboard, "leaderboard_split", lambda *_: (split, validation))

    def run(*contenders, seconds=1.0, seed=1):
        options = SimpleNamespace(
            contenders=contenders, trials=2, seconds=seconds, seed=seed, out=tmp_path
        )
        return json.loads(leaderboard.run("steam", "weak", options).read_text())

    return run


def test_differences_to_autotune_are_paired_over_runs(small_board):
    run = small_board
    assert "behind" not in run("popularity")["contenders"]["popularity"]
    results = run("wrmf.autotune")["contenders"]
    ahead = results["wrmf.autotune"]["test"]["ndcg@20"] - results["popularity"]["test"]["ndcg@20"]
    assert results["popularity"]["behind"]["by"] == pytest.approx(ahead, abs=2e-5)
    assert 0 < results["popularity"]["behind"]["stderr"] < ahead
    assert run("popularity")["contenders"]["popularity"]["looks_at_test"] == 2
    # A run with another budget does not keep the results of this one.
    assert list(run("popularity", seconds=2.0)["contenders"]) == ["popularity"]


def test_standings_are_means_over_seeds_with_paired_errors(tmp_path):
    for seed, (ours, theirs) in enumerate([(0.5, 0.3), (0.4, 0.4)], 1):
        contenders = {
            "wrmf.autotune": {"test": {"ndcg@20": ours}},
            "EASE": {
                "test": {"ndcg@20": theirs},
                "behind": {"by": ours - theirs, "stderr": 0.02},
            },
            "popularity": {"skipped": "no time"},
        }
        path = tmp_path / f"leaderboard-steam-weak-seed{seed}.json"
        path.write_text(json.dumps({"contenders": contenders}))
    text = standings(tmp_path, ["weak", "strong"], ["steam", "retail"], [1, 2, 3])
    assert "| steam | 2 | **0.4500** | 0.3500 (-0.1000 ± 0.0141) | – | wrmf.autotune |" in text
    assert "retail" not in text
    assert "strong" not in text


def test_pairs_of_users_have_the_error_of_their_differences():
    values = np.array([0.1, 0.5, 0.9])
    assert paired(values + 0.1, values) == {"by": 0.1, "stderr": 0.0}


def test_the_number_of_threads_is_set_for_all_that_follows():
    before = threads.n_threads()
    try:
        threads.set_threads(1)
        assert threads.n_threads() == 1
    finally:
        threads.set_threads(before)


def test_players_are_drawn_by_the_seed_and_all_items_are_played(monkeypatch):
    data = wrmf.datasets.synthetic_likes(80, 60, 700, random_state=0).matrix
    monkeypatch.setattr(splits, "read_pairs", lambda _: None)
    monkeypatch.setattr(splits, "matrix_of", lambda _: data)
    monkeypatch.setattr(splits, "PLAYERS", 20)
    drawn = splits.draw_players(0)
    assert drawn.shape[0] == 20
    assert (drawn.getnnz(axis=0) > 0).all()
    assert (splits.draw_players(1).toarray().shape != drawn.shape) or (
        splits.draw_players(1) != drawn
    ).nnz
