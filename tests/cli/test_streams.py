"""``-`` is standard input and standard output wherever a file is named."""

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.cli.tables import PRINTED, is_printed_text, write_table

FIT = ["--factors", "4", "--iterations", "2", "--objective", "wrmf", "--threads", "1"]


def test_a_model_is_read_from_standard_input(workplace, standard_input, capsys):
    main(["recommend", "model.wrmf", "-n", "3"])
    expected = capsys.readouterr().out
    standard_input((workplace / "model.wrmf").read_bytes())
    assert main(["recommend", "-", "-n", "3"]) == 0
    assert capsys.readouterr().out == expected


def test_what_is_no_model_on_standard_input_is_named_so(workplace, standard_input, capsys):
    standard_input(b"user,item\n")
    assert main(["similar", "-", "x"]) == 1
    assert "standard input is not a readable wrmf model file" in capsys.readouterr().err


def test_a_fitted_model_goes_to_standard_output_and_notices_do_not(workplace, capfdbinary):
    assert main(["fit", "likes.csv", *FIT, "--out", "model.wrmf"]) == 0
    expected = wrmf.load("model.wrmf")
    assert b"fitted, loss" in capfdbinary.readouterr().out
    assert main(["fit", "likes.csv", *FIT, "--out", "-"]) == 0
    output = capfdbinary.readouterr()
    (workplace / "other.wrmf").write_bytes(output.out)
    assert (wrmf.load("other.wrmf").item_factors == expected.item_factors).all()
    assert b"fitted, loss" in output.err


def test_an_update_reads_and_writes_streams(workplace, standard_input, capsysbinary):
    (workplace / "new.csv").write_text("user,item\nnobody,x1\nnobody,x2\n", encoding="utf-8")
    standard_input((workplace / "model.wrmf").read_bytes())
    assert main(["update", "-", "new.csv"]) == 0
    output = capsysbinary.readouterr()
    (workplace / "updated").write_bytes(output.out)
    assert "nobody" in wrmf.load(workplace / "updated").users
    assert b"New users: 1" in output.err


def test_arrays_and_pages_go_to_standard_output(workplace, capsysbinary):
    assert main(["export", "model.wrmf", "npz", "-"]) == 0
    output = capsysbinary.readouterr()
    assert output.out.startswith(b"PK")
    assert b"npz: 100 items" in output.err
    main(["search", "likes.csv", "--leave-out", "2", "--epochs", "1", "--journal", "s.jsonl"])
    capsysbinary.readouterr()
    assert main(["report", "likes.csv", "--journal", "s.jsonl", "--out", "-"]) == 0
    output = capsysbinary.readouterr()
    assert output.out.lower().startswith(b"<!doctype html>")
    assert b"report: standard output" in output.err


def test_an_index_of_two_files_needs_a_name(workplace, capsys):
    assert main(["export", "model.wrmf", "faiss", "-"]) == 1
    assert "two files" in capsys.readouterr().err


def test_lists_of_ids_are_read_from_standard_input(workplace, standard_input, named_likes, capsys):
    users = named_likes.users[:2].tolist()
    for option in ("--users-file", "--exclude-file", "--items-file", "--history-file"):
        ids = users if option == "--users-file" else named_likes.items[:4].tolist()
        standard_input("\n".join(ids).encode())
        assert main(["recommend", "model.wrmf", option, "-", "-n", "2"]) == 0, option
    for option in ("--users", "--items"):
        ids = named_likes.users if option == "--users" else named_likes.items
        standard_input("\n".join(ids.tolist()).encode())
        assert main(["fit", "likes.csv", *FIT, option, "-"]) == 0, option


