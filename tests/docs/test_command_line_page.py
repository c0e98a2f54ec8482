"""The commands of the page about the command line run, and it names all that there is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.cli.tables import PRINTED
from wrmf.cli.verbs import VERBS
from wrmf.datasets import DATASETS

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"
TEXT = PAGE.read_text(encoding="utf-8")
REVIEW = '{"user_id": "u", "business_id": "b", "stars": 4, "date": "2020-01-02"}\n'
# In a pipe, the command is that of this environment; a part that fails is a failure of the whole.
FUNCTION = f'set -o pipefail; wrmf() {{ "{sys.executable}" -m wrmf "$@"; }}'

posix_shell = pytest.mark.skipif(
    sys.platform == "win32", reason="the commands are those of a POSIX shell"
)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the files that the page names."""
    (script,) = blocks("bash")
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True)
    files = {
        "run.toml": blocks("toml")[0],
        "yelp_dataset/yelp_academic_dataset_review.json": REVIEW,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command):
    """Run a command, in a shell if it is a pipe."""
    if " | " not in command:
        return main(shlex.split(command)[1:])
    path = os.pathsep.join([str(Path(wrmf.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    words = ["bash", "-c", f"{FUNCTION}\n{command}"]
    return subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, check=False).returncode


@posix_shell
def test_every_command_of_the_page_runs(folder, capfd):
    for block in blocks("sh"):
        for command in block.replace("\\\n", "").splitlines():
            assert run(command) == 0, f"{command}: {capfd.readouterr().err}"
    assert len(pd.read_parquet("lists.parquet")) > 100
    assert len(pd.read_csv("yelp.csv")) == 1
    assert wrmf.load("named.wrmf").item_names is not None


@posix_shell
def test_the_printed_lists_are_those_of_the_page(folder, capsys):
    lists, _ = blocks("text")
    assert main(["fit", "likes.csv", "--out", "model.wrmf"]) == 0
    capsys.readouterr()
    assert main(["recommend", "model.wrmf", "ann", "bob", "-n", "3"]) == 0
    printed = capsys.readouterr().out.split()
    assert len(printed) == len(lists.split())
    for word, shown in zip(printed, lists.split(), strict=True):
        if "." in shown:
            assert float(word) == pytest.approx(float(shown), abs=2e-4)
        else:
            assert word == shown


@posix_shell
def test_the_printed_command_is_that_of_the_page(folder, capsys):
    assert main(["fit", "--config", "run.toml", "--print-command"]) == 0
    assert capsys.readouterr().out == blocks("text")[1]


def test_the_page_names_every_verb_format_and_data_set():
    for verb in VERBS:
        assert f"| `{verb.name}` |" in TEXT
    for name in PRINTED:
        assert f"`{name}`" in TEXT
    for name in DATASETS:
        short = name.removeprefix("movielens")
        assert f"`{name}`" in TEXT or f"`{short}`" in TEXT or name.startswith("amazon-")
    assert f"{sum(name.startswith('amazon-') for name in DATASETS)} categories" in TEXT
