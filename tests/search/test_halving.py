"""Successive halving: the rungs, and which settings survive them."""

from wrmf import grid_search, halving_search
from wrmf.model.trainer import Trainer
from wrmf.search.halving import Rung, all_rungs, rung_ends

EPOCHS = [1, 2, 3, 4]
SPACE = {"factors": [2, 4, 8], "alpha": [1.0, 20.0], "regularization": [0.1, 100.0]}


def halving(model, split):
    return halving_search(model, split, SPACE, epochs=EPOCHS, factor=2)


def test_rungs_grow_by_the_factor():
    assert rung_ends(180, list(range(2, 40, 2)), 3) == [2, 6, 14, 38]
    assert rung_ends(9, [1, 2, 3, 4, 5, 6, 7, 8, 9], 3) == [1, 3, 9]
    assert rung_ends(1, [2, 4], 3) == [4]
    assert rung_ends(27, [5], 3) == [5]


def test_one_setting_in_factor_survives_a_rung():
    assert all_rungs(10, [1, 2, 3, 4], 2) == [
        Rung(end=1, epochs=1, n_settings=10, n_survivors=5),
        Rung(end=2, epochs=1, n_settings=5, n_survivors=3),
        Rung(end=4, epochs=2, n_settings=3, n_survivors=0),
    ]


def test_the_better_half_continues(split, model):
    curves = halving(model, split).curves
    whole = grid_search(model, split, SPACE, EPOCHS).curves
    assert [curve.params for curve in curves] == [curve.params for curve in whole]
    lengths = [curve.epochs[-1] for curve in curves]
    assert lengths.count(4) == 3  # 12 settings go to epoch 1, 6 to epoch 2, 3 to epoch 4
    assert sum(length >= 2 for length in lengths) == 6
    first = [curve.test["precision@5"][0] for curve in whole]
    assert min(s for s, n in zip(first, lengths, strict=True) if n > 1) >= max(
        s for s, n in zip(first, lengths, strict=True) if n == 1
    )


def test_no_epoch_is_trained_twice(split, model, monkeypatch):
    trained = []
    run = Trainer.run

    def counting_run(self, iterations, *args, **keywords):
        trained.append(iterations)
        return run(self, iterations, *args, **keywords)

    monkeypatch.setattr(Trainer, "run", counting_run)
    result = halving(model, split)
    assert sum(trained) == sum(curve.epochs[-1] for curve in result.curves)
