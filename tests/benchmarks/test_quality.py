"""The quality studies: the tuner, the contenders and how they are evaluated."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("benchmarks.quality.tuner", reason="run from the root of the source tree")

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality import defaults, gowalla, item_term, split_items, splits
from benchmarks.quality.contenders import CONTENDERS
from benchmarks.quality.contenders.simple import EASE, inverse_of
from benchmarks.quality.rankers import FactorRanker, ScoreRanker
from benchmarks.quality.tuner import Budget, Plan, Trial, draw, near, search
from wrmf.numerics.objective import Objective

SPACE = {"x": wrmf.Range(0.01, 100.0, log=True), "kind": ["a", "b"]}
PLAN = Plan(SPACE, "score")


def bowl(params):
    score = -abs(np.log(params["x"])) - (params["kind"] == "a")
    for epoch in (1, 2, 3, 4):
        yield epoch, {"score": score - abs(epoch - 2)}


def test_a_search_finds_the_best_epoch_and_setting_and_keeps_its_budget():
    trials = search(bowl, replace(PLAN, seed=1), Budget(60))
    assert len(trials) == 60
    assert trials[0].epoch == 2
    assert trials[0].params["kind"] == "b"
    assert abs(np.log(trials[0].params["x"])) < 0.5
    assert [trial.score for trial in trials] == sorted((t.score for t in trials), reverse=True)
    assert all(len(trial.curve) == 4 for trial in trials)
    impatient = search(bowl, replace(PLAN, patience=1), Budget(5))
    assert all(len(trial.curve) == 3 for trial in impatient)
    assert len(search(bowl, PLAN, Budget(9, seconds=1e-9))) == 0


def test_equal_seeds_give_equal_searches_and_starts_come_first():
    runs = [search(bowl, replace(PLAN, seed=3), Budget(8)) for _ in range(2)]
    assert [t.params for t in runs[0]] == [t.params for t in runs[1]]
    start = {"x": 1.0, "kind": "b"}
    (only,) = search(bowl, replace(PLAN, starts=[start]), Budget(1))
    assert only.params == start
    assert Trial.of_json(json.loads(json.dumps(only.to_json()))).params == start


def test_earlier_trials_are_continued_from_and_not_counted():
    (earlier,) = search(bowl, PLAN, Budget(1))
    trials = search(bowl, replace(PLAN, explore=0.0), Budget(5), [earlier])
    assert len(trials) == 6
    assert earlier in trials
    assert search(bowl, PLAN, Budget(0), [earlier]) == [earlier]


def test_a_failing_setting_is_recorded_and_comes_last():
    def run(params):
        if params["kind"] == "a":
            raise ValueError("too much")
        yield 1, {"score": 1.0}

    lines = []
    trials = search(run, PLAN, Budget(12), log=lines.append)
    assert trials[-1].failed == "ValueError: too much"
    assert not trials[0].failed
    assert len(lines) == 12


def test_draws_and_steps_stay_in_the_space():
    generator = np.random.default_rng(0)
    for _ in range(200):
        params = near(draw(SPACE, generator), SPACE, generator, 0.5)
        assert 0.01 <= params["x"] <= 100.0
        assert params["kind"] in "ab"


@pytest.mark.parametrize("protocol", ["weak", "strong"])
def test_scores_are_evaluated_like_factors(split_by_protocol, protocol):
    split = split_by_protocol[protocol]
    model = wrmf.WRMF(8, random_state=0).fit(split.train)
    factors = FactorRanker(model.user_factors, model.item_factors, model.fold_in_users)
    blocks = ScoreRanker(
        lambda known: model.fold_in_users(known) @ model.item_factors.T, block_rows=7
    )
    for metric in ("recall@10", "ndcg@10"):
        expected, expected_errors = factors.evaluate(split, [metric])
        means, errors = blocks.evaluate(split, [metric])
        by_user = factors.by_user(split, [metric])[metric]
        assert blocks.by_user(split, [metric])[metric] == pytest.approx(by_user, abs=1e-5)
        assert by_user.mean() == pytest.approx(expected[metric])
        assert means[metric] == pytest.approx(expected[metric], abs=1e-5)
        assert errors[metric] == pytest.approx(expected_errors[metric], abs=1e-5)
    with pytest.raises(ValueError, match="auc is not available"):
        blocks.evaluate(split, ["auc"])


@pytest.mark.parametrize("protocol", ["weak", "strong"])
@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_trains_and_beats_chance(split_by_protocol, protocol, name):
    contender, split = CONTENDERS[name], split_by_protocol[protocol]
    params = dict(contender.starts[0])
    if "factors" in params:
        params["factors"] = 8
    try:
        points = list(contender.curve(params, split, (2, 4)))
    except Missing as reason:
        pytest.skip(str(reason))
    assert [epoch for epoch, _ in points] == ([2, 4] if contender.als else [1])
    means, _ = points[-1][1].evaluate(split, ["recall@20"])
    assert means["recall@20"] > 0.15


@pytest.mark.parametrize("name", CONTENDERS)
def test_starts_are_settings_of_the_space(name):
    contender = CONTENDERS[name]
    for start in contender.starts:
        assert set(start) == set(contender.space)
        for parameter, values in contender.space.items():
            if isinstance(values, wrmf.Range):
                assert values.low <= start[parameter] <= values.high
            else:
                assert start[parameter] in values


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
        ((_, model),) = EASE().curve({"regularization": 5.0}, split)
        assert np.allclose(model.scores(few), x @ weights, atol=1e-4)


@pytest.mark.parametrize("n", [3, 512, 530])
def test_an_inverse_by_cholesky_equals_that_by_lu(n):
    rows = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    matrix = rows @ rows.T / n + np.eye(n, dtype=np.float32)
    inverse = np.linalg.inv(matrix.astype(float))
    assert np.abs(inverse_of(matrix) - inverse).max() < 1e-5
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        inverse_of(-np.eye(n, dtype=np.float32))


def test_held_out_rows_are_known_and_scored_in_disjoint_parts():
    generator = np.random.default_rng(0)
    matrix = sparse.csr_matrix((generator.random((40, 25)) < 0.4).astype(np.float32))
    chosen = np.arange(40) >= 30
    for protocol in ("weak", "strong"):
        split = splits.held_out(matrix, chosen, protocol, 0)
        known = split.train if split.fold_in is None else split.fold_in
        assert set(split.users) <= set(range(30, 40))
        assert known.matrix[split.users].multiply(split.test.matrix[split.users]).nnz == 0
        whole = known.matrix[split.users] + split.test.matrix[split.users]
        assert (whole != matrix[split.users]).nnz == 0
        trained = np.diff(split.train.matrix.indptr)[split.users]
        assert (trained > 0).all() if protocol == "weak" else not trained.any()


def test_the_study_of_defaults_counts_its_looks_at_the_test_part(split_by_protocol):
    part = defaults.TestPart(split_by_protocol["weak"])
    popular = wrmf.Popularity().fit(part.split.train)
    once = part.score("popularity", popular)
    assert once == part.score("popularity", popular) > 0
    assert dict(part.looks) == {"popularity": 2}


def test_after_a_change_of_the_rule_the_test_part_is_looked_at_once(split_by_protocol, monkeypatch):
    split = split_by_protocol["weak"]
    monkeypatch.setattr(defaults, "load", lambda name, seed: (split, split))
    earlier = {"test": {"WRMF()": 0.1, "popularity": 0.2, "EASE": 0.4}}
    content = defaults.study("a", defaults.Task(1.0, 0, compares=False, earlier=earlier))
    assert content["looks_at_test"] == {"WRMF()": 1}
    assert content["test"]["WRMF()"] != 0.1
    assert content["best_known"] == {"by": "EASE", "ndcg@20": 0.4}
    assert content["share"] == pytest.approx(content["test"]["WRMF()"] / 0.4, abs=1e-4)


def test_shares_of_the_best_known_score_are_summed_up_by_their_geometric_mean():
    sets = {
        "a": {"share": 0.9, "over_popularity": 2.0},
        "b": {"share": 0.4, "over_popularity": 1.1},
    }
    assert defaults.summary(sets) == {
        "geometric_mean": 0.6,
        "least": 0.4,
        "least_over_popularity": 1.1,
    }


def test_recorded_scores_are_those_of_the_same_split(tmp_path):
    result = {"test": {"ndcg@20": 0.3}}
    leaderboard_record = {"contenders": {"EASE": result, "kNN": {"skipped": "slow"}}}
    (tmp_path / "leaderboard-a-weak.json").write_text(json.dumps(leaderboard_record))
    (tmp_path / "leaderboard-a-strong.json").write_text(json.dumps(leaderboard_record))
    (tmp_path / "gowalla-quality-k8.json").write_text(json.dumps(result))
    assert defaults.recorded("a", tmp_path) == {"leaderboard: EASE": 0.3}
    assert defaults.recorded("gowalla", tmp_path) == {"gowalla-quality-k8": 0.3}
    assert defaults.recorded("b", tmp_path) == {}


def test_gowalla_is_tuned_on_a_tenth_of_each_users_training_part(likes):
    train = wrmf.Interactions.from_matrix(likes)
    split = gowalla.validation(train, seed=3, share=0.1, n_users=40)
    whole = train.matrix.toarray() != 0
    known, held = split.train.matrix.toarray() != 0, split.test.matrix.toarray() != 0
    assert np.array_equal(known | held, whole)
    assert not (known & held).any()
    counts = whole.sum(axis=1)
    wanted = np.minimum(counts, np.maximum(1, np.rint(0.1 * counts)))
    assert np.array_equal(held.sum(axis=1), wanted)
    assert len(split.users) == 40
    again = gowalla.validation(train, seed=3, share=0.1, n_users=40)
    assert (again.test.matrix != split.test.matrix).nnz == 0
    other = gowalla.validation(train, seed=4, share=0.1, n_users=40)
    assert (other.test.matrix != split.test.matrix).nnz > 0


def test_weights_fall_with_the_degrees_of_user_and_item():
    likes = wrmf.Interactions.from_matrix(np.array([[1, 1, 1], [1, 0, 0]]))
    params = {"user_power": 0.5, "item_power": 0.0}
    values = gowalla.weighted(likes, params).matrix.toarray()
    assert values[values > 0].mean() == pytest.approx(1.0)
    assert values[1, 0] == pytest.approx(values[0, 0] * 3**0.5)
    assert likes.matrix.data.tolist() == [1] * 4


def test_the_plots_are_drawn_from_records(tmp_path, capsys):
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

    plan = Plan({"end": [1.0]}, "score", starts=[{"end": end} for end in (1, 0.5, 2)])
    trials = search(run, plan, Budget(3))
    epochs = {trial.params["end"]: len(trial.curve) for trial in trials}
    assert epochs == {1: 19, 0.5: 3, 2: 19}
    ahead = Trial({"end": 2.0}, score=2.0)
    (_, behind) = search(run, Plan({"end": [0.5]}, "score"), Budget(1), [ahead])
    assert len(behind.curve) == 3


def test_the_study_of_item_terms_has_a_row_for_each_setting_and_the_cost():
    data = wrmf.datasets.synthetic_likes(200, 80, 2000, random_state=0)
    split = wrmf.split_interactions(data, 0.2, random_state=0)
    model = wrmf.WRMF(4, iterations=1, random_state=0).fit(split.train, progress=False)
    options = SimpleNamespace(neighbors=[2, 5], regularization=[1.0, 20.0])
    head, _, *rows = item_term.quality(model, split, options)
    assert head.count("β") == len(item_term.WEIGHTS)
    assert [row.split(" | ")[0] for row in rows] == ["| 2", "| 2", "| 5", "| 5"]
    assert "times the" in item_term.cost(model, 0.6, rounds=1)


def test_items_solved_from_shards_stay_close_to_exact_ones():
    matrix = wrmf.datasets.synthetic_likes(300, 80, 3000, random_state=0).matrix
    objective = Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0)
    problem = split_items.Problem.of(matrix, objective, 1.0, 8)
    rules = {
        "steps": (0.1, partial(split_items.fixed_steps, 3)),
        "tolerance": (0.1, split_items.solve_pass),
    }
    rows = split_items.compare(problem, 3, rules)
    assert [row["rule"] for row in rows] == list(rules)
    assert rows[0]["passes"] == [3, 3, 3]
    assert max(rows[1]["percent above exact"]) < 0.5
