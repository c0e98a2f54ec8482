"""What all searches promise: seeds, patience, validation, journals, and their own choices."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import wrmf
from wrmf import WRMF, Range, datasets, learning_curve, leave_k_out
from wrmf.model.trainer import Trainer
from wrmf.search.halving import rung_ends
from wrmf.search.journal import read_journal
from wrmf.search.space import drawn_settings

EPOCHS = [1, 2, 3, 4]
SPACE = {"factors": [2, 4, 8], "alpha": [1.0, 20.0], "regularization": [0.1, 100.0]}


def grid(model, split, **options):
    return wrmf.grid_search(model, split, SPACE, EPOCHS, **options)


def random(model, split, **options):
    space = {**SPACE, "alpha": Range(1.0, 50.0, log=True)}
    return wrmf.random_search(model, split, space, 6, EPOCHS, **options)


def halving(model, split, **options):
    return wrmf.halving_search(model, split, SPACE, epochs=EPOCHS, factor=2, **options)


def tune(model, split, **options):
    pytest.importorskip("optuna")
    space = {**SPACE, "alpha": Range(1.0, 50.0, log=True)}
    return wrmf.tune(model, split, space, 12, EPOCHS, **options)


SEARCHES = [grid, random, halving, tune]


@pytest.fixture(scope="module")
def split():
    return leave_k_out(datasets.synthetic_likes(200, 150, 2500), k=3, random_state=0)


@pytest.fixture
def model():
    return WRMF(random_state=0, num_threads=1)


def scores(result):
    return [
        (curve.params, curve.epochs, curve.train, curve.test, curve.stderr, curve.by_seed)
        for curve in result.curves
    ]


def frame(result):
    return result.to_frame().drop(columns="seconds")


@pytest.mark.parametrize("search", SEARCHES)
def test_every_curve_is_what_a_lone_run_gives(split, model, search):
    for curve in search(model, split).curves:
        alone = learning_curve(WRMF(**{**model.get_params(), **curve.params}), split, curve.epochs)
        assert (curve.train, curve.test) == (alone.train, alone.test)
        assert curve.model is None


@pytest.mark.parametrize("search", [grid, random, halving])
def test_no_search_depends_on_jobs_or_threads(split, model, search):
    many = WRMF(random_state=0, num_threads=3)
    assert scores(search(model, split)) == scores(search(many, split, n_jobs=2))
    assert scores(search(model, split)) == scores(search(many, split))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_killed_at_any_step_resumes_to_the_same_result(split, model, search, tmp_path):
    journal = tmp_path / "search.jsonl"
    options = {"seeds": 2, "patience": 2, "validation": 0.2}
    whole = search(model, split, journal=journal, **options)
    lines = journal.read_bytes().splitlines(keepends=True)
    for kept in (0, 1, len(lines) // 2, len(lines) - 2):
        journal.write_bytes(b"".join(lines[: 1 + kept]) + b'{"setting": {"fac')
        resumed = search(model, split, journal=journal, **options)
        assert scores(resumed) == scores(whole)
        assert resumed.test == whole.test
    told = read_journal(journal)
    assert told.best_params == whole.best_params
    assert told.test_score == whole.test_score
    assert told.at_edge == whole.at_edge
    assert (told.scored_on, told.ranges) == (whole.scored_on, whole.ranges)


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}, {package!r}]
import wrmf
import test_searches as t
split = wrmf.leave_k_out(wrmf.datasets.synthetic_likes(200, 150, 2500), k=3, random_state=0)
model = wrmf.WRMF(random_state=0, num_threads=1)
getattr(t, {name!r})(model, split, journal={journal!r}, metrics=("precision@5", "auc"))
"""


