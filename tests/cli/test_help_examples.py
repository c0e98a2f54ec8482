"""The example in the help of each verb runs, in a folder with likes.csv and a model."""

import shlex
from pathlib import Path

import pandas as pd
import pytest

import wrmf
from wrmf.cli import demo
from wrmf.cli.main import main
from wrmf.cli.verbs import VERBS

SHORT = {
    "fit": ["--factors", "4", "--iterations", "1"],
    "search": ["--epochs", "1", "--leave-out", "2"],
    "tune": ["--trials", "2", "--factors", "4"],
    "evaluate": ["--leave-out", "2", "--factors", "4"],
}


@pytest.fixture
def examples_folder(tmp_path, monkeypatch):
    """The working folder of the examples, with the files that they name."""
    small = wrmf.datasets.synthetic_likes(80, 60, 900)
    users = dict(zip(small.users, ["ann", "bob"], strict=False))
    frame = small.to_frame().replace({"user": users})
    frame["item"] = "item-" + frame["item"].astype("category").cat.codes.astype(str)
    frame.to_csv(tmp_path / "likes.csv", index=False)
    frame.head(30).to_csv(tmp_path / "today.csv", index=False)
    (tmp_path / "thumbnails").mkdir()
    monkeypatch.chdir(tmp_path)
    raw = frame.rename(columns={"user": "uid", "item": "mid"}).assign(modelname="x")
    raw = raw[["modelname", "mid", "uid"]]
    raw.to_csv(tmp_path / "likes.psv", sep="|", index=False)
    for module in ("demo", "datasets"):
        monkeypatch.setattr(f"wrmf.cli.{module}.synthetic_raw_likes", lambda random_state: raw)
    monkeypatch.setattr(demo, "GRID", {"factors": [4], "alpha": [1.0]})
    monkeypatch.setattr("wrmf.cli.serve.serve", lambda path, options: wrmf.load(path))
    main(["search", "likes.csv", *SHORT["search"], "--journal", "search.jsonl", "--quiet"])
    main(["fit", "likes.csv", *SHORT["fit"]])
    return tmp_path


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_example_of_the_help_runs(verb, examples_folder, capsys):
    if verb.name == "export":
        pytest.importorskip("faiss")
    command, *words = shlex.split(verb.example)
    assert command == "wrmf"
    if verb.name == "search":
        Path("search.jsonl").unlink()
    assert main([*words, *SHORT.get(verb.name, [])]) == 0, capsys.readouterr().err
    assert words[0] == verb.name


def test_examples_of_the_whole_help_run(examples_folder, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out.partition("examples:")[2]
    commands = [line.strip().split("   ")[0] for line in text.splitlines() if "wrmf " in line]
    assert len(commands) == 3
    pd.read_csv("likes.csv").rename(columns={"user": "uid", "item": "mid"}).to_csv("likes.csv")
    for command in commands[1:]:
        words = shlex.split(command)[1:]
        assert main([*words, *SHORT.get(words[0], [])]) == 0, capsys.readouterr().err
