"""Tables of features are matched with the data by their ids."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main

FIT = ["--factors", "3", "--iterations", "2", "--regularization", "2", "--threads", "1"]


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder with likes whose ids look like numbers, and features of items in two orders."""
    likes = np.argwhere(np.indices((8, 6)).sum(axis=0) % 2 == 0)
    users, items = [f"u{u}" for u, _ in likes], [f"00{i}" for _, i in likes]
    pd.DataFrame({"user": users, "item": items}).to_csv(tmp_path / "likes.csv", index=False)
    tags = pd.DataFrame({"item": [f"00{i}" for i in range(6)], "jazz": [1.0, 0, 1, 0, 0, 1]})
    tags["rock"] = 1 - tags["jazz"]
    monkeypatch.chdir(tmp_path)
    return tags


def fitted(*words):
    assert main(["fit", "likes.csv", *FIT, *words]) == 0
    return wrmf.load("model.wrmf")


@pytest.mark.parametrize(
    "name", ["f.csv", "f.tsv", "f.csv.gz", "f.parquet", "f.feather", "f.jsonl"]
)
def test_features_of_every_format_are_those_of_the_library(name, tables):
    shuffled = tables.iloc[::-1].reset_index(drop=True)
    {
        "csv": lambda: shuffled.to_csv(name, index=False),
        "tsv": lambda: shuffled.to_csv(name, sep="\t", index=False),
        "parquet": lambda: shuffled.to_parquet(name),
        "feather": lambda: shuffled.to_feather(name),
        "jsonl": lambda: shuffled.to_json(name, orient="records", lines=True),
    }[name.split(".")[1]]()
    model = fitted("--item-features", name)
    data = wrmf.read_interactions("likes.csv")
    expected = wrmf.WRMF(3, 2.0, iterations=2, random_state=0).fit(data, item_features=tables)
    assert (model.item_factors == expected.item_factors).all()
    assert (model.item_factors != fitted().item_factors).any()


def test_features_of_users_and_their_penalty_are_taken(tables):
    pd.DataFrame({"uid": [f"u{u}" for u in range(8)], "age": np.arange(8) / 8}).to_csv(
        "ages.csv", index=False
    )
    pd.read_csv("likes.csv", dtype=str).rename(columns={"user": "uid"}).to_csv(
        "likes.csv", index=False
    )
    words = ["--user", "uid", "--user-features", "ages.csv"]
    model = fitted(*words)
    assert model.user_feature_factors.shape == (1, 3)
    other = fitted(*words, "--feature-regularization", "50,1")
    assert (other.user_factors != model.user_factors).any()


def test_an_evaluation_uses_features(tables, capsys):
    tables.to_csv("tags.csv", index=False)
    words = ["evaluate", "likes.csv", *FIT, "--leave-out", "1", "--metrics", "ndcg@3"]
    assert main([*words, "--format", "csv"]) == 0
    plain = capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main([*words, "--item-features", "tags.csv", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("\n") == plain.count("\n") == 3


def test_features_are_read_from_standard_input(tables, standard_input):
    standard_input(tables.to_csv(index=False).encode())
    assert fitted("--item-features", "-").item_feature_factors.shape == (2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file: tags.csv"),
        ("id,jazz\n001,1\n", "tags.csv has no column 'item' with ids; it has ['id', 'jazz']"),
        ("", "tags.csv cannot be read as a table of features"),
        ("item,jazz\n001,loud\n", "jazz"),
    ],
)
def test_what_is_no_table_of_features_is_an_error(content, message, tables, capsys):
    if content is not None:
        Path("tags.csv").write_text(content, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(["fit", "likes.csv", *FIT, "--item-features", "tags.csv"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--folder f", "--folder has a meaning only with --scheduler"),
        ("--shards 2", "--shards has a meaning only with --scheduler"),
        (
            "--scheduler tcp://127.0.0.1:9 --folder f --item-features tags.csv",
            "--item-features does not apply with --scheduler",
        ),
    ],
)
def test_options_without_a_meaning_are_refused(words, message, tables, capsys):
    assert main(["fit", "likes.csv", *FIT, *words.split()]) == 1
    assert message in capsys.readouterr().err