@pytest.mark.parametrize("search", SEARCHES)
def test_kill_minus_nine_loses_no_finished_setting(split, model, search, tmp_path):
    if search is tune:
        pytest.importorskip("optuna")
    journal = tmp_path / "search.jsonl"
    tests = str(Path(__file__).parent)
    package = str(Path(wrmf.__file__).parents[1])
    script = SCRIPT.format(tests=tests, package=package, name=search.__name__, journal=str(journal))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path.parent)
    try:
        until = time.monotonic() + 120
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
            assert process.poll() is None or process.returncode == 0
            assert time.monotonic() < until
            time.sleep(0.002)
    finally:
        process.kill()  # SIGKILL
        process.wait()
    noted = [curve.seconds for curve in read_journal(journal).curves]
    metrics = ("precision@5", "auc")
    resumed = search(model, split, journal=journal, metrics=metrics)
    never_killed = search(model, split, metrics=metrics)
    assert frame(resumed).equals(frame(never_killed))
    assert scores(resumed) == scores(never_killed)
    if search is not halving:
        assert [curve.seconds for curve in resumed.curves[: len(noted)]] == noted


@pytest.mark.parametrize("search", [random, halving, tune])
def test_a_journal_of_another_method_or_space_is_refused(split, model, search, tmp_path):
    journal = tmp_path / "search.jsonl"
    grid(model, split, journal=journal)
    with pytest.raises(ValueError, match="journal of another search"):
        search(model, split, journal=journal)


# Patience


def test_patience_shortens_a_curve_and_changes_nothing_else(split, model):
    epochs = range(1, 15)
    whole = learning_curve(model, split, epochs)
    short = learning_curve(model, split, epochs, patience=2)
    n = len(short.epochs)
    assert n < 14
    assert short.test["precision@5"] == whole.test["precision@5"][:n]
    best = int(np.argmax(short.test["precision@5"]))
    assert n == best + 3
    # No earlier stop was due.
    running = np.maximum.accumulate(short.test["precision@5"])
    for place in range(2, n - 1):
        assert running[place] > running[place - 2] or place < 2


def test_a_search_is_patient_by_its_own_metric(split, model):
    options = {"metrics": ("mse", "precision@5"), "patience": 1}
    result = wrmf.grid_search(model, split, {"alpha": [1.0, 500.0]}, range(1, 12), **options)
    for curve in result.curves:
        n, best = len(curve.epochs), int(np.argmax(curve.test["precision@5"]))
        assert n == 11 or n == best + 2


# Seeds


