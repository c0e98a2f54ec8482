import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

from wrmf import (
    Interactions,
    Split,
    leave_k_out,
    split_by_time,
    split_interactions,
    split_users,
)


def assert_is_a_split(data, *parts):
    """The parts add up to the data, values included, and share no pair."""
    total = sum(part.matrix for part in parts)
    assert (total != data.matrix).nnz == 0
    assert sum(part.n_interactions for part in parts) == data.n_interactions


@given(matrix=interactions(), k=st.integers(1, 3), seed=st.integers(0, 99))
def test_leave_k_out_takes_k_of_each_eligible_user(matrix, k, seed):
    data = Interactions.from_matrix(matrix)
    counts = np.diff(data.matrix.indptr)
    eligible = np.flatnonzero(counts >= 2 * k)
    if not len(eligible):
        with pytest.raises(ValueError, match=r"0 of .* have at least"):
            leave_k_out(data, k)
        return
    split = leave_k_out(data, k, random_state=seed)
    assert_is_a_split(data, split.train, split.test)
    assert split.users.tolist() == eligible.tolist()
    taken = np.diff(split.test.matrix.indptr)
    assert (taken[eligible] == k).all()
    assert taken.sum() == k * len(eligible)


def test_leave_k_out_draws_a_share_of_all_users():
    data = Interactions.from_matrix(np.ones((50, 10)))
    split = leave_k_out(data, k=5, fraction=0.29, random_state=1)
    assert len(split.users) == 14
    assert len(leave_k_out(data, k=5, fraction=1.0).users) == 50
    with pytest.raises(ValueError, match=r"fraction 0.01 of 50 users is less than one user"):
        leave_k_out(data, k=5, fraction=0.01)
    with pytest.raises(ValueError, match="10 test users were asked for, 0 of 50 have at least 12"):
        leave_k_out(data, k=6, fraction=0.2)
    assert len(leave_k_out(data, k=6, min_interactions=7).users) == 50


@pytest.mark.parametrize(
    "make",
    [
        lambda data, seed: leave_k_out(data, 2, 0.3, random_state=seed),
        lambda data, seed: split_interactions(data, 0.2, seed),
        lambda data, seed: split_users(data, 30, random_state=seed),
    ],
)
def test_the_same_seed_gives_the_same_split(likes, make):
    data = Interactions.from_matrix(likes)
    for kind in (int, np.random.default_rng, np.random.RandomState):
        first, second, other = make(data, kind(3)), make(data, kind(3)), make(data, kind(4))
        assert (first.test.matrix != second.test.matrix).nnz == 0
        assert (first.test.matrix != other.test.matrix).nnz > 0


@given(matrix=interactions(), share=st.floats(0.01, 0.99))
def test_split_interactions_moves_the_share(matrix, share):
    data = Interactions.from_matrix(matrix)
    n_test = int(np.floor(share * data.n_interactions + 1e-9))
    if n_test == 0:
        with pytest.raises(ValueError, match="is none"):
            split_interactions(data, share)
        return
    split = split_interactions(data, share, random_state=0)
    assert_is_a_split(data, split.train, split.test)
    assert split.test.n_interactions == n_test


def test_split_by_time_takes_the_latest(likes):
    data = Interactions.from_matrix(likes)
    times = np.random.default_rng(0).integers(0, 50, data.n_interactions)
    split = split_by_time(data, times, test_size=0.1)
    assert_is_a_split(data, split.train, split.test)
    cut = np.sort(times)[-int(0.1 * len(times))]
    assert split.test.n_interactions == (times >= cut).sum()
    dates = np.datetime64("2020-01-01") + times
    by_date = split_by_time(data, dates, cutoff="2020-02-01")
    assert by_date.test.n_interactions == (times >= 31).sum()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "there are no times"),
        ({"time": [1, 2]}, "must hold 4 values"),
        ({"time": [1, 2, 3, np.nan], "cutoff": 2}, "missing values"),
        ({"time": list("abcd"), "cutoff": 2}, "numbers or datetimes"),
        ({"time": [1, 2, 3, 4]}, "either test_size or cutoff"),
        ({"time": [1, 2, 3, 4], "cutoff": 9}, "times run from 1 to 4"),
        ({"time": [1, 2, 3, 4], "cutoff": 0}, "times run from 1 to 4"),
    ],
)
def test_bad_times_are_explained(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        split_by_time(Interactions.from_matrix(np.ones((2, 2))), **options)


@given(matrix=interactions(max_users=20), share=st.floats(0.1, 0.9), seed=st.integers(0, 9))
def test_split_users_holds_out_whole_users(matrix, share, seed):
    data = Interactions.from_matrix(matrix)
    eligible = int((np.diff(data.matrix.indptr) >= 2).sum())
    if not eligible or data.n_users < 2:
        return
    n_test = min(eligible, data.n_users - 1)
    try:
        split = split_users(data, n_test, share, seed)
    except ValueError as error:
        # All other users may be without any interaction.
        assert "no entries" in str(error)
        return
    assert_is_a_split(data, split.train, split.fold_in, split.test)
    assert not np.diff(split.train.matrix.indptr)[split.users].any()
    assert np.diff(split.fold_in.matrix.indptr)[split.users].all()
    assert np.diff(split.test.matrix.indptr)[split.users].all()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda d: leave_k_out(d, k=0), "k must be at least 1"),
        (lambda d: leave_k_out(d, k=2.0), "k must be a whole number"),
        (lambda d: leave_k_out(d, 1, fraction=1.5), "between 0 and 1"),
        (lambda d: leave_k_out(d, 1, fraction=float("nan")), "between 0 and 1"),
        (lambda d: leave_k_out(d, 2, min_interactions=2), "min_interactions must be at least 3"),
        (lambda d: split_interactions(d, 0), "must lie in 1"),
        (lambda d: split_interactions(d, True), "share or a whole number"),
        (lambda d: split_interactions(d, 99), "must lie in 1"),
        (lambda d: split_users(d, 1, fold_in=1.0), "fold_in must be a share"),
        (lambda d: split_users(d, "half"), "share or a whole number"),
    ],
)
def test_bad_arguments_are_explained(call, error):
    with pytest.raises((TypeError, ValueError), match=error):
        call(Interactions.from_matrix(np.ones((3, 4))))


def test_foreign_splits_are_wrapped_and_checked():
    split = Split(np.eye(3), np.diag([1, 0, 2]))
    assert split.users.tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"train is \(3, 3\) users × items, test is \(3, 4\)"):
        Split(np.eye(3), np.ones((3, 4)))
    with pytest.raises(ValueError, match="different users"):
        Split(np.eye(3), Interactions.from_matrix(np.eye(3), users=[7, 8, 9]))
    with pytest.raises(ValueError, match="rows 0 … 2"):
        Split(np.eye(3), np.eye(3), [3])
    with pytest.raises(ValueError, match="twice"):
        Split(np.eye(3), np.eye(3), [1, 1])
