import inspect

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.cli.data import load_data
from wrmf.cli.main import build_parser, main
from wrmf.cli.reading import READING
from wrmf.datasets import DATASETS, Dataset

VERBS_OF_DATA = {
    "fit": [],
    "search": [],
    "evaluate": [],
    "report": ["--journal", "search.jsonl"],
}
# What is typed, and the argument that the library gets for it.
GIVEN = {
    "user": ("--user uid", "uid"),
    "item": ("--item mid", "mid"),
    "value": ("--value plays", "plays"),
    "event": ("--event action", "action"),
    "time": ("--time when", "when"),
    "time_format": ("--time-format %d.%m.%Y", "%d.%m.%Y"),
    "item_name": ("--item-name title", "title"),
    "layout": ("--layout user-items", "user-items"),
    "header": ("--no-header", False),
    "sep": ("--sep ::", "::"),
    "encoding": ("--encoding latin-1", "latin-1"),
    "decimal": ("--decimal ,", ","),
    "comment": ("--comment #", "#"),
    "quote": ("--quote '", "'"),
    "bad_lines": ("--bad-lines drop", "drop"),
    "nulls": ("--nulls drop", "drop"),
    "negative": ("--negative drop", "drop"),
    "min_value": ("--min-value 3.5", 3.5),
    "duplicates": ("--duplicates drop", "drop"),
    "like": ("--like model.wrmf", None),
    "users": ("--users users.txt", None),
    "items": ("--items items.txt", None),
    "unknown": ("--unknown drop", "drop"),
}


@pytest.fixture
def calls(monkeypatch):
    """The calls of read_interactions, which reads nothing but returns three interactions."""
    recorded = []

    def record(source, **arguments):
        recorded.append((source, arguments))
        return wrmf.Interactions.from_matrix(np.eye(3), users=["a", "b", "c"])

    monkeypatch.setattr("wrmf.cli.data.read_interactions", record)
    return recorded


