"""What is prepared for requests: when it is thrown away, what survives, and threads."""

import copy
import pickle
from dataclasses import replace

import pytest

import wrmf
from wrmf import Interactions


@pytest.fixture
def model(likes, small):
    users = [f"u{row}" for row in range(likes.shape[0])]
    return small().fit(Interactions.from_matrix(likes, users=users))


def answers(model):
    """Return what a model answers from its prepared state."""
    lists = model.recommend(["u3", "u17"], n=5, fallback="popular")
    return lists.rows.tolist(), model.similar_items([4], n=5).rows.tolist()


def fresh(model):
    """Return a model with equal factors for which nothing has been prepared."""
    again = copy.deepcopy(model)
    assert again.state.prepared.nbytes == 0
    return again


def test_parts_are_computed_once(model):
    prepared = model.state.prepared
    assert prepared.nbytes == 0
    answers(model)
    by_norm, index = prepared.items.by_norm, prepared.user_ids.index
    assert prepared.nbytes > 0
    answers(model)
    assert prepared.items.by_norm is by_norm
    assert prepared.user_ids.index is index


def test_training_throws_away_what_depends_on_factors(likes, model):
    answers(model)
    before = model.state.prepared
    model.partial_fit(likes, iterations=1)
    after = model.state.prepared
    assert after.user_ids.index is before.user_ids.index
    assert after.items is not before.items
    assert answers(model) == answers(fresh(model))


def test_assigned_factors_are_used_at_once(model):
    answers(model)
    before = model.state.prepared
    model.item_factors = model.item_factors[::-1]
    assert answers(model) == answers(fresh(model))
    assert model.state.prepared.users is before.users
    assert model.state.prepared.items is not before.items


def test_an_array_changed_after_it_was_assigned_changes_no_answer(model):
    factors = model.item_factors[::-1].copy()
    model.item_factors = factors
    before = answers(model)
    factors[:] = 1
    assert answers(model) == before


def test_factors_cannot_be_changed_in_place(model):
    for factors in (model.user_factors, model.item_factors):
        with pytest.raises(ValueError, match="read-only"):
            factors[0] = 1


def test_a_callback_and_an_interrupted_fit_leave_nothing_stale(likes, model):
    def interrupt(model, iterations_done):
        answers(model)
        if iterations_done == 6:
            raise KeyboardInterrupt

    answers(model)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(likes, iterations=4, callback=interrupt)
    assert answers(model) == answers(fresh(model))


def test_factors_changed_by_half_an_iteration_are_not_mixed_with_older_ones(
    likes, model, monkeypatch
):
    from wrmf.model.trainer import Trainer

    solve = Trainer._solve

    def interrupted(side, fixed, out, sweep, prior):
        if out is model.state.user_factors:
            raise KeyboardInterrupt
        solve(side, fixed, out, sweep, prior)

    answers(model)
    monkeypatch.setattr(Trainer, "_solve", staticmethod(interrupted))
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(likes, iterations=1)
    assert answers(model) == answers(fresh(model))


def test_new_training_data_changes_the_popular_items(likes, model):
    answers(model)
    model.trainer(likes[:, ::-1])
    assert answers(model) == answers(fresh(model))


def test_copies_and_pickles_leave_the_prepared_state_behind(model):
    empty = len(pickle.dumps(model))
    answers(model)
    assert len(pickle.dumps(model)) == empty
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.state.prepared.nbytes == 0
        assert answers(again) == answers(model)
    assert copy.copy(model).state.prepared is model.state.prepared
    assert replace(model.state, params=None).prepared.items is model.state.prepared.items


def test_a_model_without_training_data_prepares_all_but_what_is_popular(likes, small, tmp_path):
    small().fit(likes).save(tmp_path / "m", train=False)
    model = wrmf.load(tmp_path / "m").prepare()
    assert model.recommend(0, exclude_seen=False).counts.all()
    with pytest.raises(ValueError, match="without its training data: no item is known to be pop"):
        model.prepare("fallback")


def test_a_single_kind_of_request_is_prepared_for(likes, small):
    model = small().fit(likes).prepare("similar_items")
    assert set(vars(model.state.prepared.items)) >= {"codes"}
    with pytest.raises(ValueError, match="got 'similar'"):
        model.prepare("similar")
