"""The calls of the page about updating run, one after the other."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "updating.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)

LIKES = "user,item\nann,x\nann,y\nbob,y\nbob,z\n7,x\n7,z\n"
FILES = {
    "likes.csv": LIKES,
    "today.csv": "user,item\n7,y\n8,y\n8,new\n",
    "cart.csv": "user,item\nbob,x\n",
    "all.csv": LIKES + "eve,x\neve,new\n",
    "visitor.csv": "user,item\nvisitor,x\nvisitor,newest\n",
}


@pytest.fixture
def pages_files(tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:1 of 2 interactions are left out")
def test_every_block_runs(pages_files, capsys):
    names = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    model = names["model"]
    assert model.users.tolist() == ["bob", "7", "8"]
    assert model.train_matrix[0].indices.tolist() == [0]
    assert names["fresh"].users.tolist() == ["ann", "bob", "7", "eve"]
    assert len(names["lists"].ids) == 1


def test_the_report_on_the_page_is_that_of_the_call(pages_files, capsys):
    names = {}
    for block in BLOCKS[:2]:
        exec(compile(block, str(PAGE), "exec"), names)
    (shown,) = re.findall(r"```text\n(.*?)Seconds", TEXT, re.S)
    assert capsys.readouterr().out.startswith(shown)