@pytest.fixture
def fit(calls, tmp_path, monkeypatch):
    """A function that fits on files named by words, and returns the call of the reader."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        assert main(["fit", *words, "--factors", "2", "--iterations", "1"]) == 0
        return calls[-1]

    return run


def test_every_parameter_of_reading_has_an_option():
    options = {row.parameter for row in READING}
    assert options == set(GIVEN)
    assert set(inspect.signature(wrmf.read_interactions).parameters) - {"source"} <= options


@pytest.mark.parametrize("verb", VERBS_OF_DATA)
@pytest.mark.parametrize("row", READING, ids=lambda row: row.parameter)
def test_every_verb_that_reads_data_has_every_option(verb, row):
    words = [verb, "x.csv", *VERBS_OF_DATA[verb], *GIVEN[row.parameter][0].split()]
    assert getattr(build_parser().parse_args(words), row.parameter) is not None


@pytest.mark.parametrize("parameter", sorted(GIVEN.keys() - {"like", "users", "items"}))
def test_an_option_reaches_the_library(parameter, fit):
    words, expected = GIVEN[parameter]
    source, arguments = fit("x.csv", *words.split())
    assert (source, arguments) == ("x.csv", {parameter: expected})


def test_only_what_was_typed_is_passed_on(fit):
    assert fit("x.csv") == ("x.csv", {})


@pytest.mark.parametrize(
    "source", ["-", "sqlite:///shop.db", "postgresql://host/shop", "day-*.parquet", "folder/"]
)
def test_a_source_that_is_no_file_name_is_passed_on_unchanged(source, fit):
    assert fit(source)[0] == source


def test_several_files_are_one_source(fit):
    assert fit("a.csv", "b.csv")[0] == ["a.csv", "b.csv"]


def test_columns_of_a_table_without_header_are_positions(fit):
    words = "--no-header --user 0 --item 1 --value 2 --time 3 --item-name 4"
    expected = {"user": 0, "item": 1, "value": 2, "time": 3, "item_name": 4, "header": False}
    assert fit("u.data", *words.split())[1] == expected


def test_a_column_of_a_table_with_header_may_be_called_by_a_number(fit):
    assert fit("x.csv", "--user", "0")[1] == {"user": "0"}


def test_a_name_of_a_column_without_header_is_an_error(calls, capsys):
    assert main(["fit", "x.csv", "--no-header", "--user", "uid"]) == 1
    error = capsys.readouterr().err
    assert "with --no-header columns are positions from 0" in error
    assert "got 'uid'" in error


def test_like_may_be_a_file_that_is_read_like_the_data(tmp_path, capsys):
    (tmp_path / "old.txt").write_text("ann;x;1\nbob;y;2\ncid;z;0\n")
    (tmp_path / "new.txt").write_text("dan;y;1\nbob;y;2\n")
    words = ["fit", str(tmp_path / "new.txt"), "--no-header", "--value", "2", "--factors", "1"]
    words += ["--out", str(tmp_path / "m"), "--like", str(tmp_path / "old.txt")]
    assert main(words) == 1
    assert "unknown id among users: 'dan'" in capsys.readouterr().err
    assert main([*words, "--unknown", "drop"]) == 0
    model = wrmf.load(tmp_path / "m")
    assert model.users.tolist() == ["ann", "bob", "cid"]
    assert model.items.tolist() == ["x", "y", "z"]
    assert "Rows with unknown ids, dropped: 1" in capsys.readouterr().err


def test_like_that_is_neither_is_an_error_with_both_reasons(tmp_path, capsys):
    (tmp_path / "new.csv").write_text("user,item\nann,x\n")
    (tmp_path / "old").write_text("no\n")
    assert main(["fit", str(tmp_path / "new.csv"), "--like", str(tmp_path / "old")]) == 1
    assert "old of --like is no model (" in (message := capsys.readouterr().err)
    assert "cannot be read like the data: no column 'user'" in message
    assert main(["fit", str(tmp_path / "new.csv"), "--like", str(tmp_path / "none")]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_data_by_its_name(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = Dataset("", lambda **seed: wrmf.Interactions(np.eye(3)), is_generated=True)
    monkeypatch.setattr("wrmf.cli.data.DATASETS", dict.fromkeys(DATASETS, small))
    assert main(["fit", name, "--factors", "1"]) == 0
    assert "Number of users: 3" in capsys.readouterr().err
    # A file of this name comes first.
    (tmp_path / name).write_text("user,item\nann,x\n")
    assert main(["fit", name, "--factors", "1"]) == 0
    assert "Number of users: 1" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--user uid", "--nulls drop", "--event-weight view=1"])
def test_options_of_files_are_refused_for_data_sets(words, capsys):
    assert main(["fit", "synthetic", *words.split()]) == 1
    message = capsys.readouterr().err
    assert f"{words.split()[0]} has no meaning for the data set synthetic" in message


def test_like_is_the_model_in_the_file(fit):
    fit("x.csv", "--out", "m.wrmf")
    like = fit("x.csv", "--like", "m.wrmf")[1]["like"]
    assert like.users.tolist() == ["a", "b", "c"]


def test_axes_are_read_from_files_of_one_id_in_each_line(fit, tmp_path):
    (tmp_path / "users.txt").write_text("ann\n\nbob\n", encoding="utf-8")
    (tmp_path / "items.txt").write_text("7\r\n12", encoding="utf-8")
    arguments = fit("x.csv", "--users", "users.txt", "--items", "items.txt")[1]
    assert arguments["users"].tolist() == ["ann", "bob"]
    assert arguments["items"].tolist() == [7, 12]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "must hold one id in each line, it holds no line"),
        ("Zoë".encode("latin-1"), "cannot be read: "),
    ],
)
def test_a_file_without_readable_ids_is_an_error(content, message, calls, tmp_path, capsys):
    path = tmp_path / "users.txt"
    path.write_bytes(content)
    assert main(["fit", "x.csv", "--users", str(path)]) == 1
    error = capsys.readouterr().err
    assert str(path) in error
    assert message in error


def test_an_unknown_encoding_of_ids_is_an_error(calls, tmp_path, capsys):
    path = tmp_path / "users.txt"
    path.write_text("ann\n", encoding="utf-8")
    assert main(["fit", "x.csv", "--users", str(path), "--encoding", "nonsense"]) == 1
    assert "--encoding" in capsys.readouterr().err


def test_a_missing_file_of_ids_is_an_error(calls, capsys):
    assert main(["fit", "x.csv", "--users", "missing.txt"]) == 1
    assert "no such file: missing.txt" in capsys.readouterr().err


def test_event_weights_are_the_values_of_the_events(fit):
    words = "--event action --event-weight view=1 --event-weight add=to=cart=2.5"
    expected = {"event": "action", "value": {"view": 1.0, "add=to=cart": 2.5}}
    assert fit("x.csv", *words.split())[1] == expected


@pytest.mark.parametrize("weight", ["cart", "cart=", "=3", "cart=three"])
def test_an_event_without_a_weight_is_wrong_usage(weight, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "x.csv", "--event-weight", weight])
    assert stop.value.code == 2
    assert "expected EVENT=WEIGHT such as cart=3" in capsys.readouterr().err


def test_an_event_with_two_weights_is_an_error(calls, capsys):
    words = "--event-weight view=1 --event-weight view=2"
    assert main(["fit", "x.csv", *words.split()]) == 1
    assert "--event-weight names an event twice" in capsys.readouterr().err


def test_counts_and_weights_of_events_exclude_each_other(calls, capsys):
    assert main(["fit", "x.csv", "--value", "action", "--event-weight", "view=1"]) == 1
    assert "name the column of events by --event" in capsys.readouterr().err


def test_names_of_items_come_from_a_second_table(tmp_path, monkeypatch, capsys):
    (tmp_path / "plays.csv").write_text("user,movie\n1,7\n1,8\n2,x\n", encoding="utf-8")
    (tmp_path / "movies.csv").write_text(
        "movie,title\n8,Stalker\n7,Solaris\n9,Mirror\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    words = "fit plays.csv --item movie --names movies.csv --item-name title --factors 2"
    options = build_parser().parse_args(words.split())
    assert load_data(options).names_of([0, 1, 2]) == ["Solaris", "Stalker", "x"]
    assert "Items with a name: 2 of 3" in capsys.readouterr().err


OF_NAMES = {"duplicates": "drop", "unknown": "drop"}


def without_axes(arguments):
    """Return arguments but users and items, which must be the ids of the three items."""
    assert arguments["users"].tolist() == arguments["items"].tolist() == [0, 1, 2]
    return {name: value for name, value in arguments.items() if name not in ("users", "items")}


def test_names_are_columns_of_the_second_table_only(fit, calls, monkeypatch):
    monkeypatch.setattr("wrmf.Interactions.with_names", lambda self, names: self)
    words = "--item mid --sep ; --names n.csv --names-item id --item-name title"
    fit("x.csv", *words.split())
    data, names = calls
    assert data == ("x.csv", {"item": "mid", "sep": ";"})
    assert names[0] == "n.csv"
    expected = {"user": "id", "item": "id", "item_name": "title", "sep": ";", **OF_NAMES}
    assert without_axes(names[1]) == expected


def test_names_in_a_table_without_header_are_its_second_column(fit, calls, monkeypatch):
    monkeypatch.setattr("wrmf.Interactions.with_names", lambda self, names: self)
    words = "u.data --no-header --user 0 --item 1 --names u.item --names-item 0"
    fit(*words.split())
    expected = {"user": 0, "item": 0, "item_name": 1, "header": False, **OF_NAMES}
    assert calls[1][0] == "u.item"
    assert without_axes(calls[1][1]) == expected


def test_what_was_read_is_reported_on_standard_error(fit, capsys):
    fit("x.csv", "--core", "1")
    error = capsys.readouterr().err
    assert "Number of interactions: 3" in error
    assert "With at least 1 of each: Interactions(3 users × 3 items, 3)" in error


@pytest.mark.parametrize("name", ["user", "item"])
def test_a_column_of_times_in_place_of_ids_is_a_warning(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = {"user": "item", "item": "user"}[name]
    rows = [{"time": 1_600_000_000 + row, "id": row % 20} for row in range(120)]
    pd.DataFrame(rows).rename(columns={"time": name, "id": other}).to_csv("x.csv", index=False)
    message = rf"120 of 120 {name}s have a single interaction, .*\({name}=\)\?"
    with pytest.warns(UserWarning, match=message):
        assert main(["fit", "x.csv", "--factors", "2", "--iterations", "1"]) == 0


@pytest.mark.filterwarnings("error")
def test_usual_data_are_no_warning(workplace):
    assert main(["fit", "likes.csv", "--factors", "2", "--iterations", "1"]) == 0
