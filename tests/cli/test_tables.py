"""A table is written in the format that the ending of its file says, or not at all."""

import json

import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.cli.tables import PACKERS, TEXT_WRITERS, WRITERS, table_file, write_table
from wrmf.data.formats.compression import OPENERS

TABLE = pd.DataFrame(
    {"user": ["ann", "Bö|b,\tx", '"q"'], "item": [7, 2**62, 8], "score": [0.5, 1e-9, 1 / 3]}
)
ENDINGS = [*WRITERS, *(text + packed for text in TEXT_WRITERS for packed in PACKERS)]


@pytest.mark.parametrize("ending", [*ENDINGS, ".CSV", ".Parquet"])
def test_a_table_is_read_back_as_it_was(ending, tmp_path):
    path = table_file(str(tmp_path / f"table{ending}"))
    write_table(TABLE, path)
    data = wrmf.read_interactions(path, value="score")
    frame = data.to_frame()
    assert frame["user"].tolist() == TABLE["user"].tolist()
    assert frame["item"].tolist() == TABLE["item"].tolist()
    assert frame["value"].tolist() == pytest.approx(TABLE["score"].tolist())
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "start"), [(".parquet", b"PAR1"), (".feather", b"ARROW1")])
def test_the_ending_says_the_bytes(ending, start, tmp_path):
    write_table(TABLE, tmp_path / f"x{ending}")
    assert (tmp_path / f"x{ending}").read_bytes().startswith(start)
    for packed in PACKERS:
        write_table(TABLE, tmp_path / f"x.csv{packed}")
        content = (tmp_path / f"x.csv{packed}").read_bytes()
        assert any(content.startswith(magic) for magic in OPENERS)


def test_lines_and_separators_are_those_of_the_ending(tmp_path):
    for ending, sep in {".csv": ",", ".tsv": "\t", ".psv": "|"}.items():
        write_table(TABLE, tmp_path / f"x{ending}")
        assert (tmp_path / f"x{ending}").read_bytes().startswith(f"user{sep}item{sep}".encode())
    write_table(TABLE, tmp_path / "x.jsonl")
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["item"] for line in lines] == TABLE["item"].tolist()


@pytest.mark.parametrize(
    "verb", ["recommend m", "similar m x", "evaluate d", "search d", "datasets"]
)
@pytest.mark.parametrize("name", ["x", "x.xlsx", "x.gz", "x.parquet.gz", "x.csv.lz4", ".csv"])
def test_an_ending_that_says_no_format_is_refused_before_any_work(verb, name, capsys):
    with pytest.raises(SystemExit):
        main([*verb.split(), "--out", name])
    message = capsys.readouterr().err
    assert f"argument --out: the ending of '{name}' says no format: expected .csv, .tsv" in message


def test_raw_likes_are_psv(tmp_path, capsys):
    assert main(["datasets", "synthetic-raw", "--out", str(tmp_path / "x.csv")]) == 1
    assert "is written with its own quotes, as .psv" in capsys.readouterr().err
