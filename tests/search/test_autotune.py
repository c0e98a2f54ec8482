"""One call finds settings at least as good as those of the data, and says what they are worth."""

import json
import signal
import threading
import time

import numpy as np
import pytest
from scipy import sparse

import wrmf
from wrmf import WRMF, Range, autotune, evaluate
from wrmf.search import autotune as module
from wrmf.search import held_out
from wrmf.search.budget import Budget, Step
from wrmf.search.item_term import terms_to_try, weigh
from wrmf.search.proposals import SPACE, Proposals, default_space


@pytest.fixture
def model():
    return WRMF(factors=8, random_state=0, num_threads=1)


@pytest.fixture(scope="module")
def tuned(split):
    return autotune(split, trials=14, model=WRMF(factors=8, random_state=0, num_threads=1))


def test_the_best_is_no_worse_than_what_the_data_decides(tuned):
    assert tuned.best_score >= tuned.default_score > tuned.baselines["popularity"]
    assert tuned.baselines.keys() == {"popularity", "item neighbours"}
    assert tuned.best_score == tuned.to_frame()["best_score"].max()


def test_trials_are_counted_and_the_table_has_all(tuned):
    frame = tuned.to_frame()
    settings = frame[frame["what"] == "WRMF"]
    # Item terms of trained models are not counted; of all that are tried, the weights differ.
    n_untrained = len(settings) - 14
    assert n_untrained >= 2
    assert (settings["item_weight"] > 0).sum() >= n_untrained
    assert frame["best_score"].is_monotonic_decreasing
    assert tuned.table.equals(frame)
    assert set(frame["what"]) == {"WRMF", "popularity", "item neighbours"}
    assert not settings.isna().any(axis=None)


def test_with_trials_the_result_is_always_the_same(split, tuned, model):
    again = autotune(split, seconds=1e-9, trials=14, model=model.set_params(num_threads=2))
    columns = [name for name in tuned.table if name != "seconds"]
    assert again.table[columns].equals(tuned.table[columns])
    assert np.array_equal(again.model.user_factors, tuned.model.user_factors)


def test_the_model_is_that_of_the_best_setting_fitted_to_all_of_train(split, tuned):
    params = {**tuned.search.base, **tuned.best_params}
    expected = WRMF(**params).fit(split.train)
    assert np.array_equal(tuned.model.item_factors, expected.item_factors)
    assert dict(tuned.test) == dict(evaluate(expected, split, ["ndcg@20"]))
    assert tuned.test.popularity["ndcg@20"] > 0


def test_settings_are_compared_on_a_part_of_train_and_test_is_seen_once(split, model, monkeypatch):
    seen = []

    def counted(fitted, part, *args, **options):
        if part.test is split.test:
            seen.append(fitted)
        return evaluate(fitted, part, *args, **options)

    monkeypatch.setattr(module, "evaluate", counted)
    tuned = autotune(split, trials=3, model=model)
    assert seen == [tuned.model]
    other_test = wrmf.Split(split.train, split.test.matrix[::-1])
    again = autotune(other_test, trials=3, model=model)
    assert again.best_params == tuned.best_params
    assert again.best_score == tuned.best_score


def test_data_without_a_test_part_is_used_whole(split, model):
    tuned = autotune(split.train.matrix, trials=2, model=model)
    assert tuned.test is None
    assert tuned.model.train_matrix.nnz == split.train.matrix.nnz
    assert "On the test part" not in tuned.summary


def test_held_out_users_are_validated_on_held_out_users(model):
    data = wrmf.datasets.synthetic_likes(150, 80, 2500, random_state=0)
    strong = wrmf.split_users(data, 30, random_state=0)
    tuned = autotune(strong, trials=3, model=model)
    assert tuned.test.n_users == 30
    assert tuned.best_score > tuned.baselines["popularity"]


def test_parameters_that_are_set_stay(split):
    model = WRMF(8, 0.02, value_damping=0.1, n_models=2, item_weight=0.4, random_state=0)
    tuned = autotune(split, trials=13, model=model)
    assert not tuned.search.best_params.keys() & {
        "regularization",
        "value_damping",
        "n_models",
        "item_weight",
    }
    assert {curve.params["factors"] for curve in tuned.search.curves} == {8}
    assert tuned.model.regularization == 0.02
    assert default_space(model).keys() == SPACE.keys() - {"regularization", "value_damping"}


