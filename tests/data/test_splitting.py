"""The parts of a split add up to the data, and each way to split moves what it says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import interactions

from wrmf import (
    Interactions,
    Split,
    k_folds,
    leave_k_out,
    read_interactions,
    split_interactions,
    split_users,
)
from wrmf.data.splitting import random_places


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
        (lambda data: split_interactions(data, 2, by="user"), "must be a share .* leave_k_out"),
        (lambda data: split_interactions(data, 0.1, by="user"), "of 4 interactions.* is none"),
        (lambda data: split_interactions(data, 0.5, by="rows"), "by must be"),
        (lambda data: k_folds(data, 1), "n must be at least 2"),
        (lambda data: k_folds(data, 13), "at least 13 interactions, there are 12"),
        (lambda data: k_folds(data, 4, "users"), "at least 4 users with at least two"),
        (lambda data: k_folds(data, 2, "items"), "by must be"),
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
    with pytest.raises(ValueError, match=r"train and fold_in have different items: unknown id"):
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
    assert (data.keep_entries(chosen).matrix != expected).nnz == 0


def test_files_of_a_split_are_matched_by_their_ids():
    train = Interactions(np.diag([1, 2, 3]), users=["a", "b", "c"], items=[7, 8, 9])
    test = Interactions(np.array([[4, 5]]), users=["c"], items=[8, 7])
    split = Split(train, test)
    assert split.train is train
    assert split.test.shape == train.shape
    assert split.test.matrix[2].toarray().tolist() == [[5, 4, 0]]
    assert split.users.tolist() == [2]


def test_ids_that_only_the_test_file_has_are_an_error_dropped_or_cold():
    train = Interactions(np.eye(2), users=["a", "b"], items=[7, 8])
    test = Interactions(np.array([[1, 0], [0, 1]]), users=["b", "z"], items=[9, 7])
    with pytest.raises(ValueError, match=r"train and test have different users: .*'z'.*unknown="):
        Split(train, test)
    with pytest.raises(ValueError, match="no entries are left"):
        Split(train, test, unknown="drop")
    with pytest.raises(ValueError, match="unknown must be one of"):
        Split(train, test, unknown="ignore")
    extended = Split(train, test, unknown="extend")
    assert extended.train.users.tolist() == extended.test.users.tolist() == ["a", "b", "z"]
    assert extended.train.items.tolist() == extended.test.items.tolist() == [7, 8, 9]
    assert extended.users.tolist() == [1, 2]
    assert extended.cold_users.tolist() == [2]
    assert extended.cold_items.tolist() == [2]
    more = Interactions(np.array([[1, 1], [0, 1]]), users=["b", "z"], items=[9, 7])
    dropped = Split(train, more, unknown="drop")
    assert dropped.test.n_interactions == 1
    assert dropped.test.counts.unknown == 2


def test_held_out_users_that_are_folded_in_are_not_cold():
    split = split_users(np.ones((4, 5)), n_test=2, random_state=0)
    assert not len(split.cold_users)
    assert not len(split.cold_items)
    alone = Split(split.train, split.test)
    assert alone.cold_users.tolist() == split.users.tolist()


@given(matrix=interactions(), share=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_a_share_of_each_user_is_rounded_down(matrix, share, seed):
    data = Interactions(matrix)
    counts = np.diff(data.matrix.indptr)
    expected = np.floor(share * counts + 1e-9)
    if not expected.any():
        return
    split = split_interactions(data, share, seed, by="user")
    assert_parts_add_up(data, split.train, split.test)
    assert np.array_equal(np.diff(split.test.matrix.indptr), expected)


@given(matrix=interactions(), n=st.integers(2, 5), seed=st.integers(0, 9))
def test_folds_of_interactions_test_each_interaction_once(matrix, n, seed):
    data = Interactions(matrix)
    if data.n_interactions < n:
        return
    splits = list(k_folds(data, n, random_state=seed))
    for split in splits:
        assert_parts_add_up(data, split.train, split.test)
    assert_parts_add_up(data, *(split.test for split in splits))
    sizes = [split.test.n_interactions for split in splits]
    assert len(sizes) == n
    assert max(sizes) - min(sizes) <= 1


def test_folds_of_users_hold_out_each_user_once(likes):
    splits = list(k_folds(likes, 3, by="users", random_state=0))
    data = Interactions(likes)
    users = np.concatenate([split.users for split in splits])
    assert sorted(users) == np.flatnonzero(np.diff(likes.indptr) >= 2).tolist()
    for split in splits:
        assert_parts_add_up(data, split.train, split.fold_in, split.test)
        assert not np.diff(split.train.matrix.indptr)[split.users].any()


def test_the_same_seed_gives_the_same_folds(likes):
    for by in ("interactions", "users"):
        first, second = (list(k_folds(likes, 3, by, random_state=5)) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            assert (a.test.matrix != b.test.matrix).nnz == 0


@pytest.mark.parametrize(
    "split_data",
    [
        lambda data: leave_k_out(data, 1, random_state=0),
        lambda data: split_interactions(data, 0.4, 0),
        lambda data: split_interactions(data, 0.4, 0, by="user"),
        lambda data: split_users(data, 1, random_state=0),
        lambda data: next(k_folds(data, 2, random_state=0)),
        lambda data: next(k_folds(data, 2, by="users", random_state=0)),
    ],
)
def test_every_split_keeps_rows_with_their_times(split_data):
    table = pd.DataFrame(
        {"user": [1, 1, 1, 2, 2, 2, 2], "item": [5, 6, 5, 5, 6, 7, 7], "t": range(7)}
    )
    data = read_interactions(table, time="t")
    split = split_data(data)
    parts = [part for part in (split.train, split.test, split.fold_in) if part is not None]
    assert sorted(np.concatenate([part.row_times() for part in parts])) == list(range(7))
    for part in parts:
        assert len(part.times) == part.n_interactions
        # The second row of a pair goes where the first goes.
        assert part.matrix.sum() == len(part.rows)
