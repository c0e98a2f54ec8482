"""The command tunes on data or on a split, and saves the model."""

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
    assert arguments == {"seconds": 60.0, "metric": "ndcg@20"}
    assert wrmf.load("best.wrmf").factors == 2
    output = capsys.readouterr().out
    assert "best: factors 2" in output
    assert "saved to best.wrmf" in output


@pytest.mark.parametrize("words", ["--split random", "--leave-out 2", "--test likes.csv"])
def test_a_split_is_tuned_on_if_it_is_typed(words, calls, workplace):
    words = f"{words} --trials 5 --metric recall@5 --seconds 3"
    assert main(["tune", "likes.csv", *words.split()]) == 0
    ((source, arguments),) = calls
    assert isinstance(source, wrmf.Split)
    assert arguments == {"seconds": 3.0, "trials": 5, "metric": "recall@5"}


def test_only_the_table_is_printed_in_a_format(calls, workplace, capsys):
    assert main(["tune", "likes.csv", "--format", "csv"]) == 0
    output = capsys.readouterr()
    assert output.out == "factors,ndcg@20\n2,0.5\n4,0.25\n"
    assert "progress\n" in output.err
    assert "best: factors 2" in output.err


def test_a_model_is_tuned_and_saved(workplace, capsys):
    pytest.importorskip("optuna")
    assert main(["tune", "likes.csv", "--trials", "2", "--save", "best.wrmf"]) == 0
    assert wrmf.load("best.wrmf").is_fitted
