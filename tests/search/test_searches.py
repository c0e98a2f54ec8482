"""What all searches have in common: curves, threads, journals, validation, progress."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import wrmf
from wrmf import WRMF, Range, learning_curve, leave_k_out
from wrmf.search import progress
from wrmf.search.journal import read_journal

EPOCHS = [1, 2, 3, 4]
SPACE = {"factors": [2, 4, 8], "alpha": [1.0, 20.0], "regularization": [0.1, 100.0]}
SPACE_WITH_RANGE = {**SPACE, "alpha": Range(1.0, 50.0, log=True)}


def grid(model, split, **options):
    return wrmf.grid_search(model, split, SPACE, EPOCHS, **options)


def random(model, split, **options):
    return wrmf.random_search(model, split, SPACE_WITH_RANGE, 6, EPOCHS, **options)


def halving(model, split, **options):
    return wrmf.halving_search(model, split, SPACE, epochs=EPOCHS, factor=2, **options)


def tune(model, split, **options):
    pytest.importorskip("optuna")
    return wrmf.tune(model, split, SPACE_WITH_RANGE, 12, EPOCHS, **options)


SEARCHES = [grid, random, halving, tune]


def scores(result):
    return [
        (curve.params, curve.epochs, curve.train, curve.test, curve.stderr, curve.by_seed)
        for curve in result.curves
    ]


def table_without_seconds(result):
    return result.to_frame().drop(columns="seconds")


@pytest.mark.parametrize("search", SEARCHES)
def test_every_curve_equals_that_of_the_setting_alone(split, model, search):
    for curve in search(model, split).curves:
        alone = learning_curve(WRMF(**{**model.get_params(), **curve.params}), split, curve.epochs)
        assert (curve.train, curve.test) == (alone.train, alone.test)
        assert curve.model is None


@pytest.mark.parametrize("search", [grid, random, halving])
def test_no_score_depends_on_jobs_or_threads(split, model, search):
    three_threads = WRMF(random_state=0, num_threads=3)
    assert scores(search(model, split)) == scores(search(three_threads, split, n_jobs=2))
    assert scores(search(model, split)) == scores(search(three_threads, split))


@pytest.mark.parametrize("search", SEARCHES)
def test_an_unknown_option_is_named_with_those_that_there_are(split, model, search):
    with pytest.raises(TypeError, match=r"'patients'"):
        search(model, split, patients=2)


def test_options_are_validated_before_the_journal_is_created(split, model, tmp_path):
    journal = tmp_path / "search.jsonl"
    for options, error in (
        ({"metric": "accuracy"}, "unknown metric"),
        ({"n_jobs": 0}, "n_jobs must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"seeds": []}, "seeds must be"),
        ({"random_state": -1}, "random_state must be at least 0"),
        ({"validation": 1.5}, "between 0 and 1"),
        ({"validation": "20%"}, "a share or a Split"),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            random(model, split, journal=journal, **options)
    with pytest.raises(ValueError, match="factors must be at least 1"):
        wrmf.grid_search(
            WRMF(factors=0), split, {"alpha": [1.0], "factors": [2]}, [1], journal=journal
        )
    assert not journal.exists()


# Resuming from a journal


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_interrupted_at_any_line_resumes_to_the_same_result(
    split, model, search, tmp_path
):
    journal = tmp_path / "search.jsonl"
    options = {"seeds": 2, "patience": 2, "validation": 0.2}
    whole = search(model, split, journal=journal, **options)
    lines = journal.read_bytes().splitlines(keepends=True)
    for n_curves in (0, 1, len(lines) // 2, len(lines) - 2):
        journal.write_bytes(b"".join(lines[: 1 + n_curves]) + b'{"setting": {"fac')
        resumed = search(model, split, journal=journal, **options)
        assert scores(resumed) == scores(whole)
        assert resumed.test == whole.test
    restored = read_journal(journal)
    assert restored.best_params == whole.best_params
    assert restored.test_score == whole.test_score
    assert restored.at_edge == whole.at_edge
    assert (restored.scored_on, restored.ranges) == (whole.scored_on, whole.ranges)


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}, {package!r}]
import wrmf
import test_searches
split = wrmf.leave_k_out(wrmf.datasets.synthetic_likes(200, 150, 2500), k=3, random_state=0)
model = wrmf.WRMF(random_state=0, num_threads=1)
search = getattr(test_searches, {name!r})
search(model, split, journal={journal!r}, metrics=("precision@5", "auc"))
"""


