"""Tuning with Optuna: pruning, the caller's own study, and what it needs."""

import sys

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


def test_several_jobs_are_refused(split, model):
    pytest.importorskip("optuna")
    with pytest.raises(TypeError, match="one trial at a time"):
        wrmf.tune(model, split, SPACE, 4, [1], n_jobs=2)
