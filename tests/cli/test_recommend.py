"""Lists for users of a file, for a new user with a history, and filters of both verbs."""

from pathlib import Path

import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main


@pytest.fixture
def model(workplace):
    return wrmf.load("model.wrmf")


def table(*words):
    """Return the table that a command writes."""
    assert main([*words, "--out", "table.csv"]) == 0
    return pd.read_csv("table.csv")


def test_users_of_a_file_follow_those_that_are_typed(model):
    users = model.users[[5, 2, 7]].tolist()
    Path("users.txt").write_text("\n".join(["", *users[1:], ""]), encoding="utf-8")
    lists = table("recommend", "model.wrmf", users[0], "--users-file", "users.txt", "-n", "2")
    assert lists["user"].unique().tolist() == users
    expected = model.recommend(users, n=2)
    assert lists["item"].tolist() == expected.ids.ravel().tolist()


def test_an_empty_file_of_users_lists_nobody(model):
    Path("users.txt").touch()
    assert len(table("recommend", "model.wrmf", "--users-file", "users.txt")) == 0


def test_a_history_of_ids_or_names_is_that_of_a_new_user(model):
    items, names = model.items[[3, 8]].tolist(), model.item_names[[3, 8]].tolist()
    expected = model.recommend_new({"new": items}, n=4).to_frame()
    Path("history.txt").write_text("\n".join(items), encoding="utf-8")
    for words in (
        ["--history", *items],
        ["--history", *names],
        ["--history", items[0], "--history-file", "history.txt"],
        ["--history-file", "history.txt"],
    ):
        lists = table("recommend", "model.wrmf", "-n", "4", *words)
        assert lists["user"].unique().tolist() == ["new"]
        assert lists["name"].tolist() == expected["name"].tolist()
        if len(words) != 4:
            assert lists["item"].tolist() == expected["item"].tolist()


def test_unknown_items_of_a_history_are_an_error_or_skipped(model, capsys):
    item = model.items[3]
    words = ["recommend", "model.wrmf", "--history", item, "gone"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "'gone'" in error
    assert "--unknown skip" in error
    with pytest.warns(UserWarning, match="left out"):
        lists = table(*words, "--unknown", "skip")
    assert lists["item"].tolist() == model.recommend_new({"new": [item]}).ids[0].tolist()


@pytest.mark.parametrize("words", [["ann"], ["--users-file", "users.txt"]])
def test_a_history_and_users_exclude_each_other(words, workplace, capsys):
    assert main(["recommend", "model.wrmf", *words, "--history", "x"]) == 1
    assert "leave out other users" in capsys.readouterr().err


def test_filters_apply_to_histories_and_neighbours(model):
    items = model.items.tolist()
    for name, ids in (("exclude", items[:40]), ("items", items[20:60])):
        Path(f"{name}.txt").write_text("\n".join(ids), encoding="utf-8")
    filters = ["--exclude-file", "exclude.txt", "--items-file", "items.txt"]
    new = table("recommend", "model.wrmf", "--history", items[3], *filters)
    expected = model.recommend_new({"new": items[3:4]}, exclude=items[:40], items=items[20:60])
    assert new["item"].tolist() == expected.ids[0].tolist()
    near = table("similar", "model.wrmf", items[3], *filters, "-n", "5")
    expected = model.similar_items(items[3], n=5, exclude=items[:40], among=items[20:60])
    assert near["similar_item"].tolist() == expected.ids[0].tolist()
    score = expected.scores[0, 2]
    near = table("similar", "model.wrmf", items[3], *filters, "--min-score", repr(float(score)))
    assert len(near) == 3


def test_items_of_a_filter_that_the_model_lacks_are_an_error_or_nothing(model, capsys):
    Path("exclude.txt").write_text("gone\n", encoding="utf-8")
    words = ["recommend", "model.wrmf", "--exclude-file", "exclude.txt", "-n", "2"]
    assert main(words) == 1
    assert "pass --unknown-items skip" in capsys.readouterr().err
    everyone = model.recommend(n=2).ids.ravel().tolist()
    with pytest.warns(UserWarning):
        assert table(*words, "--unknown-items", "skip")["item"].tolist() == everyone


def test_too_few_items_are_a_message_with_the_option(workplace, capsys):
    assert main(["recommend", "model.wrmf", "-n", "0"]) == 1
    assert "error: -n must be" in capsys.readouterr().err
