import inspect

import numpy as np
import pytest

import wrmf
from wrmf.cli.main import build_parser, main
from wrmf.cli.splits import SPLIT_PARAMETERS, SPLITS, load_split
from wrmf.evaluation.evaluate import Evaluation


@pytest.fixture
def plays(tmp_path):
    """The path of a csv file in which each of 6 users plays 4 of 5 items, one in each year."""
    lines = ["user,item,year"]
    lines += [f"u{u},i{(u + j) % 5},{2000 + j}" for u in range(6) for j in range(4)]
    path = tmp_path / "plays.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def split(plays, words):
    return load_split(build_parser().parse_args(["evaluate", str(plays), *words.split()]))


def times_of_test(result):
    """Return the year in which each test user played each of its test items, sorted."""
    users, items = result.test.matrix.nonzero()
    numbers = [int(name[1:]) for name in result.test.users[users]]
    columns = [int(name[1:]) for name in result.test.items[items]]
    return sorted(2000 + (column - user) % 5 for user, column in zip(numbers, columns, strict=True))


@pytest.mark.parametrize("kind", SPLITS.values(), ids=SPLITS)
def test_the_parameters_of_a_split_are_those_of_its_function(kind):
    accepted = inspect.signature(kind.function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for name in kind.parameters:
        assert name in SPLIT_PARAMETERS
        assert name in accepted or takes_any


def test_by_default_five_interactions_of_each_test_user_are_held_out():
    options = build_parser().parse_args(["evaluate", "synthetic", "--fraction", "0.01"])
    result = load_split(options)
    assert result.test.n_interactions == 5 * len(result.users)


@pytest.mark.parametrize(
    ("words", "n_test", "n_users"),
    [
        ("--leave-out 2", 12, 6),
        ("--leave-out 1 --fraction 0.5", 3, 3),
        ("--leave-out 3 --min-interactions 4", 18, 6),
        ("--split random --by interactions --test-size 3", 3, None),
        ("--split random", 4, None),
        ("--split random --test-size 7", 7, None),
        ("--split random --test-size 0.5", 12, None),
        ("--split users --test-size 2 --fold-in 0.5", 4, 2),
        ("--split users --test-size 0.5", 3, 3),
    ],
)
def test_a_random_split_holds_out_what_was_asked_for(words, n_test, n_users, plays):
    result = split(plays, words)
    assert result.test.n_interactions == n_test
    if n_users is not None:
        assert len(result.users) == n_users
    again = split(plays, words)
    assert np.array_equal(again.test.matrix.toarray(), result.test.matrix.toarray())


@pytest.mark.parametrize(
    ("words", "years"),
    [
        ("--split last", [2003] * 6),
        ("--split last --leave-out 2", [2002] * 6 + [2003] * 6),
        ("--split time --cutoff 2002", [2002] * 6 + [2003] * 6),
        ("--split time --test-size 0.25", [2003] * 6),
        ("--split time --test-size 0.25 --seen drop", [2003] * 6),
        ("--split time", [2003] * 6),
    ],
)
def test_a_split_by_time_holds_out_the_latest(words, years, plays):
    assert times_of_test(split(plays, f"{words} --time year")) == years


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("--cutoff 3", "time"),
        ("--split random --leave-out 3", "leave-out or last"),
        ("--split last --fraction 0.5", "leave-out"),
        ("--seen drop", "last or time"),
        ("--split time --fold-in 0.5", "users"),
        ("--test other.csv --test-size 0.5", "random or time or users"),
    ],
)
def test_an_option_of_another_split_is_an_error(words, kinds, plays, capsys):
    assert main(["evaluate", str(plays), *words.split()]) == 1
    error = capsys.readouterr().err
    assert "has no meaning for " in error
    assert f"it belongs to --split {kinds}" in error


@pytest.mark.parametrize("size", ["half", "", "1/2"])
def test_a_size_that_is_no_number_is_wrong_usage(size):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "x.csv", "--test-size", size])
    assert stop.value.code == 2


def test_a_test_file_is_read_on_the_axes_of_the_data(monkeypatch):
    calls = []

    def record(source, **arguments):
        calls.append((source, arguments))
        return wrmf.Interactions.from_matrix(np.eye(3))

    monkeypatch.setattr("wrmf.cli.data.read_interactions", record)
    words = "evaluate train.txt --test test.txt --layout user-items --unknown drop"
    result = load_split(build_parser().parse_args(words.split()))
    (_, of_train), (source, of_test) = calls
    assert of_train == {"layout": "user-items", "unknown": "drop"}
    assert source == "test.txt"
    assert of_test == {**of_train, "like": result.train}
    assert result.test.n_interactions == 3


def test_cold_users_and_items_are_treated_as_asked_and_reported(plays, monkeypatch, capsys):
    calls = []

    def record(model, split, metrics, **arguments):
        calls.append(arguments)
        return Evaluation({"mrr": 0.5}, n_users=2, n_skipped=0, n_cold_users=3, n_cold_items=4)

    monkeypatch.setattr("wrmf.cli.evaluate.evaluate", record)
    words = ["evaluate", str(plays), "--leave-out", "1", "--iterations", "1"]
    assert main(words) == 0
    assert main([*words, "--cold", "drop"]) == 0
    assert [call["cold"] for call in calls] == ["report", "report", "drop", "drop"]
    assert "Without training data: 3 test users, 4 test items" in capsys.readouterr().err