def test_a_space_of_ones_own_is_all_that_is_searched(split):
    space = {"factors": [4, 8], "regularization": Range(0.5, 2.0, log=True, of_auto=True)}
    tuned = autotune(split, trials=6, space=space, model=WRMF(random_state=0))
    drawn = [curve.params for curve in tuned.search.curves[1:]]
    assert all(params.keys() == space.keys() for params in drawn)
    assert len(drawn) == 5


def test_further_metrics_are_measured_and_the_first_decides(split, model):
    tuned = autotune(split, trials=2, metric="recall@10", metrics=["mrr"], model=model)
    assert tuned.metric == "recall@10"
    assert list(tuned.test) == ["recall@10", "mrr"]


def test_the_summary_is_understood_without_the_code(tuned):
    summary = tuned.summary
    assert summary.startswith(f"{len(tuned.search.curves)} settings were compared")
    for part in ("WRMF() without settings has", "Popularity has", "Item neighbours have"):
        assert part in summary
    assert "On the test part the fitted model has" in summary


def test_where_taste_is_of_no_account_the_summary_names_popularity(model):
    generator = np.random.default_rng(0)
    popularity = np.linspace(0.02, 0.6, 40)
    data = sparse.csr_matrix(generator.random((300, 40)) < popularity)
    tuned = autotune(data.astype(np.float32), trials=2, model=model)
    if tuned.best_score <= tuned.baselines["popularity"]:
        assert "use wrmf.Popularity()" in tuned.summary
    else:
        assert "use wrmf.Popularity()" not in tuned.summary


