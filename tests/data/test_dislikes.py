"""Negative values that are kept as dislikes: read, merged, counted, filtered and decayed."""

import numpy as np
import pandas as pd
import pytest

from wrmf import Interactions, leave_k_out, read_interactions, split_by_time

TABLE = pd.DataFrame(
    {
        "user": ["a", "a", "a", "b", "b", "c"],
        "item": ["x", "x", "y", "x", "y", "y"],
        "value": [3.0, -1.0, -2.0, 1.0, -1.0, 2.0],
        "time": [1, 2, 3, 4, 5, 6],
    }
)


def read(**options):
    return read_interactions(TABLE, value="value", **{"negative": "dislike", **options})


def test_dislikes_are_kept_on_request_and_counted():
    data = read()
    assert data.matrix.toarray().tolist() == [[2, -2], [1, -1], [0, 2]]
    assert (data.n_dislikes, data.summary().dislikes) == (2, 2)
    assert "Dislikes among them: 2" in str(data.summary())
    with pytest.raises(ValueError, match=r'pass negative="dislike" if they are dislikes'):
        read(negative="error")


@pytest.mark.parametrize(
    ("duplicates", "value"), [("sum", 2), ("drop", 3), ("last", -1), ("max", 3), ("mean", 1)]
)
def test_a_pair_of_both_signs_is_merged_as_numbers(duplicates, value):
    assert read(duplicates=duplicates).matrix[0, 0] == value
    assert read(duplicates=duplicates, time="time").matrix[0, 0] == value


def test_rows_that_cancel_out_are_counted_as_zeros():
    rows = pd.DataFrame({"user": [1, 1, 2], "item": [1, 1, 1], "value": [2, -2, 1]})
    data = read_interactions(rows, value="value", negative="dislike")
    assert data.n_interactions == 1
    assert data.counts.zero == 1


def test_rows_with_dislikes_are_not_merged_by_their_number():
    with pytest.raises(ValueError, match='duplicates="count" counts rows, and there are dislikes'):
        read(duplicates="count")


def test_events_may_have_negative_weights_on_request():
    events = pd.DataFrame({"user": [1, 1], "item": [1, 2], "event": ["like", "hide"]})
    weights = {"like": 1, "hide": -3}
    data = read_interactions(events, value=weights, negative="dislike")
    assert data.matrix.toarray().tolist() == [[1, -3]]
    with pytest.raises(ValueError, match="weight of 'hide' must be finite and at least 0"):
        read_interactions(events, value=weights)


def test_the_least_value_is_one_of_sizes():
    data = read(min_value=2)
    assert data.matrix.toarray().tolist() == [[3, -2], [0, 2]]
    assert data.counts.small == 3


def test_dislikes_survive_filters_splits_and_concatenation():
    data = read(time="time")
    assert data.filter(until=4).matrix.toarray().tolist() == [[2, -2]]
    assert data.k_core(2, 2).n_dislikes == 2
    assert data.with_times([1, 2, 3, 4, 5]).n_dislikes == 2
    joined = Interactions.concat([data, data])
    assert joined.matrix.toarray().tolist() == [[4, -4], [2, -2], [0, 4]]
    by_time = split_by_time(data, cutoff=5)
    assert (by_time.train.n_dislikes, by_time.test.n_dislikes) == (1, 1)
    split = leave_k_out(data, k=1, random_state=0, min_interactions=2)
    assert split.train.n_dislikes + split.test.n_dislikes == 2


def test_decay_keeps_the_sign_and_never_loses_a_pair():
    data = read(time="time", duplicates="last")
    halved = data.decay(1)
    expected = [[-(0.5**4), -2 * 0.5**3], [0.5**2, -(0.5**1)], [0, 2]]
    np.testing.assert_allclose(halved.matrix.toarray(), expected)
    ancient = data.decay(1, now=10**6)
    assert (ancient.n_interactions, ancient.n_dislikes) == (5, 3)


def test_a_matrix_may_hold_dislikes_on_request():
    matrix = np.array([[1.0, -2.0], [0.0, -1e-300]])
    data = Interactions(matrix, negative="dislike")
    assert data.matrix[0, 1] == -2
    assert data.n_dislikes == 2
    assert Interactions.from_matrix(matrix, negative="dislike").n_dislikes == 2
    with pytest.raises(ValueError, match="negative must be one of"):
        Interactions(matrix, negative="keep")
    with pytest.raises(ValueError, match="-1e\\+39, beyond float32's range"):
        Interactions(np.array([[-1e39]]), negative="dislike")


def test_the_frame_of_dislikes_is_read_back():
    data = read()
    frame = data.to_frame()
    again = read_interactions(frame, value="value", negative="dislike")
    np.testing.assert_array_equal(again.matrix.toarray(), data.matrix.toarray())