def test_several_seeds_give_mean_and_standard_error(split, model):
    curve = learning_curve(model, split, EPOCHS, seeds=[3, 1, 4])
    alone = [
        learning_curve(WRMF(**{**model.get_params(), "random_state": seed}), split, EPOCHS)
        for seed in (3, 1, 4)
    ]
    for metric in ("precision@5", "mse"):
        values = np.array([one.test[metric] for one in alone])
        assert [scores[metric] for scores in curve.by_seed] == values.tolist()
        np.testing.assert_allclose(curve.test[metric], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(curve.stderr[metric], values.std(0, ddof=1) / 3**0.5, rtol=1e-9)
    counted = learning_curve(model, split, EPOCHS, seeds=2)
    listed = learning_curve(model, split, EPOCHS, seeds=[0, 1])
    assert counted.test == listed.test


def test_one_seed_gives_the_standard_error_over_users(split, model):
    curve = learning_curve(model, split, [2])
    values = wrmf.evaluate(curve.model, split, ["precision@5"], per_user=True).per_user
    mine = values["precision@5"]
    assert curve.stderr["precision@5"] == [pytest.approx(mine.std(ddof=1) / len(mine) ** 0.5)]
    assert "mse" not in curve.stderr
    result = grid(model, split)
    table = result.to_frame()
    assert result.best_stderr == table["stderr"][table["best_score"].idxmax()]


@pytest.mark.parametrize("seeds", [0, [], [1, 1], -2, [-1]])
def test_bad_seeds_are_explained(split, model, seeds):
    with pytest.raises(ValueError, match="seeds"):
        learning_curve(model, split, [1], seeds=seeds)


# Validation


def test_settings_are_chosen_without_the_test_split(split, model):
    result = grid(model, split, validation=0.25)
    # Another test set changes the test score and nothing else.
    other = wrmf.Split(split.train, split.train)
    blind = grid(model, other, validation=0.25, exclude_seen=True)
    assert scores(result) == scores(blind)
    assert result.scored_on == "validation"
    fitted = result.best_model().fit(split.train)
    again = wrmf.evaluate(fitted, split, ["precision@5", "mse"])
    assert result.test == again
    assert result.test_score == again["precision@5"]
    assert result.test.n_users == len(split.users)


def test_a_validation_split_of_ones_own(split, model):
    inner = leave_k_out(split.train, k=2, random_state=5)
    result = grid(model, split, validation=inner)
    direct = grid(model, inner)
    assert scores(result) == scores(direct)
    assert direct.test is None
    assert direct.test_score is None


def test_a_validation_split_that_has_seen_the_test_split_is_refused(split, model, tmp_path):
    both = split.train.with_matrix(split.train.matrix + split.test.matrix)
    leaking = leave_k_out(both, k=2, random_state=5)
    with pytest.raises(ValueError, match=r"not in split\.train"):
        grid(model, split, validation=leaking)
    journal = tmp_path / "search.jsonl"
    with pytest.raises(ValueError, match="between 0 and 1"):
        grid(model, split, validation=1.5, journal=journal)
    with pytest.raises(TypeError, match="a share or a Split"):
        grid(model, split, validation="20%", journal=journal)
    assert not journal.exists()


def test_held_out_users_are_validated_on_held_out_users(model):
    data = datasets.synthetic_likes(200, 150, 2500)
    strong = wrmf.split_users(data, 30, random_state=0)
    result = wrmf.grid_search(model, strong, {"factors": [2, 4]}, [1, 2], validation=0.2)
    assert result.test.n_users == 30


# Random search, spaces


def test_random_settings_are_different_seeded_and_a_prefix_of_more(split, model):
    space = {"factors": Range(2, 6), "alpha": Range(1.0, 100.0, log=True)}
    few, more, other = (
        wrmf.random_search(model, split, space, n, [1], random_state=seed)
        for n, seed in ((3, 7), (6, 7), (6, 8))
    )
    drawn = [curve.params for curve in more.curves]
    assert [curve.params for curve in few.curves] == drawn[:3]
    assert [curve.params for curve in other.curves] != drawn
    assert all(isinstance(p["factors"], int) and 2 <= p["factors"] <= 6 for p in drawn)
    assert all(1 <= p["alpha"] <= 100 for p in drawn)


def test_a_small_space_is_drawn_empty():
    generator = np.random.default_rng(0)
    space = {"factors": Range(2, 4), "alpha": [1.0, 2.0]}
    found = drawn_settings(space, 50, generator)
    assert sorted((s["factors"], s["alpha"]) for s in found) == [
        (k, a) for k in (2, 3, 4) for a in (1.0, 2.0)
    ]
    assert len(drawn_settings({"alpha": [1.0, 2.0]}, 9, generator)) == 2


def test_a_logarithmic_range_gives_each_decade_its_share():
    generator = np.random.default_rng(0)
    drawn = np.array([Range(1e-3, 1e3, log=True).draw(generator) for _ in range(6000)])
    counts = np.histogram(np.log10(drawn), bins=6, range=(-3, 3))[0]
    assert abs(counts - 1000).max() < 150
    whole = [Range(1, 4).draw(generator) for _ in range(4000)]
    assert abs(np.bincount(whole)[1:] - 1000).max() < 150


@pytest.mark.parametrize("ends", [(2, 2), (3, 1), (0.0, 1.0, True), (-1, 2, True)])
def test_bad_ranges_are_explained(ends):
    with pytest.raises(ValueError, match="range must"):
        Range(*ends)


def test_ranges_and_fixed_parameters_are_refused_where_they_cannot_be(split, model):
    with pytest.raises(ValueError, match="factors is a range"):
        wrmf.grid_search(model, split, {"factors": Range(2, 8)}, [1])
    with pytest.raises(ValueError, match="pass seeds="):
        wrmf.random_search(model, split, {"random_state": [1]}, 1, [1])
    with pytest.raises(ValueError, match="regularization must be finite"):
        wrmf.random_search(model, split, {"regularization": Range(-1.0, 1.0)}, 1, [1])


# Halving


def test_rungs_grow_by_the_factor():
    assert rung_ends(180, list(range(2, 40, 2)), 3) == [2, 6, 14, 38]
    assert rung_ends(9, [1, 2, 3, 4, 5, 6, 7, 8, 9], 3) == [1, 3, 9]
    assert rung_ends(1, [2, 4], 3) == [4]
    assert rung_ends(27, [5], 3) == [5]


def test_the_better_half_goes_on(split, model):
    curves = halving(model, split).curves
    whole = grid(model, split).curves
    assert [curve.params for curve in curves] == [curve.params for curve in whole]
    lengths = [curve.epochs[-1] for curve in curves]
    assert lengths.count(4) == 3  # 12 settings go to epoch 1, 6 to epoch 2, 3 to epoch 4
    assert sum(length >= 2 for length in lengths) == 6
    first = [curve.test["precision@5"][0] for curve in whole]
    assert min(s for s, n in zip(first, lengths, strict=True) if n > 1) >= max(
        s for s, n in zip(first, lengths, strict=True) if n == 1
    )


def test_halving_trains_no_epoch_twice(split, model, monkeypatch):
    done = []
    run = Trainer.run

    def counted(self, iterations, *rest, **named):
        done.append(iterations)
        return run(self, iterations, *rest, **named)

    monkeypatch.setattr(Trainer, "run", counted)
    result = halving(model, split)
    assert sum(done) == sum(curve.epochs[-1] for curve in result.curves)


# Tuning


def test_tune_without_optuna_names_the_extra(split, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'pip install "wrmf\[tune\]"'):
        wrmf.tune(model, split, SPACE, 2, EPOCHS)


def test_tune_prunes_and_its_best_is_no_worse_than_its_first(split, model):
    result = tune(model, split)
    assert any(curve.epochs[-1] < 4 for curve in result.curves)
    assert result.best_score >= result.curves[0].best("precision@5")[1]
    assert len(result.curves) <= 12
    assert wrmf.tune(model, split, SPACE, 3, [1], metric="mse").best_score < 1


def test_tune_takes_a_study(split, model, tmp_path):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    result = wrmf.tune(model, split, SPACE, 4, [1, 2], study=study)
    assert len(study.trials) == 4
    assert study.best_value == result.best_score
    with pytest.raises(ValueError, match="either study"):
        wrmf.tune(model, split, SPACE, 4, [1], study=study, journal=tmp_path / "j")
    with pytest.raises(ValueError, match="must minimize mse"):
        wrmf.tune(model, split, SPACE, 4, [1], metric="mse", study=study)
    with pytest.raises(TypeError, match="one trial at a time"):
        wrmf.tune(model, split, SPACE, 4, [1], n_jobs=2)


# The edge


def result_of(metric_by_setting, **options):
    names = tuple(metric_by_setting[0][0])
    curves = [
        wrmf.LearningCurve(params, [1], {"mse": [s]}, {"mse": [s]}, [0.0])
        for params, s in metric_by_setting
    ]
    return wrmf.SearchResult("mse", names, curves, **options)


def test_the_edge_of_the_grid_is_named():
    curves = [
        ({"k": k, "a": a, "two": two, "kind": kind, "flag": flag, "b": b}, score)
        for k, a, two, kind, flag, b, score in [
            (1, 5.0, 1, "x", True, 0.1, 0.3),
            (2, 1.0, 2, "y", False, 0.2, 0.2),
            (3, 9.0, 1, "z", True, 0.3, 0.9),
            (1, 9.0, 2, "x", True, 0.2, 0.1),
        ]
    ]
    result = result_of(curves)
    assert result.best_score == 0.1
    assert result.at_edge == {"k": "lowest", "a": "highest"}
    assert "at_edge={'k': 'lowest', 'a': 'highest'}" in repr(result)


def test_an_edge_that_is_no_better_than_the_inside_is_not_named():
    result = result_of([({"a": a}, s) for a, s in ((0.0, 0.1), (1.0, 0.1), (9.0, 0.3))])
    assert result.best_params == {"a": 0.0}
    assert result.at_edge == {}
    assert result_of([({"a": a}, np.nan) for a in (0.0, 1.0, 9.0)]).at_edge == {"a": "lowest"}


def test_the_edge_of_a_range_is_its_last_twentieth():
    ranges = {"a": Range(1.0, 100.0, log=True), "b": Range(0.0, 1.0)}
    result = result_of([({"a": 98.0, "b": 0.5}, 0.1)], ranges=ranges)
    assert result.at_edge == {"a": "highest"}
    assert "at_edge" not in repr(result_of([({"a": 10.0, "b": 0.5}, 0.1)], ranges=ranges))