def test_a_journal_resumes_a_call_with_trials(split, model, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    tuned = autotune(split, trials=6, model=model, journal=whole)
    lines = whole.read_text().splitlines(keepends=True)
    cut.write_text("".join(lines[:4]))
    again = autotune(split, trials=6, model=model, journal=cut)
    columns = [name for name in tuned.table if name != "seconds"]
    assert again.table[columns].equals(tuned.table[columns])
    assert json.loads(lines[0])["metric"] == "ndcg@20"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_fits_the_best_so_far(split, model, n_jobs, monkeypatch):
    calls = []
    measure = module.Autotuning._measure

    def interrupted(self, settings):
        calls.append(len(settings))
        if len(calls) == 2:
            raise KeyboardInterrupt
        measure(self, settings)

    monkeypatch.setattr(module.Autotuning, "_measure", interrupted)
    tuned = autotune(split, trials=40, model=model, n_jobs=n_jobs)
    assert tuned.interrupted
    assert "interrupted" in tuned.summary
    assert tuned.model.is_fitted
    # The first setting, with and without item terms, has what the data decides.
    drawn = [curve for curve in tuned.search.curves if "regularization" in curve.params]
    assert len(drawn) == calls[0]


def test_ctrl_c_during_training_keeps_what_is_measured(split):
    model = WRMF(factors=64, random_state=0)

    def interrupt():
        time.sleep(2.0)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        tuned = autotune(split, trials=100_000, model=model, log=lambda _line: None)
    finally:
        thread.join()
    assert tuned.interrupted
    assert tuned.model.is_fitted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0}, "seconds must be finite and above 0"),
        ({"trials": 0}, "trials must be"),
        ({"model": "x"}, "model must be a WRMF"),
        ({"epochs": [1]}, "autotune chooses epochs itself"),
        ({"space": {"factors": 3}}, "must be a sequence of values"),
        ({"nonsense": 1}, "unknown option 'nonsense'"),
        ({"metric": "ndcg"}, "ndcg"),
        ({"validation": None}, "validation must be a share"),
    ],
)
def test_arguments_are_checked_before_anything_is_trained(split, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        autotune(split, **options)


def test_weights_of_the_item_term_are_tried_upwards_while_they_are_better_else_downwards():
    def tried(best, start=0.3):
        return [weight for weight, _ in weigh(lambda weight: -abs(weight - best), start)]

    assert tried(0.6) == [0.3, 0.6, 1.0]
    assert tried(0.3) == [0.3, 0.6, 0.15]
    assert tried(0.1) == [0.3, 0.6, 0.15]
    assert tried(20.0, start=1.0) == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert tried(0.15, start=1.1) == [1.0, 2.0, 0.6, 0.3, 0.15]
    times = iter([1.0, 2.0, None])
    assert list(weigh(lambda _: next(times))) == [(0.3, 1.0), (0.6, 2.0)]
    assert not list(weigh(lambda _: None))


def test_popular_items_are_neighbours_of_each_other_where_they_have_most_interactions():
    def tried(n_users, counts):
        rows = [np.arange(count) for count in counts]
        columns = np.repeat(np.arange(len(counts)), counts)
        ones = np.ones(len(columns), np.float32)
        pairs = (np.concatenate(rows), columns)
        return terms_to_try(sparse.csr_matrix((ones, pairs), (n_users, len(counts))))

    first, *popular, more = tried(6000, [50] * 4500 + [1] * 3000)
    assert (first, more) == ({"item_neighbors": 30}, {"item_neighbors": 100})
    assert [tuple(term.values()) for term in popular] == [
        (4500, 80.0),
        (6000, 80.0),
        (4500, 20.0),
        (6000, 20.0),
    ]
    _, *popular, _ = tried(9000, [50] * 4500 + [40] * 3000)
    assert {term["item_neighbors"] for term in popular} == {7500}
    assert len(tried(20_000, [1] * 20_000)) == 2
    assert tried(2000, [50] * 2000 + [1] * 100)[1]["item_neighbors"] == 2000
    assert tried(900, [2] * 60) == [{"item_neighbors": 30}, {"item_neighbors": 60}]
    assert tried(900, [2] * 20) == [{"item_neighbors": 20}]


def test_of_many_users_a_sample_is_validated(split, model, monkeypatch):
    monkeypatch.setattr(held_out, "MOST_USERS", 20)
    part = held_out.sampled(split, 0)
    assert len(part.users) == 20
    assert np.isin(part.users, split.users).all()
    assert (part.test.matrix != split.test.matrix).nnz == 0
    tuned = autotune(split, trials=2, model=model)
    assert tuned.best_score > 0
    assert tuned.test.n_users > 20


def test_an_item_term_that_helps_is_part_of_all_further_settings(split):
    tuned = autotune(split, trials=6, model=WRMF(factors=2, random_state=0))
    first, *others = tuned.search.curves
    assert "item_weight" not in first.params
    weighed = [curve.params["item_weight"] for curve in others if "item_weight" in curve.params]
    assert len(weighed) == len(others)
    assert tuned.best_score > tuned.default_score


def test_a_budget_of_seconds_admits_what_fits_into_its_share():
    budget = Budget(None, 100.0)
    assert budget.admitted([Step(64)] * 9, [2, 6, 16], 3, 0.5) == 9
    budget.record([Step(64)], [10], 20.0)
    # Three settings: 6 epochs each, and the best of them 10 more.
    assert budget.rate(Step(64)) == 2.0
    assert budget.admitted([Step(64)] * 3, [2, 6, 16], 3, 0.6) == 3
    assert budget.admitted([Step(64)] * 3, [2, 6, 16], 3, 0.5) == 2
    assert budget.admitted([Step(64)] * 3, [2, 6, 16], 3, 0.1) == 0
    assert budget.rate(Step(512, 2)) > 16 * budget.rate(Step(64))


def test_a_budget_of_trials_is_one_of_trials():
    budget = Budget(10, 1e-9)
    budget.record([Step(64)], [10], 20.0)
    assert budget.admitted([Step(64)] * 9, [2, 16], 3, 0.5) == 4
    assert not budget.is_over()
    budget.record([Step(64)] * 9, [10] * 9, 20.0)
    assert budget.admitted([Step(64)] * 9, [2, 16], 3, 1.0) == 0


def test_proposals_near_the_best_stay_within_the_space():
    matrix = sparse.csr_matrix(np.eye(30))
    proposals = Proposals(WRMF(), matrix, SPACE, np.random.default_rng(0))
    best = {"unobserved_weight": "16*auto", "regularization_exponent": 0.5}
    for setting in proposals.further(best):
        for name in ("unobserved_weight", "regularization"):
            assert 0 <= SPACE[name].share(setting[name]) <= 1
        assert setting["regularization_exponent"] in SPACE["regularization_exponent"]
        assert setting["factors"] == 64
    for setting in [*proposals.first(), *proposals.variants({"factors": 256})]:
        WRMF(**setting).check_params()
    assert not list(proposals.wider({}))
    large = Proposals(WRMF(), sparse.csr_matrix((3000, 1500)), SPACE, np.random.default_rng(0))
    assert [setting["factors"] for bracket in large.wider({}) for setting in bracket] == [512, 512]
