"""Models and pages say by which command they were made, without passwords."""

import html
import shlex
from pathlib import Path

import pytest

import wrmf
from wrmf.cli.main import main, without_passwords
from wrmf.model.persistence import read_note

FIT = "fit likes.csv --factors 2 --iterations 1 --item-name name"
SEARCH = "search likes.csv --epochs 1 --leave-out 2 --grid factors=2 --journal s.jsonl --quiet"


def test_a_model_has_the_command_that_repeats_it(workplace):
    Path("run.toml").write_text("factors = 3\nseed = 5\n[fit]\nout = 'a b'\n", encoding="utf-8")
    assert main(["fit", "likes.csv", "--config", "run.toml", "--iterations", "2"]) == 0
    note = read_note("a b")
    assert note == "wrmf fit likes.csv --iterations 2 --factors=3 --seed=5 '--out=a b'"
    first = wrmf.load("a b")
    Path("a b").unlink()
    assert main(shlex.split(note)[1:]) == 0
    assert (wrmf.load("a b").item_factors == first.item_factors).all()
    assert read_note("a b") == note


def test_every_verb_that_saves_a_model_writes_its_command(workplace):
    command = f"{SEARCH} --save found.wrmf"
    assert main(command.split()) == 0
    assert read_note("found.wrmf") == f"wrmf {command}"
    command = "update found.wrmf likes.csv --how set --out updated.wrmf"
    assert main(command.split()) == 0
    assert read_note("updated.wrmf") == f"wrmf {command}"


def test_a_page_shows_the_commands_of_the_model_and_its_own(workplace):
    main(SEARCH.split())
    main([*FIT.split(), "--out", "<m>"])
    command = ["report", "likes.csv", "--journal", "s.jsonl", "--model", "<m>"]
    assert main(command) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    for words in ([*FIT.split(), "--out", "<m>"], command):
        assert html.escape(shlex.join(["wrmf", *words])) in page
    assert "<m>" not in page


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:secret@host/shop", "postgresql://ann:***@host/shop"),
        ("mysql+pymysql://ann:s:e%40c@host:3306/x", "mysql+pymysql://ann:***@host:3306/x"),
        ("postgresql://ann@host:5432/shop", "postgresql://ann@host:5432/shop"),
        ("sqlite:///shop.db#likes", "sqlite:///shop.db#likes"),
        ("postgresql://ann:p@s/s@host/shop", "postgresql://ann:***@host/shop"),
        ("https://host:8080/x.csv", "https://host:8080/x.csv"),
        (
            "mssql://host/shop?user=ann&password=s3&x=1",
            "mssql://host/shop?user=ann&password=***&x=1",
        ),
    ],
)
def test_passwords_are_not_written(address, shown):
    assert without_passwords(f"wrmf fit '{address}'") == f"wrmf fit '{shown}'"
