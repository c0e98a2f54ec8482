"""Tuning with Optuna: pruning, the caller's own study, and what it needs."""

import sys

import numpy as np
import pytest

import wrmf
from wrmf import Range

EPOCHS = [1, 2, 3, 4]
SPACE = {"factors": [2, 4, 8], "alpha": [1.0, 20.0], "regularization": [0.1, 100.0]}


def test_without_optuna_the_extra_to_install_is_named(split, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'pip install "wrmf\[tune\]"'):
        wrmf.tune(model, split, SPACE, 2, EPOCHS)


def test_poor_settings_are_pruned_and_the_best_is_no_worse_than_the_first(split, model):
    pytest.importorskip("optuna")
    space = {**SPACE, "alpha": Range(1.0, 50.0, log=True)}
    result = wrmf.tune(model, split, space, 12, EPOCHS)
    assert any(curve.epochs[-1] < 4 for curve in result.curves)
    assert result.best_score >= result.curves[0].best("precision@5")[1]
    assert len(result.curves) <= 12


def test_mse_is_minimized(split, model):
    pytest.importorskip("optuna")
    assert wrmf.tune(model, split, SPACE, 3, [1], metric="mse").best_score < 1


def test_a_study_of_the_caller_runs_the_trials(split, model):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    result = wrmf.tune(model, split, SPACE, 4, [1, 2], study=study)
    assert len(study.trials) == 4
    assert study.best_value == result.best_score


def test_options_that_contradict_the_study_are_refused(split, model, tmp_path):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize")
    with pytest.raises(ValueError, match="either study"):
        wrmf.tune(model, split, SPACE, 4, [1], study=study, journal=tmp_path / "j")
    with pytest.raises(ValueError, match="must minimize mse"):
        wrmf.tune(model, split, SPACE, 4, [1], metric="mse", study=study)


MIXED = {
    "regularization": [(0.1, 1.0), 5.0],
    "factors": [np.int64(4), 2],
    "init_scale": [None, 0.5],
    "dtype": [np.dtype("float32"), "float64"],
}


def test_a_study_stores_the_values_of_lists(split, model):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    result = wrmf.tune(model, split, MIXED, 6, [1], study=study)
    stored = {name: {trial.params[name] for trial in study.trials} for name in MIXED}
    assert stored == {
        "regularization": {"(0.1, 1.0)", 5.0},
        "factors": {4, 2},
        "init_scale": {None, 0.5},
        "dtype": {"float32", "float64"},
    }
    for curve in result.curves:
        assert all(curve.params[name] in values for name, values in MIXED.items())


def test_a_stored_study_continues_with_the_same_space(split, model, tmp_path):
    optuna = pytest.importorskip("optuna")
    for n_trials in (2, 4):
        study = optuna.create_study(
            storage=f"sqlite:///{tmp_path / 'study.db'}",
            study_name="study",
            direction="maximize",
            load_if_exists=True,
        )
        wrmf.tune(model, split, MIXED, 2, [1], study=study)
        assert len(study.trials) == n_trials


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"alpha": [1.0, 2.0]}, r"trial 0 of the study took alpha from .*1.0, 20.0.* from .*2.0"),
        ({"alpha": Range(1.0, 20.0)}, r"took alpha from Categorical.* from FloatDistribution"),
        ({"alpha": [1.0, 20.0], "cg_steps": [1, 2]}, "this search varies factors, alpha, cg_steps"),
        ({}, "varied factors, alpha, and this search varies factors: pass a new study"),
    ],
)
def test_a_study_of_another_space_is_refused(split, model, changed, error):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize")
    wrmf.tune(model, split, {"factors": [2, 4], "alpha": [1.0, 20.0]}, 1, [1], study=study)
    with pytest.raises(ValueError, match=error):
        wrmf.tune(model, split, {"factors": [2, 4], **changed}, 1, [1], study=study)
    assert len(study.trials) == 1


def test_a_study_that_stored_places_of_values_is_refused(split, model):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize")
    trial = study.ask({"factors": optuna.distributions.CategoricalDistribution([0, 1, 2])})
    study.tell(trial, 0.5)
    with pytest.raises(ValueError, match=r"took factors from .*0, 1, 2.* from .*2, 4, 8"):
        wrmf.tune(model, split, {"factors": [2, 4, 8]}, 1, [1], study=study)


def test_the_ends_of_a_range_may_change(split, model):
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction="maximize")
    for high in (8, 16):
        wrmf.tune(model, split, {"factors": Range(2, high)}, 1, [1], study=study)
    assert len(study.trials) == 2


def test_several_jobs_are_refused(split, model):
    pytest.importorskip("optuna")
    with pytest.raises(TypeError, match="one trial at a time"):
        wrmf.tune(model, split, SPACE, 4, [1], n_jobs=2)