def test_a_table_is_printed_in_every_format(workplace, capsysbinary):
    command = ["similar", "model.wrmf", "item-7", "-n", "3"]
    command[2] = str(wrmf.load("model.wrmf").items[7])
    assert main([*command, "--out", "expected.csv"]) == 0
    expected = pd.read_csv("expected.csv")
    readers = {
        "csv": pd.read_csv,
        "tsv": lambda file: pd.read_csv(file, sep="\t"),
        "psv": lambda file: pd.read_csv(file, sep="|"),
        "json": pd.read_json,
        "jsonl": lambda file: pd.read_json(file, lines=True),
        "ndjson": lambda file: pd.read_json(file, lines=True),
        "parquet": pd.read_parquet,
        "feather": pd.read_feather,
        "arrow": pd.read_feather,
    }
    assert {"table", *readers} == set(PRINTED)
    for name, read in readers.items():
        for out in ([], ["--out", "-"]):
            assert main([*command, "--format", name, *out]) == 0
            table = read(io.BytesIO(capsysbinary.readouterr().out))
            pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-5)


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_lists_of_everyone_are_printed_as_they_are_written(name, workplace, capfdbinary):
    assert main(["recommend", "model.wrmf", "--out", f"lists.{name}"]) == 0
    capfdbinary.readouterr()
    assert main(["recommend", "model.wrmf", "--format", name]) == 0
    assert capfdbinary.readouterr().out == (workplace / f"lists.{name}").read_bytes()


def test_only_the_table_of_a_search_is_printed_in_a_format(workplace, capsys):
    words = "search likes.csv --leave-out 2 --epochs 1,2 --grid alpha=1,10 --objective wrmf"
    assert main([*words.split(), "--format", "jsonl"]) == 0
    output = capsys.readouterr()
    settings = [json.loads(line) for line in output.out.splitlines()]
    assert len(settings) == 2
    assert "best: alpha: " in output.err
    assert "+------------+" in output.err


def test_evaluations_and_data_sets_are_printed_in_a_format(workplace, monkeypatch, capsys):
    words = ["evaluate", "likes.csv", *FIT, "--leave-out", "2", "--metrics", "ndcg@5"]
    assert main([*words, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("on,users,ndcg@5\ntrain,")
    assert main(["datasets", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("name,description,megabytes,terms,home\n")
    small = wrmf.datasets.Dataset(
        "", lambda **seed: wrmf.Interactions(np.ones((1, 2))), is_generated=True
    )
    monkeypatch.setattr("wrmf.cli.datasets.DATASETS", {"synthetic": small})
    for words in (["--format", "csv"], ["--out", "-", "--format", "csv"]):
        assert main(["datasets", "synthetic", *words]) == 0
        assert capsys.readouterr().out == "user,item,value\n0,0,1.0\n0,1,1.0\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("update - -", "DATA and MODEL cannot both be standard input"),
        ("recommend - --users-file -", "MODEL and --users-file cannot both be standard input"),
        (
            "recommend m --exclude-file - --items-file -",
            "--exclude-file and --items-file cannot both be standard input",
        ),
        ("search x --save - --out -", "--save and --out cannot both be standard output"),
        ("search x --save -", "--save - and the table cannot both be standard output"),
        ("recommend m --out x.csv --format csv", "the ending of --out x.csv says the format"),
        ("search x --journal -", "argument --journal: no search can resume from a stream"),
        ("serve m --workers x", "argument --workers"),
    ],
)
def test_wrong_uses_of_streams_are_wrong_usage(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    output = capsys.readouterr().err
    # The order in which both are named does not matter.
    first, both, rest = message.partition(" cannot both")
    swapped = " and ".join(reversed(first.split(" and "))) + both + rest
    assert message in output or swapped in output


@pytest.mark.parametrize("name", [name for name in PRINTED if not is_printed_text(name)])
def test_a_terminal_gets_no_bytes(name, workplace, monkeypatch, capsys):
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True)
    assert main(["recommend", "model.wrmf", "--format", name]) == 1
    output = capsys.readouterr()
    assert "standard output is a terminal" in output.err
    assert output.out == ""


def test_tables_are_easy_to_read(capsys):
    frame = pd.DataFrame({"user": ["ann", "ann"], "item": ["x", "y"], "score": [0.32, -3e-7]})
    write_table(frame, None)
    shown = capsys.readouterr().out
    assert "0.3200" in shown
    assert "0.0000" in shown and "-" not in shown
    write_table(frame.assign(score=[3e-5, 2e-7]), None)
    assert "e-05" in capsys.readouterr().out
    write_table(frame[:0], None)
    assert capsys.readouterr().out == "user  item  score\n"


def test_all_text_that_is_printed_ends_with_a_line(workplace, capsysbinary):
    for name in ("csv", "tsv", "psv", "json", "jsonl", "ndjson"):
        assert main(["recommend", "model.wrmf", "--format", name]) == 0
        assert capsysbinary.readouterr().out.endswith(b"\n")
