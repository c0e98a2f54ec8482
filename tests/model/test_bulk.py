"""Recommendations for everyone are written in blocks, and equal those of one call."""

import datetime
import json
import uuid

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf import Interactions
from wrmf.model import bulk
from wrmf.model.list_files import FORMATS
from wrmf.model.lists import ranked_items

every_format = pytest.mark.parametrize("ending", FORMATS)


def read_back(path):
    ending = path.suffix[1:]
    if ending == "parquet":
        return pd.read_parquet(path)
    if ending == "jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines()])
    return pd.read_csv(path, sep="\t" if ending == "tsv" else ",")


def assert_same_lists(frame, expected):
    assert list(frame) == list(expected)
    for column in expected:
        if column == "score":
            np.testing.assert_allclose(frame[column], expected[column], rtol=1e-6)
        else:
            assert frame[column].tolist() == expected[column].tolist()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Make blocks of few users, so that there are many of them."""
    monkeypatch.setattr(bulk, "BLOCK_USERS", 7)


@pytest.fixture
def model(likes, small):
    users = [f"ü{row}" for row in range(likes.shape[0])]
    names = [f'item, "{column}"' for column in range(likes.shape[1])]
    return small().fit(Interactions(likes, users, item_names=names))


@every_format
def test_a_file_holds_what_recommend_returns(model, tmp_path, ending):
    path = tmp_path / f"lists.{ending}"
    written = model.recommend_to(path, n=4)
    lists = model.recommend(n=4)
    assert_same_lists(read_back(path), lists.to_frame())
    assert written == (300, int(lists.counts.sum()), int((lists.counts == 0).sum()))
    assert written.n_empty == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "filters",
    [
        {"exclude_seen": False},
        {"exclude": [3, 4], "items": range(40)},
        {"exclude": {"ü3": [5], "ü8": [1, 2]}, "items": {"ü3": [5, 6, 7]}},
        {"fallback": "popular"},
    ],
)
def test_all_filters_of_recommend_apply(model, tmp_path, filters):
    path = tmp_path / "lists.parquet"
    model.recommend_to(path, n=4, **filters)
    assert_same_lists(read_back(path), model.recommend(n=4, **filters).to_frame())


def test_chosen_users_are_written_in_their_order(model, likes, small, tmp_path):
    path = tmp_path / "lists.csv"
    users = pd.Series([f"ü{row}" for row in (30, 2, 17, 2, *range(100, 120))])
    model.recommend_to(path, users, n=4)
    assert_same_lists(read_back(path), model.recommend(users, n=4).to_frame())
    assert model.recommend_to(path, ["ü2", "new"], n=4, unknown="skip").n_empty == 1
    numbered = small().fit(likes)
    assert numbered.recommend_to(path, [5, 4000], n=2, unknown="skip") == (2, 2, 1)
    assert read_back(path)["user"].tolist() == [5, 5]


@every_format
def test_a_file_without_rows_names_its_columns(model, tmp_path, ending):
    path = tmp_path / f"lists.{ending}"
    for users in ([], ["ü17"]):
        written = model.recommend_to(path, users)
        assert written.n_rows == 0
        if ending == "jsonl":
            assert path.read_text() == ""
        else:
            assert list(read_back(path)) == ["user", "item", "name", "score", "rank"]


@every_format
@pytest.mark.parametrize(
    "ids",
    [
        [datetime.date(2026, 1, day) for day in range(1, 4)],
        [("a", 1), ("b", 2), ("c", 3)],
        [uuid.UUID(int=number) for number in range(3)],
        [b"a", b"b", b"c"],
        [1, "x", (2,)],
    ],
    ids=["dates", "tuples", "uuids", "bytes", "mixed"],
)
def test_ids_of_every_type_are_written_or_refused(tmp_path, ending, ids):
    model = wrmf.WRMF(factors=2, random_state=0).fit(Interactions(np.eye(3), users=ids))
    path = tmp_path / f"lists.{ending}"
    path.write_text("old")
    try:
        written = model.recommend_to(path, n=2)
    except TypeError as error:
        assert ending == "parquet"
        assert "write csv" in str(error)
        assert path.read_text() == "old"
    else:
        assert len(read_back(path)) == written.n_rows == 6


def test_nothing_is_written_if_an_argument_is_wrong(model, tmp_path):
    path = tmp_path / "lists.csv"
    path.write_text("old")
    for arguments, error, message in (
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"users": ["ü1", "nobody"]}, ValueError, "unknown id among users: 'nobody'"),
        ({"exclude": ["nothing"]}, ValueError, "unknown id among items: 'nothing'"),
        ({"exclude": {"nobody": [1]}}, ValueError, "exclude names 'nobody', but this call is for"),
        ({"fallback": "best"}, ValueError, "fallback must be one of"),
        ({"color": "red"}, TypeError, "color"),
        ({"format": "xlsx"}, ValueError, "'xlsx' is none of parquet, csv, tsv, jsonl"),
    ):
        with pytest.raises(error, match=message):
            model.recommend_to(path, **arguments)
    with pytest.raises(ValueError, match=r"the ending of '.*lists.xlsx' is none of .*pass format="):
        model.recommend_to(tmp_path / "lists.xlsx")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        model.recommend_to(tmp_path / "none" / "lists.csv")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_format_may_be_named(model, tmp_path):
    model.recommend_to(tmp_path / "lists.txt", n=2, format="csv")
    assert (tmp_path / "lists.txt").read_text("utf-8").startswith("user,item,name,score,rank\n")


def test_an_interrupted_file_is_not_left_behind(model, tmp_path, monkeypatch):
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return ranked_items(*args, **kwargs)

    monkeypatch.setattr(bulk, "ranked_items", interrupted)
    for ending in FORMATS:
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            model.recommend_to(tmp_path / f"lists.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_an_argument_that_recommend_does_not_have_is_an_error(model, tmp_path):
    with pytest.raises(TypeError, match=r"no argument 'item'; .* takes exclude_seen, exclude"):
        model.recommend_to(tmp_path / "lists.csv", item=[3])


def test_progress_is_shown_on_request(model, tmp_path, capsys):
    model.recommend_to(tmp_path / "lists.csv", n=2, progress=True)
    assert "300/300" in capsys.readouterr().err
    model.recommend_to(tmp_path / "lists.csv", n=2)
    assert capsys.readouterr().err == ""
