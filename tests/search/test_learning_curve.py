"""A learning curve on its own: training, best checkpoint, patience, seeds."""

import numpy as np
import pytest

import wrmf
from wrmf import WRMF, LearningCurve, grid_search, learning_curve
from wrmf.search.learning_curve import rank_curves

EPOCHS = [1, 2, 4]


def curve_of(*scores, metric="precision@5"):
    return LearningCurve({}, list(range(1, len(scores) + 1)), {}, {metric: list(scores)})


def test_training_continues_from_checkpoint_to_checkpoint(split, model):
    curve = learning_curve(model, split, EPOCHS)
    for place, epoch in enumerate(EPOCHS):
        fresh = WRMF(**{**model.get_params(), "iterations": epoch}).fit(split.train)
        alone = learning_curve(fresh, split, [epoch])
        assert alone.test["precision@5"] == [curve.test["precision@5"][place]]
    assert curve.model.iterations_done == 4


def test_the_given_model_is_not_changed(split, model):
    params = model.get_params()
    learning_curve(model, split, [1])
    assert not hasattr(model, "user_factors")
    assert model.get_params() == params


# The best checkpoint and the best curve


def test_the_best_checkpoint_is_the_earliest_of_the_highest():
    assert curve_of(0.1, 0.5, 0.5).best() == (2, 0.5)
    assert curve_of(0.1, 0.5, 0.5).best_place("precision@5") == 1


def test_the_best_checkpoint_by_mse_is_the_lowest():
    assert curve_of(3.0, 1.0, 2.0, metric="mse").best() == (2, 1.0)


def test_nan_is_never_the_best_checkpoint():
    assert curve_of(np.nan, 0.1, np.nan).best() == (2, 0.1)
    undefined = curve_of(np.nan, np.nan)
    assert undefined.best_place("precision@5") is None
    assert undefined.best()[0] == 1
    assert np.isnan(undefined.best()[1])


def test_the_best_checkpoint_up_to_an_epoch():
    assert curve_of(0.1, 0.3, 0.5).best_place("precision@5", until=2) == 1
    assert curve_of(0.1, 0.3, 0.5).best_place("precision@5", until=0) is None


@pytest.mark.parametrize(("metric", "best"), [("precision@5", 0.9), ("mse", 0.1)])
def test_curves_are_ranked_by_their_best_score_with_nan_last(metric, best):
    tops = [np.nan, 0.5, 0.9, 0.1, 0.5]
    curves = [curve_of(top, metric=metric) for top in tops]
    ranked = rank_curves(curves, metric)
    assert ranked[0].test[metric] == [best]
    # Curves with equal scores keep their order.
    assert [c for c in ranked if c.test[metric] == [0.5]] == [curves[1], curves[4]]
    assert ranked[2] is curves[4]
    assert ranked[-1] is curves[0]


def test_curves_are_ranked_up_to_an_epoch():
    early, late = curve_of(0.5, 0.1), curve_of(0.1, 0.9)
    assert rank_curves([early, late], "precision@5") == [late, early]
    assert rank_curves([late, early], "precision@5", until=1) == [early, late]


def test_a_metric_that_was_not_measured_is_an_error(split, model):
    with pytest.raises(ValueError, match="'auc' was not measured"):
        learning_curve(model, split, [1]).best("auc")


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
    # Patience had not run out at any earlier checkpoint.
    best_so_far = np.maximum.accumulate(short.test["precision@5"])
    for place in range(2, n - 1):
        assert best_so_far[place] > best_so_far[place - 2]


def test_patience_in_a_search_goes_by_the_metric_that_ranks(split, model):
    options = {"metric": "precision@5", "metrics": ("mse", "precision@5"), "patience": 1}
    result = grid_search(model, split, {"alpha": [1.0, 500.0]}, range(1, 12), **options)
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
        values = np.array([one_seed.test[metric] for one_seed in alone])
        assert [scores[metric] for scores in curve.by_seed] == values.tolist()
        np.testing.assert_allclose(curve.test[metric], values.mean(0), rtol=1e-12)
        np.testing.assert_allclose(curve.stderr[metric], values.std(0, ddof=1) / 3**0.5, rtol=1e-9)


def test_a_number_of_seeds_counts_from_the_seed_of_the_model(split, model):
    counted = learning_curve(model, split, EPOCHS, seeds=2)
    listed = learning_curve(model, split, EPOCHS, seeds=[0, 1])
    assert counted.test == listed.test


def test_one_seed_gives_the_standard_error_over_users(split, model):
    curve = learning_curve(model, split, [2])
    table = wrmf.evaluate(curve.model, split, ["precision@5"], per_user=True).per_user
    scores = table["precision@5"]
    assert curve.stderr["precision@5"] == [pytest.approx(scores.std(ddof=1) / len(scores) ** 0.5)]
    assert "mse" not in curve.stderr


@pytest.mark.parametrize("seeds", [0, [], [1, 1], -2, [-1]])
def test_seeds_that_repeat_or_are_none_are_an_error(split, model, seeds):
    with pytest.raises(ValueError, match="seeds"):
        learning_curve(model, split, [1], seeds=seeds)


# Errors


def test_epochs_that_do_not_rise_are_an_error(split, model):
    with pytest.raises(ValueError, match="epochs must be increasing"):
        learning_curve(model, split, [2, 2])
    with pytest.raises(TypeError, match="epochs must be increasing"):
        learning_curve(model, split, None)


def test_no_metric_is_an_error(split, model):
    with pytest.raises(ValueError, match="no metric was named"):
        learning_curve(model, split, [1], metrics=[])


@pytest.mark.parametrize(
    "measure",
    [
        lambda model, split: learning_curve(model, split, [1]),
        lambda model, split: grid_search(model, split, {"factors": [2]}, [1]),
    ],
)
def test_arguments_of_another_kind_are_named(split, model, measure):
    with pytest.raises(TypeError, match=r"split must be a wrmf.Split, got csr_matrix"):
        measure(model, split.train.matrix)
    with pytest.raises(TypeError, match="model must be a WRMF, got str"):
        measure("model", split)
