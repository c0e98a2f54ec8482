"""Training in several runs with the data prepared once."""

import numpy as np
import pytest


def test_several_runs_equal_one_fit(likes, small):
    model = small()
    trainer = model.trainer(likes)
    assert trainer.model is model
    for iterations in (1, 2, 1):
        trainer.run(iterations, progress=False)
    expected = small(iterations=4).fit(likes)
    assert model.iterations_done == 4
    assert np.array_equal(model.user_factors, expected.user_factors)


def test_solver_and_threads_may_change_between_runs(likes, small):
    model = small()
    trainer = model.trainer(likes)
    trainer.run(1)
    model.set_params(solver="cg", cg_steps=1, num_threads=2)
    trainer.run(1)
    exact = small(iterations=1).fit(likes)
    mixed = exact.set_params(solver="cg", cg_steps=1).partial_fit(likes, iterations=1)
    assert np.array_equal(model.user_factors, mixed.user_factors)
    assert not np.array_equal(model.user_factors, small(iterations=2).fit(likes).user_factors)


def test_factors_assigned_between_runs_are_trained_on(likes, small):
    model, start = small(), small(random_state=5).fit(likes)
    trainer = model.trainer(likes)
    trainer.run(1)
    model.user_factors, model.item_factors = start.user_factors.copy(), start.item_factors.copy()
    trainer.run(1)
    expected = start.partial_fit(likes, iterations=1)
    assert np.array_equal(model.user_factors, expected.user_factors)


def test_the_callback_sees_the_model_and_the_iterations_done(likes, small):
    calls = []
    model = small()
    model.trainer(likes).run(3, callback=lambda m, done: calls.append((m, done, m.iterations_done)))
    assert calls == [(model, 1, 1), (model, 2, 2), (model, 3, 3)]


def test_a_trainer_refuses_a_model_that_was_fitted_to_other_data(likes, checkerboard, small):
    model = small()
    trainer = model.trainer(likes)
    model.fit(checkerboard)
    with pytest.raises(ValueError, match=r"make a new one with model.trainer"):
        trainer.run(1)
