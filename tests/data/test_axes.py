"""Ids are looked up as what they are: never parsed, converted or found within others."""

import datetime
import decimal
import uuid

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.data.axes import as_ids
from wrmf.data.id_index import IdIndex, object_array

# Ids of each type; those of different types are different ids, although they look alike.
KINDS = {
    "int": [2024, 2025],
    "text": ["2024-01-01", "2025-01-01"],
    "text of an int": ["2024", "2025"],
    "text of a period": ["2024-01", "2025-01"],
    "Timestamp": [pd.Timestamp("2024-01-01"), pd.Timestamp("2025-01-01")],
    "Timestamp with a zone": [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp(0, tz="UTC")],
    "date": [datetime.date(2024, 1, 1), datetime.date(2025, 1, 1)],
    "Timedelta": [pd.Timedelta("1D"), pd.Timedelta("2D")],
    "text of a Timedelta": ["1 days", "2 days"],
    "Period": [pd.Period("2024-01"), pd.Period("2025-01")],
    "Interval": [pd.Interval(2023, 2024), pd.Interval(2024, 2025)],
    "bytes": [b"2024", b"2025"],
    "UUID": [uuid.UUID(int=2024), uuid.UUID(int=2025)],
    "text of a UUID": [str(uuid.UUID(int=2024)), str(uuid.UUID(int=2025))],
    "text of a Decimal": ["1.5", "2.5"],
    "Decimal": [decimal.Decimal("1.5"), decimal.Decimal("2.5")],
}


@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_ids_of_one_type_are_not_found_among_those_of_another(kind, other):
    index = IdIndex(as_ids(KINDS[kind], None, "users"), "users")
    if kind == other:
        assert index.find(KINDS[other]).tolist() == [0, 1]
        return
    for wanted in (KINDS[other][:1], KINDS[other]):
        with pytest.raises(ValueError, match="unknown id among users"):
            index.find(wanted)


def test_points_of_time_are_found_whatever_library_they_are_of():
    days = [pd.Timestamp("2024-01-01"), pd.Timestamp("2025-01-01")]
    index = IdIndex(as_ids(days, None, "users"), "users")
    for wanted in (
        np.array(["2025-01-01"], dtype="datetime64[D]"),
        [np.datetime64("2025-01-01", "ns")],
        [datetime.datetime(2025, 1, 1)],
        pd.Series(days[1:]),
        pd.DatetimeIndex(days[1:]),
    ):
        assert index.find(wanted).tolist() == [1]


def test_times_of_numpy_are_ids_that_equal_times_of_other_libraries_find():
    days = [np.datetime64("2024-01-01", "D"), np.datetime64("2025-01-01", "D")]
    index = IdIndex(object_array(days), "users")
    for wanted in (days[1:], [datetime.datetime(2025, 1, 1)], [pd.Timestamp("2025-01-01")]):
        assert index.find(wanted).tolist() == [1]
    # Earlier than what pandas holds.
    assert IdIndex(object_array([np.datetime64(-(10**9), "Y")]), "users").ids.shape == (1,)


def test_a_model_whose_users_are_times_knows_no_text():
    users = list(pd.date_range("2024-01-01", periods=3))
    data = wrmf.Interactions(np.eye(3), users=users)
    model = wrmf.WRMF(factors=1, random_state=0).fit(data)
    assert model.recommend([users[0]]).users.tolist() == users[:1]
    with pytest.raises(ValueError, match="unknown id among users: '2024-01-01'"):
        model.recommend(["2024-01-01"])
    named = wrmf.Interactions(np.eye(3), users=["2024-01-01", "2024-01-02", "2024-01-03"])
    with pytest.raises(ValueError, match="other user or item ids"):
        model.loss(named)
    with pytest.raises(ValueError, match="users"):
        wrmf.evaluate(model, wrmf.Split(named, named), ["hit_rate@1"])
