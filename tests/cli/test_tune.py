"""The command tunes on data or on a split, and saves the model."""

from pathlib import Path

import pandas as pd
import pytest

import wrmf
from wrmf.cli import tune
from wrmf.cli.main import main


@pytest.fixture
def calls(monkeypatch, named_likes):
    """The calls of autotune, which returns a small model at once."""
    recorded = []

    class Result:
        model = wrmf.WRMF(2, iterations=1, random_state=0).fit(named_likes)
        summary = "best: factors 2"

        def to_frame(self):
            return pd.DataFrame({"factors": [2, 4], "ndcg@20": [0.5, 0.25]})

    def record(source, **arguments):
        print("progress")
        recorded.append((source, arguments))
        return Result()

    monkeypatch.setattr(tune, "autotune", record)
    return recorded


def test_all_data_are_tuned_on_without_a_split(calls, workplace, capsys):
    assert main(["tune", "likes.csv", "--save", "best.wrmf"]) == 0
    ((source, arguments),) = calls
    assert isinstance(source, wrmf.Interactions)
    assert arguments.pop("model").get_params() == wrmf.WRMF(random_state=0).get_params()
    expected = {"seconds": 60.0, "trials": None, "metric": "ndcg@20", "progress": None}
    assert arguments == {**expected, "exclude_seen": True, "journal": None}
    assert wrmf.load("best.wrmf").factors == 2
    output = capsys.readouterr().out
    assert "best: factors 2" in output
    assert "saved to best.wrmf" in output


@pytest.mark.parametrize("words", ["--split random", "--leave-out 2", "--test likes.csv"])
def test_a_split_is_tuned_on_if_it_is_typed(words, calls, workplace):
    words = f"{words} --trials 5 --metric recall@5 --seconds 3 --keep-seen --journal t.jsonl"
    assert main(["tune", "likes.csv", *words.split(), "--save", "m", "--factors", "3"]) == 0
    ((source, arguments),) = calls
    assert isinstance(source, wrmf.Split)
    assert arguments.pop("model").factors == 3
    expected = {"seconds": 3.0, "trials": 5, "metric": "recall@5", "progress": None}
    assert arguments == {**expected, "exclude_seen": False, "journal": Path("t.jsonl")}
    # The test part is data, too, once the model has been measured on it.
    assert wrmf.load("m").train_matrix.nnz == wrmf.read_interactions("likes.csv").n_interactions


def test_only_the_table_is_printed_in_a_format(calls, workplace, capsys):
    assert main(["tune", "likes.csv", "--format", "csv"]) == 0
    output = capsys.readouterr()
    assert output.out == "factors,ndcg@20\n2,0.5\n4,0.25\n"
    assert "progress\n" in output.err
    assert "best: factors 2" in output.err


def test_quiet_prints_the_sentence_and_a_table_only_where_it_is_asked_for(calls, workplace, capsys):
    assert main(["tune", "likes.csv", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines() == ["progress", "best: factors 2"]
    assert calls[0][1]["progress"] is False
    assert main(["tune", "likes.csv", "--quiet", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("factors,ndcg@20\n")
    assert main(["tune", "likes.csv", "--quiet", "--out", "settings.csv"]) == 0
    assert len(pd.read_csv("settings.csv")) == 2


def test_a_model_is_tuned_and_saved(workplace, capsys):
    words = ["--trials", "2", "--factors", "4", "--save", "best.wrmf", "--leave-out", "2"]
    assert main(["tune", "likes.csv", *words]) == 0
    assert wrmf.load("best.wrmf").factors == 4
    output = capsys.readouterr().out
    assert "settings were compared" in output
    assert "On the test part" in output
