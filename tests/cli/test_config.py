"""A TOML file has the options of a command, and the exact command is printed."""

import shlex

import pytest

import wrmf
from wrmf.cli.main import main

RUN = """
data = "likes.csv"
item-name = "name"
factors = 4
regularization = [0.5, 2]
iterations = 2
objective = "wrmf"

[fit]
out = "fitted.wrmf"
no_header = false

[search]
grid = { alpha = [1, 10], init_scale = 0.5 }
epochs = [1, 3]
leave-out = 2
quiet = true

[evaluate]
metrics = ["ndcg@5", "mse"]
event-weight = { view = 1, cart = 2.5 }

[recommend]
model = "model.wrmf"
user = ["ann", "bob"]
n = 3
"""


@pytest.fixture
def run_file(workplace):
    (workplace / "run.toml").write_text(RUN, encoding="utf-8")
    return workplace


def command(capsys, *words):
    """Return the words of the command that is printed."""
    capsys.readouterr()
    assert main([*words, "--config", "run.toml", "--print-command"]) == 0
    return shlex.split(capsys.readouterr().out)


def test_options_of_the_file_are_those_of_the_verb(run_file, capsys):
    shared = ["--item-name=name", "--factors=4", "--regularization=0.5,2"]
    shared = [*shared, "--iterations=2", "--objective=wrmf"]
    assert command(capsys, "fit") == ["wrmf", "fit", "likes.csv", *shared, "--out=fitted.wrmf"]
    assert command(capsys, "evaluate") == [
        *("wrmf", "evaluate", "likes.csv", *shared, "--metrics", "ndcg@5", "mse"),
        *("--event-weight=view=1", "--event-weight=cart=2.5"),
    ]
    assert command(capsys, "search") == [
        # A search has epochs in place of iterations.
        *("wrmf", "search", "likes.csv", *shared[:3], shared[4]),
        *("--grid=alpha=1,10", "--grid=init_scale=0.5", "--epochs=1,3", "--leave-out=2", "--quiet"),
    ]
    assert command(capsys, "recommend") == [
        "wrmf",
        "recommend",
        "model.wrmf",
        "ann",
        "bob",
        "-n",
        "3",
    ]


def test_what_is_typed_comes_before_the_file(run_file, capsys):
    words = command(capsys, "search", "other.csv", "--grid", "alpha=2", "--factors", "8")
    assert words[2:7] == ["other.csv", "--grid", "alpha=2", "--factors", "8"]
    assert not {"likes.csv", "--grid=alpha=1,10", "--factors=4"} & set(words)
    assert "--quiet" in words
    assert command(capsys, "recommend", "m", "cid")[2:] == ["m", "cid", "-n", "3"]


def test_the_printed_command_does_the_same(run_file, capsys):
    assert main(["fit", "--config=run.toml"]) == 0
    first = (run_file / "fitted.wrmf").read_bytes()
    assert wrmf.load("fitted.wrmf").regularization == (0.5, 2.0)
    words = command(capsys, "fit")[1:]
    (run_file / "fitted.wrmf").unlink()
    assert main(words) == 0
    assert (run_file / "fitted.wrmf").read_bytes() == first


def test_a_command_without_a_file_is_printed_as_typed(workplace, capsys):
    words = ["similar", "a model", "it's"]
    assert main([*words, "--print-command"]) == 0
    assert shlex.split(capsys.readouterr().out) == ["wrmf", *words]
    assert not main(["fit", "missing.csv", "--print-command"])


def test_a_file_on_standard_input_is_read(workplace, standard_input, capsys):
    standard_input(RUN.encode())
    assert main(["fit", "--config", "-", "--print-command"]) == 0
    assert "--factors=4" in capsys.readouterr().out


def test_a_file_and_data_cannot_both_be_standard_input(workplace, standard_input, capsys):
    standard_input(b"factors = 4")
    with pytest.raises(SystemExit) as stop:
        main(["fit", "-", "--config", "-"])
    assert stop.value.code == 2
    assert "DATA and --config cannot both be standard input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("factor = 4", "wrmf has no option 'factor'; did you mean factors?"),
        ("[fit]\nmetrics = 'mse'", "wrmf fit has no option 'metrics'"),
        ("[fit]\nconfig = 'x'", "wrmf fit has no option 'config'"),
        ("fit = 3", "fit is a verb, and must be a table [fit]"),
        ("factors = true", "factors must be a number or a text, got true"),
        ("[search]\nquiet = 1\n[fit]\nno-header = 1", "no-header must be true or false, got 1"),
        ("factors 4", "run.toml is no TOML file"),
        ("factors = 4\nfactors = 5", "run.toml is no TOML file"),
    ],
)
def test_a_key_that_is_no_option_is_an_error(text, message, workplace, capsys):
    (workplace / "run.toml").write_text(text, encoding="utf-8")
    assert main(["fit", "likes.csv", "--config", "run.toml"]) == 1
    assert message in capsys.readouterr().err


def test_a_value_of_the_file_is_checked_as_if_typed(workplace, capsys):
    (workplace / "run.toml").write_text("factors = 'many'", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["fit", "likes.csv", "--config", "run.toml"])
    assert stop.value.code == 2
    assert "argument --factors: expected int ≥ 1, got 'many'" in capsys.readouterr().err


def test_a_missing_file_is_an_error(workplace, capsys):
    assert main(["fit", "likes.csv", "--config", "none.toml"]) == 1
    assert "none.toml" in capsys.readouterr().err


def test_the_help_is_that_of_the_verb_with_a_file_too(run_file, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", "run.toml", "--help"])
    assert stop.value.code == 0
    assert "SUPPRESS" not in capsys.readouterr().out
