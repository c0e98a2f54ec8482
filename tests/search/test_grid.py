"""Grid search: all settings, in order, and the best of them."""

import pytest

from wrmf import Range, grid_search, learning_curve

GRID = {"factors": [2, 4], "alpha": [1.0, 20.0]}
EPOCHS = [1, 2, 4]


def test_a_grid_search_runs_every_setting_and_reports_the_best(split, model):
    result = grid_search(model, split, GRID, EPOCHS)
    table = result.to_frame()
    assert table[["factors", "alpha"]].to_numpy().tolist() == [[2, 1], [2, 20], [4, 1], [4, 20]]
    assert result.best_score == table["best_score"].max()
    assert result.best_score == max(max(c.test["precision@5"]) for c in result.curves)
    assert set(result.best_params) == set(GRID)
    best = result.best_model()
    assert (best.iterations, best.factors) == (result.best_epoch, result.best_params["factors"])
    alone = learning_curve(best, split, EPOCHS)
    assert alone.test == result.best_curve.test


def test_the_lowest_mse_is_the_best(split, model):
    result = grid_search(model, split, GRID, EPOCHS, metric="mse")
    assert result.best_score == min(min(c.test["mse"]) for c in result.curves)


def test_no_score_depends_on_the_number_of_jobs(split, model):
    alone = grid_search(model, split, GRID, EPOCHS)
    three_at_once = grid_search(model, split, GRID, EPOCHS, n_jobs=3)
    for a, b in zip(alone.curves, three_at_once.curves, strict=True):
        assert (a.params, a.epochs, a.train, a.test) == (b.params, b.epochs, b.train, b.test)


@pytest.mark.parametrize(
    ("grid", "error"),
    [
        ({}, "grid must map"),
        ({"factor": [1]}, "unknown parameter 'factor'"),
        ({"factors": 3}, "must be a sequence"),
        ({"factors": []}, "must be a sequence"),
        ({"factors": [4, 0]}, "factors must be at least 1"),
        ({"iterations": [4]}, "iterations cannot be searched over: pass epochs="),
        ({"factors": Range(2, 8)}, "factors is a range"),
    ],
)
def test_a_bad_grid_is_an_error_before_anything_is_trained(
    split, model, grid, error, tmp_path, monkeypatch
):
    monkeypatch.setattr("wrmf.search.learning_curve.CurveRun.advance", None)
    journal = tmp_path / "search.jsonl"
    with pytest.raises((TypeError, ValueError), match=error):
        grid_search(model, split, grid, EPOCHS, journal=journal)
    assert not journal.exists()
