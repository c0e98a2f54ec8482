"""The parts of a split add up to the data, and each way to split moves what it says."""

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
from wrmf.data.splitting import keep_entries, random_places


def assert_parts_add_up(data, *parts):
    """Assert that the parts add up to the data, values included, and share no pair."""
    total = sum(part.matrix for part in parts)
    assert (total != data.matrix).nnz == 0
    assert sum(part.n_interactions for part in parts) == data.n_interactions


@given(matrix=interactions(), k=st.integers(1, 3), seed=st.integers(0, 99))
def test_leave_k_out_moves_k_interactions_of_each_eligible_user(matrix, k, seed):
    data = Interactions.from_matrix(matrix)
    counts = np.diff(data.matrix.indptr)
    eligible = np.flatnonzero(counts >= 2 * k)
    if not len(eligible):
        with pytest.raises(ValueError, match=r"0 of .* have at least"):
            leave_k_out(data, k)
        return
    split = leave_k_out(data, k, random_state=seed)
    assert_parts_add_up(data, split.train, split.test)
    assert split.users.tolist() == eligible.tolist()
    test_counts = np.diff(split.test.matrix.indptr)
    assert (test_counts[eligible] == k).all()
    assert test_counts.sum() == k * len(eligible)


def test_leave_k_out_draws_a_share_of_all_users_rounded_down():
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
    "split_data",
    [
        lambda data, seed: leave_k_out(data, 2, 0.3, random_state=seed),
        lambda data, seed: split_interactions(data, 0.2, seed),
        lambda data, seed: split_users(data, 30, random_state=seed),
    ],
)
def test_the_same_seed_gives_the_same_split(likes, split_data):
    data = Interactions.from_matrix(likes)
    for as_state in (int, np.random.default_rng, np.random.RandomState):
        first, second, other = (split_data(data, as_state(seed)) for seed in (3, 3, 4))
        assert (first.test.matrix != second.test.matrix).nnz == 0
        assert (first.test.matrix != other.test.matrix).nnz > 0


@given(matrix=interactions(), share=st.floats(0.01, 0.99))
def test_split_interactions_moves_the_share_rounded_down(matrix, share):
    data = Interactions.from_matrix(matrix)
    n_test = int(np.floor(share * data.n_interactions + 1e-9))
    if n_test == 0:
        with pytest.raises(ValueError, match="is none"):
            split_interactions(data, share)
        return
    split = split_interactions(data, share, random_state=0)
    assert_parts_add_up(data, split.train, split.test)
    assert split.test.n_interactions == n_test


def test_split_by_time_moves_the_latest_interactions(likes):
    data = Interactions.from_matrix(likes)
    times = np.random.default_rng(0).integers(0, 50, data.n_interactions)
    split = split_by_time(data, times, test_size=0.1)
    assert_parts_add_up(data, split.train, split.test)
    cutoff = np.sort(times)[-int(0.1 * len(times))]
    assert split.test.n_interactions == (times >= cutoff).sum()
    dates = np.datetime64("2020-01-01") + times
    by_date = split_by_time(data, dates, cutoff="2020-02-01")
    assert by_date.test.n_interactions == (times >= 31).sum()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "there are no times"),
        ({"time": [1, 2]}, "must hold 4 values"),
        ({"time": [1, 2, 3, np.nan], "cutoff": 2}, "row 3: the time is missing"),
        ({"time": list("abcd"), "cutoff": 2}, "row 0: 'a' is no time"),
        ({"time": [1, 2, 3, 4]}, "either test_size or cutoff"),
        ({"time": [1, 2, 3, 4], "cutoff": 9}, "times run from 1 to 4"),
        ({"time": [1, 2, 3, 4], "cutoff": 0}, "times run from 1 to 4"),
    ],
)
def test_errors_name_what_is_wrong_with_times(options, error):
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
        # The users that are left for training may have no interactions at all.
        assert "no entries" in str(error)
        return
    assert_parts_add_up(data, split.train, split.fold_in, split.test)
    assert not np.diff(split.train.matrix.indptr)[split.users].any()
    assert np.diff(split.fold_in.matrix.indptr)[split.users].all()
    assert np.diff(split.test.matrix.indptr)[split.users].all()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda data: leave_k_out(data, k=0), "k must be at least 1"),
        (lambda data: leave_k_out(data, k=2.0), "k must be a whole number"),
        (lambda data: leave_k_out(data, 1, fraction=1.5), "between 0 and 1"),
        (lambda data: leave_k_out(data, 1, fraction=float("nan")), "between 0 and 1"),
        (
            lambda data: leave_k_out(data, 2, min_interactions=2),
            "min_interactions must be at least 3",
        ),
        (lambda data: split_interactions(data, 0), "must lie in 1"),
        (lambda data: split_interactions(data, True), "share or a whole number"),
        (lambda data: split_interactions(data, 99), "must lie in 1"),
        (lambda data: split_users(data, 1, fold_in=1.0), "fold_in must be a share"),
        (lambda data: split_users(data, "half"), "share or a whole number"),
    ],
)
def test_errors_name_the_wrong_argument(call, error):
    with pytest.raises((TypeError, ValueError), match=error):
        call(Interactions.from_matrix(np.ones((3, 4))))


def test_a_split_made_elsewhere_is_tested_on_the_users_with_test_interactions():
    split = Split(np.eye(3), np.diag([1, 0, 2]))
    assert split.users.tolist() == [0, 2]
    assert split.fold_in is None
    assert Split(np.eye(3), np.zeros((3, 3)), users=[1]).users.tolist() == [1]


def test_a_split_keeps_the_ids_of_its_training_set():
    train = Interactions.from_matrix(np.eye(3), users=["a", "b", "c"])
    split = Split(train, np.eye(3), fold_in=np.eye(3))
    assert split.test.users is train.users
    assert split.fold_in.users is train.users


def test_a_split_with_different_axes_or_wrong_users_is_refused():
    with pytest.raises(ValueError, match=r"train is \(3, 3\) users × items, test is \(3, 4\)"):
        Split(np.eye(3), np.ones((3, 4)))
    with pytest.raises(ValueError, match="different users"):
        Split(np.eye(3), Interactions.from_matrix(np.eye(3), users=[7, 8, 9]))
    with pytest.raises(ValueError, match="different items"):
        Split(np.eye(3), np.eye(3), fold_in=Interactions.from_matrix(np.eye(3), items=[7, 8, 9]))
    for row in (3, -1):
        with pytest.raises(ValueError, match=f"rows 0 … 2, got {row}"):
            Split(np.eye(3), np.eye(3), [row])
    with pytest.raises(TypeError, match="1-d array of row numbers"):
        Split(np.eye(3), np.eye(3), [0.5])
    with pytest.raises(ValueError, match="twice"):
        Split(np.eye(3), np.eye(3), [1, 1])


def test_a_split_cannot_be_changed():
    split = Split(np.eye(3), np.eye(3))
    with pytest.raises(AttributeError):
        split.users = [1]


def test_random_places_number_the_entries_of_each_row(likes):
    places = random_places(likes, np.random.default_rng(0))
    for start, end in zip(likes.indptr[:-1], likes.indptr[1:], strict=True):
        assert np.array_equal(np.sort(places[start:end]), np.arange(end - start))


def test_kept_entries_stay_in_their_rows_and_columns(likes):
    data = Interactions.from_matrix(likes)
    chosen = np.random.default_rng(0).random(likes.nnz) < 0.3
    expected = likes.copy()
    expected.data[~chosen] = 0
    assert (keep_entries(data, chosen).matrix != expected).nnz == 0
