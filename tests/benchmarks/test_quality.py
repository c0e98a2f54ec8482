"""The quality studies' own machinery: the tuner, the contenders and how they are measured."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("benchmarks.quality.tuner", reason="run from the root of the source tree")

import wrmf
from benchmarks.peers import Missing
from benchmarks.quality import contenders, defaults, leaderboard
from benchmarks.quality import data as quality_data
from benchmarks.quality import gowalla as gowalla_quality
from benchmarks.quality.scored import Blocks, Factors
from benchmarks.quality.tuner import Trial, draw, near, search

SPACE = {"x": wrmf.Range(0.01, 100.0, log=True), "kind": ["a", "b"]}


def bowl(params):
    score = -abs(np.log(params["x"])) - (params["kind"] == "a")
    for epoch in (1, 2, 3, 4):
        yield epoch, {"score": score - abs(epoch - 2)}


def test_a_search_finds_the_best_epoch_and_setting_and_keeps_its_budget():
    found = search(bowl, SPACE, "score", trials=60, seed=1)
    assert len(found) == 60
    assert found[0].epoch == 2
    assert found[0].params["kind"] == "b"
    assert abs(np.log(found[0].params["x"])) < 0.5
    assert [trial.score for trial in found] == sorted((t.score for t in found), reverse=True)
    assert all(len(trial.curve) == 4 for trial in found)
    assert all(len(trial.curve) == 3 for trial in search(bowl, SPACE, "score", 5, patience=1))
    assert len(search(bowl, SPACE, "score", trials=9, seconds=1e-9)) == 0


def test_equal_seeds_are_equal_searches_and_starts_come_first():
    runs = [search(bowl, SPACE, "score", 8, seed=3) for _ in range(2)]
    assert [t.params for t in runs[0]] == [t.params for t in runs[1]]
    start = {"x": 1.0, "kind": "b"}
    (only,) = search(bowl, SPACE, "score", 1, starts=[start])
    assert only.params == start
    more = search(bowl, SPACE, "score", 5, before=[only], explore=0.0)
    assert len(more) == 6
    assert Trial.of_json(json.loads(json.dumps(only.to_json()))).params == start


def test_a_failing_setting_is_told_and_comes_last():
    def run(params):
        if params["kind"] == "a":
            raise ValueError("too much")
        yield 1, {"score": 1.0}

    found = search(run, SPACE, "score", 12)
    assert found[-1].failed == "ValueError: too much"
    assert not found[0].failed


def test_draws_and_steps_stay_in_the_space():
    generator = np.random.default_rng(0)
    for _ in range(200):
        params = near(draw(SPACE, generator), SPACE, generator, 0.5)
        assert 0.01 <= params["x"] <= 100.0
        assert params["kind"] in "ab"


@pytest.fixture(scope="module")
def splits():
    data = wrmf.datasets.synthetic_likes(120, 100, 1_500, random_state=0)
    return {
        "weak": wrmf.split_interactions(data, 0.2, random_state=0),
        "strong": wrmf.split_users(data, 0.3, random_state=0),
    }


@pytest.mark.parametrize("protocol", ["weak", "strong"])
def test_blocks_of_scores_are_measured_as_factors_are(splits, protocol):
    split = splits[protocol]
    model = wrmf.WRMF(8, random_state=0).fit(split.train)
    factors = Factors(model.user_factors, model.item_factors, model.fold_in_users)
    blocks = Blocks(lambda known: model.fold_in_users(known) @ model.item_factors.T, rows=7)
    for metric in ("recall@10", "ndcg@10"):
        expected, errors = factors.evaluate(split, [metric])
        found, own = blocks.evaluate(split, [metric])
        assert found[metric] == pytest.approx(expected[metric], abs=1e-5)
        assert own[metric] == pytest.approx(errors[metric], abs=1e-5)


@pytest.mark.parametrize("protocol", ["weak", "strong"])
@pytest.mark.parametrize("name", contenders.CONTENDERS)
def test_every_contender_trains_and_beats_chance(splits, protocol, name):
    contender = contenders.CONTENDERS[name]
    params = dict(contender.starts[0])
    if "factors" in params:
        params["factors"] = 8
    if not contender.als:
        points = list(contender.curve(params, splits[protocol]))
    else:
        try:
            points = list(contender.curve(params, splits[protocol], (2, 4)))
        except Missing as reason:
            pytest.skip(str(reason))
    scores = points[-1][1].evaluate(splits[protocol], ["recall@20"])[0]
    assert scores["recall@20"] > 0.15


def test_ease_by_users_equals_ease_by_items():
    generator = np.random.default_rng(0)
    few = sparse.csr_matrix((generator.random((9, 30)) < 0.3).astype(np.float32))
    x = few.toarray().astype(float)
    inverse = np.linalg.inv(x.T @ x + 5.0 * np.eye(30))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    many = sparse.vstack([few, *[few[:0]], sparse.csr_matrix((40, 30), dtype=np.float32)]).tocsr()
    for train in (few, many):
        split = SimpleNamespace(train=SimpleNamespace(matrix=train))
        ((_, model),) = contenders.EASE().curve({"regularization": 5.0}, split)
        assert np.allclose(model.scores(few), x @ weights, atol=1e-4)


def test_later_decks_are_scored_once_and_never_trained_on_whole():
    generator = np.random.default_rng(0)
    matrix = sparse.csr_matrix((generator.random((40, 25)) < 0.4).astype(np.float32))
    chosen = np.arange(40) >= 30
    for protocol in ("weak", "strong"):
        split = quality_data.held_out(matrix, chosen, protocol, 0)
        known = split.train if split.fold_in is None else split.fold_in
        assert set(split.users) <= set(range(30, 40))
        assert known.matrix[split.users].multiply(split.test.matrix[split.users]).nnz == 0
        whole = known.matrix[split.users] + split.test.matrix[split.users]
        assert (whole != matrix[split.users]).nnz == 0
        trained = np.diff(split.train.matrix.indptr)[split.users]
        assert (trained > 0).all() if protocol == "weak" else not trained.any()


def test_a_leaderboard_names_the_winner_and_who_is_left_out():
    split = wrmf.split_interactions(
        wrmf.datasets.synthetic_likes(60, 50, 600, random_state=0), 0.2, random_state=0
    )
    found = leaderboard.compete(contenders.Popularity(), split, split, 5, 10.0, 0)
    assert found["tried"] == 1
    record = {
        "set": "a",
        "protocol": "weak",
        "budget": {"trials": 5, "seconds": 10},
        "data": {"users": 60, "items": 50, "train": 480, "test_users": 60},
        "contenders": {"popularity": found, "EASE": {"skipped": "too many items"}},
    }
    text = leaderboard.table(record)
    assert "popularity (wins, and is no ALS)" in text
    assert "EASE | left out: too many items" in text


def test_defaults_are_chosen_by_the_lower_of_their_shares():
    def row(number, scores):
        return {"params": {"factors": number}, "scores": [(4, scores)]}

    trials = {"one": [row(1, 0.2), row(2, 0.15)], "other": [row(1, 0.1), row(2, 0.28)]}
    ranked = defaults.choose(trials, {"one": 0.2, "other": 0.4})
    assert ranked[0]["params"] == {"factors": 2}
    assert ranked[0]["worth"] == pytest.approx(0.7)
    assert defaults.first(ranked, factors=1)["worth"] == pytest.approx(0.25)


def test_gowalla_is_tuned_on_a_tenth_of_each_users_train(likes):
    train = wrmf.Interactions.from_matrix(likes)
    split = gowalla_quality.validation(train, seed=3, share=0.1, n_users=40)
    whole = train.matrix.toarray() != 0
    known, held = split.train.matrix.toarray() != 0, split.test.matrix.toarray() != 0
    assert np.array_equal(known | held, whole)
    assert not (known & held).any()
    counts = whole.sum(axis=1)
    wanted = np.minimum(counts, np.maximum(1, np.rint(0.1 * counts)))
    assert np.array_equal(held.sum(axis=1), wanted)
    assert len(split.users) == 40
    again = gowalla_quality.validation(train, seed=3, share=0.1, n_users=40)
    assert (again.test.matrix != split.test.matrix).nnz == 0
    other = gowalla_quality.validation(train, seed=4, share=0.1, n_users=40)
    assert (other.test.matrix != split.test.matrix).nnz > 0


def test_weights_fall_with_the_number_of_a_rows_and_columns_entries():
    likes = wrmf.Interactions.from_matrix(np.array([[1, 1, 1], [1, 0, 0]]))
    params = {"user_power": 0.5, "item_power": 0.0}
    values = gowalla_quality.weighted(likes, params).matrix.toarray()
    assert values[values > 0].mean() == pytest.approx(1.0)
    assert values[1, 0] == pytest.approx(values[0, 0] * 3**0.5)
    assert likes.matrix.data.tolist() == [1] * 4


def test_pictures_are_drawn_from_recorded_results(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    from benchmarks.quality import plots as quality_plots

    params = dict.fromkeys(quality_plots.PARAMETERS, 0.5)
    trial = {"params": params, "score": 0.3, "curve": [[2, {"sum": 0.2}], [3, {"sum": 0.3}]]}
    test = {"recall@20": 0.1, "ndcg@20": 0.1, "stderr": {"recall@20": 0.01, "ndcg@20": 0.01}}
    for factors in (8, 16):
        record = {"factors": factors, "best": trial, "trials": [trial], "test": test}
        (tmp_path / f"gowalla-quality-k{factors}.json").write_text(json.dumps(record))
    quality_plots.main([str(tmp_path), "--out", str(tmp_path / "docs")])
    assert len(list((tmp_path / "docs").glob("tuning_*.png"))) == 3
    quality_plots.main([str(tmp_path / "docs"), "--out", str(tmp_path / "docs")])
    assert "no results for it" in capsys.readouterr().out


def test_a_trial_that_cannot_catch_up_stops():
    def run(params):
        for epoch in range(1, 20):
            yield epoch, {"score": params["end"] * (1 - 0.5**epoch)}

    found = search(run, {"end": [1.0]}, "score", 3, starts=[{"end": each} for each in (1, 0.5, 2)])
    epochs = {trial.params["end"]: len(trial.curve) for trial in found}
    assert epochs == {1: 19, 0.5: 3, 2: 19}
    ahead = Trial({"end": 2.0}, score=2.0)
    (_, behind) = search(run, {"end": [0.5]}, "score", 1, before=[ahead])
    assert len(behind.curve) == 3