@pytest.mark.parametrize("search", SEARCHES)
def test_a_killed_process_loses_no_finished_setting(split, model, search, tmp_path):
    if search is tune:
        pytest.importorskip("optuna")
    journal = tmp_path / "search.jsonl"
    tests = str(Path(__file__).parent)
    package = str(Path(wrmf.__file__).parents[1])
    script = SCRIPT.format(tests=tests, package=package, name=search.__name__, journal=str(journal))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path.parent)
    try:
        deadline = time.monotonic() + 120
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
            assert process.poll() is None or process.returncode == 0
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()  # SIGKILL
        process.wait()
    seconds = [curve.seconds for curve in read_journal(journal).curves]
    metrics = ("precision@5", "auc")
    resumed = search(model, split, journal=journal, metrics=metrics)
    never_killed = search(model, split, metrics=metrics)
    assert table_without_seconds(resumed).equals(table_without_seconds(never_killed))
    assert scores(resumed) == scores(never_killed)
    # Finished settings are not run again, so their seconds are those in the journal. Halving is
    # left out, because it may extend a setting later.
    if search is not halving:
        assert [curve.seconds for curve in resumed.curves[: len(seconds)]] == seconds


@pytest.mark.parametrize("search", [random, halving, tune])
def test_the_journal_of_another_method_or_space_is_refused(split, model, search, tmp_path):
    journal = tmp_path / "search.jsonl"
    grid(model, split, journal=journal)
    with pytest.raises(ValueError, match="journal of another search"):
        search(model, split, journal=journal)


# Validation


def test_settings_are_chosen_without_the_test_split(split, model):
    result = grid(model, split, validation=0.25)
    # Another test set changes the test score and nothing else.
    other_test_set = wrmf.Split(split.train, split.train)
    blind = grid(model, other_test_set, validation=0.25, exclude_seen=True)
    assert scores(result) == scores(blind)
    assert result.scored_on == "validation"
    fitted = result.best_model().fit(split.train)
    evaluation = wrmf.evaluate(fitted, split, ["precision@5", "mse"])
    assert result.test == evaluation
    assert result.test_score == evaluation["precision@5"]
    assert result.test.n_users == len(split.users)


def test_settings_are_chosen_on_a_given_validation_split(split, model):
    inner = leave_k_out(split.train, k=2, random_state=5)
    result = grid(model, split, validation=inner)
    direct = grid(model, inner)
    assert scores(result) == scores(direct)
    assert direct.test is None
    assert direct.test_score is None


def test_a_validation_split_that_holds_test_interactions_is_refused(split, model):
    both = split.train.with_matrix(split.train.matrix + split.test.matrix)
    leaking = leave_k_out(both, k=2, random_state=5)
    with pytest.raises(ValueError, match=r"not in split\.train"):
        grid(model, split, validation=leaking)


def test_a_split_that_holds_out_users_is_validated_on_held_out_users(model):
    data = wrmf.datasets.synthetic_likes(200, 150, 2500)
    strong = wrmf.split_users(data, 30, random_state=0)
    result = wrmf.grid_search(model, strong, {"factors": [2, 4]}, [1, 2], validation=0.2)
    assert result.test.n_users == 30


# Progress


class RecordingBar:
    """A replacement for tqdm that records the total and the finished cost."""

    bars = []  # noqa: RUF012

    def __init__(self, total, **_):
        self.total, self.done = total, 0.0
        self.bars.append(self)

    def update(self, cost):
        self.done += cost

    def refresh(self):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("patience", [None, 1])
def test_the_bar_is_full_at_the_end(split, model, search, patience, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "load_tqdm", lambda: RecordingBar)
    monkeypatch.setattr(RecordingBar, "bars", [])
    journal = tmp_path / "search.jsonl"
    search(model, split, patience=patience, journal=journal)
    search(model, split, patience=patience, journal=journal)
    first, resumed = RecordingBar.bars
    assert first.done > 0
    assert first.total == pytest.approx(first.done)
    # The cost of curves from the journal counts neither as finished nor as expected.
    assert resumed.done == 0
    assert resumed.total == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("search", [wrmf.random_search, wrmf.halving_search, wrmf.tune])
def test_settings_are_ranked_by_the_first_metric_unless_one_is_named(split, model, search):
    def metric(**options):
        return search(model, split, {"factors": [2, 3]}, 2, [1], **options).metric

    assert metric() == "precision@5"
    assert metric(metrics=["ndcg@10", "mrr"]) == "ndcg@10"
    assert metric(metrics="mse") == "mse"
    assert metric(metrics=["ndcg@10", "mrr"], metric="mrr") == "mrr"
    grid = wrmf.grid_search(model, split, {"factors": [2]}, [1], metrics=["ndcg@10"])
    assert (grid.metric, list(grid.curves[0].test)) == ("ndcg@10", ["ndcg@10"])
