"""The calls of the page about updating run, one after the other."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "updating.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:1 of 2 interactions are left out")
def test_every_block_runs(folder):
    names = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    model = names["model"]
    assert model.users.tolist() == ["bob", "7", "8"]
    assert model.train_matrix[0].indices.tolist() == [0]
    assert names["fresh"].users.tolist() == ["ann", "bob", "7", "eve"]
    assert len(names["lists"].ids) == 1


def test_the_report_on_the_page_is_that_of_the_call(folder, capsys):
    names = {}
    for block in BLOCKS[:3]:
        exec(compile(block, str(PAGE), "exec"), names)
    (shown,) = re.findall(r"```text\n(.*?)Seconds", TEXT, re.S)
    assert capsys.readouterr().out.startswith(shown)
